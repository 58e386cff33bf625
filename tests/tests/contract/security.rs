//! Security functions: one test for each row of what they return, for requests and for upgrades.

use std::collections::HashMap;

use nova::App;
use nova::http::{HeaderMap, StatusCode};
use nova::prelude::*;
use nova_tests::server::serve;
use nova_tests::websocket::refused;
use nova_tests::{Project, Server, WebSocket};

#[derive(Clone)]
struct User(String);

struct Greeter(String);

impl Greeter {
    async fn init(AuthData(user): AuthData<User>) -> Self {
        Self(user.0)
    }
}

impl WebSocketHandler for Greeter {
    async fn handle(&mut self, _frame: Frame, _socket: &Socket) -> Commands {
        Commands::send(format!("hello {}", self.0))
    }
}

async fn greet(AuthData(user): AuthData<User>) -> String {
    format!("hello {}", user.0)
}

async fn token(headers: HeaderMap) -> Access {
    match headers.get("authorization").and_then(|value| value.to_str().ok()) {
        Some("Bearer tea") => Access::allow_with(User("ali".into())),
        Some(_) => Access::deny_with((StatusCode::FORBIDDEN, [("x-why", "token")], "wrong token")),
        None => Access::deny(),
    }
}

/// What must never be reached.
async fn unreachable() -> &'static str {
    "reached"
}

async fn unreachable_init() -> Greeter {
    Greeter("reached".into())
}

fn guarded(group: Group) -> Server {
    serve(|| Routes::new().group(group.get("/", unreachable).ws("/ws", unreachable_init)))
}

#[test]
fn allow_goes_on() {
    async fn allow() -> Access {
        Access::allow()
    }
    let server = guarded(Group::new("/").security(allow));
    assert_eq!(server.get("/").text(), "reached");
    let mut socket = WebSocket::open(&server, "/ws");
    socket.text("?");
    assert_eq!(socket.receive_text(), "hello reached");
}

#[test]
fn a_bool_allows_or_denies() {
    assert_eq!(
        guarded(Group::new("/").security(async || true)).get("/").text(),
        "reached"
    );
    assert_eq!(guarded(Group::new("/").security(async || false)).get("/").status, 401);
}

#[test]
fn allow_with_data_reaches_the_controller_and_init() {
    let server =
        serve(|| Routes::new().group(Group::new("/").security(token).get("/", greet).ws("/ws", Greeter::init)));
    let bearer = [("authorization", "Bearer tea")];
    assert_eq!(server.request("GET", "/", &bearer, "").text(), "hello ali");
    let mut socket = WebSocket::open_with(&server, "/ws", &bearer, []);
    socket.text("?");
    assert_eq!(socket.receive_text(), "hello ali");
}

#[test]
fn data_that_nobody_handed_over_is_500() {
    let server = serve(|| Routes::new().group(Group::new("/").get("/", greet).ws("/ws", Greeter::init)));
    assert_eq!(server.get("/").status, 500);
    assert_eq!(refused(&server, "/ws", &[]).status, 500);
}

#[test]
fn deny_is_401_with_its_page() {
    let server = Project::new().serve(|| {
        App::new(|| {
            Routes::new()
                .group(Group::new("/").security(token).get("/", greet).ws("/ws", Greeter::init))
                .status(401, async || "who are you?")
        })
    });
    let response = server.get("/");
    assert_eq!((response.status, response.text()), (401, "who are you?"));
    let response = refused(&server, "/ws", &[]);
    assert_eq!((response.status, response.text()), (401, "who are you?"));
}

#[test]
fn deny_with_a_response_is_that_response() {
    let server = guarded(Group::new("/").security(token));
    let wrong = [("authorization", "Bearer coffee")];
    for response in [server.request("GET", "/", &wrong, ""), refused(&server, "/ws", &wrong)] {
        assert_eq!((response.status, response.text()), (403, "wrong token"));
        assert_eq!(response.header("x-why"), Some("token"));
    }
}

#[test]
fn a_denial_stays_one_whatever_a_fallback_makes_of_it() {
    let answer = async |_: nova::RequestContext, _: nova::Invalid| Reply::json("fine");
    for deny in [
        || Access::deny_with(Reply::of("unknown", 7_u8)),
        || Access::redirect("/in\r\nx: y"),
        || Access::deny_with(nova::Error::new("no")),
    ] {
        let server = guarded(
            Group::new("/")
                .security(move || std::future::ready(deny()))
                .fallback(answer),
        );
        let response = server.get("/");
        assert_eq!((response.status, response.text()), (401, "\"fine\""));
        assert_eq!(refused(&server, "/ws", &[]).status, 401);
    }
}

