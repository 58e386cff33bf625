//! A command that is killed, or fails, at any instant leaves the old tree or the new one.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::{Run, Sandbox, exists};

type Tree = BTreeMap<PathBuf, Option<Vec<u8>>>;

/// More points than any command has.
const MANY: usize = 1000;

/// Something that writes nothing by itself, and takes back what was begun.
const NOTHING: &str = "destroy test nothing";

impl Sandbox {
    /// Runs in a directory with a fault at a point: `None` when it is not killed there.
    fn with_fault(&self, directory: &str, args: &str, fault: &str) -> Option<Run> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nova"));
        command
            .args(args.split(' '))
            .current_dir(self.path(directory))
            .env("NOVA_FAULT", fault)
            .env_remove("NOVA_PATH");
        let output = command.output().unwrap();
        output.status.code().map(|_| Run::of(&output))
    }

    /// Makes the tree as it was.
    fn restore(&self, before: &Tree) {
        for entry in fs::read_dir(self.path("")).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                fs::remove_dir_all(path).unwrap();
            } else {
                fs::remove_file(path).unwrap();
            }
        }
        for (path, text) in before {
            match text {
                None => fs::create_dir_all(path).unwrap(),
                Some(text) => {
                    fs::create_dir_all(path.parent().unwrap()).unwrap();
                    fs::write(path, text).unwrap();
                }
            }
        }
    }
}

/// Kills a command at each of its points, and its successor too at some of them.
fn killed_everywhere(sandbox: &Sandbox, args: &str) {
    let old = sandbox.tree();
    sandbox.app(args).succeeded();
    let new = sandbox.tree();
    assert!(old != new);
    let (mut taken_back, mut done) = (0, 0);
    for point in 1..MANY {
        sandbox.restore(&old);
        if sandbox.with_fault("myapp", args, &format!("kill:{point}")).is_some() {
            assert!(sandbox.tree() == new);
            assert!(taken_back > 5 && done > 0, "{taken_back} {done}");
            return;
        }
        if point % 13 == 0 {
            let half = sandbox.tree();
            for second in 1..MANY {
                sandbox.restore(&half);
                let ended = sandbox.with_fault("myapp", NOTHING, &format!("kill:{second}"));
                sandbox.app(NOTHING).succeeded();
                assert!(
                    sandbox.tree() == old || sandbox.tree() == new,
                    "{args}, {point}, {second}"
                );
                if ended.is_some() {
                    break;
                }
            }
            sandbox.restore(&half);
        }
        sandbox.app(NOTHING).succeeded();
        let after = sandbox.tree();
        assert!(after == old || after == new, "{args}, {point}: {:?}", after.keys());
        taken_back += usize::from(after == old);
        done += usize::from(after == new);
        sandbox.app(args).succeeded();
        assert!(sandbox.tree() == new, "{args}, {point}");
    }
    panic!("there is no end to it");
}

#[test]
fn a_command_that_is_killed_leaves_the_old_tree_or_the_new_one() {
    let sandbox = Sandbox::with_project();
    killed_everywhere(&sandbox, "gen controller admin/posts index show");
    killed_everywhere(&sandbox, "destroy controller admin/posts");
    sandbox.app("gen ws-handler chat").succeeded();
    sandbox.write("myapp/src/ws/chat.rs", "// mine\n");
    killed_everywhere(&sandbox, "gen ws-handler chat --force");
}

#[test]
fn a_new_project_is_there_or_not() {
    let sandbox = Sandbox::new();
    sandbox.write("work/mine.txt", "mine");
    let old = sandbox.tree();
    let args = "new deep/myapp --no-git --nats";
    sandbox.nova_in("work", args.split(' ')).succeeded();
    let new = sandbox.tree();
    for point in 1..MANY {
        sandbox.restore(&old);
        if sandbox.with_fault("work", args, &format!("kill:{point}")).is_some() {
            assert!(sandbox.tree() == new);
            return;
        }
        // The next one takes back what is there, or finds that it is all there.
        let run = sandbox.nova_in("work", args.split(' '));
        if run.code != Some(0) {
            run.failed(1, "deep/myapp is not empty");
        }
        assert!(sandbox.tree() == new, "{point}");
    }
    panic!("there is no end to it");
}

