//! A project in which somebody has worked for a month: every command in it does its own work, and leaves all else.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::Sandbox;

/// One of everything, some of it below what is there.
const KINDS: &[(&str, &str)] = &[
    ("controller posts", " index show create"),
    ("controller admin/users", ""),
    ("controller berths/photos", " index"),
    ("controller notices/archive", " index show --at /old/notices"),
    ("controller lone", " --no-route"),
    ("resource article", " title pages:int --views"),
    ("resource admin/key", " label"),
    ("resource boat", ""),
    ("ws-handler chat", ""),
    ("ws-handler board/pier", ""),
    ("security bearer", ""),
    ("fallback errors", ""),
    ("reply-handler csv", ""),
    ("test signup", ""),
    ("job backup", ""),
    ("job reports", ""),
    ("job night/sweep", ""),
];

type Tree = BTreeMap<PathBuf, Vec<u8>>;

/// The project, in `myapp`.
fn lived_in() -> Sandbox {
    let sandbox = Sandbox::new();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/lived_in");
    copy(&fixture, &sandbox.path("myapp"));
    let routes = sandbox.read("myapp/src/controllers/mod.rs");
    assert!(routes.lines().count() > 5 && routes.matches("\r\n").count() == routes.lines().count());
    sandbox
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        match name {
            _ if path.is_dir() => copy(&path, &to.join(name)),
            "Cargo.toml.in" => {
                let text = fs::read_to_string(&path).unwrap();
                fs::write(to.join("Cargo.toml"), text.replace("RUNTIME", "../runtime")).unwrap();
            }
            "gitignore.in" => drop(fs::copy(&path, to.join(".gitignore")).unwrap()),
            _ => drop(fs::copy(&path, to.join(name)).unwrap()),
        }
    }
}

/// The files of the project.
fn files(sandbox: &Sandbox) -> Tree {
    let root = sandbox.path("myapp");
    let all = sandbox.tree().into_iter();
    all.filter_map(|(path, bytes)| Some((path.strip_prefix(&root).ok()?.to_owned(), bytes?)))
        .collect()
}

/// What a run says that was asked for JSON.
#[track_caller]
fn json(sandbox: &Sandbox, args: &str) -> Value {
    let run = sandbox.app(&format!("{args} --json"));
    assert_eq!(run.code, Some(0), "{args}:\n{}{}", run.stdout, run.stderr);
    assert_eq!(run.stderr, "", "{args}");
    serde_json::from_str(&run.stdout).unwrap()
}

/// Applies a difference to the other project, as who has been sent it.
#[track_caller]
fn applies(sandbox: &Sandbox, diff: &str, args: &str) {
    sandbox.write("change.diff", diff);
    let applied = Command::new("git")
        .args(["apply", "--whitespace=nowarn", "../change.diff"])
        .current_dir(sandbox.path("myapp"))
        // Not in a repository, wherever the directory for temporary files is.
        .env("GIT_DIR", sandbox.path("none"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&applied.stderr).into_owned();
    assert!(applied.status.success(), "{args}:\n{said}\n{diff}");
    fs::remove_file(sandbox.path("change.diff")).unwrap();
}

/// Every line of a file is still there, in its order and with its end; and what is new ends as its neighbours do.
#[track_caller]
fn only_more(before: &[u8], after: &[u8], path: &Path) {
    let mut rest = after.split_inclusive(|byte| *byte == b'\n');
    for line in before.split_inclusive(|byte| *byte == b'\n') {
        assert!(
            rest.any(|other| other == line),
            "{} has lost {:?}",
            path.display(),
            String::from_utf8_lossy(line)
        );
    }
    let text = |bytes| String::from_utf8(Vec::from(bytes)).unwrap();
    let (before, after) = (text(before), text(after));
    if before.contains("\r\n") {
        assert_eq!(
            after.matches('\n').count(),
            after.matches("\r\n").count(),
            "{}",
            path.display()
        );
    }
}

/// What a command has done is what it said, and nothing else is other than before.
#[track_caller]
fn is_as_told(before: &Tree, after: &Tree, told: &Value, args: &str) {
    let changes: BTreeMap<&Path, &str> = told["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| {
            (
                Path::new(change["path"].as_str().unwrap()),
                change["action"].as_str().unwrap(),
            )
        })
        .collect();
    let all = before.keys().chain(after.keys());
    for path in all {
        let action = match (before.get(path), after.get(path)) {
            (Some(old), Some(new)) if old == new => "unchanged",
            (Some(_), Some(_)) => "update",
            (None, _) => "create",
            (Some(_), None) => "delete",
        };
        let told = changes.get(path.as_path()).copied().unwrap_or("unchanged");
        assert_eq!(told, action, "{args}: {}", path.display());
    }
}

