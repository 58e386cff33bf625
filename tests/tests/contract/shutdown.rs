//! The end of a process: what is finished, what is told, and what is cut.

use nova_tests::http::Connection;
use nova_tests::process::await_refusal;
use nova_tests::websocket::{TEXT, frame};
use nova_tests::{Process, Received, WebSocket};

use crate::service::{start, start_with};

/// Begins a request that lasts until the gate is opened.
fn begin(process: &Process, address: std::net::SocketAddr) -> Connection {
    let mut connection = Connection::open(address);
    connection.send("GET /slow/1 HTTP/1.1\r\nhost: localhost\r\n\r\n");
    process.lines().await_note("begun");
    connection
}

#[test]
fn sigterm_ends_it_with_0_and_the_listener_is_closed() {
    for signal in ["TERM", "INT"] {
        let (mut process, _directory) = start();
        let address = process.address();
        assert_eq!(Connection::open(address).request("GET", "/", &[], "").text(), "here");
        process.signal(signal);
        assert_eq!(process.end().code(), Some(0), "{signal}");
        await_refusal(address);
    }
}

#[test]
fn a_running_request_is_answered_and_nothing_new_is_accepted() {
    let (mut process, _directory) = start();
    let address = process.address();
    let mut running = begin(&process, address);
    process.signal("TERM");
    await_refusal(address);
    process.say("open");
    let response = running.response("GET");
    assert_eq!(
        (response.text(), response.header("connection")),
        ("finished", Some("close"))
    );
    assert!(running.is_ended());
    assert_eq!(process.end().code(), Some(0));
}

#[test]
fn a_callback_in_flight_is_finished_before_the_1001() {
    let (mut process, _directory) = start();
    let address = process.address();
    let mut socket = WebSocket::upgraded(Connection::open(address), "/stubborn", &[], [frame(TEXT, "work")]);
    process.lines().await_note("handling");
    process.signal("TERM");
    await_refusal(address);
    process.say("open");
    assert_eq!(socket.last_words(), [Received::text("handled"), Received::close(1001)]);
    assert_eq!(process.end().code(), Some(0));
}

#[test]
fn websockets_are_closed_with_1001_and_told_of_the_shutdown() {
    let (mut process, _directory) = start();
    let address = process.address();
    let mut sockets = [(); 3].map(|()| WebSocket::upgraded(Connection::open(address), "/ws", &[], []));
    sockets[0].text("a");
    assert_eq!(sockets[0].receive_text(), "a");
    process.signal("TERM");
    for socket in &mut sockets {
        assert_eq!(socket.last_words(), [Received::close(1001)]);
    }
    drop(sockets);
    for _ in 0..3 {
        assert!(process.lines().await_note("terminate").contains("Shutdown"));
    }
    assert_eq!(process.end().code(), Some(0));
}

#[test]
fn a_connection_without_a_request_does_not_hold_it() {
    let (mut process, _directory) = start();
    let address = process.address();
    let mut idle = Connection::open(address);
    assert_eq!(idle.request("GET", "/", &[], "").text(), "here");
    let _silent = Connection::open(address);
    process.signal("TERM");
    assert_eq!(process.end().code(), Some(0));
    assert!(idle.is_ended());
}

#[test]
fn the_deadline_ends_what_does_not_end() {
    let (mut process, _directory) = start_with(&[("NOVA_SERVER_SHUTDOWN_TIMEOUT", "5")]);
    let address = process.address();
    let _running = begin(&process, address);
    let mut half = Connection::open(address);
    half.send("GET / HTTP/1.1\r\nhost: loc");
    let mut endless = Connection::open(address);
    endless.send("GET /endless HTTP/1.1\r\nhost: localhost\r\n\r\n");
    assert!(endless.has_answer(nova_tests::PATIENCE));
    let stubborn = Connection::open(address);
    let _stubborn = WebSocket::upgraded(stubborn, "/stubborn", &[], [frame(TEXT, "work")]);
    process.lines().await_note("handling");
    process.signal("TERM");
    process.end();
    // Half a request is none that is waited for.
    let line = process.lines().await_note("did not end within");
    assert!(
        line.contains("WARN") && line.contains(" 3 connections did not end within 5s"),
        "{line}"
    );
}

