//! What every command that writes has in common: --diff, --json, --force, --skip, -C and -p.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::{Run, Sandbox};

/// The files of a tree.
fn files(tree: &BTreeMap<PathBuf, Option<Vec<u8>>>) -> Vec<(&PathBuf, &Vec<u8>)> {
    let files = tree.iter().filter_map(|(path, text)| Some((path, text.as_ref()?)));
    files.collect()
}

/// Applies a difference as `git apply` does.
fn git_apply(sandbox: &Sandbox, directory: &str, diff: &str) {
    use std::io::Write as _;
    let mut git = Command::new("git")
        .args(["apply", "--whitespace=nowarn", "-"])
        .current_dir(sandbox.path(directory))
        .env("GIT_CEILING_DIRECTORIES", sandbox.path(""))
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    git.stdin.take().unwrap().write_all(diff.as_bytes()).unwrap();
    assert!(git.wait().unwrap().success(), "{diff}");
}

#[test]
fn a_difference_applied_by_git_is_what_the_command_writes() {
    for newline in ["\n", "\r\n"] {
        let sandbox = Sandbox::with_project();
        for file in ["src/routes.rs", "src/lib.rs", "src/main.rs"] {
            let file = format!("myapp/{file}");
            let text = sandbox.read(&file).replace('\n', newline);
            sandbox.write(&file, text.trim_end());
        }
        for command in [
            "gen resource article title:string --views",
            "gen reply-handler csv",
            "destroy resource article",
        ] {
            let before = sandbox.tree();
            let run = sandbox.app(&format!("{command} --diff"));
            assert_eq!(run.code, Some(0), "{}", run.stderr);
            assert!(sandbox.tree() == before, "--diff wrote");
            assert_eq!(run.stderr, "");
            sandbox.app(command).succeeded();
            let after = sandbox.tree();
            let undo: &str = &match command.split_once("gen ") {
                Some((_, what)) => format!("destroy {}", what.split(' ').take(2).collect::<Vec<_>>().join(" ")),
                None => command.replace("destroy", "gen") + " title:string --views",
            };
            sandbox.app(undo).succeeded();
            assert!(sandbox.tree() == before, "{undo}");
            git_apply(&sandbox, "myapp", &run.stdout);
            // Directories that were left empty are git's affair.
            assert!(files(&sandbox.tree()) == files(&after), "{command}");
        }
    }
}

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

#[test]
fn with_json_every_outcome_is_one_object() {
    let sandbox = Sandbox::with_project();
    sandbox.write("myapp/.nova/templates/service/src/services/{{path}}.rs.hbs", "");
    let before = sandbox.tree();
    for (typed, code, message, help) in [
        (
            "frobnicate",
            2,
            "unrecognized subcommand 'frobnicate'",
            "nova [OPTIONS] <COMMAND>",
        ),
        (
            "rotes",
            2,
            "unrecognized subcommand 'rotes'",
            "a similar subcommand exists: 'routes'",
        ),
        (
            "new",
            2,
            "the following required arguments were not provided: <PATH>",
            "nova new",
        ),
        ("new fn", 2, "`fn` can't be a project name", "nova new my_fn"),
        (
            "gen",
            2,
            "the following required arguments were not provided: --list",
            "nova gen --list",
        ),
        (
            "gen contoller posts",
            2,
            "there is no kind `contoller`",
            "did you mean `controller`?",
        ),
        (
            "gen ws-handler chat extra",
            2,
            "unexpected argument 'extra' found",
            "nova gen ws-handler",
        ),
        (
            "gen service billing extra",
            2,
            "unexpected argument 'extra' found",
            "nova gen service",
        ),
        (
            "gen service ../x",
            2,
            "`../x` can't be a service name",
            "nova gen service x",
        ),
        (
            "gen resource article title:text",
            2,
            "`text` is no type of a field",
            "title:string",
        ),
        (
            "destroy contoller posts",
            2,
            "there is no kind `contoller`",
            "did you mean `controller`?",
        ),
        ("eject contoller", 2, "there is no built-in kind", "nova eject controller"),
        (
            "man",
            2,
            "the following required arguments were not provided: <DIR>",
            "nova man",
        ),
        (
            "serve --port none",
            2,
            "invalid value 'none' for '--port <PORT>'",
            "nova --help",
        ),
        ("openapi", 2, "unexpected argument '--json' found", "nova openapi"),
        ("-C nowhere routes", 2, "can't work in nowhere", ""),
        (
            "-p other upgrade",
            2,
            "no nova project here is called `other`",
            "the projects are myapp",
        ),
    ] {
        let run = sandbox.app(&format!("{typed} --json"));
        assert_eq!(run.code, Some(code), "{typed}: {}", run.stderr);
        assert_eq!(run.stderr, "", "{typed}");
        assert_eq!(run.stdout.matches('\n').count(), 1, "{typed}: {}", run.stdout);
        let value: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
        let text = |member: &str| value["error"][member].as_str().unwrap_or_default().to_owned();
        assert!(text("message").starts_with(message), "{typed}: {value}");
        assert!(text("help").contains(help), "{typed}: {value}");
        assert_eq!(value["error"]["exit"], code, "{typed}");
    }
    assert!(sandbox.tree() == before);
    // What is behind `--` is for the application.
    sandbox
        .app("serve --port none -- --json")
        .failed(2, "error: invalid value 'none'");
    let help = sandbox.app("new --help --json");
    assert_eq!(help.code, Some(0));
    assert!(help.stdout.contains("Usage: nova new"), "{}", help.stdout);
}