#[test]
fn every_kind_comes_as_it_is_shown_and_goes_to_the_byte() {
    let sandbox = lived_in();
    let twin = lived_in();
    let untouched = sandbox.tree();
    for (what, more) in KINDS {
        let args = format!("gen {what}{more}");
        let before = files(&sandbox);
        sandbox.app(&format!("{args} --dry-run")).succeeded();
        let shown = json(&sandbox, &format!("{args} --dry-run"));
        let diff = sandbox.app(&format!("{args} --diff"));
        assert!(files(&sandbox) == before, "{args}: to look wrote something");

        sandbox.app(&args).succeeded();
        let after = files(&sandbox);
        is_as_told(&before, &after, &shown, &args);
        applies(&twin, &diff.stdout, &args);
        assert!(files(&twin) == after, "{args}: the difference is another");
        for (path, bytes) in &after {
            match before.get(path) {
                Some(before) => only_more(before, bytes, path),
                None if path.extension().is_some_and(|rs| rs == "rs") => {
                    let text = String::from_utf8(bytes.clone()).unwrap();
                    assert!(syn::parse_file(&text).is_ok(), "{args}: {}\n{text}", path.display());
                }
                None => {}
            }
        }

        let again = sandbox.app(&args).succeeded();
        assert!(again.stderr.ends_with("nothing to do\n"), "{args}:\n{}", again.stderr);
        let again = json(&sandbox, &args);
        is_as_told(&after, &files(&sandbox), &again, &args);
        assert!(files(&sandbox) == after, "{args}: the second time");
    }
    sandbox.is_formatted("myapp");

    let order = (0..KINDS.len()).map(|at| at * 7 % KINDS.len());
    for (what, _) in order.map(|at| KINDS[at]) {
        let args = format!("destroy {what}");
        let before = files(&sandbox);
        sandbox.app(&format!("{args} --dry-run")).succeeded();
        let shown = json(&sandbox, &format!("{args} --dry-run"));
        let diff = sandbox.app(&format!("{args} --diff"));
        assert!(files(&sandbox) == before, "{args}: to look wrote something");
        assert_eq!(shown["notes"], serde_json::json!([]), "{args}");

        sandbox.app(&args).succeeded();
        let after = files(&sandbox);
        is_as_told(&before, &after, &shown, &args);
        applies(&twin, &diff.stdout, &args);
        assert!(files(&twin) == after, "{args}: the difference is another");
        let again = sandbox.app(&args).succeeded();
        assert!(again.stderr.ends_with("nothing to do\n"), "{args}:\n{}", again.stderr);
        sandbox.is_formatted("myapp");
    }
    assert!(sandbox.tree() == untouched, "something is left");
}

#[test]
fn what_a_person_has_written_is_neither_taken_nor_written_over() {
    let sandbox = lived_in();
    let before = sandbox.tree();
    for (args, reason) in [
        (
            "gen controller berths",
            "src/controllers/berths.rs already exists with different content",
        ),
        (
            "gen controller notices index create",
            "src/controllers/notices.rs already exists",
        ),
        (
            "gen controller admin",
            "src/controllers/admin/mod.rs is that module already",
        ),
        ("gen controller paging", "src/controllers/paging.rs already exists"),
        (
            "gen controller routes/admin --at /reports",
            "another handler is at GET /reports",
        ),
        (
            "gen controller boats --at /old/boats",
            "another handler is at GET /old/boats",
        ),
        ("gen controller boats --at /boote", "another handler is at GET /boote"),
        (
            "gen controller boats --at /api/v1/boats",
            "another handler is at GET /api/v1/boats",
        ),
        (
            "gen controller tries --at /try/error",
            "another handler is at GET /try/error",
        ),
        (
            "gen controller pictures --at /assets/pictures",
            "the files of an assets directory are at /assets",
        ),
        ("gen ws-handler board", "src/ws/board.rs already exists"),
        ("gen security office", "src/security/office.rs already exists"),
        ("gen test moor", "tests/moor.rs already exists"),
        ("gen test support", "tests/support/mod.rs is that module already"),
        (
            "destroy controller berths",
            "src/controllers/berths.rs has been changed",
        ),
        (
            "destroy controller notices",
            "src/controllers/notices.rs has been changed",
        ),
        ("destroy controller home", "src/controllers/home.rs has been changed"),
        (
            "destroy controller admin",
            "src/controllers/admin/mod.rs is that module",
        ),
        (
            "destroy controller admin/tariffs",
            "src/controllers/admin/tariffs.rs has been changed",
        ),
        ("destroy ws-handler board", "src/ws/board.rs has been changed"),
        ("destroy security office", "src/security/office.rs has been changed"),
        ("destroy test moor", "tests/moor.rs has been changed"),
        ("eject controller", "already exists with different content"),
    ] {
        sandbox.app(args).failed(1, reason).failed(1, "nothing was written");
        assert!(sandbox.tree() == before, "{args}");
    }
    // What is in the way stays, and so does all that belongs to it.
    for args in ["gen controller berths --skip", "destroy controller notices --skip"] {
        sandbox.app(args).succeeded();
        for (path, bytes) in &before {
            assert!(sandbox.tree().get(path) == Some(bytes), "{args}: {}", path.display());
        }
    }
}

