//! WebSockets over HTTP/2 (RFC 8441): how they begin, how they end, and what they share a connection with.

use std::time::Duration;

use nova::axum::extract::Request;
use nova::axum::middleware::{Next, from_fn, from_fn_with_state};
use nova::axum::response::{IntoResponse as _, Response};
use nova::http::{HeaderName, HeaderValue, StatusCode};
use nova::prelude::*;
use nova::{Accept, App, Compression};
use nova_tests::http2::{Connection, open};
use nova_tests::process::await_refusal;
use nova_tests::server::{serve, serve_with};
use nova_tests::stream::Stream as _;
use nova_tests::websocket::{BINARY, CLOSE, TEXT, begun, closing, frame, upgrade};
use nova_tests::{Journal, Project, Received, Server, WebSocket};

use crate::compressing::{COMPRESSED, OFFER, compressed};
use crate::puppet::Scene;
use crate::service::start;

struct Echo;

impl WebSocketHandler for Echo {
    async fn handle(&mut self, frame: Frame, _socket: &Socket) -> Commands {
        Commands::send(frame)
    }
}

async fn echo() -> Echo {
    Echo
}

fn echo_server() -> Server {
    serve(|| Routes::new().group(Group::new("/").ws("/", echo).get("/page", async || "a page")))
}

/// What an extended CONNECT is answered with.
fn answer(client: &mut Connection, protocol: &'static str, headers: &[(&str, &str)]) -> nova_tests::http::Response {
    client.connect(protocol, "/", headers).response().unwrap()
}

#[test]
fn the_settings_announce_it() {
    assert!(open(&echo_server()).takes_extended_connect());
}

#[test]
fn a_good_handshake_is_200_without_the_headers_of_an_upgrade() {
    let server = echo_server();
    let mut client = open(&server);
    // The key is nothing here (RFC 8441 §5), whether it is one or not.
    for key in [&[][..], &[("sec-websocket-key", "no key")]] {
        let mut socket = client.websocket("/", key);
        for name in [
            "connection",
            "upgrade",
            "sec-websocket-accept",
            "sec-websocket-protocol",
            "sec-websocket-extensions",
            "content-length",
        ] {
            assert_eq!(socket.handshake.header(name), None);
        }
        socket.text("in");
        assert_eq!(socket.receive_text(), "in");
    }
}

#[test]
fn what_is_no_handshake_is_refused() {
    let server = echo_server();
    let mut client = open(&server);
    let version = ("sec-websocket-version", "13");
    for (protocol, headers, status) in [
        ("websocket", &[][..], 400),
        ("websocket", &[("sec-websocket-version", "12")], 400),
        ("websocket", &[version, version], 400),
        ("connect-udp", &[version], 501),
        ("websocket", &[version, ("origin", "https://evil.example")], 403),
        ("websocket", &[version, ("origin", "null")], 403),
    ] {
        let refused = answer(&mut client, protocol, headers);
        assert_eq!(refused.status, status, "{protocol} {headers:?}");
        assert!(status != 400 || refused.header("sec-websocket-version") == Some("13"));
    }
    // 426 would need the header `upgrade`, which HTTP/2 has not.
    let plain = client.get("/");
    assert_eq!(
        (plain.status, plain.header("upgrade"), plain.header("connection")),
        (400, None, None)
    );
    assert!(plain.text().contains("RFC 8441"), "{}", plain.text());
    assert_eq!(
        client
            .websocket("/", &[("origin", "http://localhost")])
            .handshake
            .status,
        200
    );
    // In HTTP/1 there is no such method.
    let connect = server.request("CONNECT", "/", &[], "");
    assert_eq!(
        (connect.status, connect.header("allow")),
        (405, Some("GET, HEAD, OPTIONS"))
    );
}

#[test]
fn a_person_who_opens_the_route_in_dev_sees_the_console() {
    let project = Project::new().environment("dev");
    let server = project.serve(|| App::new(|| Routes::new().group(Group::new("/").ws("/", echo))));
    let page = open(&server).request("GET", "/", &[("accept", "text/html")], "");
    assert_eq!(page.status, 400);
    assert!(page.text().contains("new WebSocket"), "{}", page.text());
}

