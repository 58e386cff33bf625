//! Safe by default: limits on bodies, heads and connections.

use nova::App;
use nova::prelude::*;
use nova_tests::websocket::refused;
use nova_tests::{Project, Server};

fn server(toml: &str) -> Server {
    let project = Project::new().file("nova.toml", toml);
    project.serve(|| {
        App::new(|| {
            Routes::new()
                .group(
                    Group::new("/")
                        .get("/", async || "here")
                        .post("/", async |body: String| body.len().to_string()),
                )
                .status(413, async || "too much")
        })
    })
}

#[test]
fn a_body_over_two_megabytes_is_413() {
    let server = server("");
    let limit = 2 * 1024 * 1024;
    assert_eq!(
        server.request("POST", "/", &[], &"x".repeat(limit)).text(),
        limit.to_string()
    );
    let mut connection = server.connect();
    let length = limit + 1;
    let head = "POST / HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue";
    connection.send(format!("{head}\r\ncontent-length: {length}\r\n\r\n"));
    let mut response = connection.response("POST");
    if response.status == 100 {
        connection.send("x".repeat(length));
        response = connection.response("POST");
    }
    assert_eq!(response.status, 413);
}

#[test]
fn a_body_over_the_configured_limit_is_413_with_its_page() {
    let server = server("[server]\nbody_limit = 10\n");
    assert_eq!(server.request("POST", "/", &[], "0123456789").text(), "10");
    let response = server.request("POST", "/", &[], "0123456789x");
    assert_eq!((response.status, response.text()), (413, "too much"));
}

#[test]
fn a_body_that_claims_too_much_is_413_before_it_is_read() {
    let server = server("");
    let mut connection = server.connect();
    connection.send("POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 99000000000\r\n\r\n");
    assert_eq!(connection.response("POST").status, 413);
}

#[test]
fn a_body_without_a_length_is_held_to_the_limit_too() {
    let server = server("[server]\nbody_limit = 10\n");
    let mut connection = server.connect();
    let head = "POST / HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n";
    connection.send(format!("{head}6\r\nabcdef\r\n6\r\nabcdef\r\n0\r\n\r\n"));
    assert_eq!(connection.response("POST").status, 413);
}

#[test]
fn a_head_that_does_not_come_is_not_waited_for() {
    let server = server("[server]\nheader_timeout = 1\n");
    for beginning in ["", "GET / HTTP/1.1\r\nhos"] {
        let mut connection = server.connect();
        connection.send(beginning);
        if let Some(response) = connection.try_response("GET") {
            assert_eq!(response.status, 408);
        }
        assert!(connection.is_ended(), "{beginning:?}");
    }
}

#[test]
fn a_body_may_come_after_the_header_timeout() {
    let server = server("[server]\nheader_timeout = 1\n");
    let mut connection = server.connect();
    connection.send("POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 4\r\n\r\nab");
    // The end of a silent neighbour shows that the time has passed.
    assert!(server.connect().is_ended());
    connection.send("cd");
    assert_eq!(connection.response("POST").text(), "4");
}

#[test]
fn connections_over_the_limit_wait_for_a_place() {
    let server = server("[server]\nmax_connections = 1\n");
    let mut first = server.connect();
    assert_eq!(first.request("GET", "/", &[], "").text(), "here");
    let mut second = server.connect();
    second.send("GET / HTTP/1.1\r\nhost: localhost\r\n\r\n");
    assert_eq!(first.request("GET", "/", &[], "").text(), "here");
    drop(first);
    assert_eq!(second.response("GET").text(), "here");
}

#[test]
fn a_websocket_keeps_its_place_among_the_connections() {
    use nova_tests::WebSocket;
    use nova_tests::websocket::CLOSE;

    struct Silent;
    impl WebSocketHandler for Silent {
        async fn handle(&mut self, _frame: Frame, _socket: &Socket) -> Commands {
            Commands::none()
        }
    }
    let project = Project::new().file("nova.toml", "[server]\nmax_connections = 1\n");
    let routes = || Routes::new().group(Group::new("/").ws("/ws", async || Silent).get("/", async || "here"));
    let server = project.serve(move || App::new(routes));
    let mut socket = WebSocket::open(&server, "/ws");
    let mut waiting = server.connect();
    waiting.send("GET / HTTP/1.1\r\nhost: localhost\r\n\r\n");
    socket.send(CLOSE, "");
    socket.rest();
    drop(socket);
    assert_eq!(waiting.response("GET").text(), "here");
}

#[test]
fn a_malformed_request_harms_no_other() {
    let server = server("");
    for request in [
        "\0\0\0\0\r\n\r\n",
        "GET\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "GET / HTTP/1.1\r\nbad header\r\n\r\n",
    ] {
        let mut connection = server.connect();
        connection.send(request);
        if let Some(response) = connection.try_response("GET") {
            assert_eq!(response.status, 400, "{request:?}");
        }
    }
    assert_eq!(server.get("/").text(), "here");
}

#[test]
fn a_websocket_route_that_does_not_exist_is_404() {
    assert_eq!(refused(&server(""), "/nowhere", &[]).status, 404);
}
