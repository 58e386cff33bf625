//! Middleware: its order on the way in and on the way out, around controllers and around upgrades.

use nova::App;
use nova::axum::extract::Request;
use nova::axum::middleware::{Next, from_fn, from_fn_with_state};
use nova::axum::response::{IntoResponse as _, Response};
use nova::http::StatusCode;
use nova::prelude::*;
use nova_tests::server::{serve, serve_with};
use nova_tests::websocket::{refused, upgrade};
use nova_tests::{Journal, Project, WebSocket};

struct Silent;

impl WebSocketHandler for Silent {
    async fn handle(&mut self, _frame: Frame, _socket: &Socket) -> Commands {
        Commands::none()
    }
}

async fn outer(State(journal): State<Journal>, request: Request, next: Next) -> Response {
    journal.note("outer in");
    let mut response = next.run(request).await;
    journal.note(format!("outer out {}", response.status().as_u16()));
    response.headers_mut().insert("x-outer", "seen".parse().unwrap());
    response
}

async fn inner(State(journal): State<Journal>, request: Request, next: Next) -> Response {
    journal.note("inner in");
    let response = next.run(request).await;
    journal.note("inner out");
    response
}

async fn application(State(journal): State<Journal>, request: Request, next: Next) -> Response {
    journal.note("application in");
    let response = next.run(request).await;
    journal.note("application out");
    response
}

async fn guard(State(journal): State<Journal>) -> Access {
    journal.note("security");
    Access::allow()
}

async fn controller(State(journal): State<Journal>) -> Reply {
    journal.note("controller");
    Reply::json(1)
}

async fn init(State(journal): State<Journal>) -> Silent {
    journal.note("init");
    Silent
}

fn routes(journal: &Journal) -> Routes<Journal> {
    Routes::new().group(
        Group::new("/")
            .layer(from_fn_with_state(journal.clone(), outer))
            .layer(from_fn_with_state(journal.clone(), inner))
            .security(guard)
            .get("/", controller)
            .ws("/ws", init),
    )
}

fn server(journal: &Journal) -> nova_tests::Server {
    let journal = journal.clone();
    Project::new().serve(move || {
        let layer = from_fn_with_state(journal.clone(), application);
        let table = journal.clone();
        App::new(move || routes(&table)).layer(layer).state(journal)
    })
}

#[test]
fn the_order_is_middleware_security_controller_reply_middleware() {
    let journal = Journal::new();
    let server = server(&journal);
    let response = server.get("/");
    assert_eq!((response.status, response.header("x-outer")), (200, Some("seen")));
    let order = [
        "application in",
        "outer in",
        "inner in",
        "security",
        "controller",
        "inner out",
        "outer out 200",
        "application out",
    ];
    assert_eq!(journal.take(), order);
}

#[test]
fn the_order_is_the_same_for_an_upgrade() {
    let journal = Journal::new();
    let server = server(&journal);
    let socket = WebSocket::open(&server, "/ws");
    assert_eq!(socket.handshake.header("x-outer"), Some("seen"));
    let order = [
        "application in",
        "outer in",
        "inner in",
        "security",
        "init",
        "inner out",
        "outer out 101",
        "application out",
    ];
    assert_eq!(journal.take(), order);
}

#[test]
fn middleware_sees_the_dispatched_reply_and_may_change_it() {
    async fn shout(request: Request, next: Next) -> Response {
        let response = next.run(request).await;
        let (parts, body) = response.into_parts();
        let body = nova::axum::body::to_bytes(body, 1000).await.unwrap();
        let mut response = String::from_utf8_lossy(&body).to_uppercase().into_response();
        *response.status_mut() = parts.status;
        response
    }
    let server = serve(|| {
        Routes::new().group(
            Group::new("/")
                .layer(from_fn(shout))
                .get("/", async || Reply::json(json!({ "a": "b" })).with_status(202)),
        )
    });
    let response = server.get("/");
    assert_eq!((response.status, response.text()), (202, r#"{"A":"B"}"#));
}

#[test]
fn middleware_that_answers_itself_reaches_no_security() {
    async fn closed(_request: Request, _next: Next) -> Response {
        (StatusCode::SERVICE_UNAVAILABLE, "closed").into_response()
    }
    let journal = Journal::new();
    let server = serve_with(&journal, || {
        let group = Group::new("/").layer(from_fn(closed)).security(guard);
        Routes::new().group(group.get("/", controller).ws("/ws", init))
    });
    assert_eq!(server.get("/").text(), "closed");
    assert_eq!(refused(&server, "/ws", &[]).status, 503);
    assert!(journal.take().is_empty());
}

#[test]
fn a_groups_middleware_is_for_that_group_alone() {
    let journal = Journal::new();
    let table = journal.clone();
    let server = serve_with(&journal, move || {
        let wrapped = Group::new("/a")
            .layer(from_fn_with_state(table, outer))
            .get("/", async || "a");
        Routes::new()
            .group(wrapped)
            .group(Group::new("/b").get("/", async || "b"))
    });
    assert_eq!(server.get("/b").header("x-outer"), None);
    assert_eq!(server.get("/a").header("x-outer"), Some("seen"));
}

#[test]
fn the_applications_middleware_is_around_misses_too() {
    let journal = Journal::new();
    let server = server(&journal);
    assert_eq!(server.get("/nowhere").status, 404);
    assert_eq!(journal.take(), ["application in", "application out"]);
}

#[test]
fn a_panic_in_middleware_is_the_500_page() {
    async fn fail(_request: Request, _next: Next) -> Response {
        panic!("boom")
    }
    let server = serve(|| Routes::new().group(Group::new("/").layer(from_fn(fail)).get("/", async || "never")));
    let mut connection = server.connect();
    connection.send("GET / HTTP/1.1\r\nhost: localhost\r\n\r\n");
    let response = connection.try_response("GET");
    assert_eq!(response.map(|response| response.status), Some(500));
}

#[test]
fn a_reply_that_middleware_returns_is_dispatched_too() {
    async fn early(_request: Request, _next: Next) -> Response {
        Reply::json(json!({ "early": true })).into_response()
    }
    let server = serve(|| Routes::new().group(Group::new("/").layer(from_fn(early)).get("/", async || "never")));
    let response = server.get("/");
    assert_eq!((response.status, response.text()), (200, "{\"early\":true}"));
}

#[test]
fn an_upgrade_that_middleware_takes_back_leaves_no_member() {
    async fn take_back(request: Request, next: Next) -> Response {
        next.run(request).await;
        StatusCode::FORBIDDEN.into_response()
    }
    async fn join(socket: Socket) -> Silent {
        socket.join("room");
        Silent
    }
    async fn members(pubsub: PubSub) -> String {
        pubsub.local_members("room").len().to_string()
    }
    let server = serve(|| {
        Routes::new()
            .group(Group::new("/ws").layer(from_fn(take_back)).ws("/", join))
            .group(Group::new("/").get("/members", members))
    });
    let mut connection = server.connect();
    connection.send(upgrade("/ws", &[]));
    assert_eq!(connection.response("GET").status, 403);
    assert_eq!(connection.request("GET", "/members", &[], "").text(), "0");
}
