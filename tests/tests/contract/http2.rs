//! HTTP/2: the same application on the same port, its limits, and its end.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use nova::App;
use nova::http::HeaderMap;
use nova::prelude::*;
use nova_tests::http2::{Connection, open, request};
use nova_tests::process::await_refusal;
use nova_tests::server::{serve, serve_with};
use nova_tests::{Gate, Journal, PATIENCE, Project, Server, in_one_of_a_few};

use crate::service::start;

/// What a client that knows begins with: the preface, and settings that set nothing.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
/// How many streams a client may have open.
const STREAMS: usize = 200;

type Stage = (Journal, Gate);

async fn wait(State((journal, gate)): State<Stage>) -> &'static str {
    journal.note("waiting");
    gate.pass().await;
    "waited"
}

fn routes() -> Routes<Stage> {
    Routes::new()
        .group(
            Group::new("/")
                .get("/", async || "here")
                .get("/wait", wait)
                .get("/host", async |headers: HeaderMap| format!("{:?}", headers["host"]))
                .get("/panic", async || -> &'static str { panic!("boom") })
                .post("/", async |body: String| Reply::json(body.len())),
        )
        .group(Group::new("/").host("a.example").get("/own", async || "its own"))
}

fn server(stage: &Stage, toml: &str) -> Server {
    let stage = stage.clone();
    let project = Project::new().file("nova.toml", toml);
    project.serve(move || App::new(routes).state(stage))
}

fn plain_server() -> Server {
    serve_with(&(Journal::new(), Gate::new()), routes)
}

#[test]
fn requests_are_answered_as_over_http1_and_on_the_same_port() {
    let server = plain_server();
    let mut client = open(&server);
    for (method, target, body) in [
        ("GET", "/", ""),
        ("HEAD", "/", ""),
        ("POST", "/", "four"),
        ("GET", "/host/", ""),
        ("GET", "/nowhere", ""),
        ("DELETE", "/", ""),
        ("OPTIONS", "/", ""),
        ("GET", "/panic", ""),
    ] {
        let over_http2 = client.request(method, target, &[], body);
        let over_http1 = server.request(method, target, &[], body);
        assert_eq!(over_http2.status, over_http1.status, "{method} {target}");
        assert_eq!(over_http2.text(), over_http1.text(), "{method} {target}");
        for name in ["content-type", "allow", "content-length"] {
            assert_eq!(over_http2.header(name), over_http1.header(name), "{method} {target}");
        }
    }
}

#[test]
fn the_authority_is_the_host() {
    let server = plain_server();
    let mut client = open(&server);
    assert_eq!(client.get("/host").text(), "\"localhost\"");
    assert_eq!(client.get("/own").status, 404);
    let own = || nova::http::Request::get("http://A.example:8080/own");
    assert_eq!(
        client.send(own().body(()).unwrap(), true).response().unwrap().text(),
        "its own"
    );
    // RFC 9113 §8.3.1: a request whose two names differ is malformed.
    for (host, status) in [("a.example:8080", 200), ("b.example", 400)] {
        let request = own().header("host", host).body(()).unwrap();
        assert_eq!(client.send(request, true).response().unwrap().status, status, "{host}");
    }
    // Without an authority there is one header at most.
    for (hosts, status) in [(&["a.example"][..], 200), (&["a.example", "b.example"], 400)] {
        let request = nova::http::Request::get("/own");
        let request = hosts
            .iter()
            .fold(request, |request, host| request.header("host", *host));
        let response = client.send(request.body(()).unwrap(), true).response().unwrap();
        assert_eq!(response.status, status, "{hosts:?}");
    }
}

/// Sends bytes one by one, and gives the first ones that come back.
fn answer_to_single_bytes(server: &Server, bytes: &[u8]) -> [u8; 9] {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    for byte in bytes {
        stream.write_all(&[*byte]).unwrap();
        std::thread::yield_now();
    }
    let mut answer = [0; 9];
    stream.read_exact(&mut answer).unwrap();
    answer
}

#[test]
fn the_preface_may_come_byte_by_byte() {
    let [_, _, _, kind, flags, stream @ ..] = answer_to_single_bytes(&plain_server(), PREFACE);
    assert_eq!((kind, flags, stream), (4, 0, [0; 4]), "settings");
}

#[test]
fn what_only_begins_like_the_preface_is_http1() {
    let server = plain_server();
    for (head, status) in [
        ("P / HTTP/1.1", "405"),
        ("PR / HTTP/1.1", "405"),
        ("PRI / HTTP/1.1", "405"),
        ("PRI * HTTP/1.1", "404"),
        ("PUT / HTTP/1.1", "405"),
        ("GET / HTTP/1.1", "200"),
    ] {
        let request = format!("{head}\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n");
        let answer = answer_to_single_bytes(&server, request.as_bytes());
        assert_eq!(&answer, b"HTTP/1.1 ", "{head}");
        let mut connection = server.connect();
        connection.send(&request);
        assert_eq!(connection.response("GET").status.to_string(), status, "{head}");
    }
}

#[test]
fn a_preface_that_does_not_come_is_not_waited_for() {
    let server = server(
        &(Journal::new(), Gate::new()),
        "[server]\nheader_timeout = 1\nidle_timeout = 1\n",
    );
    for beginning in [&b"P"[..], b"PRI * HT", &PREFACE[..24]] {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(beginning).unwrap();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap();
        // What comes of a whole preface are frames of HTTP/2, no words of HTTP/1.
        assert!(!rest.starts_with(b"HTTP"), "{beginning:?}");
    }
}

#[test]
fn a_connection_without_streams_ends_in_order_after_the_header_timeout() {
    in_one_of_a_few(|| {
        let stage = (Journal::new(), Gate::new());
        let server = server(&stage, "[server]\nheader_timeout = 1\nidle_timeout = 1\n");
        let mut busy = open(&server);
        let pending = busy.begin("GET", "/wait", &[], "");
        assert_eq!(stage.0.next(), "waiting");
        let mut idle = open(&server);
        assert_eq!(idle.get("/").text(), "here");
        assert_eq!(idle.end(), Ok(()));
        // The other has a request, however long that takes.
        stage.1.open();
        assert_eq!(pending.response().unwrap().text(), "waited");
        assert_eq!(busy.get("/").text(), "here");
        assert_eq!(busy.end(), Ok(()));
    });
}

#[test]
fn a_head_over_the_limit_is_431_and_a_body_413() {
    let server = server(&(Journal::new(), Gate::new()), "[server]\nbody_limit = 10\n");
    let mut client = open(&server);
    let long = "x".repeat(20_000);
    assert_eq!(client.request("GET", "/", &[("x-long", &long)], "").status, 431);
    assert_eq!(client.request("POST", "/", &[], "0123456789").text(), "10");
    assert_eq!(
        client
            .request("POST", "/", &[("content-length", "11")], "0123456789x")
            .status,
        413
    );
    // Without a length it shows when the limit is passed.
    let mut pending = client.send(request("POST", "/", &[]), false);
    pending.send("01234567", false);
    pending.send("89abcdef", true);
    assert_eq!(pending.response().unwrap().status, 413);
    assert_eq!(client.get("/").text(), "here");
}

#[test]
fn streams_over_the_limit_wait_and_other_connections_do_not() {
    let stage = (Journal::new(), Gate::new());
    let server = server(&stage, "");
    let mut client = open(&server);
    let mut flood: Vec<_> = (0..STREAMS).map(|_| client.begin("GET", "/wait", &[], "")).collect();
    for _ in 0..STREAMS {
        assert_eq!(stage.0.next(), "waiting");
    }
    flood.push(client.begin("GET", "/wait", &[], ""));
    assert_eq!(open(&server).get("/").text(), "here");
    assert!(stage.0.take().is_empty(), "one more than may be open");
    stage.1.open();
    for pending in flood {
        assert_eq!(pending.response().unwrap().text(), "waited");
    }
}

#[test]
fn a_client_that_resets_what_it_asks_for_is_cut_and_harms_no_other() {
    let stage = (Journal::new(), Gate::new());
    let server = server(&stage, "");
    let mut neighbour = open(&server);
    assert_eq!(neighbour.get("/").text(), "here");
    // CVE-2023-44487: requests and their resets in one write, which the server reads before it has answered any.
    let mut flood = PREFACE.to_vec();
    for nth in 0..2000_u32 {
        let stream = (2 * nth + 1).to_be_bytes();
        // GET, http, /wait and the authority `a`, of which the first two are in HPACK's table (RFC 7541 §A).
        let head = [&[0x82, 0x86, 0x04, 5][..], b"/wait", &[0x01, 1, b'a']].concat();
        let length = u8::try_from(head.len()).unwrap();
        flood.extend([&[0, 0, length, 0x01, 0x05][..], &stream, &head].concat());
        flood.extend([&[0, 0, 4, 0x03, 0][..], &stream, &[0, 0, 0, 8]].concat());
    }
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // It fails where the server has seen enough before.
    let _ = stream.write_all(&flood);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let enhance_your_calm = [0, 0, 0, 0x0B];
    assert!(
        frames(&answer).any(|(kind, payload)| kind == 0x07 && payload[4..8] == enhance_your_calm),
        "{answer:?}"
    );
    assert_eq!(neighbour.get("/").text(), "here");
}

/// The kinds and payloads of the frames in these bytes.
fn frames(mut bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    std::iter::from_fn(move || {
        let (head, rest) = bytes.split_at_checked(9)?;
        let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        let (payload, behind) = rest.split_at_checked(length)?;
        bytes = behind;
        Some((head[3], payload))
    })
}

#[test]
fn a_reset_request_is_no_longer_worked_on() {
    struct Noted(Journal);
    impl Drop for Noted {
        fn drop(&mut self) {
            self.0.note("dropped");
        }
    }
    let journal = Journal::new();
    let server = serve_with(&journal, || {
        let controller = async |State(journal): State<Journal>| {
            journal.note("begun");
            let _noted = Noted(journal);
            std::future::pending::<()>().await;
        };
        Routes::new().group(Group::new("/").get("/", controller))
    });
    let mut client = open(&server);
    let pending = client.begin("GET", "/", &[], "");
    assert_eq!(journal.next(), "begun");
    pending.reset();
    assert_eq!(journal.next(), "dropped");
}

#[test]
fn connections_are_counted_and_not_their_streams() {
    let stage = (Journal::new(), Gate::new());
    let server = server(&stage, "[server]\nmax_connections = 1\n");
    let mut first = open(&server);
    let pending = first.begin("GET", "/wait", &[], "");
    assert_eq!(stage.0.next(), "waiting");
    assert_eq!(first.get("/").text(), "here");
    let mut second = server.connect();
    second.send("GET / HTTP/1.1\r\nhost: localhost\r\n\r\n");
    stage.1.open();
    assert_eq!(pending.response().unwrap().text(), "waited");
    drop(first);
    assert_eq!(second.response("GET").text(), "here");
}

#[test]
fn a_connect_that_no_route_declares_is_refused() {
    let server = serve(|| Routes::new().group(Group::new("/").get("/", async || "here")));
    let mut client = open(&server);
    let tunnel = nova::http::Request::connect("a.example:443").body(()).unwrap();
    assert_eq!(client.send(tunnel, false).response().unwrap().status, 404);
    let refused = client.connect("websocket", "/", &[("sec-websocket-version", "13")]);
    let refused = refused.response().unwrap();
    assert_eq!(
        (refused.status, refused.header("allow")),
        (405, Some("GET, HEAD, OPTIONS"))
    );
    assert_eq!(
        client.connect("websocket", "/nowhere", &[]).response().unwrap().status,
        404
    );
    assert_eq!(client.get("/").text(), "here");
}

#[test]
fn at_the_end_a_running_request_is_answered_and_the_connection_ends_in_order() {
    let (mut process, _directory) = start();
    let address = process.address();
    let (mut running, mut idle) = (Connection::open(address), Connection::open(address));
    assert_eq!(idle.get("/").text(), "here");
    let pending = running.begin("GET", "/slow/1", &[], "");
    process.lines().await_note("begun");
    process.signal("TERM");
    await_refusal(address);
    assert_eq!(idle.end(), Ok(()));
    process.say("open");
    let response = pending.response().unwrap();
    assert_eq!((response.text(), response.header("connection")), ("finished", None));
    assert_eq!(running.end(), Ok(()));
    assert_eq!(process.end().code(), Some(0));
}

#[test]
fn a_connection_that_says_nothing_more_does_not_hold_the_end() {
    let (mut process, _directory) = start();
    let address = process.address();
    // It has begun, and will not answer what it is told.
    let mut silent = TcpStream::connect(address).unwrap();
    silent.write_all(PREFACE).unwrap();
    silent.read_exact(&mut [0; 9]).unwrap();
    let _half = TcpStream::connect(address).unwrap().write_all(b"PRI");
    process.signal("TERM");
    assert_eq!(process.end().code(), Some(0));
}

#[test]
fn a_connect_to_somewhere_else_is_refused() {
    let server = plain_server();
    let mut over_http1 = server.connect();
    over_http1.send("CONNECT b.example:80 HTTP/1.1\r\nhost: b.example:80\r\n\r\n");
    assert_eq!(over_http1.response("GET").status, 404);
    let mut client = open(&server);
    let request = nova::http::Request::connect("b.example:80").body(()).unwrap();
    assert_eq!(client.send(request, true).response().unwrap().status, 404);
    assert_eq!(client.get("/").text(), "here");
}
