//! `nova new`.

use std::process::Command;

use super::{Run, Sandbox, exists};

const FILES: &[&str] = &[
    ".github/workflows/ci.yml",
    ".gitignore",
    "Cargo.toml",
    "README.md",
    "assets/app.css",
    "assets/icon.svg",
    "nova.toml",
    "src/controllers/home.rs",
    "src/controllers/mod.rs",
    "src/lib.rs",
    "src/main.rs",
    "src/routes.rs",
    "views/home/index.hbs",
    "views/layout.hbs",
];

#[test]
fn a_project_is_these_files_and_no_others() {
    let sandbox = Sandbox::with_project();
    let root = sandbox.path("myapp");
    let tree = sandbox.tree();
    let files = tree.iter().filter(|(_, text)| text.is_some());
    let files: Vec<_> = files
        .map(|(path, _)| path.strip_prefix(&root).unwrap().to_str().unwrap())
        .collect();
    assert_eq!(files, FILES);
    assert!(sandbox.read("myapp/views/layout.hbs").contains("{{{content}}}"));
    assert!(sandbox.read("myapp/src/main.rs").contains("use myapp::app;"));
}

#[test]
fn what_was_done_and_what_comes_next_is_told() {
    let sandbox = Sandbox::new();
    let run = sandbox.nova(["new", "services/chat", "--no-git"]).succeeded();
    assert!(
        run.stderr.starts_with("     Created services/chat/Cargo.toml\n"),
        "{}",
        run.stderr
    );
    assert!(
        run.stderr
            .ends_with("    Finished chat, 14 files\n\n  cd services/chat\n  nova serve\n"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_dry_run_writes_nothing() {
    let sandbox = Sandbox::new();
    let run = sandbox.nova(["new", "myapp", "--dry-run"]).succeeded();
    assert!(run.stderr.contains("      Create myapp/Cargo.toml\n"), "{}", run.stderr);
    assert!(
        run.stderr.ends_with("    Finished dry run, nothing was written\n"),
        "{}",
        run.stderr
    );
    assert!(sandbox.tree().is_empty());
}

#[test]
fn a_project_is_formatted_whatever_it_is_called() {
    let sandbox = Sandbox::new();
    for name in ["a", "my-app", &"x".repeat(64), "long-".repeat(12).trim_end_matches('-')] {
        sandbox.nova(["new", name, "--no-git"]).succeeded();
        sandbox.is_formatted(name);
    }
}

#[test]
fn a_name_may_have_dashes_and_differ_from_the_directory() {
    let sandbox = Sandbox::new();
    sandbox.nova(["new", "my-app", "--no-git"]).succeeded();
    assert!(sandbox.read("my-app/Cargo.toml").contains("name = \"my-app\"\n"));
    assert!(sandbox.read("my-app/src/main.rs").contains("use my_app::app;"));
    let run = sandbox
        .nova(["new", "it's here", "--name", "MyApp", "--no-git"])
        .succeeded();
    assert!(sandbox.read("it's here/Cargo.toml").contains("name = \"my_app\"\n"));
    assert!(run.stderr.contains("       Named my_app (`MyApp`"), "{}", run.stderr);
    assert!(run.stderr.contains("cd 'it'\\''s here'"), "{}", run.stderr);
}

#[test]
fn a_directory_above_is_a_path_and_an_empty_one_is_taken() {
    let sandbox = Sandbox::new();
    std::fs::create_dir_all(sandbox.path("work/empty")).unwrap();
    sandbox.nova_in("work", ["new", "../above", "--no-git"]).succeeded();
    assert!(exists(&sandbox.path("above/Cargo.toml")));
    sandbox.nova_in("work/empty", ["new", ".", "--no-git"]).succeeded();
    assert!(sandbox.read("work/empty/Cargo.toml").contains("name = \"empty\"\n"));
}

#[test]
fn what_is_there_is_never_touched() {
    let sandbox = Sandbox::new();
    sandbox.write("full/README.md", "mine");
    sandbox.write("file", "mine");
    let before = sandbox.tree();
    sandbox
        .nova(["new", "full"])
        .failed(1, "full is not empty: it holds README.md");
    sandbox.nova(["new", "file"]).failed(1, "file is a file");
    sandbox
        .nova(["new", "file/below"])
        .failed(1, "file is in the way: it is a file");
    assert_eq!(sandbox.tree(), before);
}

#[test]
fn the_runtime_is_where_the_user_says() {
    let sandbox = Sandbox::new();
    let odd = "it's a \"runtime\" \\ é";
    sandbox.write(&format!("{odd}/Cargo.toml"), "[package]\nname = \"nova-framework\"\n");
    sandbox.nova(["new", "a", "--no-git", "--nova-path", odd]).succeeded();
    let manifest: toml::Table = sandbox.read("a/Cargo.toml").parse().unwrap();
    let runtime = manifest["dependencies"]["nova"].as_table().unwrap();
    assert_eq!(runtime["package"].as_str(), Some("nova-framework"));
    let path = sandbox.path(odd).canonicalize().unwrap();
    assert_eq!(runtime["path"].as_str(), path.to_str());
    let mut command = Command::new(env!("CARGO_BIN_EXE_nova"));
    command.args(["new", "b", "--no-git"]).current_dir(sandbox.path(""));
    Run::of(&command.env("NOVA_PATH", odd).output().unwrap()).succeeded();
    let of_b = sandbox.read("b/Cargo.toml");
    assert!(
        of_b.contains(
            sandbox
                .read("a/Cargo.toml")
                .lines()
                .find(|line| line.starts_with("nova"))
                .unwrap()
        )
    );
    sandbox
        .nova(["new", "c", "--nova-path", "none"])
        .failed(2, "none has no Cargo.toml");
    sandbox
        .nova(["new", "c", "--nova-path", "a"])
        .failed(2, "a holds another package");
    assert!(!exists(&sandbox.path("c")));
}

#[test]
fn a_workspace_around_the_project_does_not_keep_it_from_building() {
    let sandbox = Sandbox::new();
    sandbox.write("Cargo.toml", "[workspace]\nmembers = [\"crates/*\"]\n");
    sandbox.nova(["new", "crates/listed", "--no-git"]).succeeded();
    assert!(!sandbox.read("crates/listed/Cargo.toml").contains("[workspace]"));
    // Cargo warns at every build of those that a member has.
    assert!(!sandbox.read("crates/listed/Cargo.toml").contains("[profile"));
    let run = sandbox.nova(["new", "alone", "--no-git"]).succeeded();
    assert!(sandbox.read("alone/Cargo.toml").contains("\n[workspace]\n"));
    assert!(sandbox.read("alone/Cargo.toml").contains("\n[profile.dev]\n"));
    assert!(
        run.stderr.contains("    Separate a workspace of its own"),
        "{}",
        run.stderr
    );
    sandbox.write("mine/Cargo.toml", "[package]\nname = \"mine\"\n");
    let run = sandbox.nova_in("mine", ["init", "--no-git"]).succeeded();
    assert!(!run.stderr.contains("Separate"), "{}", run.stderr);
}

#[test]
fn a_repository_is_made_once() {
    let sandbox = Sandbox::new();
    let run = sandbox.nova(["new", "outer"]).succeeded();
    let has_git = run.stderr.contains(" Initialized git repository\n");
    assert_eq!(exists(&sandbox.path("outer/.git")), has_git);
    if has_git {
        sandbox.nova_in("outer", ["new", "inner"]).succeeded();
        assert!(!exists(&sandbox.path("outer/inner/.git")));
    }
}

#[test]
fn a_project_inside_of_a_repository_has_no_workflow_that_nobody_runs() {
    let sandbox = Sandbox::new();
    std::fs::create_dir_all(sandbox.path("outer/.git")).unwrap();
    std::fs::create_dir_all(sandbox.path("outer/inner")).unwrap();
    sandbox.nova_in("outer", ["new", "services/chat"]).succeeded();
    sandbox.nova_in("outer/inner", ["init"]).succeeded();
    sandbox.nova_in("outer", ["init"]).succeeded();
    let workflow = ".github/workflows/ci.yml";
    for (project, has_one) in [("outer/services/chat", false), ("outer/inner", false), ("outer", true)] {
        assert_eq!(exists(&sandbox.path(project).join(workflow)), has_one, "{project}");
    }
}