#[test]
fn what_the_user_has_changed_goes_by_force_only() {
    let sandbox = Sandbox::with_project();
    let before = sandbox.tree();
    sandbox.app("gen controller posts").succeeded();
    let generated = sandbox.tree();
    let mine = sandbox.read("myapp/src/controllers/posts.rs") + "// mine\n";
    sandbox.write("myapp/src/controllers/posts.rs", &mine);
    let changed = sandbox.tree();
    for command in ["gen controller posts", "destroy controller posts"] {
        let run = sandbox.app(command);
        assert_eq!(run.code, Some(1), "{}", run.stderr);
        assert!(
            run.stderr.contains("nothing was written\nhelp:  --diff shows"),
            "{}",
            run.stderr
        );
        assert!(sandbox.tree() == changed);
    }
    sandbox.app("destroy controller posts").failed(
        1,
        "src/controllers/posts.rs has been changed since it was generated\n       1 line added, 0 gone\n",
    );
    let run = sandbox.app("gen controller posts --diff");
    assert!(run.stdout.contains("\n-// mine\n"), "{}", run.stdout);
    assert_eq!(run.code, Some(1));

    let run = sandbox.app("gen controller posts --skip").succeeded();
    assert!(
        run.stderr.contains("        Kept src/controllers/posts.rs\n"),
        "{}",
        run.stderr
    );
    assert!(sandbox.tree() == changed);
    let run = sandbox.app("gen controller posts --force").succeeded();
    assert!(
        run.stderr.contains("    Replaced src/controllers/posts.rs\n"),
        "{}",
        run.stderr
    );
    assert!(sandbox.tree() == generated);

    sandbox.write("myapp/src/controllers/posts.rs", &mine);
    sandbox.app("destroy controller posts --skip").succeeded();
    assert_eq!(sandbox.read("myapp/src/controllers/posts.rs"), mine);
    assert!(!sandbox.read("myapp/src/routes.rs").contains("posts"));
    sandbox.app("gen controller posts --skip").succeeded();
    sandbox.app("destroy controller posts --force").succeeded();
    assert!(sandbox.tree() == before);
    sandbox
        .app("gen controller posts --force --skip")
        .failed(2, "cannot be used with");
}

#[test]
fn a_table_without_a_place_is_left_when_that_is_asked_for() {
    let sandbox = Sandbox::with_project();
    sandbox.write("myapp/src/routes.rs", "pub fn routes() -> Routes {\n    table()\n}\n");
    let run = sandbox.app("gen controller posts --skip").succeeded();
    assert!(
        run.stderr.contains("! .get(\"/posts\", posts::index)\n"),
        "{}",
        run.stderr
    );
    assert!(sandbox.path("myapp/views/posts/index.hbs").exists());
    sandbox.app("gen controller news --no-route").succeeded();
    assert!(!sandbox.read("myapp/src/routes.rs").contains("news"));
}

#[test]
fn a_directory_may_have_any_name() {
    let sandbox = Sandbox::new();
    let odd = "it's a \"dir\" é 日本";
    sandbox.write(&format!("{odd}/x"), "");
    sandbox.nova_in(odd, ["new", "myapp", "--no-git"]).succeeded();
    let before = sandbox.tree();
    let app = format!("{odd}/myapp");
    sandbox
        .nova(["-C", &app, "gen", "controller", "admin/posts"])
        .succeeded();
    sandbox.is_formatted(&app);
    sandbox.nova(["-C", &app, "d", "controller", "admin/posts"]).succeeded();
    assert!(sandbox.tree() == before);
}