#[test]
fn init_may_refuse_and_set_headers_and_choose_a_sub_protocol() {
    async fn init(Query(query): Query<std::collections::BTreeMap<String, String>>) -> Result<Accept<Echo>, Rejection> {
        match query.get("who").map(String::as_str) {
            Some("friend") => Ok(Accept::new(Echo)
                .protocol("game.v2")
                .header(HeaderName::from_static("x-seen"), HeaderValue::from_static("yes"))),
            Some("foe") => Err(Rejection::with((StatusCode::CONFLICT, "not you"))),
            _ => Err(Rejection::new()),
        }
    }
    let server = serve(|| Routes::new().group(Group::new("/").ws("/", init)));
    let mut client = open(&server);
    let socket = client.websocket("/?who=friend", &[("sec-websocket-protocol", "chat, game.v2")]);
    assert_eq!(socket.handshake.header("sec-websocket-protocol"), Some("game.v2"));
    assert_eq!(socket.handshake.header("x-seen"), Some("yes"));
    let version = [("sec-websocket-version", "13")];
    let refused = client.connect("websocket", "/?who=foe", &version).response().unwrap();
    assert_eq!((refused.status, refused.text()), (409, "not you"));
    assert_eq!(
        client.connect("websocket", "/", &version).response().unwrap().status,
        400
    );
}

#[test]
fn compression_is_agreed_on_and_used() {
    let compression = Compression {
        min_size: 0,
        ..Compression::default()
    };
    let server = serve(move || {
        let init = move || async move { Accept::new(Echo).compress(compression) };
        Routes::new().group(Group::new("/").ws("/", init))
    });
    let mut socket = open(&server).websocket("/", &[("sec-websocket-extensions", OFFER)]);
    let answer = socket.handshake.header("sec-websocket-extensions").unwrap();
    assert!(answer.starts_with("permessage-deflate"), "{answer}");
    let payload = compressed("again and again and again".as_bytes());
    socket.send(TEXT | COMPRESSED, &payload);
    let (first, _) = socket.receive_frame().unwrap();
    assert_eq!(first, TEXT | COMPRESSED);
}

#[test]
fn the_order_is_middleware_security_init() {
    async fn around(State(journal): State<Journal>, request: Request, next: Next) -> Response {
        journal.note(format!("in {}", request.method()));
        let response = next.run(request).await;
        journal.note(format!("out {}", response.status().as_u16()));
        response
    }
    async fn guard(State(journal): State<Journal>) -> Access {
        journal.note("security");
        Access::allow()
    }
    async fn init(State(journal): State<Journal>) -> Echo {
        journal.note("init");
        Echo
    }
    let journal = Journal::new();
    let table = journal.clone();
    let server = serve_with(&journal, move || {
        let group = Group::new("/").layer(from_fn_with_state(table, around)).security(guard);
        Routes::new().group(group.ws("/", init))
    });
    let _socket = open(&server).websocket("/", &[]);
    assert_eq!(journal.take(), ["in CONNECT", "security", "init", "out 200"]);
}

#[test]
fn security_denies_before_init() {
    async fn nobody() -> Access {
        Access::deny()
    }
    async fn init() -> Echo {
        panic!("nobody comes here")
    }
    let server = serve(|| Routes::new().group(Group::new("/").security(nobody).ws("/", init)));
    let refused = answer(&mut open(&server), "websocket", &[("sec-websocket-version", "13")]);
    assert_eq!(refused.status, 401);
}

#[test]
fn one_that_middleware_takes_back_or_init_panics_in_leaves_no_member() {
    async fn take_back(request: Request, next: Next) -> Response {
        next.run(request).await;
        StatusCode::FORBIDDEN.into_response()
    }
    async fn join(socket: Socket) -> Echo {
        socket.join("room");
        Echo
    }
    async fn fail(socket: Socket) -> Echo {
        socket.join("room");
        panic!("boom")
    }
    let server = serve(|| {
        let members = async |pubsub: PubSub| pubsub.members("room").len().to_string();
        Routes::new()
            .group(Group::new("/taken").layer(from_fn(take_back)).ws("/", join))
            .group(Group::new("/").ws("/panic", fail).get("/members", members))
    });
    let mut client = open(&server);
    let version = [("sec-websocket-version", "13")];
    for (target, status) in [("/taken", 403), ("/panic", 500)] {
        assert_eq!(
            client.connect("websocket", target, &version).response().unwrap().status,
            status
        );
        assert_eq!(client.get("/members").text(), "0");
    }
}

#[test]
fn a_close_ends_the_stream_and_nothing_else_of_the_connection() {
    let server = echo_server();
    let mut client = open(&server);
    let mut others = [(); 2].map(|()| client.websocket("/", &[]));
    let mut socket = client.websocket("/", &[]);
    socket.send(CLOSE, closing(1000, ""));
    assert_eq!(socket.rest(), [Received::close(1000)]);
    for (nth, other) in others.iter_mut().enumerate() {
        other.text(&nth.to_string());
    }
    assert_eq!(client.get("/page").text(), "a page");
    for (nth, other) in others.iter_mut().enumerate() {
        assert_eq!(other.receive_text(), nth.to_string());
    }
}

