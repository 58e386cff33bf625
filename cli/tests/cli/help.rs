//! What `--help` prints.

use super::Sandbox;

/// The columns of the narrowest usual terminal.
const COLUMNS: usize = 80;

/// All that has help: the commands, and the kinds.
pub(super) const COMMANDS: &[&str] = &[
    "",
    "new",
    "init",
    "gen",
    "gen controller",
    "gen resource",
    "gen ws-handler",
    "gen security",
    "gen fallback",
    "gen reply-handler",
    "gen test",
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

#[test]
fn no_help_is_wider_than_a_terminal() {
    let sandbox = Sandbox::new();
    for command in COMMANDS {
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
