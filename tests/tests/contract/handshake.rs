//! The opening handshake: what is refused and how, and what `init` may ask for.

use std::time::Duration;

use nova::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use nova::prelude::*;
use nova::{Accept, App};
use nova_tests::server::serve;
use nova_tests::websocket::{ACCEPT, KEY, TEXT, frame, refused, upgrade};
use nova_tests::{Gate, Journal, PATIENCE, Project, Received, Server, WebSocket};

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
    serve(|| Routes::new().group(Group::new("/").ws("/", echo)))
}

/// The upgrade request with one header changed. An empty one takes it away.
fn with(name: &str, value: &str) -> String {
    let request = upgrade("/", &[]);
    let head: Vec<_> = request
        .trim_end()
        .lines()
        .filter(|line| !line.starts_with(&format!("{name}:")))
        .collect();
    let head = head.join("\r\n");
    match value {
        "" => format!("{head}\r\n\r\n"),
        _ => format!("{head}\r\n{name}: {value}\r\n\r\n"),
    }
}

fn answer(server: &Server, request: &str) -> nova_tests::http::Response {
    let mut connection = server.connect();
    connection.send(request);
    connection.response("GET")
}

#[test]
fn a_good_handshake_is_101_with_the_accept_key() {
    let socket = WebSocket::open(&echo_server(), "/");
    assert_eq!(socket.handshake.header("sec-websocket-accept"), Some(ACCEPT));
    assert_eq!(socket.handshake.header("upgrade"), Some("websocket"));
    assert!(
        socket
            .handshake
            .header("connection")
            .unwrap()
            .eq_ignore_ascii_case("upgrade")
    );
}

#[test]
fn headers_are_matched_in_any_case_and_among_others() {
    let server = echo_server();
    assert_eq!(answer(&server, &with("connection", "keep-alive, UPGRADE")).status, 101);
    assert_eq!(answer(&server, &with("upgrade", "WebSocket")).status, 101);
}

#[test]
fn a_get_without_upgrade_headers_is_426() {
    let response = echo_server().get("/");
    assert_eq!((response.status, response.header("upgrade")), (426, Some("websocket")));
    assert_eq!(response.header("sec-websocket-version"), Some("13"));
}

#[test]
fn another_upgrade_is_426() {
    assert_eq!(answer(&echo_server(), &with("upgrade", "h2c")).status, 426);
}

#[test]
fn a_missing_connection_header_is_refused() {
    assert!(matches!(
        answer(&echo_server(), &with("connection", "keep-alive")).status,
        400 | 426
    ));
}

#[test]
fn a_missing_or_malformed_key_is_400() {
    let server = echo_server();
    for key in [
        "",
        "short",
        "dGhlIHNhbXBsZSBub25jZQ",
        "dGhlIHNhbXBsZSBub25jZTEyMzQ=",
        "!!!!!!!!!!!!!!!!!!!!!!==",
    ] {
        assert_eq!(answer(&server, &with("sec-websocket-key", key)).status, 400, "{key}");
    }
}

#[test]
fn a_bad_version_is_426_with_the_good_one() {
    let server = echo_server();
    for version in ["", "12", "14", "x"] {
        let response = answer(&server, &with("sec-websocket-version", version));
        assert!(matches!(response.status, 400 | 426), "{version}: {}", response.status);
        assert_eq!(response.header("sec-websocket-version"), Some("13"), "{version}");
    }
}

#[test]
fn a_malformed_extension_header_is_ignored() {
    let server = echo_server();
    for extensions in ["permessage-deflate; =;;", "\"", ";;;", "x-unknown; a=b"] {
        let headers = [("sec-websocket-extensions", extensions)];
        let mut socket = WebSocket::open_with(&server, "/", &headers, []);
        assert_eq!(socket.handshake.header("sec-websocket-extensions"), None);
        socket.text("a");
        assert_eq!(socket.receive_text(), "a");
    }
}

#[test]
fn another_method_is_405() {
    let response = echo_server().request("POST", "/", &[], "");
    assert_eq!(
        (response.status, response.header("allow")),
        (405, Some("GET, HEAD, OPTIONS"))
    );
}

#[test]
fn http_1_0_can_not_be_upgraded() {
    let request = upgrade("/", &[]).replace("HTTP/1.1", "HTTP/1.0");
    let response = answer(&echo_server(), &request);
    assert!(matches!(response.status, 400 | 426 | 505), "{}", response.status);
}

#[test]
fn a_foreign_origin_is_403() {
    let server = echo_server();
    for origin in [
        "https://evil.example",
        "http://localhost.evil.example",
        "http://localhost:81",
        "null",
    ] {
        assert_eq!(refused(&server, "/", &[("origin", origin)]).status, 403, "{origin}");
    }
}

