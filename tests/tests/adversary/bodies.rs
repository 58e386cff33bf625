//! Bodies that are too large, and those who say so.

use nova::App;
use nova::prelude::*;
use nova_tests::{Project, Server};

use crate::kit::goes_on;

fn server() -> Server {
    let project = Project::new().file("nova.toml", "[server]\nbody_limit = 1000\n");
    project.serve(|| {
        let length = || async |body: String| body.len().to_string();
        App::new(move || {
            Routes::new()
                .group(Group::new("/").get("/", async || "here").post("/", length()))
                .group(Group::new("/large").body_limit(100_000).post("/", length()))
        })
    })
}

#[test]
fn who_claims_too_much_is_refused_before_a_byte_and_reads_that_while_it_sends() {
    let server = server();
    for (target, length) in [("/", 1_001_u64), ("/large", 100_001), ("/", 99_000_000_000)] {
        let head = format!("POST {target} HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n\r\n");
        // Without a byte of it.
        let mut connection = server.connect();
        connection.send(&head);
        let response = connection.response("POST");
        assert_eq!((response.status, response.header("connection")), (413, Some("close")));
        // With all that a client sends before it looks whether there is an answer.
        let mut connection = server.connect();
        connection.send(&head);
        let sent = usize::try_from(length).unwrap_or(usize::MAX).min(8_000_000);
        connection.send(vec![b'x'; sent]);
        assert_eq!(connection.response("POST").status, 413, "{target} {length}");
        assert!(connection.is_ended());
    }
    goes_on(&server);
}

#[test]
fn who_waits_to_be_told_to_send_is_told_not_to() {
    let server = server();
    let mut connection = server.connect();
    connection.send("POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 2000\r\n\r\n");
    assert_eq!(connection.response("POST").status, 413);
}

#[test]
fn a_body_of_chunks_is_held_to_its_groups_limit() {
    let server = server();
    for (target, chunks, status) in [
        ("/", 10, 200),
        ("/", 11, 413),
        ("/large", 1_000, 200),
        ("/large", 1_001, 413),
    ] {
        let head = format!("POST {target} HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n");
        let chunk = format!("64\r\n{}\r\n", "x".repeat(100));
        let mut connection = server.connect();
        connection.send(format!("{head}{}0\r\n\r\n", chunk.repeat(chunks)));
        assert_eq!(connection.response("POST").status, status, "{target} {chunks}");
    }
    goes_on(&server);
}

#[test]
fn an_endless_body_is_413_while_it_is_sent() {
    let server = server();
    let mut connection = server.connect();
    connection.send("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n");
    let chunk = format!("2000\r\n{}\r\n", "x".repeat(0x2000)).repeat(100);
    for _ in 0..8 {
        // It may have been cut.
        let _ = connection.try_send(&chunk);
    }
    assert_eq!(connection.response("POST").status, 413);
}

#[test]
fn over_http2_it_is_the_same() {
    let server = server();
    let mut client = nova_tests::http2::open(&server);
    let claim = |length: &'static str| [("content-length", length)];
    for (target, length, status) in [("/", "1001", 413), ("/large", "100001", 413), ("/", "99000000000", 413)] {
        let request = nova_tests::http2::request("POST", target, &claim(length));
        let pending = client.send(request, false);
        assert_eq!(pending.response().unwrap().status, status, "{target} {length}");
    }
    let body = "x".repeat(1_001);
    assert_eq!(client.request("POST", "/", &[], &body).status, 413);
    assert_eq!(client.request("POST", "/large", &[], &body).text(), "1001");
    goes_on(&server);
}
