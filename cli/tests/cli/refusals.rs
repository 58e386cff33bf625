//! Names that nothing can have: exit code 2, a reason, a suggestion, and no byte written.

use super::Sandbox;

const BAD: &[&str] = &[
    "1abc",
    "fn",
    "gen",
    "try",
    "std",
    "core",
    "self",
    "Self",
    "crate",
    "super",
    "_",
    "mod",
    "main",
    "lib",
    "my app",
    "",
    " ",
    "a.b",
    "a/../b",
    "a\\b",
    "r#fn",
    "héllo",
    "日本",
    "con",
    "nul",
    "COM1",
    "nova",
    "serde",
    "a\nb",
    "a\u{1b}[31mb",
];

/// The suggestion in the last line.
fn suggestion(stderr: &str) -> &str {
    let help = stderr.lines().last().unwrap().strip_prefix("help:  ").unwrap();
    help.rsplit(' ').next().unwrap()
}

#[test]
fn a_project_is_not_called_so() {
    let sandbox = Sandbox::new();
    let long = "a".repeat(200);
    for name in BAD
        .iter()
        .copied()
        .chain([long.as_str(), "test", "deps", "nova_framework", "build"])
    {
        let run = sandbox
            .nova(["new", "x", "--name", name])
            .failed(2, "can't be a project name: ");
        assert!(run.stderr.contains("nothing was written"), "{}", run.stderr);
        sandbox
            .nova(["new", "x", "--dry-run", "--name", suggestion(&run.stderr)])
            .succeeded();
    }
    for path in ["fn", "1abc", "my app", "sub/std", "héllo"] {
        let run = sandbox.nova(["new", path]).failed(2, "can't be a project name: ");
        sandbox.nova(["new", "--dry-run", suggestion(&run.stderr)]).succeeded();
    }
    let run = sandbox.nova(["new", ""]).failed(2, "can't create a project in ``");
    assert_eq!(suggestion(&run.stderr), "myapp");
    sandbox
        .nova(["new", "", "--name", "myapp"])
        .failed(2, "can't create a project in ``");
    assert!(sandbox.tree().is_empty());
}

#[test]
fn nothing_generated_is_called_so() {
    let sandbox = Sandbox::with_project();
    let before = sandbox.tree();
    let long = "a".repeat(200);
    let others = [
        long.as_str(),
        "../x",
        "/etc/passwd",
        "admin//users",
        "admin/fn",
        "a/b/c/d/e/f/g/h/i",
    ];
    for name in BAD.iter().copied().chain(others) {
        for kind in ["controller", "ws-handler"] {
            let run = sandbox.nova_in("myapp", ["gen", kind, name]).failed(2, "name: ");
            let good = suggestion(&run.stderr);
            sandbox.nova_in("myapp", ["gen", kind, good, "--dry-run"]).succeeded();
        }
        // An action is a function, beside which a crate can have the same name.
        if name != "nova" && name != "serde" {
            sandbox
                .nova_in("myapp", ["gen", "controller", "posts", name])
                .failed(2, "can't be an action name: ");
        }
    }
    sandbox.app("gen ws-handler WebSocket").failed(2, "as the trait is");
    assert_eq!(sandbox.tree(), before);
}

#[test]
fn what_is_no_text_is_no_name() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    let sandbox = Sandbox::with_project();
    let before = sandbox.tree();
    let odd = OsStr::from_bytes(b"a\xff");
    for words in [
        ["new", "--name"].map(OsStr::new),
        ["gen", "controller"].map(OsStr::new),
        ["gen", "nothing"].map(OsStr::new),
        ["destroy", "controller"].map(OsStr::new),
    ] {
        let run = sandbox.nova_in("myapp", words.into_iter().chain([odd]));
        assert_eq!(run.code, Some(2), "{words:?}: {}", run.stderr);
        let json = sandbox.nova_in("myapp", words.into_iter().chain([odd, OsStr::new("--json")]));
        assert_eq!(json.code, Some(2), "{words:?}: {}", json.stderr);
        serde_json::from_str::<serde_json::Value>(&json.stdout).unwrap();
    }
    sandbox
        .nova_in("myapp", [OsStr::new("new"), odd])
        .failed(2, "can't be a project name");
    assert!(sandbox.tree() == before);
}

#[test]
fn a_word_that_is_no_command_is_bad_usage() {
    let sandbox = Sandbox::with_project();
    for args in [
        "gen contoller posts",
        "gen controller",
        "new",
        "frobnicate",
        "gen ws-handler chat extra",
    ] {
        sandbox.app(args).failed(2, "error: ");
    }
}