#[test]
fn the_same_host_and_configured_origins_are_let_in() {
    let config = "[websocket]\nallowed_origins = [\"https://app.example\"]\n";
    let project = Project::new().file("nova.toml", config);
    let server = project.serve(|| App::new(|| Routes::new().group(Group::new("/").ws("/", echo))));
    for origin in ["http://localhost", "https://app.example"] {
        WebSocket::open_with(&server, "/", &[("origin", origin)], []);
    }
    assert_eq!(
        refused(&server, "/", &[("origin", "https://other.example")]).status,
        403
    );
}

#[test]
fn init_chooses_an_offered_sub_protocol() {
    async fn init(headers: HeaderMap) -> Accept<Echo> {
        let offered = headers
            .get("sec-websocket-protocol")
            .map(|value| value.to_str().unwrap().to_owned());
        Accept::new(Echo).protocol(offered.unwrap_or_default().rsplit(", ").next().unwrap())
    }
    let server = serve(|| Routes::new().group(Group::new("/").ws("/", init)));
    let offer = [("sec-websocket-protocol", "chat.v1, chat.v2")];
    let socket = WebSocket::open_with(&server, "/", &offer, []);
    assert_eq!(socket.handshake.header("sec-websocket-protocol"), Some("chat.v2"));
}

#[test]
fn a_sub_protocol_that_was_not_offered_is_not_sent() {
    let init = async || Accept::new(Echo).protocol("chat.v2");
    let server = serve(move || Routes::new().group(Group::new("/").ws("/", init)));
    // The names are compared as they are: a browser fails a connection for another spelling.
    for offer in [
        &[("sec-websocket-protocol", "chat.v1")][..],
        &[("sec-websocket-protocol", "CHAT.V2")],
        &[],
    ] {
        let socket = WebSocket::open_with(&server, "/", offer, []);
        assert_eq!(socket.handshake.header("sec-websocket-protocol"), None, "{offer:?}");
    }
}

#[test]
fn init_sets_headers_of_the_response() {
    let init = async || {
        let name = HeaderName::from_static("set-cookie");
        Accept::new(Echo)
            .header(name.clone(), HeaderValue::from_static("a=1"))
            .header(name, HeaderValue::from_static("b=2"))
    };
    let socket = WebSocket::open(&serve(move || Routes::new().group(Group::new("/").ws("/", init))), "/");
    let cookies = socket.handshake.headers.iter().filter(|(name, _)| name == "set-cookie");
    assert_eq!(cookies.count(), 2);
}

