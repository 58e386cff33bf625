//! In a terminal: keys, colours; and none of it elsewhere.

use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::kit::{Project, Serve, eventually};

/// The command in a terminal that is made for it, and what it shows. None where nothing makes terminals.
fn in_a_terminal(project: &Project, rest: &str) -> Option<std::process::Child> {
    let nova = format!("stty cols 80; {} serve --port 0{rest}", env!("CARGO_BIN_EXE_nova"));
    let mut command = Command::new("script");
    let like = project.nova(&[]);
    for (name, value) in like.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.args(["--quiet", "--flush", "--return", "--command", &nova, "shown"]);
    command
        .current_dir(&project.root)
        .env("TERM", "xterm-256color")
        .env_remove("NO_COLOR");
    command.stdin(Stdio::piped()).stdout(Stdio::null());
    match command.spawn() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            eprintln!("not tested: there is no `script` here");
            None
        }
        spawned => Some(spawned.unwrap()),
    }
}

#[test]
fn keys_are_obeyed_and_the_terminal_is_left_as_it_was() {
    let project = Project::new();
    let modes = "; stty -a | grep -oE -- '-?icanon|-?echo ' | tr '\\n' ' '; echo all over";
    let Some(mut script) = in_a_terminal(&project, modes) else {
        return;
    };
    let mut keys = script.stdin.take().unwrap();
    let shown = || std::fs::read_to_string(project.root.join("shown")).unwrap_or_default();
    let mut press = |key: &str| keys.write_all(key.as_bytes()).unwrap();
    eventually("the keys are hinted at", || {
        shown().contains("r rebuild · o open in the browser")
    });
    assert!(shown().contains("\u{1b}["), "in colour");
    press("x\u{1b}[Ar");
    eventually("it is built again", || shown().contains("Reloaded"));
    press("?");
    eventually("help is given", || shown().matches("r rebuild").count() == 2);
    press("c");
    eventually("the screen is cleared", || shown().contains("\u{1b}[2J"));
    press("q");
    eventually("it ends", || shown().contains("all over"));
    assert!(script.wait().unwrap().success());
    let shown = shown();
    let (_, modes) = shown.rsplit_once("Stopping").unwrap();
    assert!(modes.contains("icanon") && !modes.contains("-icanon"), "{modes}");
    assert!(modes.contains("echo") && !modes.contains("-echo"), "{modes}");
}

#[test]
fn a_first_build_shows_how_far_it_is_in_a_line_that_passes() {
    let project = Project::new();
    project.write(
        "build.rs",
        "fn main() {
             let waits = || std::fs::exists(\"build.rs\").unwrap() && !std::fs::exists(\"go\").unwrap();
             while waits() { std::thread::sleep(std::time::Duration::from_millis(10)); }
         }\n",
    );
    let Some(mut script) = in_a_terminal(&project, "") else {
        return;
    };
    let shown = || std::fs::read_to_string(project.root.join("shown")).unwrap_or_default();
    eventually("how far it is", || shown().contains(": myapp(build) "));
    project.write("go", "");
    eventually("it serves", || shown().contains("Serving"));
    script.stdin.take().unwrap().write_all(b"q").unwrap();
    assert!(script.wait().unwrap().success());

    let shown = anstream::adapter::strip_str(&shown()).to_string();
    let (before, _) = shown.split_once("     Serving").unwrap();
    let lasting: Vec<_> = before.lines().map(|line| line.rsplit('\r').next().unwrap()).collect();
    assert_eq!(lasting.last(), Some(&""), "the line has been taken away: {before:?}");
    assert!(!lasting.iter().any(|line| line.contains("Building [")), "{before:?}");
}

#[test]
fn without_a_terminal_nothing_is_read() {
    let project = Project::new();
    let mut command = project.nova(&["serve", "--port", "0", "--json"]);
    command.stdin(Stdio::piped());
    let mut serve = Serve::start_with(command);
    let mut stdin = serve.child.stdin.take().unwrap();
    stdin.write_all(b"q").unwrap();
    drop(stdin);
    project.write_body("two");
    serve.wait_for("Reloaded ");
    assert_eq!(serve.get("/").1, "two");
    let started = serve.wait_for_event("started");
    assert_eq!(started["url"], format!("http://{}", serve.address));
}
