//! What `--help` prints.

use super::Sandbox;

/// The columns of the narrowest usual terminal.
const COLUMNS: usize = 80;

#[test]
fn no_help_is_wider_than_a_terminal() {
    let sandbox = Sandbox::new();
    let kinds = [
        "controller",
        "resource",
        "ws-handler",
        "security",
        "fallback",
        "reply-handler",
        "test",
    ];
    let commands = [
        "",
        "new",
        "init",
        "gen",
        "destroy",
        "serve",
        "routes",
        "audit",
        "openapi",
        "doctor",
        "eject",
        "upgrade",
        "completions",
        "man",
    ];
    let commands = commands.map(str::to_owned).into_iter();
    for command in commands.chain(kinds.map(|kind| format!("gen {kind}"))) {
        let run = sandbox.nova(command.split_whitespace().chain(["--help"]));
        assert_eq!(run.code, Some(0), "{command}");
        for line in run.stdout.lines() {
            assert!(line.chars().count() <= COLUMNS, "nova {command} --help: {line}");
        }
        // An example is on one line.
        let examples = run.stdout.lines().skip_while(|line| !line.starts_with("Example"));
        for example in examples.skip(1).take_while(|line| !line.is_empty()) {
            assert!(
                example.starts_with("  ") && example.contains("nova "),
                "nova {command} --help: {example}"
            );
        }
    }
}
