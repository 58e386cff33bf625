//! `nova serve` and `nova routes` with real processes: cargo, and a small application that stands in for a real one.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

mod edits;
mod ending;
mod failures;
mod kit;
mod line;
mod places;
mod terminal;

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use rustix::process::Signal;

use kit::{PATIENCE, Project, Serve, eventually, runs, stderr};

#[test]
fn a_change_is_served_and_an_error_is_not() {
    let project = Project::new();
    let mut serve = Serve::start(&project);
    let (first, body) = serve.get("/");
    assert_eq!(body, "one");

    project.write_body("two");
    serve.wait_for("Changed src/body.rs");
    serve.wait_for("Reloaded ");
    let (second, body) = serve.get("/");
    assert_eq!(body, "two");
    eventually("the first process ends", || !runs(first));

    project.write("src/body.rs", "pub const TEXT: &str = two;\n");
    serve.wait_for("cannot find value `two`");
    serve.wait_for("Failed 1 error; still serving the previous build");
    assert_eq!(serve.get("/"), (second, "two".to_owned()));

    project.write_body("three");
    serve.wait_for("Reloaded ");
    assert_eq!(serve.get("/").1, "three");

    let (third, _) = serve.get("/");
    serve.signal(Signal::TERM);
    assert_eq!(serve.exit_code(), Some(143));
    assert!(!runs(second) && !runs(third), "a process was left");
}

#[test]
fn an_application_that_dies_is_started_by_the_next_change() {
    let project = Project::new();
    let serve = Serve::start(&project);
    serve.get("/die");
    serve.wait_for("Failed myapp ended with exit status: 101; waiting for a change");

    // The socket is still there: this connection waits for the next process.
    let waiting = TcpStream::connect(&serve.address).unwrap();
    project.write("nova.toml", "[server]\n");
    serve.wait_for("Changed nova.toml");
    serve.wait_for("Reloaded ");
    waiting.set_read_timeout(Some(PATIENCE)).unwrap();
    (&waiting).write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let mut answer = String::new();
    (&waiting).read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with(" one"), "{answer}");
}

#[test]
fn a_command_that_is_killed_leaves_no_application() {
    let project = Project::new();
    let serve = Serve::start(&project);
    let (process, _) = serve.get("/");
    serve.signal(Signal::KILL);
    eventually("the application ends", || !runs(process));
}

#[test]
fn a_busy_port_is_an_error() {
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = holder.local_addr().unwrap().port().to_string();
    let output = Project::new().output(&["serve", "--port", &port]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).starts_with(&format!("error: port {port} is in use\n")),
        "{}",
        stderr(&output)
    );
}

#[test]
fn without_cargo_it_is_said_what_to_install() {
    let empty = tempfile::tempdir().unwrap();
    let output = Project::new()
        .nova(&["serve", "--port", "0"])
        .env("PATH", empty.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("install Rust from https://rustup.rs"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn routes_are_printed_as_a_table_or_as_they_came() {
    let project = Project::new();
    let table = project.output(&["routes"]);
    let expected =
        "METHOD  PATH   HANDLER         SECURITY  PLACE\nWS      /chat  ws::chat::init  -         src/routes.rs:3\n";
    assert_eq!(String::from_utf8_lossy(&table.stdout), expected);

    let json = project.output(&["routes", "--json"]);
    let line = String::from_utf8(json.stdout).unwrap();
    assert!(
        line.starts_with("{\"kind\":\"websocket\"") && line.lines().count() == 1,
        "{line}"
    );

    project.write("src/body.rs", "");
    for command in ["routes", "openapi"] {
        let failed = project.output(&[command]);
        assert_eq!(failed.status.code(), Some(1));
        assert!(
            stderr(&failed).ends_with("error: myapp was not built: 1 error\n"),
            "{}",
            stderr(&failed)
        );
        assert!(failed.stdout.is_empty());
    }
}

#[test]
fn an_audit_of_nothing_is_not_green() {
    let project = Project::new();
    assert_eq!(project.output(&["audit"]).status.code(), Some(0));
    project.write("src/main.rs", "fn main() {\n    println!(\"another program\");\n}\n");
    let output = project.output(&["audit"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("error: myapp printed no routes\n       nothing was audited\n"),
        "{}",
        stderr(&output)
    );
}
