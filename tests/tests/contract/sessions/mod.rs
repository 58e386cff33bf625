//! Sessions: what is remembered of a visitor, by a cookie that nobody else can make.

mod cookie;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nova::App;
use nova::prelude::*;
use nova::session::{Changes, MemoryStore, Record, Store};
use nova::testing::{Instant, run_paused, sleep};
use nova_tests::http::Response;
use nova_tests::websocket::refused;
use nova_tests::{Gate, PATIENCE, Project, Server, WebSocket};

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

/// A store that counts its calls, and fails when it is told to.
#[derive(Clone, Default)]
struct Watched {
    inner: Arc<MemoryStore>,
    calls: Arc<AtomicUsize>,
    fails: Arc<Mutex<Option<&'static str>>>,
}

impl Watched {
    fn call(&self) -> nova::Result<()> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        match *self.fails.lock().unwrap() {
            Some("a problem") => Err(Problem::new(503).with_detail("later").into()),
            Some(why) => Err(nova::Error::new(why)),
            None => Ok(()),
        }
    }

    fn calls(&self) -> usize {
        self.calls.swap(0, Ordering::SeqCst)
    }
}

impl Store for Watched {
    async fn load(&self, key: &str) -> nova::Result<Option<Record>> {
        self.call()?;
        self.inner.load(key).await
    }

    async fn create(&self, key: &str, record: Record, lifetime: Duration) -> nova::Result<()> {
        self.call()?;
        self.inner.create(key, record, lifetime).await
    }

    async fn update(&self, key: &str, changes: &Changes, lifetime: Duration) -> nova::Result<bool> {
        self.call()?;
        self.inner.update(key, changes, lifetime).await
    }