#[test]
fn what_fails_is_taken_back() {
    let sandbox = Sandbox::with_project();
    let args = "gen controller admin/posts index show";
    let old = sandbox.tree();
    for point in 1..MANY {
        let run = sandbox.with_fault("myapp", args, &format!("full:{point}")).unwrap();
        if run.code == Some(0) {
            return;
        }
        run.failed(1, "nothing was written").failed(1, "error: can't write ");
        assert!(sandbox.tree() == old, "{point}");
    }
    panic!("there is no end to it");
}

#[test]
fn what_can_not_be_taken_back_at_once_is_taken_back_by_the_next_command() {
    let sandbox = Sandbox::with_project();
    let args = "gen controller admin/posts index show";
    let old = sandbox.tree();
    for point in 1..MANY {
        let run = sandbox.with_fault("myapp", args, &format!("full:{point}+")).unwrap();
        if run.code == Some(0) {
            assert!(point > 10);
            return;
        }
        let told = run.stderr.contains("nothing was written") || run.stderr.contains("the next nova command");
        assert!(told, "{}", run.stderr);
        let again = sandbox.app("destroy test nothing --dry-run").succeeded();
        let interrupted = again.stderr.contains(" Interrupted a nova command was killed here");
        let recovered = sandbox.app(NOTHING).succeeded();
        assert_eq!(
            recovered.stderr.contains("   Recovered"),
            interrupted,
            "{}",
            recovered.stderr
        );
        assert!(sandbox.tree() == old, "{point}");
    }
    panic!("there is no end to it");
}

#[test]
fn a_file_that_somebody_has_changed_since_is_not_taken_back() {
    let sandbox = Sandbox::with_project();
    let args = "gen controller posts";
    for point in 1..MANY {
        assert!(sandbox.with_fault("myapp", args, &format!("kill:{point}")).is_none());
        if sandbox.path("myapp/src/controllers/posts.rs").exists() {
            break;
        }
        sandbox.app(NOTHING).succeeded();
    }
    sandbox.write("myapp/src/controllers/posts.rs", "// mine\n");
    let run = sandbox.app(NOTHING).succeeded();
    assert!(
        run.stderr
            .contains("        Kept src/controllers/posts.rs, which has been changed since\n"),
        "{}",
        run.stderr
    );
    assert_eq!(sandbox.read("myapp/src/controllers/posts.rs"), "// mine\n");
}

#[test]
fn what_is_noted_is_the_owners_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let sandbox = Sandbox::with_project();
    let journal = sandbox.path("myapp/.nova.journal");
    for point in 1..MANY {
        assert!(
            sandbox
                .with_fault("myapp", "gen controller posts", &format!("kill:{point}"))
                .is_none()
        );
        if journal.exists() {
            break;
        }
    }
    assert_eq!(fs::metadata(journal).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn two_commands_at_once_take_turns() {
    let sandbox = Sandbox::with_project();
    let names: Vec<String> = (0..12).map(|number| format!("page{number}")).collect();
    let running: Vec<_> = names
        .iter()
        .map(|name| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_nova"));
            command
                .args(["gen", "controller", name])
                .current_dir(sandbox.path("myapp"));
            command.stderr(std::process::Stdio::null()).spawn().unwrap()
        })
        .collect();
    for mut child in running {
        assert!(child.wait().unwrap().success());
    }
    let routes = sandbox.read("myapp/src/routes.rs");
    let modules = sandbox.read("myapp/src/controllers/mod.rs");
    for name in &names {
        assert!(routes.contains(&format!("(\"/{name}\", {name}::index)")), "{routes}");
        assert!(modules.contains(&format!("pub mod {name};")), "{modules}");
    }
    sandbox.is_formatted("myapp");
}

#[test]
fn a_command_that_waits_for_another_gives_up_in_time() {
    let sandbox = Sandbox::with_project();
    let held = fs::File::open(sandbox.path("myapp")).unwrap();
    held.lock().unwrap();
    let before = sandbox.tree();
    sandbox
        .app("gen controller posts")
        .failed(1, "another nova command is writing to ")
        .failed(1, "nothing was written");
    // What only looks needs not wait.
    sandbox.app("gen controller posts --dry-run").succeeded();
    assert!(sandbox.tree() == before);
}

