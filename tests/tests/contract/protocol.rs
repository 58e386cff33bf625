//! What passes between a process and who started it, as `docs/protocol.md` has it, and what ends it at its start.

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::process::Stdio;

use nova_tests::http::Connection;
use nova_tests::stream::uninterrupted;
use nova_tests::{PATIENCE, Process};

use crate::service::{service, start, start_with};

#[test]
fn the_end_of_a_supervisor_ends_it_like_sigterm() {
    let directory = tempfile::tempdir().unwrap();
    let notify = UnixDatagram::bind(directory.path().join("notify")).unwrap();
    notify.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut command = service(directory.path());
    command
        .env("NOVA_SUPERVISED", "stdin")
        .env("NOTIFY_SOCKET", directory.path().join("notify"));
    let mut process = Process::start(&mut command);
    assert_eq!(told(&notify), "READY=1");
    process.close_stdin();
    assert_eq!(process.end().code(), Some(0));
    assert_eq!(told(&notify), "STOPPING=1");
}

fn told(notify: &UnixDatagram) -> String {
    let mut buffer = [0; 256];
    let length = uninterrupted(|| notify.recv(&mut buffer)).unwrap();
    String::from_utf8(buffer[..length].to_vec()).unwrap()
}

#[test]
fn notify_socket_is_told_of_the_beginning_and_of_the_end() {
    let directory = tempfile::tempdir().unwrap();
    let notify = UnixDatagram::bind(directory.path().join("notify")).unwrap();
    notify.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut command = service(directory.path());
    let mut process = Process::start(command.env("NOTIFY_SOCKET", directory.path().join("notify")));
    assert_eq!(told(&notify), "READY=1");
    assert_eq!(
        Connection::open(process.address()).request("GET", "/", &[], "").text(),
        "here"
    );
    process.signal("TERM");
    assert_eq!(told(&notify), "STOPPING=1");
    assert_eq!(process.end().code(), Some(0));
}

#[test]
fn without_a_supervisor_the_end_of_standard_input_is_nothing() {
    let (mut process, _directory) = start();
    let address = process.address();
    process.close_stdin();
    assert_eq!(Connection::open(address).request("GET", "/", &[], "").text(), "here");
}

#[test]
fn the_route_table_is_described_in_json_lines() {
    let directory = tempfile::tempdir().unwrap();
    let output = service(directory.path())
        .env("NOVA_DESCRIBE", "routes")
        .output()
        .unwrap();
    assert!(output.status.success());
    let lines: Vec<serde_json::Value> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let paths: Vec<_> = lines.iter().map(|line| line["path"].as_str().unwrap()).collect();
    assert_eq!(
        paths,
        [
            "/",
            "/slow/{id}",
            "/posts",
            "/panic",
            "/fails",
            "/events",
            "/unhandled",
            "/ws",
            "/stubborn",
            "/length",
            "/large",
            "/endless",
            "/health",
            "/admin",
            "404"
        ]
    );
    let expected = [
        (0, serde_json::json!(["http", ["GET"], null, null, null])),
        (1, serde_json::json!(["http", ["GET"], null, "begin", null])),
        (2, serde_json::json!(["http", ["POST"], null, "create", null])),
        (
            7,
            serde_json::json!(["websocket", ["GET"], null, "Listener::init", null]),
        ),
        (
            13,
            serde_json::json!(["http", ["GET"], "admin.example", "create", "nobody"]),
        ),
        (14, serde_json::json!(["status", [], null, "not_found", null])),
    ];
    for (index, expected) in expected {
        let line = &lines[index];
        let found = ["kind", "methods", "host", "handler", "security"].map(|member| line[member].clone());
        assert_eq!(serde_json::json!(found), expected);
        assert!(line["file"].as_str().unwrap().ends_with("src/bin/service.rs"));
        assert!(line["line"].as_u64().unwrap() > 0);
    }
}

#[test]
fn a_port_that_is_taken_is_an_error_that_names_it() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let (mut process, _directory) = start_with(&[("NOVA_SERVER_PORT", &port)]);
    assert_eq!(process.end().code(), Some(1));
    process.lines().await_note(&format!("127.0.0.1:{port}"));
}

#[test]
fn a_wrong_setting_is_an_error_that_names_it() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(
        directory.path().join("nova.toml"),
        "[log]\n\n[websocket]\nidle_timeout = \"long\"\n",
    )
    .unwrap();
    let mut process = Process::start(&mut service(directory.path()));
    assert_eq!(process.end().code(), Some(1));
    let line = process.lines().await_note("nova.toml:4");
    assert!(
        line.contains("websocket.idle_timeout") && line.contains("u64"),
        "{line}"
    );
}

#[test]
fn an_inherited_listener_is_served_and_nothing_is_bound() {
    let directory = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut command = service(directory.path());
    command.env("LISTEN_FDS", "1").env("LISTEN_FDS_FIRST_FD", "0");
    let mut process = Process::start_on(&mut command, OwnedFd::from(listener.try_clone().unwrap()));
    // What comes before it listens is not refused.
    assert_eq!(Connection::open(address).request("GET", "/", &[], "").text(), "here");
    assert_eq!(process.address(), address);
    process.signal("TERM");
    assert_eq!(process.end().code(), Some(0));
    drop(listener);
}

#[test]
fn an_inherited_descriptor_that_is_no_listener_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = service(directory.path());
    command.env("LISTEN_FDS", "1").env("LISTEN_FDS_FIRST_FD", "0");
    let mut process = Process::start_on(&mut command, Stdio::null());
    assert_eq!(process.end().code(), Some(1));
    process.lines().await_note("LISTEN_FDS");
}

#[test]
fn what_is_described_of_a_route_is_all_that_the_table_knows() {
    let directory = tempfile::tempdir().unwrap();
    let output = service(directory.path())
        .env("NOVA_DESCRIBE", "routes")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let first: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    let members: Vec<_> = first.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        members,
        [
            "body_limit",
            "csrf",
            "fallback",
            "file",
            "handler",
            "host",
            "kind",
            "line",
            "methods",
            "middleware",
            "path",
            "public",
            "security"
        ]
    );
    assert_eq!(first["csrf"], true);
}

#[test]
fn the_openapi_document_is_described_on_a_line_and_what_is_unknown_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let describe = |what: &str| {
        let mut service = service(directory.path());
        service.env("NOVA_DESCRIBE", what).env("CARGO_PKG_NAME", "tea");
        service.env("CARGO_PKG_VERSION", "1.2.3").output().unwrap()
    };
    let output = describe("openapi");
    assert!(output.status.success());
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        document["info"],
        serde_json::json!({ "title": "tea", "version": "1.2.3" })
    );
    assert!(document["paths"]["/slow/{id}"]["get"].is_object());
    let output = describe("weather");
    assert!(!output.status.success() && output.stdout.is_empty());
    assert!(String::from_utf8_lossy(&output.stderr).contains("weather"));
}
