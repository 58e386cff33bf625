//! Sessions: what is remembered of a visitor, by a cookie that nobody else can make.

mod cookie;
mod meanwhile;
mod stores;

use std::time::Duration;

use nova::App;
use nova::prelude::*;
use nova::session::MemoryStore;
use nova::testing::{Instant, run_paused, sleep};
use nova_tests::http::Response;
use nova_tests::websocket::refused;
use nova_tests::{Project, Server, WebSocket};
use stores::Watched;

const KEY: &str = "a key for tests; it has 32 bytes and some";

/// A browser's memory: one cookie, of one name.
#[derive(Default)]
struct Jar(Option<String>);

impl Jar {
    fn send(&mut self, server: &Server, method: &str, target: &str) -> Response {
        let cookie = self.0.clone().unwrap_or_default();
        let own = ("sec-fetch-site", "same-origin");
        let response = match cookie.is_empty() {
            true => server.request(method, target, &[own], ""),
            false => server.request(method, target, &[own, ("cookie", &cookie)], ""),
        };
        self.take(&response);
        response
    }

    fn get(&mut self, server: &Server, target: &str) -> String {
        let response = self.send(server, "GET", target);
        assert_eq!(response.status, 200, "{target}");
        response.text().to_owned()
    }

    fn take(&mut self, response: &Response) {
        if let Some(cookie) = session_cookie(response) {
            self.0 = (!cookie.contains("Max-Age=0;")).then(|| pair(cookie).to_owned());
        }
    }
}

fn session_cookie(response: &Response) -> Option<&str> {
    let cookies = response.headers.iter().filter(|(name, _)| name == "set-cookie");
    let mut own = cookies.filter(|(_, value)| value.starts_with("session="));
    let cookie = own.next().map(|(_, value)| value.as_str());
    assert!(own.next().is_none(), "it is set once");
    cookie
}

/// A cookie without its attributes.
fn pair(cookie: &str) -> &str {
    cookie.split(';').next().unwrap()
}

async fn count(session: Session) -> nova::Result<String> {
    let visits = session.get::<u32>("visits").unwrap_or(0) + 1;
    session.insert("visits", &visits)?;
    Ok(visits.to_string())
}

async fn read(session: Session) -> String {
    session.get::<u32>("visits").unwrap_or(0).to_string()
}

async fn log_in(session: Session) -> nova::Result<&'static str> {
    session.rotate()?;
    session.insert("user", "ali")?;
    Ok("in")
}

async fn log_out(session: Session) -> nova::Result<&'static str> {
    session.destroy()?;
    Ok("out")
}

async fn who(session: Session) -> String {
    session.get("user").unwrap_or_else(|| "nobody".to_owned())
}

async fn leave(session: Session) -> nova::Result<String> {
    session.flash("info", "saved")?;
    Ok(json!(session.flashes()).to_string())
}

async fn flashes(session: Session) -> String {
    json!(session.flashes()).to_string()
}

struct Who(Session);

impl Who {
    async fn anyone(session: Session) -> Result<Self, Rejection> {
        session.insert("seen", &true)?;
        Ok(Self(session))
    }

    async fn init(session: Session) -> Result<Self, Rejection> {
        if session.get::<String>("user").is_none() {
            return Err(Reply::status(401).into());
        }
        session.insert("seen", &true)?;
        Ok(Self(session))
    }
}

impl WebSocketHandler for Who {
    async fn handle(&mut self, _frame: Frame, _socket: &Socket) -> Commands {
        let user: String = self.0.get("user").unwrap();
        let late = self.0.insert("late", &1).is_err();
        Commands::send(format!("{user}, too late to change: {late}"))
    }
}