#[test]
fn a_request_of_which_half_has_come_does_not_hold_it() {
    let (mut process, _directory) = start_with(&[("NOVA_SERVER_SHUTDOWN_TIMEOUT", "3600")]);
    let address = process.address();
    let mut halves = ["G", "GET / HTTP/1.1\r\nhost: loc", "PRI * HTTP"].map(|half| {
        let mut connection = Connection::open(address);
        connection.send(half);
        connection
    });
    let mut kept = Connection::open(address);
    assert_eq!(kept.request("GET", "/", &[], "").text(), "here");
    kept.send("GET / HT");
    process.signal("TERM");
    for connection in &mut halves[..2] {
        assert_eq!(connection.response("GET").status, 408);
    }
    assert_eq!(kept.response("GET").status, 408);
    assert!(halves[2].is_ended());
    drop((halves, kept));
    assert_eq!(process.end().code(), Some(0));
}

#[test]
fn a_body_that_is_still_coming_is_waited_for_and_answered() {
    let (mut process, _directory) = start();
    let address = process.address();
    let mut uploading = Connection::open(address);
    uploading.send("POST /length HTTP/1.1\r\nhost: localhost\r\ncontent-length: 10\r\n\r\nhello");
    let mut over_http2 = nova_tests::http2::Connection::open(address);
    let mut pending = over_http2.send(nova_tests::http2::request("POST", "/length", &[]), false);
    pending.send("hello", false);
    // It has come so far when what was sent after it is answered.
    assert_eq!(over_http2.get("/").text(), "here");
    process.signal("TERM");
    await_refusal(address);
    uploading.send("world");
    let response = uploading.response("POST");
    assert_eq!((response.text(), response.header("connection")), ("10", Some("close")));
    pending.send("world", true);
    assert_eq!(pending.response().unwrap().text(), "10");
    assert_eq!(over_http2.end(), Ok(()));
    drop(uploading);
    assert_eq!(process.end().code(), Some(0));
}

#[test]
fn a_response_that_is_being_read_is_read_to_its_end() {
    let (mut process, _directory) = start();
    let address = process.address();
    let mut reading = Connection::open(address);
    reading.send("GET /large HTTP/1.1\r\nhost: localhost\r\n\r\n");
    assert!(reading.has_answer(nova_tests::PATIENCE));
    process.signal("TERM");
    await_refusal(address);
    assert_eq!(reading.response("GET").body.len(), 64 << 20);
    drop(reading);
    assert_eq!(process.end().code(), Some(0));
}

#[test]
fn a_connection_that_is_kept_may_bring_one_more_request() {
    let (mut process, _directory) = start();
    let address = process.address();
    let mut kept = Connection::open(address);
    assert_eq!(kept.request("GET", "/", &[], "").text(), "here");
    process.signal("TERM");
    await_refusal(address);
    // It was about to ask, and may be too late.
    if kept.try_send("GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").is_ok()
        && let Some(response) = kept.try_response("GET")
    {
        assert_eq!(
            (response.text(), response.header("connection")),
            ("here", Some("close"))
        );
    }
    assert!(kept.is_ended());
    assert_eq!(process.end().code(), Some(0));
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let (mut process, _directory) = start_with(&[("NOVA_SERVER_SHUTDOWN_TIMEOUT", "3600")]);
    let address = process.address();
    let _running = begin(&process, address);
    process.signal("TERM");
    await_refusal(address);
    process.signal("TERM");
    process.end();
}

#[test]
fn the_end_can_be_announced_while_all_is_served() {
    let (mut process, _directory) = start_with(&[("NOVA_SERVER_SHUTDOWN_DELAY", "60")]);
    let address = process.address();
    let mut socket = WebSocket::upgraded(Connection::open(address), "/ws", &[], []);
    let get = |path: &str| Connection::open(address).request("GET", path, &[], "");
    assert_eq!(get("/health").status, 200);
    process.signal("TERM");
    process.lines().await_note("the end begins in 60s");
    let health = get("/health");
    assert_eq!(
        (health.status, health.text()),
        (503, r#"{"cluster":"none","status":"draining"}"#)
    );
    assert_eq!(get("/").text(), "here");
    socket.text("a");
    assert_eq!(socket.receive_text(), "a");
    // A second one does not wait.
    process.signal("TERM");
    assert_eq!(process.end().code(), Some(1));
}

#[test]
fn when_it_was_announced_for_long_enough_it_begins() {
    let (mut process, _directory) = start_with(&[("NOVA_SERVER_SHUTDOWN_DELAY", "1")]);
    let address = process.address();
    let mut socket = WebSocket::upgraded(Connection::open(address), "/ws", &[], []);
    process.signal("TERM");
    assert_eq!(socket.last_words(), [Received::close(1001)]);
    drop(socket);
    assert_eq!(process.end().code(), Some(0));
}
