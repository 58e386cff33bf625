//! The opening handshake over HTTP/2 (RFC 8441 §5): what is let in, what is refused and how, and in which order.

use nova::axum::extract::Request;
use nova::axum::middleware::{Next, from_fn, from_fn_with_state};
use nova::axum::response::{IntoResponse as _, Response};
use nova::http::{HeaderName, HeaderValue, StatusCode};
use nova::prelude::*;
use nova::{Accept, App, Compression};
use nova_tests::http2::{Connection, open};
use nova_tests::server::{serve, serve_with};
use nova_tests::websocket::TEXT;
use nova_tests::{Journal, Project, Server};

use crate::compressing::{COMPRESSED, OFFER, compressed};

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
        let members = async |pubsub: PubSub| pubsub.local_members("room").len().to_string();
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
