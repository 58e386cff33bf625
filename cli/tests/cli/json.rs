//! What programs are told, with `--json`.

use super::{Run, Sandbox};

#[test]
fn what_was_done_is_told_as_one_object() {
    let sandbox = Sandbox::with_project();
    let object = |run: Run, code: i32| -> serde_json::Value {
        assert_eq!(run.code, Some(code), "{}", run.stderr);
        assert_eq!(run.stderr, "");
        assert_eq!(run.stdout.matches('\n').count(), 1);
        serde_json::from_str(&run.stdout).unwrap()
    };
    let dry = object(sandbox.app("gen controller Posts --dry-run --json"), 0);
    assert_eq!(dry["dry_run"], true);
    let value = object(sandbox.app("gen controller Posts --json"), 0);
    assert_eq!(value["command"], "gen");
    assert_eq!(value["kind"], "controller");
    assert_eq!(value["name"], "posts");
    assert_eq!(value["dry_run"], false);
    assert_eq!(value["changes"], dry["changes"]);
    assert_eq!(
        value["changes"][0],
        serde_json::json!({ "action": "create", "path": "src/controllers/posts.rs" })
    );
    let changes = value["changes"].as_array().unwrap();
    let table = changes.iter().find(|change| change["path"] == "src/routes.rs").unwrap();
    assert_eq!(
        table["added"],
        serde_json::json!(["use crate::controllers::posts;", ".get(\"/posts\", posts::index)"])
    );
    sandbox.write("myapp/src/controllers/posts.rs", "// mine\n");
    let error = object(sandbox.app("destroy controller posts --json"), 1);
    let message = error["error"]["message"].as_str().unwrap();
    assert!(
        message.starts_with("src/controllers/posts.rs has been changed"),
        "{message}"
    );
    assert_eq!(error["error"]["exit"], 1);
    let error = object(sandbox.app("gen controller fn --json"), 2);
    assert_eq!(error["error"]["help"], "nova gen controller my_fn");
    let new = object(sandbox.nova(["new", "other", "--no-git", "--json"]), 0);
    assert_eq!(new["changes"].as_array().unwrap().len(), 14);
    let diff = object(sandbox.app("gen test signup --json --diff"), 0);
    assert!(
        diff["changes"][0]["diff"]
            .as_str()
            .unwrap()
            .starts_with("--- /dev/null\n+++ b/tests/signup.rs\n")
    );
}

/// A command line that is wrong, how the message begins, and something that the help says.
const WRONG: &[(&str, &str, &str)] = &[
    (
        "frobnicate",
        "there is no command `nova frobnicate`",
        "nova [OPTIONS] <COMMAND>",
    ),
    (
        "rotes",
        "there is no command `nova rotes`",
        "did you mean `nova routes`?",
    ),
    ("new", "`<PATH>` is missing", "nova new"),
    ("new fn", "`fn` can't be a project name", "nova new my_fn"),
    ("gen", "`--list` is missing", "nova gen --list"),
    (
        "gen --list extra",
        "`extra` is one word too many for `nova gen --list`",
        "nova gen --list\nnova gen --help",
    ),
    (
        "gen --list controller posts",
        "`controller` is one word too many for `nova gen --list`",
        "nova gen --list\nnova gen --help",
    ),
    (
        "gen contoller posts",
        "there is no kind `contoller`",
        "did you mean `controller`?",
    ),
    (
        "gen ws-handler chat extra",
        "`extra` is one word too many",
        "nova gen ws-handler",
    ),
    (
        "gen service billing extra",
        "`extra` is one word too many",
        "nova gen service",
    ),
    (
        "gen service ../x",
        "`../x` can't be a service name",
        "nova gen service x",
    ),
    (
        "gen resource article title:text",
        "`text` is no type of a field",
        "title:string",
    ),
    (
        "destroy contoller posts",
        "there is no kind `contoller`",
        "did you mean `controller`?",
    ),
    ("eject contoller", "there is no built-in kind", "nova eject controller"),
    ("man", "`<DIR>` is missing", "nova man"),
    (
        "serve --port none",
        "`none` is no value of `--port <PORT>`",
        "nova serve --help",
    ),
    ("openapi", "`nova openapi` has no option `--json`", "nova openapi"),
    ("-C nowhere routes", "can't work in nowhere", ""),
    (
        "-p other upgrade",
        "no nova project here is called `other`",
        "the projects are myapp",
    ),
];

#[test]
fn with_json_every_outcome_is_one_object() {
    let sandbox = Sandbox::with_project();
    sandbox.write("myapp/.nova/templates/service/src/services/{{path}}.rs.hbs", "");
    let before = sandbox.tree();
    for (typed, message, help) in WRONG {
        let run = sandbox.app(&format!("{typed} --json"));
        assert_eq!(run.code, Some(2), "{typed}: {}", run.stderr);
        assert_eq!(run.stderr, "", "{typed}");
        assert_eq!(run.stdout.matches('\n').count(), 1, "{typed}: {}", run.stdout);
        let value: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
        let text = |member: &str| value["error"][member].as_str().unwrap_or_default().to_owned();
        assert!(text("message").starts_with(message), "{typed}: {value}");
        assert!(text("help").contains(help), "{typed}: {value}");
        assert_eq!(value["error"]["exit"], 2, "{typed}");
    }
    assert!(sandbox.tree() == before);
    let run = sandbox.app("gen controller posts --json=yes");
    assert!(
        run.code == Some(2) && run.stdout.starts_with("{\"error\":"),
        "{}",
        run.stdout
    );
    let run = sandbox.app("gen controller BlogPost --json --dry-run");
    let value: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(value["notes"].as_array().unwrap().len(), 1, "{value}");
    // What is behind `--` is for the application.
    sandbox
        .app("serve --port none -- --json")
        .failed(2, "error: `none` is no value of");
    let help = sandbox.app("new --help --json");
    assert_eq!(help.code, Some(0));
    assert!(help.stdout.contains("Usage: nova new"), "{}", help.stdout);
}
