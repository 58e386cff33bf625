//! Clients that take their time.

use std::time::{Duration, Instant};

use nova::App;
use nova::prelude::*;
use nova_tests::http::Connection;
use nova_tests::{Gate, Journal, PATIENCE, Project, Server, in_one_of_a_few};

use crate::kit::{goes_on, server};

/// Sends these again and again, until the server has ended the connection or said something.
fn drip(connection: &mut Connection, bytes: &str) {
    let deadline = Instant::now() + PATIENCE;
    while connection.try_send(bytes).is_ok() && !connection.has_answer(Duration::from_millis(100)) {
        assert!(Instant::now() < deadline, "it is waited for");
    }
}

#[test]
fn a_head_that_comes_slowly_is_408() {
    let server = server("[server]\nheader_timeout = 1\n");
    for (beginning, more) in [
        ("GET / HT", ""),
        ("G", "E"),
        ("GET / HTTP/1.1\r\nhost: a\r\n", "a: b\r\n"),
    ] {
        let mut connection = server.connect();
        connection.send(beginning);
        drip(&mut connection, more);
        let response = connection.response("GET");
        assert_eq!((response.status, response.header("connection")), (408, Some("close")));
        assert!(connection.is_ended());
    }
    goes_on(&server);
}

#[test]
fn who_says_nothing_is_told_nothing() {
    let server = server("[server]\nheader_timeout = 1\n");
    let mut connection = server.connect();
    assert!(connection.try_response("GET").is_none());
    // Nor is an empty line anything.
    let mut connection = server.connect();
    drip(&mut connection, "\r\n");
    assert!(connection.try_response("GET").is_none());
}

#[test]
fn a_connection_that_is_kept_has_the_idle_timeout_and_its_next_head_the_header_timeout() {
    let server = server("[server]\nheader_timeout = 1\nidle_timeout = 3600\n");
    in_one_of_a_few(|| {
        let mut idle = server.connect();
        let mut slow = server.connect();
        for connection in [&mut idle, &mut slow] {
            assert_eq!(connection.request("GET", "/", &[], "").text(), "here");
        }
        slow.send("GET / HT");
        // The end of a silent neighbour shows that the time has passed.
        assert!(server.connect().is_ended());
        assert_eq!(slow.response("GET").status, 408);
        assert_eq!(idle.request("GET", "/", &[], "").text(), "here");
    });

    let server = crate::kit::server("[server]\nheader_timeout = 3600\nidle_timeout = 1\n");
    let mut idle = server.connect();
    assert_eq!(idle.request("GET", "/", &[], "").text(), "here");
    assert!(idle.try_response("GET").is_none());
    goes_on(&server);
}

#[test]
fn a_request_that_runs_is_not_idle() {
    type Stage = (Journal, Gate);
    let stage = (Journal::new(), Gate::new());
    let served = stage.clone();
    let project = Project::new().file("nova.toml", "[server]\nheader_timeout = 1\nidle_timeout = 1\n");
    let wait = async |State((journal, gate)): State<Stage>| {
        journal.note("begun");
        gate.pass().await;
        "waited"
    };
    let routes = move || Routes::new().group(Group::new("/").get("/", wait));
    let server = project.serve(move || App::new(routes).state(served));
    let mut running = server.connect();
    running.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    assert_eq!(stage.0.next(), "begun");
    assert!(server.connect().is_ended());
    assert!(server.connect().is_ended());
    stage.1.open();
    assert_eq!(running.response("GET").text(), "waited");
}

const SLOW_BODIES: &str = "[server]\nbody_timeout = 1\nheader_timeout = 1\n";

#[test]
fn a_body_of_a_byte_now_and_then_is_408() {
    let server = server(SLOW_BODIES);
    let head = "POST / HTTP/1.1\r\nhost: a\r\n";
    for (framing, more) in [
        ("content-length: 1000\r\n\r\n", ""),
        ("content-length: 1000\r\n\r\n", "x"),
        ("transfer-encoding: chunked\r\n\r\n", "1\r\nx\r\n"),
        ("transfer-encoding: chunked\r\n\r\n1;", "x"),
    ] {
        let mut connection = server.connect();
        connection.send(format!("{head}{framing}"));
        drip(&mut connection, more);
        let response = connection.response("POST");
        assert_eq!((response.status, response.header("connection")), (408, Some("close")));
        assert!(connection.is_ended());
    }
    goes_on(&server);
}

#[test]
fn over_http2_it_is_the_same_and_the_connection_goes_on() {
    let server = server(SLOW_BODIES);
    let mut client = nova_tests::http2::open(&server);
    let mut pending = client.send(nova_tests::http2::request("POST", "/", &[]), false);
    pending.send("x", false);
    assert_eq!(pending.response().unwrap().status, 408);
    assert_eq!(client.get("/").text(), "here");
}

#[test]
fn a_long_upload_that_goes_on_is_waited_for() {
    let server = server(SLOW_BODIES);
    let (count, part) = (25, "x".repeat(100));
    in_one_of_a_few(|| {
        let mut connection = server.connect();
        connection.send(format!(
            "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n",
            count * part.len()
        ));
        for _ in 0..count {
            connection.send(&part);
            // 1,000 bytes a second, for more than two seconds.
            std::thread::sleep(Duration::from_millis(100));
        }
        assert_eq!(connection.response("POST").text(), "2500");
    });
}

#[test]
fn a_controller_may_take_its_time_to_read() {
    let (journal, gate) = (Journal::new(), Gate::new());
    let state = (journal.clone(), gate.clone());
    let project = Project::new().file("nova.toml", SLOW_BODIES);
    let late = async |State((journal, gate)): State<(Journal, Gate)>, request: nova::axum::extract::Request| {
        journal.note("begun");
        gate.pass().await;
        let body = nova::axum::body::to_bytes(request.into_body(), 1_000_000).await;
        body.unwrap().len().to_string()
    };
    let server: Server =
        project.serve(move || App::new(move || Routes::new().group(Group::new("/").post("/", late))).state(state));
    let mut connection = server.connect();
    connection.send(format!(
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 500000\r\n\r\n{}",
        "x".repeat(500_000)
    ));
    assert_eq!(journal.next(), "begun");
    assert!(server.connect().is_ended());
    assert!(server.connect().is_ended());
    gate.open();
    assert_eq!(connection.response("POST").text(), "500000");
}

#[test]
fn a_body_that_does_not_come_has_its_page() {
    let project = Project::new().file("nova.toml", SLOW_BODIES);
    let server = project.serve(|| {
        let group = Group::new("/").post("/", async |body: String| body);
        App::new(move || Routes::new().group(group).status(408, async || "too slow"))
    });
    let mut connection = server.connect();
    connection.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhel");
    let response = connection.response("POST");
    assert_eq!((response.status, response.text()), (408, "too slow"));
}

#[test]
fn without_a_limit_there_is_none() {
    let server = server("[server]\nheader_timeout = 1\nbody_timeout = 0\n");
    let mut connection = server.connect();
    connection.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\na");
    assert!(server.connect().is_ended());
    connection.send("b");
    assert_eq!(connection.response("POST").text(), "2");
}