/// Only one table is edited; who has another is told where it names what comes or goes.
#[test]
fn other_files_that_name_what_goes_are_told_of() {
    let sandbox = lived_in();
    sandbox.app("gen controller posts").succeeded();
    let admin = "myapp/src/routes/admin.rs";
    let text = sandbox.read(admin);
    let text = text.replace("admin::tariffs;", "{admin::tariffs, posts};");
    sandbox.write(
        admin,
        &text.replace(
            ".get(\"/\", tariffs",
            ".get(\"/posts\", posts::index)\n            .get(\"/\", tariffs",
        ),
    );
    sandbox.write(
        "myapp/tests/posts.rs",
        "//! Posts.\n\n// controllers::posts is not named here,\nuse harbour::controllers::posts::index;\n",
    );
    let before = sandbox.tree();

    let still = ["src/routes/admin.rs:6", "tests/posts.rs:4"];
    let told = json(&sandbox, "destroy controller posts --dry-run");
    let notes = still.map(|place| format!("Still named in {place}"));
    assert_eq!(told["notes"], serde_json::json!(notes));
    let run = sandbox.app("destroy controller posts").succeeded();
    for place in still {
        assert!(
            run.stderr.contains(&format!("       Still named in {place}\n")),
            "{}",
            run.stderr
        );
    }
    assert_eq!(
        sandbox.read(admin),
        String::from_utf8(before[&sandbox.path(admin)].clone().unwrap()).unwrap()
    );
    // What is not there any more goes from nowhere.
    let again = sandbox.app("destroy controller posts").succeeded();
    assert!(!again.stderr.contains("Still"), "{}", again.stderr);

    let run = sandbox.app("gen controller posts").succeeded();
    let already = "     Already named in src/routes/admin.rs:6, beside the routes here\n";
    assert!(run.stderr.contains(already), "{}", run.stderr);
    assert!(sandbox.tree() == before, "it is as it was");
    let again = sandbox.app("gen controller posts").succeeded();
    assert!(!again.stderr.contains("Already"), "{}", again.stderr);
}

#[test]
fn the_commands_around_it_leave_every_file() {
    let sandbox = lived_in();
    let before = sandbox.tree();
    let list = sandbox.app("gen --list");
    assert_eq!(list.code, Some(0), "{}", list.stderr);
    assert!(
        list.stdout
            .contains("job            A job of the night, and where it is told of  .nova/templates/job\n"),
        "{}",
        list.stdout
    );
    assert!(
        list.stdout.contains("  .nova/templates/controller\n"),
        "{}",
        list.stdout
    );
    let doctor = sandbox.app("doctor --json").stdout;
    for line in doctor.lines() {
        let finding: Value = serde_json::from_str(line).unwrap();
        let of_the_project = ["project", "edits", "templates"].contains(&finding["check"].as_str().unwrap());
        assert!(!of_the_project || finding["verdict"] == "ok", "{line}");
    }
    for shell in ["bash", "zsh", "fish"] {
        assert_eq!(sandbox.app(&format!("completions {shell}")).code, Some(0));
    }
    let complete = sandbox.app("complete -- destroy controller ");
    for name in ["berths", "admin/tariffs"] {
        assert!(complete.stdout.contains(name), "{}", complete.stdout);
    }
    let kinds = sandbox.app("complete -- gen ");
    assert!(kinds.stdout.contains("job"), "{}", kinds.stdout);
    sandbox.app("upgrade --dry-run");
    assert!(sandbox.tree() == before);

    sandbox.app("man ../man1").succeeded();
    sandbox.app("eject ws-handler").succeeded();
    for options in ["", " --auth", " --nats --docker", " --auth --db sqlite --nats"] {
        let told = json(&sandbox, &format!("init --no-git{options}"));
        let actions = told["changes"].as_array().unwrap().iter();
        for change in actions {
            let action = change["action"].as_str().unwrap();
            assert!(["create", "keep", "unchanged"].contains(&action), "{options}: {change}");
        }
        // What is missing is said to people and to programs alike.
        let said = sandbox.app(&format!("init --no-git{options}")).succeeded().stderr;
        for missing in told["by_hand"].as_array().unwrap() {
            let path = missing["path"].as_str().unwrap();
            assert!(said.contains(&format!("in {path}:\n")), "{options}:\n{said}");
            for line in missing["lines"].as_array().unwrap() {
                assert!(
                    said.contains(&format!("    {}\n", line.as_str().unwrap())),
                    "{options}:\n{said}"
                );
            }
        }
        assert_eq!(
            told["by_hand"].as_array().unwrap().is_empty(),
            options.is_empty(),
            "{told}"
        );
        for (path, bytes) in &before {
            assert!(sandbox.tree().get(path) == Some(bytes), "{options}: {}", path.display());
        }
    }
    let told = json(&sandbox, "init --no-git --nats");
    let lines = |file: &str| {
        let all = told["by_hand"].as_array().unwrap().iter();
        all.filter(|missing| missing["path"] == file)
            .flat_map(|missing| missing["lines"].as_array().unwrap().clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(lines("src/ws/mod.rs"), ["pub mod chat;"]);
    assert_eq!(
        lines("src/routes.rs"),
        [
            "use crate::ws::chat::ChatHandler;",
            ".ws(\"/chat/{room}\", ChatHandler::init)"
        ]
    );
    assert!(sandbox.path("myapp/src/ws/chat.rs").exists());
}