#[test]
fn init_takes_extractors_and_the_state() {
    struct Named(String);
    impl WebSocketHandler for Named {
        async fn handle(&mut self, _frame: Frame, _socket: &Socket) -> Commands {
            Commands::send(self.0.as_str())
        }
    }
    async fn init(
        Path(room): Path<String>,
        State(name): State<&'static str>,
        Query(query): Query<Vec<(String, String)>>,
    ) -> Named {
        Named(format!("{room} {name} {query:?}"))
    }
    let server =
        Project::new().serve(|| App::new(|| Routes::new().group(Group::new("/").ws("/{room}", init))).state("state"));
    let mut socket = WebSocket::open(&server, "/lobby?a=b");
    socket.text("?");
    assert_eq!(socket.receive_text(), r#"lobby state [("a", "b")]"#);
}

async fn join_and_refuse(socket: Socket) -> Result<Echo, Rejection> {
    socket.join("room");
    Err(Rejection::new())
}

async fn join_and_panic(socket: Socket) -> Echo {
    socket.join("room");
    panic!("boom")
}

async fn join_and_wait(socket: Socket, State((journal, gate)): State<(Journal, Gate)>) -> Echo {
    socket.join("room");
    journal.note("joined");
    gate.pass().await;
    Echo
}

async fn members(pubsub: PubSub) -> String {
    pubsub.local_members("room").len().to_string()
}

#[test]
fn a_refusal_is_400_or_any_response() {
    let teapot = async || Err::<Echo, _>(Rejection::with((StatusCode::IM_A_TEAPOT, [("x-a", "b")], "tea only")));
    let reply = async || Err::<Echo, Rejection>(Reply::json(json!({ "error": "full" })).with_status(503).into());
    let tuple = async || Err::<Echo, _>((StatusCode::CONFLICT, "twice"));
    let server = serve(move || {
        let group = Group::new("/").ws("/plain", join_and_refuse).ws("/teapot", teapot);
        Routes::new().group(group.ws("/reply", reply).ws("/tuple", tuple))
    });
    let plain = refused(&server, "/plain", &[]);
    assert_eq!((plain.status, plain.text()), (400, "400 Bad Request\n"));
    let teapot = refused(&server, "/teapot", &[]);
    assert_eq!(
        (teapot.status, teapot.text(), teapot.header("x-a")),
        (418, "tea only", Some("b"))
    );
    let reply = refused(&server, "/reply", &[]);
    assert_eq!((reply.status, reply.text()), (503, r#"{"error":"full"}"#));
    let tuple = refused(&server, "/tuple", &[]);
    assert_eq!((tuple.status, tuple.text()), (409, "twice"));
}

#[test]
fn after_a_refusal_the_connection_goes_on_with_http() {
    let server = serve(|| Routes::new().group(Group::new("/").ws("/ws", join_and_refuse).get("/", async || "http")));
    let mut connection = server.connect();
    connection.send(upgrade("/ws", &[]));
    assert_eq!(connection.response("GET").status, 400);
    assert_eq!(connection.request("GET", "/", &[], "").text(), "http");
}

#[test]
fn an_error_or_a_panic_in_init_is_500() {
    let fails = async || Err::<Echo, _>(Rejection::from(nova::Error::new("no")));
    let server = serve(move || Routes::new().group(Group::new("/").ws("/error", fails).ws("/panic", join_and_panic)));
    assert_eq!(refused(&server, "/error", &[]).status, 500);
    assert_eq!(refused(&server, "/panic", &[]).status, 500);
}

#[test]
fn what_was_joined_in_an_init_that_refused_or_panicked_is_left() {
    let server = serve(|| {
        let group = Group::new("/")
            .ws("/refuse", join_and_refuse)
            .ws("/panic", join_and_panic);
        Routes::new().group(group.get("/members", members))
    });
    for target in ["/refuse", "/panic"] {
        refused(&server, target, &[]);
        assert_eq!(server.get("/members").text(), "0", "{target}");
    }
}

#[test]
fn before_init_has_answered_no_upgrade_has_happened() {
    let (journal, gate) = (Journal::new(), Gate::new());
    let state = (journal.clone(), gate.clone());
    let server = Project::new().serve(move || {
        App::new(|| Routes::new().group(Group::new("/").ws("/", join_and_wait).get("/members", members))).state(state)
    });
    let mut connection = server.connect();
    connection.send(upgrade("/", &[]));
    assert_eq!(journal.next(), "joined");
    assert_eq!(server.get("/members").text(), "1");
    gate.open();
    assert_eq!(connection.response("GET").status, 101);
}

#[test]
fn a_client_that_leaves_during_init_leaves_no_member() {
    let journal = Journal::new();
    let state = (journal.clone(), Gate::new());
    let server = Project::new().serve(move || {
        App::new(|| Routes::new().group(Group::new("/").ws("/", join_and_wait).get("/members", members))).state(state)
    });
    let mut connection = server.connect();
    connection.send(upgrade("/", &[]));
    assert_eq!(journal.next(), "joined");
    drop(connection);
    let deadline = std::time::Instant::now() + PATIENCE;
    while server.get("/members").text() != "0" {
        assert!(std::time::Instant::now() < deadline, "the member stays");
    }
}

#[test]
fn a_frame_pipelined_with_the_handshake_is_handled() {
    let frames = [frame(TEXT, "a"), frame(TEXT, "b")];
    let mut socket = WebSocket::open_with(&echo_server(), "/", &[], frames);
    assert_eq!((socket.receive_text(), socket.receive_text()), ("a".into(), "b".into()));
}

#[test]
fn a_message_that_init_sent_comes_before_a_pipelined_frame() {
    struct Ordered;
    impl WebSocketHandler<&'static str> for Ordered {
        async fn handle(&mut self, frame: Frame, _socket: &Socket<&'static str>) -> Commands {
            Commands::send(frame)
        }
        async fn info(&mut self, info: Info<&'static str>, _socket: &Socket<&'static str>) -> Commands {
            match info {
                Info::Message(text) => Commands::send(text),
                Info::Broadcast(message) => Commands::send(message.payload),
                _ => Commands::none(),
            }
        }
    }
    async fn init(socket: Socket<&'static str>) -> Ordered {
        socket.send_info("first").unwrap();
        socket.join("room");
        socket.broadcast("room", "event", "second");
        Ordered
    }
    let server = serve(|| Routes::new().group(Group::new("/").ws("/", init)));
    let mut socket = WebSocket::open_with(&server, "/", &[], [frame(TEXT, "third")]);
    for expected in ["first", "second", "third"] {
        assert_eq!(socket.receive_text(), expected);
    }
}

#[test]
fn an_idle_timeout_without_end_is_one() {
    let init = async || Accept::new(Echo).idle_timeout(Duration::MAX);
    let server = serve(move || Routes::new().group(Group::new("/").ws("/", init)));
    let mut socket = WebSocket::open(&server, "/");
    socket.text("a");
    assert_eq!(socket.receive(), Received::text("a"));
}

#[test]
fn a_key_is_any_16_bytes() {
    assert_ne!(KEY, "AAAAAAAAAAAAAAAAAAAAAA==");
    assert_eq!(
        answer(&echo_server(), &with("sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA==")).status,
        101
    );
}
