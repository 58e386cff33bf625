//! What a newcomer gets wrong: each mistake has an exit code, a reason, what to type, and no effect.

use crate::kit::command::nova;
use crate::kit::project::tree;
use crate::kit::{Project, Run};

/// Checks the shape of a refusal: the reason first, then the advice.
#[track_caller]
fn reason_and_help(run: &Run) {
    let mut lines = run.stderr.lines();
    assert!(lines.any(|line| line.starts_with("error: ")), "{}", run.stderr);
    assert!(lines.any(|line| line.starts_with("help:  ")), "{}", run.stderr);
}

#[test]
fn a_bad_name_is_refused_with_a_reason_and_a_good_one() {
    let directory = tempfile::tempdir().unwrap();
    let project = Project::new("named");
    let before = project.tree();
    let long = "x".repeat(200);
    for name in [
        "1abc", "fn", "gen", "std", "self", "my app", "", &long, "größe", "日本", "my-äpp", "-",
    ] {
        let run = Run::nova(directory.path(), ["new", "--", name]).failed(2, "error: ");
        reason_and_help(&run);
        for kind in ["controller", "ws-handler"] {
            let run = Run::nova(project.root(), ["gen", kind, "--", name]).failed(2, "error: ");
            reason_and_help(&run);
        }
    }
    for name in ["../x", "/tmp/x", "a//b", "a\\b", "..", "."] {
        for kind in ["controller", "ws-handler"] {
            let run = Run::nova(project.root(), ["gen", kind, name]).failed(2, "error: ");
            reason_and_help(&run);
        }
    }
    assert!(tree(directory.path()).is_empty());
    assert!(project.tree() == before, "a file was written");
}

#[test]
fn a_directory_with_something_in_it_is_not_written_to() {
    let project = Project::new("full");
    let before = project.tree();
    let above = project.root().parent().unwrap();
    let run = Run::nova(above, ["new", "full"]).failed(1, "full is not empty");
    reason_and_help(&run);
    assert!(project.tree() == before, "a file was written");
}

#[test]
fn outside_a_project_every_command_says_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    for args in ["gen controller posts", "gen ws-handler chat", "serve", "routes"] {
        let run = Run::nova(directory.path(), args.split(' ')).failed(1, "error: ");
        reason_and_help(&run);
        assert!(run.stderr.contains("nova new "), "{args}:\n{}", run.stderr);
    }
    assert!(tree(directory.path()).is_empty());
}

#[test]
fn routes_that_can_not_be_edited_are_left_alone() {
    let project = Project::new("reshaped");
    let good = project.read("src/routes.rs");
    for (from, to, message) in [
        ("Routes::new()", "Routes::new(", "src/routes.rs:"),
        ("-> Routes {", "-> Routes { let = 3;", "src/routes.rs:"),
        (
            "pub fn routes() -> Routes",
            "pub fn table() -> Table",
            ".get(\"/posts\", posts::index)",
        ),
    ] {
        project.write("src/routes.rs", &good.replace(from, to));
        let before = project.tree();
        for args in ["gen controller posts", "gen ws-handler chat"] {
            let run = project.nova(args);
            assert_eq!(run.code, Some(1), "{}", run.stderr);
            assert!(run.stderr.contains("nothing was written"), "{}", run.stderr);
            if args.contains("posts") {
                assert!(run.stderr.contains(message), "{message:?} is not in:\n{}", run.stderr);
            }
        }
        assert!(project.tree() == before, "a file was written");
    }
}

#[test]
fn what_is_generated_never_takes_the_place_of_what_is_there() {
    let project = Project::new("taken");
    let before = project.tree();
    for args in [
        "gen controller home",
        "gen controller heartbeat",
        "gen controller assets",
        "gen controller assets show",
        "gen ws-handler assets",
    ] {
        let run = project.nova(args).failed(1, "error: ");
        assert!(run.stderr.contains("nothing was written"), "{args}:\n{}", run.stderr);
        reason_and_help(&run);
    }
    assert!(project.tree() == before, "a file was written");
}

#[test]
fn a_word_that_is_nearly_a_command_is_answered_with_the_command() {
    let project = Project::new("typo");
    for (args, suggestion) in [
        ("sevre", "serve"),
        ("rotues", "routes"),
        ("gen controler posts", "controller"),
        ("gen ws-handlers chat", "ws-handler"),
    ] {
        let run = project.nova(args).failed(2, "error: ");
        let quoted = [format!("`nova {suggestion}`"), format!("`{suggestion}`")];
        assert!(
            quoted.iter().any(|quoted| run.stderr.contains(quoted)),
            "{args}:\n{}",
            run.stderr
        );
    }
}

#[test]
fn without_rust_every_command_that_needs_none_works_and_the_others_say_so() {
    let project = Project::new("bare");
    let empty = tempfile::tempdir().unwrap();
    let bare = |args: &str| {
        let mut command = nova(project.root());
        Run::of(command.args(args.split(' ')).env("PATH", empty.path()))
    };
    bare("gen ws-handler chat").succeeded();
    bare("gen controller posts").succeeded();
    bare("new inner").succeeded();
    for args in ["serve --port 0", "routes"] {
        let run = bare(args).failed(1, "cargo is not installed, or not in PATH");
        reason_and_help(&run);
        assert!(run.stderr.contains("https://rustup.rs"), "{}", run.stderr);
    }
}