fn routes() -> Routes {
    let own_cookie = async |session: Session| -> nova::Result<_> {
        session.insert("a", &1)?;
        Ok(([("set-cookie", "theme=dark")], "both"))
    };
    let fails = async |session: Session| -> nova::Result<&'static str> {
        session.insert("visits", &77)?;
        Err(nova::Error::new("no"))
    };
    let too_much = async |session: Session| session.insert("text", &"x".repeat(20_000)).is_err().to_string();
    let member = async |session: Session| session.get::<String>("user").is_some();
    Routes::new()
        .group(
            Group::new("/")
                .get("/plain", async || "plain")
                .get("/count", count)
                .get("/read", read)
                .get("/who", who)
                .get("/leave", leave)
                .get("/flashes", flashes)
                .get("/both", own_cookie)
                .get("/fails", fails)
                .get("/panics", async |session: Session| -> &'static str {
                    session.insert("visits", &88).unwrap();
                    panic!("boom")
                })
                .get("/too-much", too_much)
                .get("/typed", async |session: Session| {
                    session.get::<String>("visits").is_none().to_string()
                })
                .post("/login", log_in)
                .post("/logout", log_out)
                .ws("/anyone", Who::anyone)
                .ws("/ws", Who::init),
        )
        .group(Group::new("/members").security(member).get("/", async || "welcome"))
        .status(404, async |session: Session| {
            format!(
                "not here, {}",
                session.get("user").unwrap_or_else(|| "nobody".to_owned())
            )
        })
}

fn project() -> Project {
    Project::new().variable("NOVA_SESSION_KEY", KEY)
}

fn serve() -> Server {
    project().serve(|| App::new(routes).sessions(MemoryStore::new()))
}

#[test]
fn a_value_is_there_at_the_next_request_of_the_same_browser() {
    let server = serve();
    let (mut one, mut other) = (Jar::default(), Jar::default());
    assert_eq!(one.get(&server, "/count"), "1");
    assert_eq!(one.get(&server, "/count"), "2");
    assert_eq!(other.get(&server, "/count"), "1");
    assert_eq!(one.get(&server, "/read"), "2");
}

#[test]
fn without_a_store_the_extractor_is_500() {
    let server = Project::new().serve(|| App::new(routes));
    assert_eq!(server.get("/count").status, 500);
    assert_eq!(server.get("/plain").status, 200);
}

#[test]
fn rotation_keeps_the_data_and_ends_the_old_id() {
    let server = serve();
    let mut jar = Jar::default();
    jar.get(&server, "/count");
    let old = jar.0.clone();
    assert_eq!(jar.send(&server, "POST", "/login").text(), "in");
    assert_ne!(jar.0, old);
    assert_eq!(jar.get(&server, "/read"), "1");
    assert_eq!(jar.get(&server, "/who"), "ali");
    let mut thief = Jar(old);
    assert_eq!(thief.get(&server, "/who"), "nobody");
    assert_eq!(thief.get(&server, "/read"), "0");
}

#[test]
fn destroy_ends_it_and_removes_the_cookie() {
    let server = serve();
    let mut jar = Jar::default();
    jar.send(&server, "POST", "/login");
    let old = jar.0.clone();
    let response = jar.send(&server, "POST", "/logout");
    assert_eq!(
        session_cookie(&response),
        Some("session=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax")
    );
    assert_eq!(jar.0, None);
    assert_eq!(Jar(old).get(&server, "/who"), "nobody");
}

