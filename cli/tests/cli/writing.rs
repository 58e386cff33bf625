//! What every command that writes has in common: --diff, --json, --force, --skip, -C and -p.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::Sandbox;

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
    let run = sandbox.app("destroy controller posts --skip").succeeded();
    assert!(
        run.stderr.contains("Because src/controllers/posts.rs stays"),
        "{}",
        run.stderr
    );
    assert!(sandbox.tree() == changed, "what it needs is kept with it");
    sandbox.app("destroy controller posts --force").succeeded();
    assert!(sandbox.tree() == before);
    sandbox
        .app("gen controller posts --force --skip")
        .failed(2, "can't be used with");
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
    // Nothing would use what it imports.
    assert!(
        run.stderr.contains("! use crate::controllers::posts;\n"),
        "{}",
        run.stderr
    );
    assert!(!sandbox.read("myapp/src/routes.rs").contains("use crate"));
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

#[test]
fn what_belongs_to_a_file_that_is_left_is_left_with_it() {
    let sandbox = Sandbox::with_project();
    sandbox.app("gen controller posts").succeeded();
    let controller = "myapp/src/controllers/posts.rs";
    sandbox.write(controller, &(sandbox.read(controller) + "// mine\n"));
    let changed = sandbox.tree();
    let run = sandbox.app("gen controller posts index show --skip").succeeded();
    assert_eq!(
        run.stderr,
        "\x20       Kept src/controllers/posts.rs
   Unchanged src/controllers/mod.rs
   Unchanged src/lib.rs
   Unchanged views/posts/index.hbs
        Left views/posts/show.hbs
        Left src/routes.rs   ~ .get(\"/posts/{id}\", posts::show)
     Because src/controllers/posts.rs stays as it is, and so does what belongs to it
    Finished nothing to do\n"
    );
    assert!(sandbox.tree() == changed);
    let json = sandbox.app("gen controller posts index show --skip --json").stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let left: Vec<_> = json["changes"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|change| change["action"] == "leave")
        .collect();
    assert_eq!(left.len(), 2, "{json}");
    assert_eq!(
        left[1]["left"],
        serde_json::json!([".get(\"/posts/{id}\", posts::show)"])
    );
    assert_eq!(left[1]["of"], "src/controllers/posts.rs");

    // Where only a page is somebody's, all else goes.
    sandbox.app("gen controller posts --force").succeeded();
    sandbox.write("myapp/views/posts/index.hbs", "<h1>Mine</h1>\n");
    sandbox.app("destroy controller posts --skip").succeeded();
    assert!(!sandbox.path(controller).exists());
    assert!(!sandbox.read("myapp/src/routes.rs").contains("posts"));
    assert_eq!(sandbox.read("myapp/views/posts/index.hbs"), "<h1>Mine</h1>\n");
}

#[test]
fn what_is_wired_in_stays_with_the_file_of_every_kind() {
    for (args, file) in [
        ("ws-handler chat", "src/ws/chat.rs"),
        ("fallback errors", "src/fallbacks/errors.rs"),
        ("reply-handler csv", "src/replies/csv.rs"),
        ("security bearer", "src/security/bearer.rs"),
        ("resource article --views", "src/models/article.rs"),
        ("resource article", "src/controllers/article.rs"),
        ("controller admin/users", "src/controllers/admin/users.rs"),
    ] {
        let sandbox = Sandbox::with_project();
        let before = sandbox.tree();
        let file = format!("myapp/{file}");
        // A file of somebody's has no lines of ours put beside it,
        sandbox.write(&file, "// mine\n");
        let theirs = sandbox.tree();
        sandbox.app(&format!("gen {args} --skip")).succeeded();
        assert!(sandbox.tree() == theirs, "gen {args} --skip");
        std::fs::remove_file(sandbox.path(&file)).unwrap();
        sandbox.app(&format!("gen {args}")).succeeded();
        let generated = sandbox.read(&file);
        sandbox.write(&file, &format!("{generated}// mine\n"));
        let changed = sandbox.tree();
        // and one that somebody has changed keeps those that it has.
        let name = args.trim_end_matches(" --views");
        let run = sandbox.app(&format!("destroy {name} --skip")).succeeded();
        assert!(sandbox.tree() == changed, "destroy {args} --skip");
        assert_eq!(run.stderr.matches(" Because ").count(), 1, "{}", run.stderr);
        sandbox.write(&file, &generated);
        sandbox.app(&format!("destroy {name} --skip")).succeeded();
        let left: Vec<_> = sandbox
            .tree()
            .into_keys()
            .filter(|path| !before.contains_key(path))
            .collect();
        assert!(left.is_empty(), "{left:?}");
    }
}