#[test]
fn a_package_of_a_workspace_is_chosen() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "Cargo.toml",
        "[workspace]\nmembers = [\"crates/*\", \"web\"]\nexclude = [\"crates/out\"]\n\n[workspace.dependencies]\nnova = { package = \"nova-framework\", version = \"0.1\" }\n",
    );
    for project in ["crates/front", "crates/back", "crates/out", "web"] {
        sandbox.nova(["new", project, "--no-git"]).succeeded();
    }
    let manifest = sandbox.read("web/Cargo.toml");
    let runtime = manifest.lines().find(|line| line.starts_with("nova = ")).unwrap();
    sandbox.write("web/Cargo.toml", &manifest.replace(runtime, "nova.workspace = true"));
    sandbox.write("crates/lib/Cargo.toml", "[package]\nname = \"lib\"\n\n[dependencies]\n");
    let several = sandbox
        .nova(["gen", "controller", "posts"])
        .failed(1, "more than one nova project");
    assert!(
        several
            .stderr
            .contains("the workspace has back, front, web\nhelp:  -p back"),
        "{}",
        several.stderr
    );
    sandbox.nova(["gen", "controller", "posts", "-p", "web"]).succeeded();
    assert!(sandbox.path("web/src/controllers/posts.rs").exists());
    sandbox
        .nova_in("crates/front/src", ["-p", "back", "gen", "controller", "posts"])
        .succeeded();
    assert!(sandbox.path("crates/back/src/controllers/posts.rs").exists());
    sandbox
        .nova(["gen", "controller", "posts", "-p", "bakc"])
        .failed(2, "help:  did you mean -p back?");
    sandbox
        .nova(["gen", "controller", "posts", "-p", "lib"])
        .failed(2, "called `lib`");
}

#[test]
fn a_workspace_with_one_project_needs_no_choice() {
    let sandbox = Sandbox::new();
    sandbox.write("Cargo.toml", "[workspace]\nmembers = [\"app\"]\n");
    sandbox.nova(["new", "app", "--no-git"]).succeeded();
    sandbox.nova(["gen", "controller", "posts"]).succeeded();
    assert!(sandbox.path("app/src/controllers/posts.rs").exists());
}

#[test]
fn what_is_typed_wrong_is_answered_with_what_may_have_been_meant() {
    let sandbox = Sandbox::with_project();
    let before = sandbox.tree();
    for (typed, help) in [
        ("gen contoller posts", "did you mean `controller`?"),
        ("gen ws-handlr chat", "did you mean `ws-handler`?"),
        ("destroy contoller posts", "did you mean `controller`?"),
        ("gen zzzz posts", "the kinds are controller, resource, ws-handler"),
        (
            "gen resource article title:text",
            "nova gen resource article title:string",
        ),
        ("gen resource article id", "nova gen resource article my_id"),
        ("gen controller posts --at posts", "a path such as --at /news"),
        ("gen security bearer --at /x", "leave --at out"),
        ("gen test a/b", "nova gen test a_b"),
    ] {
        let run = sandbox.app(typed).failed(2, "error: ");
        assert!(run.stderr.contains(help), "{typed}:\n{}", run.stderr);
    }
    for path in ["//", "/a//b", "/a/../b", "/é", "/a b", "/{id}", "/a?b"] {
        sandbox
            .nova_in("myapp", ["gen", "controller", "posts", "--at", path])
            .failed(2, "can't be where it is");
    }
    assert!(sandbox.tree() == before);
}

#[test]
fn a_module_that_is_there_in_another_shape_is_not_doubled() {
    let sandbox = Sandbox::with_project();
    sandbox.app("gen controller admin/users").succeeded();
    let before = sandbox.tree();
    sandbox
        .app("gen controller admin")
        .failed(1, "src/controllers/admin/mod.rs is that module already");
    assert!(sandbox.tree() == before);
    sandbox.app("destroy controller admin/users").succeeded();
    sandbox.app("gen controller admin").succeeded();
    let with_admin = sandbox.tree();
    sandbox.app("gen controller admin/users").succeeded();
    assert!(
        sandbox
            .read("myapp/src/controllers/admin.rs")
            .contains("pub mod users;")
    );
    sandbox.is_formatted("myapp");
    sandbox
        .app("destroy controller admin")
        .failed(1, "has been changed since");
    sandbox.app("destroy controller admin/users").succeeded();
    assert!(sandbox.tree() == with_admin);
}