#[test]
fn a_client_that_leaves_its_side_open_after_the_close_is_reset() {
    let server = echo_server();
    let (_, mut stream) = open(&server).stream("/", &[]);
    std::io::Write::write_all(&mut stream, &frame(CLOSE, "")).unwrap();
    let mut rest = Vec::new();
    std::io::Read::read_to_end(&mut stream, &mut rest).unwrap();
    assert_eq!(rest, [CLOSE, 0]);
    assert_eq!(stream.await_reset(), h2::Reason::NO_ERROR);
}

#[test]
fn a_stream_that_is_reset_or_ends_or_whose_connection_is_gone_is_closed() {
    for how in ["cancel", "error", "end", "connection"] {
        let scene = Scene::new();
        let mut client = open(&scene.server);
        let (_, mut stream) = client.stream("/", &[]);
        // In mid-message, and when all before it has been handled.
        let half = [frame(BINARY, "seen"), begun(TEXT, "half")].concat();
        std::io::Write::write_all(&mut stream, &half).unwrap();
        assert!(scene.journal.next().contains("Binary"), "{how}");
        match how {
            "cancel" => stream.reset(h2::Reason::CANCEL),
            "error" => stream.reset(h2::Reason::INTERNAL_ERROR),
            "end" => stream.finish().unwrap(),
            _ => client.cut(),
        }
        assert_eq!(scene.journal.next(), "terminate Closed", "{how}");
        drop((client, stream));
        drop(scene.server);
        assert!(scene.journal.take().is_empty(), "{how}: terminate runs once");
    }
}

#[test]
fn what_a_client_sent_before_it_ended_its_side_is_answered() {
    let server = echo_server();
    let mut socket = open(&server).websocket("/", &[]);
    socket.send_bytes([frame(TEXT, "last"), frame(TEXT, "words")].concat());
    socket.finish();
    assert_eq!(socket.rest(), [Received::text("last"), Received::text("words")]);
}

#[test]
fn a_silent_one_is_closed_after_its_idle_timeout() {
    struct Silent(Journal);
    impl WebSocketHandler for Silent {
        async fn handle(&mut self, _frame: Frame, _socket: &Socket) -> Commands {
            Commands::none()
        }
        async fn terminate(self, reason: Reason, _socket: &Socket) {
            self.0.note(format!("{reason:?}"));
        }
    }
    let journal = Journal::new();
    let server = serve_with(&journal, || {
        let init = async |State(journal): State<Journal>| {
            Accept::new(Silent(journal)).idle_timeout(Duration::from_millis(100))
        };
        Routes::new().group(Group::new("/").ws("/", init))
    });
    let mut socket = open(&server).websocket("/", &[]);
    assert_eq!(socket.rest(), [Received::close(1000)]);
    assert_eq!(journal.next(), "Timeout");
}

/// Answers a flood with more than a client takes that does not read, and stops receiving when it is told to.
struct Slow(Journal);

impl WebSocketHandler for Slow {
    async fn handle(&mut self, frame: Frame, _socket: &Socket) -> Commands {
        match frame {
            Frame::Text(text) if text.as_str() == "flood" => Commands::send(Frame::binary(vec![0; 8 * 1024 * 1024])),
            Frame::Text(text) if text.as_str() == "stop" => Commands::pause(),
            frame => Commands::send(frame),
        }
    }

    async fn terminate(self, reason: Reason, _socket: &Socket) {
        self.0.note(format!("{reason:?}"));
    }
}

fn slow_server(journal: &Journal) -> Server {
    let journal = journal.clone();
    let project = Project::new().file("nova.toml", "[websocket]\nwrite_timeout = 1\n");
    project.serve(move || {
        let init = async |State(journal): State<Journal>| Slow(journal);
        App::new(move || Routes::new().group(Group::new("/").ws("/", init))).state(journal)
    })
}