    async fn delete(&self, key: &str) -> nova::Result<()> {
        self.call()?;
        self.inner.delete(key).await
    }
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
fn a_request_that_does_not_ask_costs_the_store_nothing() {
    let store = Watched::default();
    let kept = store.clone();
    let server = project().serve(move || App::new(routes).sessions(kept));
    let mut jar = Jar::default();
    assert!(session_cookie(&jar.send(&server, "GET", "/read")).is_none());
    assert_eq!(store.calls(), 0, "a new session that is only read");
    jar.get(&server, "/count");
    assert_eq!(store.calls(), 1, "created");
    jar.get(&server, "/plain");
    assert_eq!(store.calls(), 0);
    let response = jar.send(&server, "GET", "/read");
    assert!(session_cookie(&response).is_none());
    assert_eq!(store.calls(), 1, "loaded, and not saved");
    jar.get(&server, "/count");
    assert_eq!(store.calls(), 2, "loaded and saved");
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
fn a_store_that_fails_is_500_and_no_more() {
    let store = Watched::default();
    let kept = store.clone();
    let server = project().serve(move || App::new(routes).sessions(kept));
    let mut jar = Jar::default();
    jar.send(&server, "POST", "/login");
    *store.fails.lock().unwrap() = Some("the database is away");
    assert_eq!(jar.send(&server, "GET", "/who").status, 500);
    assert_eq!(jar.send(&server, "GET", "/plain").status, 200);
    // One that can be loaded from nowhere, and not saved.
    let response = server.get("/count");
    assert_eq!((response.status, session_cookie(&response)), (500, None));
    let cookie = jar.0.clone().unwrap();
    assert_eq!(refused(&server, "/ws", &[("cookie", &cookie)]).status, 500);
    // Accepted, and then not saved.
    assert_eq!(refused(&server, "/anyone", &[]).status, 500);
    *store.fails.lock().unwrap() = None;
    assert_eq!(jar.get(&server, "/who"), "ali");
}

#[test]
fn a_store_that_fails_with_a_problem_is_that_response() {
    let store = Watched::default();
    let kept = store.clone();
    let server = project().serve(move || App::new(routes).sessions(kept));
    let mut jar = Jar::default();
    jar.send(&server, "POST", "/login");
    *store.fails.lock().unwrap() = Some("a problem");
    let later = r#"{"type":"about:blank","title":"Service Unavailable","status":503,"detail":"later"}"#;
    let cookie = jar.0.clone().unwrap();
    // It can't be loaded; and it can't be saved.
    for headers in [&[("cookie", &*cookie)][..], &[]] {
        let response = server.request("GET", "/count", headers, "");
        assert_eq!((response.status, response.text()), (503, later));
        assert_eq!(session_cookie(&response), None);
    }
    assert_eq!(refused(&server, "/ws", &[("cookie", &cookie)]).status, 503);
    assert_eq!(refused(&server, "/anyone", &[]).status, 503);
}

#[test]
fn a_session_that_has_ended_meanwhile_does_not_come_back() {
    let gate = Gate::new();
    let held = gate.clone();
    let (arrive, arrived) = std::sync::mpsc::channel();
    let server = project().serve(move || {
        App::new(move || {
            let slow = async move |session: Session| -> nova::Result<&'static str> {
                session.insert("slow", &true)?;
                arrive.send(())?;
                held.pass().await;
                Ok("slow")
            };
            routes().group(Group::new("/slow").get("/", slow))
        })
        .sessions(MemoryStore::new())
    });
    let mut jar = Jar::default();
    jar.send(&server, "POST", "/login");
    let cookie = jar.0.clone().unwrap();
    let mut slow = server.connect();
    slow.send(format!(
        "GET /slow HTTP/1.1\r\nhost: localhost\r\ncookie: {cookie}\r\n\r\n"
    ));
    arrived.recv_timeout(PATIENCE).unwrap();
    jar.send(&server, "POST", "/logout");
    gate.open();
    let response = slow.response("GET");
    assert_eq!((response.status, session_cookie(&response)), (200, None));
    assert_eq!(Jar(Some(cookie)).get(&server, "/who"), "nobody");
}

/// The session that a request leaves which gives it a new id, where others do something to it meanwhile.
fn moved_while(meanwhile: impl FnOnce(&mut Jar, &Server)) -> (Server, Jar) {
    let gate = Gate::new();
    let held = gate.clone();
    let (arrive, arrived) = std::sync::mpsc::channel();
    let server = project().serve(move || {
        App::new(move || {
            let slow = async move |session: Session| -> nova::Result<&'static str> {
                arrive.send(())?;
                held.pass().await;
                session.rotate()?;
                session.insert("slow", &true)?;
                Ok("slow")
            };
            let has_slow = async |session: Session| session.get::<bool>("slow").unwrap_or(false).to_string();
            routes().group(Group::new("/slow").get("/", slow).get("/is", has_slow))
        })
        .sessions(MemoryStore::new())
    });
    let mut jar = Jar::default();
    jar.send(&server, "POST", "/login");
    let mut slow = server.connect();
    slow.send(format!(
        "GET /slow HTTP/1.1\r\nhost: localhost\r\ncookie: {}\r\n\r\n",
        jar.0.clone().unwrap()
    ));
    arrived.recv_timeout(PATIENCE).unwrap();
    meanwhile(&mut jar, &server);
    gate.open();
    let mut moved = Jar::default();
    moved.take(&slow.response("GET"));
    assert_eq!(moved.get(&server, "/slow/is"), "true");
    (server, moved)
}

#[test]
fn what_others_changed_meanwhile_goes_on_under_the_new_id() {
    let (server, mut moved) = moved_while(|jar, server| assert_eq!(jar.get(server, "/count"), "1"));
    assert_eq!(moved.get(&server, "/who"), "ali");
    assert_eq!(moved.get(&server, "/count"), "2");
}

#[test]
fn a_new_id_does_not_bring_back_what_has_ended_meanwhile() {
    let (server, mut moved) = moved_while(|jar, server| drop(jar.send(server, "POST", "/logout")));
    assert_eq!(moved.get(&server, "/who"), "nobody");
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
