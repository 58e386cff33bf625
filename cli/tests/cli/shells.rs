//! Completions in the shells themselves. A shell that is not there is left out, and that is said.

use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;

use super::Sandbox;

/// What a shell prints that runs a script in the sandbox's project, with the command in its path. Each line is a word that may
/// come next; what it is stands behind a tab.
fn prints(sandbox: &Sandbox, shell: &[&str], script: &str) -> Option<Vec<String>> {
    let directory = Path::new(env!("CARGO_BIN_EXE_nova")).parent().unwrap();
    let path = format!("{}:{}", directory.display(), std::env::var("PATH").unwrap());
    let mut command = Command::new(shell[0]);
    command.args(&shell[1..]).arg(script).current_dir(sandbox.path("myapp"));
    match command.env("PATH", path).env("HOME", sandbox.path("")).output() {
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            let words = text
                .lines()
                .map(|line| line.split('\t').next().unwrap_or_default().to_owned());
            Some(words.collect())
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            eprintln!("skipped: there is no {}", shell[0]);
            None
        }
        Err(error) => panic!("{}: {error}", shell[0]),
    }
}

/// What is typed, and what may come: the last word as the shell has it.
const CASES: &[(&str, &[&str])] = &[
    ("nova ne", &["new"]),
    ("nova gen ws", &["ws-handler"]),
    ("nova destroy controller ", &["admin/users", "home"]),
    ("nova serve --po", &["--port", "--poll"]),
    ("nova completions ", &["bash", "zsh", "fish"]),
];

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::with_project();
    sandbox
        .nova_in("myapp", ["gen", "controller", "admin/users"])
        .succeeded();
    sandbox
}

/// The same words, whatever order a shell has them in.
fn are(found: Option<Vec<String>>, expected: &[&str], line: &str) {
    let Some(mut found) = found else { return };
    let mut expected = expected.to_vec();
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected, "{line}");
}

#[test]
fn bash_completes() {
    let sandbox = sandbox();
    let words = |line: &str| {
        let script = format!(
            "source <(nova completions bash); COMP_LINE='{line}'; COMP_POINT=${{#COMP_LINE}}; _nova; \
             for word in \"${{COMPREPLY[@]}}\"; do echo \"$word\"; done"
        );
        prints(&sandbox, &["bash", "--norc", "-c"], &script)
    };
    for (line, expected) in CASES {
        are(words(line), expected, line);
    }
    // What stands before the sign is a word of its own there.
    are(words("nova --color=a"), &["auto", "always"], "--color=a");
    are(words("nova new my"), &[], "files are bash's own to complete");
}

#[test]
fn fish_completes() {
    let sandbox = sandbox();
    let words = |line: &str| {
        let script = format!("nova completions fish | source; complete -C '{line}'");
        prints(&sandbox, &["fish", "--no-config", "-c"], &script)
    };
    for (line, expected) in CASES {
        are(words(line), expected, line);
    }
    are(
        words("nova --color=a"),
        &["--color=auto", "--color=always"],
        "--color=a",
    );
    are(words("nova -C vie"), &["views/"], "a directory");
}

/// Without a terminal zsh has no completion; what it would be told is printed in its place.
#[test]
fn zsh_completes() {
    let sandbox = sandbox();
    let words = |line: &str| {
        let script = format!(
            "compdef() {{ : }}; _describe() {{ for one in \"${{(@P)2}}\"; do print -r -- \"${{one%%:*}}\"; done }}; \
             _files() {{ print files }}; source <(nova completions zsh); \
             words=(\"${{(@s: :):-{line}}}\"); CURRENT=$#words; _nova"
        );
        prints(&sandbox, &["zsh", "-f", "-c"], &script)
    };
    for (line, expected) in CASES {
        are(words(line), expected, line);
    }
    are(
        words("nova --color=a"),
        &["--color=auto", "--color=always"],
        "--color=a",
    );
    are(words("nova -C vie"), &["files"], "a directory");
}
