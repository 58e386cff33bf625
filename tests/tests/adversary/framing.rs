//! Requests that two servers in a row may take for different ones (request smuggling), and bodies that lie.

use nova::prelude::*;
use nova_tests::WebSocket;
use nova_tests::server::serve;
use nova_tests::websocket::{TEXT, frame};

use crate::kit::{answers, goes_on, server, statuses};

/// What is hidden in the body of another, and must never be answered.
const HIDDEN: &str = "GET /panic HTTP/1.1\r\nhost: a\r\n\r\n";

#[test]
fn a_body_has_one_length() {
    let server = server("");
    for (fields, status) in [
        ("content-length: 4\r\ntransfer-encoding: chunked\r\n", 400),
        ("transfer-encoding: chunked\r\ncontent-length: 4\r\n", 400),
        ("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n", 400),
        ("content-length: 0\r\ntransfer-encoding: identity\r\n", 400),
        ("content-length: 4\r\ncontent-length: 4\r\n", 400),
        ("content-length: 4\r\ncontent-length: 5\r\n", 400),
        ("content-length: +4\r\n", 400),
        ("content-length: -4\r\n", 400),
        ("content-length: 0x4\r\n", 400),
        ("content-length: 4, 4\r\n", 400),
        ("content-length: 4 4\r\n", 400),
        ("content-length: 4;\r\n", 400),
        ("content-length:\r\n", 400),
        ("content-length: 99999999999999999999\r\n", 400),
        ("content-length : 4\r\n", 400),
        ("transfer-encoding : chunked\r\n", 400),
        ("transfer-encoding: xchunked\r\n", 400),
        ("transfer-encoding: chunked, identity\r\n", 400),
        ("transfer-encoding: identity\r\n", 400),
        ("transfer-encoding:\r\n", 400),
        ("transfer-encoding: \"chunked\"\r\n", 400),
        ("transfer-encoding: chunked;a=b\r\n", 400),
        ("transfer-encoding: \u{b}chunked\r\n", 400),
        ("transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n", 400),
        ("transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n", 400),
        ("transfer-encoding: identity\r\ntransfer-encoding: chunked\r\n", 400),
        // Understood, but not here (RFC 9112 §6.1).
        ("transfer-encoding: gzip, chunked\r\n", 501),
        ("transfer-encoding: chunked, chunked\r\n", 501),
    ] {
        let request = format!("POST / HTTP/1.1\r\nhost: a\r\n{fields}\r\n0\r\n\r\n{HIDDEN}");
        assert_eq!(statuses(&server, request), [status], "{fields:?}");
    }
    let old = format!("POST / HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{HIDDEN}");
    assert_eq!(statuses(&server, old), [400]);
    goes_on(&server);
}

#[test]
fn a_request_that_is_refused_is_so_however_it_comes_and_behind_others() {
    let server = server("");
    let first = "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\nx-t: 1\r\n\r\n";
    let second = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\n\n\n\n";
    let upgrade = "GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n";
    let third = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n";
    let all = format!("{first}{second}{upgrade}{third}{HIDDEN}");
    assert_eq!(statuses(&server, &all), [200, 200, 200, 400]);
    let mut connection = server.connect();
    for byte in all.as_bytes() {
        if connection.try_send([*byte]).is_err() {
            break;
        }
    }
    let mut statuses = Vec::new();
    while let Some(response) = connection.try_response("GET") {
        statuses.push(response.status);
    }
    assert_eq!(statuses, [200, 200, 200, 400]);
}

#[test]
fn a_chunk_that_is_none_ends_the_connection() {
    let server = server("");
    let huge = format!("4;{}\r\nabcd\r\n0\r\n\r\n", "a".repeat(100_000));
    let trailers = format!("0\r\n{}\r\n", "x-trailer: a\r\n".repeat(10_000));
    for body in [
        "0x4\r\nabcd\r\n0\r\n\r\n",
        "+4\r\nabcd\r\n0\r\n\r\n",
        "-4\r\nabcd\r\n0\r\n\r\n",
        " 4\r\nabcd\r\n0\r\n\r\n",
        "g\r\nabcd\r\n0\r\n\r\n",
        "\r\nabcd\r\n0\r\n\r\n",
        "4\nabcd\n0\n\n",
        "4\rabcd\r0\r\r",
        "4\r\nabcde\r\n0\r\n\r\n",
        "4\r\nabcd0\r\n\r\n",
        "4;a\nb\r\nabcd\r\n0\r\n\r\n",
        "ffffffffffffffffff\r\nabcd\r\n0\r\n\r\n",
        &huge,
        &trailers,
    ] {
        let head = "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
        let told = statuses(&server, format!("{head}{body}{HIDDEN}"));
        assert_eq!(told, [400], "{body:.60?}");
    }
    goes_on(&server);
}

#[test]
fn a_body_that_is_shorter_than_it_says_is_no_request() {
    let server = server("");
    for request in [
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nhello",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n10\r\nhello",
    ] {
        let mut connection = server.connect();
        connection.send(request);
        connection.finish();
        if let Some(response) = connection.try_response("POST") {
            assert_eq!(response.status, 400);
        }
        assert!(connection.is_ended());
    }
    goes_on(&server);
}

#[test]
fn what_comes_behind_a_body_is_no_part_of_it() {
    let server = server("");
    let request = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n";
    let answers = answers(&server, format!("{request}hello and more\r\n\r\n"));
    assert_eq!((answers[0].status, answers[0].text()), (200, "2"));
    assert_eq!(
        answers[1..].iter().map(|answer| answer.status).collect::<Vec<_>>(),
        [400]
    );
}

#[test]
fn what_comes_with_a_handshake_is_no_head_however_long_it_is() {
    struct Echo;
    impl WebSocketHandler for Echo {
        async fn handle(&mut self, frame: Frame, _socket: &Socket) -> Commands {
            Commands::send(frame)
        }
    }
    let server = serve(|| {
        let group = Group::new("/").ws("/ws", async || Echo);
        Routes::new().group(group.post("/", async |body: String| body.len().to_string()))
    });
    let mut connection = server.connect();
    // It is read in large pieces after that.
    let body = "x".repeat(1_000_000);
    assert_eq!(connection.request("POST", "/", &[], &body).text(), "1000000");
    let text = "a\nb\r\n\r\n".repeat(10_000);
    let mut socket = WebSocket::upgraded(connection, "/ws", &[], [frame(TEXT, &text)]);
    assert_eq!(socket.receive_text(), text);
}