#[test]
fn a_journal_of_another_user_is_not_believed() {
    use std::os::unix::fs::chown;
    let sandbox = Sandbox::with_project();
    let journal = r#"{"root":{"Unix":[]},"entries":[{"path":"src/lib.rs","before":"theirs","after":null,"mode":null}],"directories":[]}"#;
    sandbox.write("myapp/.nova.journal", journal);
    if chown(sandbox.path("myapp/.nova.journal"), Some(12345), None).is_err() {
        return; // only the system's administrator can give files away
    }
    let before = sandbox.tree();
    sandbox
        .app("gen controller posts")
        .failed(1, ".nova.journal belongs to another user");
    assert!(sandbox.tree() == before);
}

/// A journal may have come with the sources of somebody else.
#[test]
fn a_journal_never_leads_out_of_its_directory() {
    use std::os::unix::ffi::OsStrExt as _;

    let sandbox = Sandbox::with_project();
    sandbox.write("victim/good", "good\n");
    fs::create_dir_all(sandbox.path("victim/empty")).unwrap();
    std::os::unix::fs::symlink("../victim", sandbox.path("myapp/link")).unwrap();
    std::os::unix::fs::symlink("../victim/good", sandbox.path("myapp/file")).unwrap();
    fs::create_dir_all(sandbox.path("myapp/.git/hooks")).unwrap();
    let before = sandbox.tree();
    let bytes = |text: &str| serde_json::json!({ "Unix": std::ffi::OsStr::new(text).as_bytes() });
    let absolute = sandbox.path("victim/evil").display().to_string();
    for (root, path, directory) in [
        ("", absolute.as_str(), ""),
        ("", "../victim/evil", ""),
        ("../victim", "evil", ""),
        ("", "link/evil", ""),
        ("", "file", ""),
        ("", "dangling", ""),
        ("", ".git/hooks/pre-commit", ""),
        ("", "harmless", "../victim/empty"),
        ("", "harmless", "link/empty"),
    ] {
        let after = if path == "file" { Some("good\n") } else { None };
        let directories: Vec<_> = Some(directory)
            .filter(|it| !it.is_empty())
            .map(bytes)
            .into_iter()
            .collect();
        let journal = serde_json::json!({
            "root": bytes(root),
            "entries": [{ "path": path, "before": "evil\n", "after": after, "mode": null }],
            "directories": directories,
        });
        sandbox.write("myapp/.nova.journal", &journal.to_string());
        let dangling = sandbox.path("myapp/dangling");
        std::os::unix::fs::symlink("../victim/new", &dangling).unwrap();
        sandbox
            .app(NOTHING)
            .failed(1, "which is not in there")
            .failed(
                1,
                if root.is_empty() && path.starts_with("link") {
                    ": a link leads to "
                } else {
                    "it names "
                },
            )
            .failed(1, "remove that file");
        fs::remove_file(sandbox.path("myapp/.nova.journal")).unwrap();
        fs::remove_file(dangling).unwrap();
        assert!(sandbox.tree() == before, "{root} {path} {directory}");
    }
    sandbox.app(NOTHING).succeeded();
}

#[test]
fn what_has_become_something_else_since_is_kept() {
    let sandbox = Sandbox::with_project();
    // Both files are written, and then it is killed.
    let point = (1..MANY)
        .find(|point| {
            let ended = sandbox.with_fault("myapp", "gen controller posts", &format!("kill:{point}"));
            assert!(ended.is_none());
            exists(&sandbox.path("myapp/views/posts/index.hbs")) || {
                sandbox.app(NOTHING).succeeded();
                false
            }
        })
        .unwrap();
    assert!(point > 1);
    fs::remove_file(sandbox.path("myapp/views/posts/index.hbs")).unwrap();
    fs::create_dir(sandbox.path("myapp/views/posts/index.hbs")).unwrap();
    fs::write(sandbox.path("myapp/src/controllers/posts.rs"), [0xff, 0xfe]).unwrap();
    let run = sandbox.app(NOTHING).succeeded();
    assert!(run.stderr.contains("Kept views/posts/index.hbs"), "{}", run.stderr);
    assert!(run.stderr.contains("Kept src/controllers/posts.rs"), "{}", run.stderr);
    assert!(!exists(&sandbox.path("myapp/.nova.journal")));
}