#[test]
fn one_that_is_not_read_is_reset_after_the_write_timeout_and_holds_up_no_other() {
    let journal = Journal::new();
    let server = slow_server(&journal);
    let mut client = open(&server);
    let (_, mut stalled) = client.stream("/", &[]);
    let mut other = client.websocket("/", &[]);
    std::io::Write::write_all(&mut stalled, &frame(TEXT, "flood")).unwrap();
    for _ in 0..100 {
        other.send(BINARY, vec![1; 10_000]);
        assert_eq!(other.receive(), Received::Binary(vec![1; 10_000]));
    }
    assert!(journal.next().contains("TimedOut"));
    assert_eq!(stalled.await_reset(), h2::Reason::CANCEL);
}

#[test]
fn one_whose_handler_does_not_receive_holds_up_no_other() {
    let server = slow_server(&Journal::new());
    let mut client = open(&server);
    let mut stopped: Vec<_> = (0..20).map(|_| client.stream("/", &[]).1).collect();
    let mut other = client.websocket("/", &[]);
    for stream in &mut stopped {
        std::io::Write::write_all(stream, &frame(TEXT, "stop")).unwrap();
        // As much as the server takes of a stream that it does not read, and together more than a client may have on its
        // way where the connection's window is as usual.
        std::io::Write::write_all(stream, &frame(BINARY, vec![0; 60_000])).unwrap();
    }
    for _ in 0..100 {
        other.send(BINARY, vec![1; 10_000]);
        assert_eq!(other.receive(), Received::Binary(vec![1; 10_000]));
    }
}

#[test]
fn many_live_on_one_connection_and_all_are_told_of_its_end() {
    const SOCKETS: usize = 150;
    let journal = Journal::new();
    let server = slow_server(&journal);
    let mut client = open(&server);
    let mut sockets: Vec<_> = (0..SOCKETS).map(|_| client.websocket("/", &[])).collect();
    for (nth, socket) in sockets.iter_mut().enumerate() {
        socket.text(&nth.to_string());
    }
    for (nth, socket) in sockets.iter_mut().enumerate() {
        assert_eq!(socket.receive_text(), nth.to_string());
    }
    client.cut();
    for _ in 0..SOCKETS {
        assert_eq!(journal.next(), "Closed");
    }
}

#[test]
fn a_callback_in_flight_outlives_its_connection() {
    let scene = Scene::new();
    let mut client = open(&scene.server);
    let mut socket = client.websocket("/", &[]);
    socket.text("wait");
    assert_eq!(scene.journal.next(), "waiting");
    client.cut();
    scene.gate.open();
    assert_eq!(scene.journal.next(), "waited");
    assert_eq!(scene.journal.next(), "terminate Closed");
}

#[test]
fn it_outlives_the_header_timeout() {
    let project = Project::new().file("nova.toml", "[server]\nheader_timeout = 1\n");
    let server = project.serve(|| App::new(|| Routes::new().group(Group::new("/").ws("/", echo))));
    let mut socket = open(&server).websocket("/", &[]);
    // The end of a neighbour shows that the time has passed.
    assert_eq!(open(&server).end(), Ok(()));
    socket.text("still here");
    assert_eq!(socket.receive_text(), "still here");
}

#[test]
fn at_the_end_each_is_closed_with_1001_and_the_connection_in_order() {
    let (mut process, _directory) = start();
    let address = process.address();
    let mut client = Connection::open(address);
    let mut sockets = [(); 3].map(|()| client.websocket("/ws", &[]));
    process.signal("TERM");
    for socket in &mut sockets {
        assert_eq!(socket.rest(), [Received::close(1001)]);
    }
    drop(sockets);
    for _ in 0..3 {
        assert!(process.lines().await_note("terminate").contains("Shutdown"));
    }
    assert_eq!(client.end(), Ok(()));
    assert_eq!(process.end().code(), Some(0));
}

#[test]
fn at_the_end_a_callback_in_flight_is_finished_before_the_1001() {
    let (mut process, _directory) = start();
    let address = process.address();
    let mut socket = Connection::open(address).websocket("/stubborn", &[]);
    socket.text("work");
    process.lines().await_note("handling");
    process.signal("TERM");
    await_refusal(address);
    process.say("open");
    assert_eq!(socket.rest(), [Received::text("handled"), Received::close(1001)]);
    assert_eq!(process.end().code(), Some(0));
}

#[test]
fn an_upgrade_of_http1_goes_on_beside_it() {
    let server = echo_server();
    let mut over_http2 = open(&server).websocket("/", &[]);
    let mut connection = server.connect();
    connection.send(upgrade("/", &[]));
    let handshake = connection.response("GET");
    let mut over_http1 = WebSocket::accepted(connection, handshake);
    for socket in [&mut over_http1, &mut over_http2] {
        socket.text("both");
        assert_eq!(socket.receive_text(), "both");
    }
}