#[test]
fn a_flash_is_read_once_by_a_later_request() {
    let server = serve();
    let mut jar = Jar::default();
    assert_eq!(jar.get(&server, "/leave"), "[]", "not by the request that leaves it");
    assert_eq!(jar.get(&server, "/flashes"), r#"[{"kind":"info","text":"saved"}]"#);
    assert_eq!(jar.get(&server, "/flashes"), "[]");
}

#[test]
fn what_was_changed_is_saved_whatever_the_response_is() {
    let server = serve();
    let mut jar = Jar::default();
    assert_eq!(jar.send(&server, "GET", "/fails").status, 500);
    assert_eq!(jar.get(&server, "/read"), "77");
    assert_eq!(jar.send(&server, "GET", "/panics").status, 500);
    assert_eq!(jar.get(&server, "/read"), "88");
}

#[test]
fn a_value_of_another_type_is_none() {
    let server = serve();
    let mut jar = Jar::default();
    jar.get(&server, "/count");
    assert_eq!(jar.get(&server, "/typed"), "true");
}

#[test]
fn what_is_too_much_is_refused_and_leaves_it_as_it_was() {
    let server = serve();
    let response = server.get("/too-much");
    assert_eq!(response.text(), "true");
    assert!(session_cookie(&response).is_none());
}

#[test]
fn security_functions_and_status_pages_have_it() {
    let server = serve();
    let mut jar = Jar::default();
    assert_eq!(jar.send(&server, "GET", "/members").status, 401);
    jar.send(&server, "POST", "/login");
    assert_eq!(jar.get(&server, "/members"), "welcome");
    let response = jar.send(&server, "GET", "/nowhere");
    assert_eq!((response.status, response.text()), (404, "not here, ali"));
}

#[test]
fn init_reads_and_changes_it_and_the_handler_reads_it() {
    let server = serve();
    assert_eq!(refused(&server, "/ws", &[]).status, 401);
    let mut jar = Jar::default();
    jar.send(&server, "POST", "/login");
    let cookie = jar.0.unwrap();
    let mut socket = WebSocket::open_with(&server, "/ws", &[("cookie", &cookie)], []);
    socket.text("?");
    assert_eq!(socket.receive_text(), "ali, too late to change: true");
}

#[test]
fn it_ends_when_it_is_not_used() {
    run_paused(async {
        let project = project();
        let app = App::new(routes).sessions(MemoryStore::new());
        let app = app.config(project.config().unwrap()).into_test().await;
        let response = app.get("/count").await;
        let cookie = pair(response.header("set-cookie").unwrap()).to_owned();
        let read = async || {
            let response = app
                .request(nova::http::Method::GET, "/read", &[("cookie", &cookie)], "")
                .await;
            response.text().to_owned()
        };
        let begin = Instant::now();
        sleep(Duration::from_secs(1_209_599)).await;
        assert_eq!(read().await, "1", "{:?}", begin.elapsed());
        sleep(Duration::from_secs(2)).await;
        assert_eq!(read().await, "0");
    });
}

#[test]
fn keys_are_exchanged_without_an_end_of_sessions() {
    let store = Watched::default();
    let serve = |keys: &str| {
        let kept = store.clone();
        let project = Project::new().variable("NOVA_SESSION_KEY", keys);
        project.serve(move || App::new(routes).sessions(kept))
    };
    let next = "the key that comes after it: of 32 bytes and some";
    let mut jar = Jar::default();
    jar.send(&serve(KEY), "POST", "/login");
    let old = jar.0.clone();
    // Added behind, it changes nothing.
    assert_eq!(jar.get(&serve(&format!("{KEY}, {next}")), "/who"), "ali");
    assert_eq!(jar.0, old);
    assert_eq!(jar.get(&serve(&format!("{next}, {KEY}")), "/who"), "ali");
    assert_ne!(jar.0, old, "the first signs");
    assert_eq!(jar.get(&serve(next), "/who"), "ali");
    assert_eq!(Jar(old).get(&serve(next), "/who"), "nobody");
}

#[test]
fn each_key_of_a_list_is_a_secret() {
    let project = Project::new().file("nova.toml", &format!("[session]\nkey = [\"{KEY}\", \"short\"]"));
    let refusal = project.refusal(|| App::new(routes).sessions(MemoryStore::new()));
    assert!(refusal.contains("one of session.key has 5 bytes"), "{refusal}");
    let project = Project::new().file("nova.toml", "[session]\nkey = []");
    let refusal = project.refusal(|| App::new(routes).sessions(MemoryStore::new()));
    assert!(refusal.contains("session.key is a list without a key"), "{refusal}");
}

#[test]
fn what_is_mounted_anywhere_asks_whether_there_are_sessions() {
    fn routes() -> Routes {
        let greet = async |session: Option<Session>, token: Option<CsrfToken>| {
            let name = session.map(|session| session.get::<String>("name").unwrap_or_else(|| "nobody".into()));
            format!("{name:?} {}", token.is_some())
        };
        Routes::new().group(Group::new("/").get("/", greet))
    }
    run_paused(async {
        let without = nova::testing::app(routes);
        assert_eq!(without.get("/").await.text(), "None false");
        let app = App::new(routes).sessions(MemoryStore::new()).into_test().await;
        assert_eq!(app.get("/").await.text(), "Some(\"nobody\") true");
        let ali = app.client().with_session(|session| session.insert("name", "ali")).await;
        assert_eq!(ali.get("/").await.text(), "Some(\"ali\") true");
    });
}