#[test]
fn deny_with_a_reply_is_dispatched() {
    let deny = async || Access::deny_with(Reply::json(json!({ "error": "no" })).with_status(402));
    let server = guarded(Group::new("/").security(deny));
    for response in [server.get("/"), refused(&server, "/ws", &[])] {
        assert_eq!((response.status, response.text()), (402, r#"{"error":"no"}"#));
    }
}

#[test]
fn a_problem_in_an_error_denies_and_is_the_response() {
    async fn too_often() -> nova::Result<Access> {
        Err(Problem::new(429).with_detail("try again in a minute").into())
    }
    let server = guarded(Group::new("/").security(too_often));
    let json = [("accept", "application/json")];
    for response in [server.request("GET", "/", &json, ""), refused(&server, "/ws", &json)] {
        assert_eq!(response.status, 429);
        assert_eq!(response.json::<serde_json::Value>()["detail"], "try again in a minute");
    }
}

#[test]
fn redirect_is_302() {
    let server = guarded(Group::new("/").security(async || Access::redirect("/login")));
    for response in [server.get("/"), refused(&server, "/ws", &[])] {
        assert_eq!((response.status, response.header("location")), (302, Some("/login")));
    }
}

#[test]
fn a_redirect_that_splits_is_500() {
    let server = guarded(Group::new("/").security(async || Access::redirect("/login\r\nx-evil: 1")));
    let response = server.get("/");
    assert_eq!((response.status, response.header("x-evil")), (500, None));
}

#[test]
fn an_error_is_500_and_never_allowed() {
    async fn fails() -> nova::Result<Access> {
        Err(nova::Error::new("the database is away"))
    }
    let server = guarded(Group::new("/").security(fails));
    for response in [server.get("/"), refused(&server, "/ws", &[])] {
        assert_eq!((response.status, response.text()), (500, "500 Internal Server Error\n"));
    }
}

#[test]
fn a_panic_is_500_and_never_allowed() {
    async fn panics() -> Access {
        panic!("boom")
    }
    let server = guarded(Group::new("/").security(panics));
    for response in [server.get("/"), refused(&server, "/ws", &[])] {
        assert_eq!((response.status, response.text()), (500, "500 Internal Server Error\n"));
    }
}

#[test]
fn an_extractor_that_refuses_is_never_allowed() {
    let check = async |Query(_): Query<HashMap<String, u32>>| Access::allow();
    let server = guarded(Group::new("/").security(check));
    assert_eq!(server.get("/?a=b").status, 400);
    assert_eq!(server.get("/?a=1").text(), "reached");
}

#[test]
fn it_takes_the_routes_parameters_and_the_state() {
    async fn owner(Path(name): Path<String>, State(owner): State<&'static str>) -> bool {
        name == owner
    }
    let server = Project::new().serve(|| {
        App::new(|| Routes::new().group(Group::new("/").security(owner).get("/{name}", unreachable))).state("ali")
    });
    assert_eq!(server.get("/ali").text(), "reached");
    assert_eq!(server.get("/bob").status, 401);
}

#[test]
fn it_guards_its_group_alone() {
    let server = serve(|| {
        let closed = Group::new("/closed").security(async || false).get("/", unreachable);
        Routes::new()
            .group(closed)
            .group(Group::new("/open").get("/", unreachable))
    });
    assert_eq!(server.get("/closed").status, 401);
    assert_eq!(server.get("/open").text(), "reached");
}

#[test]
fn it_guards_assets_too() {
    let project = Project::new().file("files/a.txt", "a");
    let server = project
        .serve(|| App::new(|| Routes::new().group(Group::new("/").security(async || false).assets("/files", "files"))));
    assert_eq!(server.get("/files/a.txt").status, 401);
}

#[test]
fn who_is_not_known_is_none_where_everybody_may_come() {
    async fn perhaps(headers: HeaderMap) -> Access {
        match headers.contains_key("authorization") {
            true => Access::allow_with(User("ali".into())),
            false => Access::allow(),
        }
    }
    async fn greet(user: Option<AuthData<User>>) -> String {
        user.map_or_else(|| "hello".to_owned(), |AuthData(user)| format!("hello {}", user.0))
    }
    let server = serve(|| {
        Routes::new()
            .group(Group::new("/").get("/", greet))
            .group(Group::new("/known").security(perhaps).get("/", greet))
    });
    assert_eq!(server.get("/").text(), "hello");
    assert_eq!(server.get("/known").text(), "hello");
    let known = server.request("GET", "/known", &[("authorization", "tea")], "");
    assert_eq!(known.text(), "hello ali");
}
