//! The test kit as an application uses it: WebSockets in memory, in a time of their own.

use std::time::Duration;

use nova::prelude::*;
use nova::testing::{self, Instant, Link, TestApp};
use nova_tests::{Gate, Journal, Project};

use crate::puppet::{Puppet, Stage};

async fn members_only(headers: nova::http::HeaderMap) -> Access {
    match headers.get("authorization") {
        Some(_) => Access::allow(),
        None => Access::deny(),
    }
}

async fn app() -> (TestApp, Journal) {
    let (journal, gate) = (Journal::new(), Gate::new());
    gate.open();
    let state: Stage = (journal.clone(), gate);
    let routes = || {
        Routes::new()
            .group(Group::new("/").ws("/", Puppet::init))
            .group(Group::new("/members").security(members_only).ws("/", Puppet::init))
    };
    (nova::App::new(routes).state(state).into_test().await, journal)
}

#[test]
fn a_handshake_passes_the_whole_application() {
    testing::run(async {
        let (app, _) = app().await;
        let refusal = app.websocket("/members").open().await.unwrap_err();
        assert_eq!(refusal.status(), 401);
        let mut member = app.websocket("/members").header("authorization", "tea").await;
        member.send("hello");
        assert_eq!(member.receive_text().await, "hello");
        let refusal = app
            .websocket("/")
            .origin("https://evil.example")
            .open()
            .await
            .unwrap_err();
        assert_eq!(refusal.status(), 403);
        let refusal = app.websocket("/").header("sec-websocket-key", "short").open().await;
        assert_eq!(refusal.unwrap_err().status(), 400);
    });
}

#[test]
fn a_minute_of_silence_takes_no_time() {
    testing::run_paused(async {
        let (app, journal) = app().await;
        let mut client = app.websocket("/").await;
        let begun = Instant::now();
        let last = client.receive_within(Duration::from_secs(66)).await;
        assert_eq!(last, Frame::close(1000, ""));
        assert!(begun.elapsed() >= Duration::from_mins(1));
        assert_eq!(journal.next(), "terminate Timeout");
    });
}

#[test]
fn a_puppet_says_the_same_over_any_link() {
    testing::seeds(50, async |mut rng| {
        let (app, journal) = app().await;
        let mut client = app.websocket("/").link(Link::random(&mut rng)).await;
        for _ in 0..rng.below(10) {
            let (command, answers): (_, &[&str]) = rng.pick(&[
                ("echo", &["echo"] as &[_]),
                ("list", &["a", "b", "c"]),
                ("wait", &["waited"]),
                ("once", &["once"]),
            ]);
            client.send(command);
            for answer in answers {
                assert_eq!(client.receive_text().await, *answer);
            }
        }
        assert_eq!(client.close(1000, "").await.code, Some(1000));
        let notes = journal.take();
        let ends = notes.iter().filter(|note| note.starts_with("terminate")).count();
        assert_eq!(ends, 1, "{notes:?}");
    });
}

#[derive(Clone)]
struct Member {
    name: &'static str,
}

struct Greeter(&'static str);

impl Greeter {
    async fn init(AuthData(member): AuthData<Member>) -> Self {
        Self(member.name)
    }
}

impl WebSocketHandler for Greeter {
    async fn handle(&mut self, _frame: Frame, _socket: &Socket) -> Commands {
        Commands::send(self.0)
    }
}

async fn kit(project: &Project) -> TestApp {
    let routes = || {
        let echo = async |method: nova::http::Method, headers: nova::http::HeaderMap, body: String| {
            let said = |name| headers.get(name).map_or("", |value| value.to_str().unwrap());
            format!("{method} {} {} {body}", said("content-type"), said("x-a"))
        };
        let all = Group::new("/all");
        let all = all
            .get("/", echo)
            .post("/", echo)
            .put("/", echo)
            .patch("/", echo)
            .delete("/", echo);
        let count = async |session: Session| -> nova::Result<Reply> {
            let count = session.get::<u32>("count").unwrap_or_default() + 1;
            session.insert("count", &count)?;
            Ok(Reply::view_named("count", json!({ "count": count })))
        };
        let greet = async |AuthData(member): AuthData<Member>| Reply::json(json!({ "name": member.name }));
        Routes::new()
            .group(all)
            .group(
                Group::new("/")
                    .get("/count", count)
                    .post("/count", count)
                    .get("/away", async || Reply::redirect("/"))
                    .get("/text", async || "text")
                    .get("/missing", async || Reply::status(404))
                    .get("/fails", async || -> nova::Result<Reply> {
                        Err(nova::Error::new("no"))
                    }),
            )
            .group(
                Group::new("/members")
                    .security(members_only)
                    .get("/", greet)
                    .ws("/ws", Greeter::init),
            )
            .status(404, async || Reply::view_named("lost", json!({ "lost": true })))
    };
    let app = nova::App::new(routes).sessions(nova::session::MemoryStore::new());
    app.state(()).config(project.config().unwrap()).into_test().await
}

fn kit_project() -> Project {
    Project::new()
        .file("views/count.hbs", "<b>{{count}}</b>")
        .file("views/lost.hbs", "lost")
}

#[test]
fn a_request_is_of_any_method_with_any_body() {
    testing::run(async {
        let project = kit_project();
        let app = kit(&project).await;
        assert_eq!(app.put("/all").body("x").await.text(), "PUT   x");
        let json = app.patch("/all").json(&json!([1])).header("x-a", "b").await;
        assert_eq!(json.text(), "PATCH application/json b [1]");
        let form = app.post("/all").form(&[("a", "b c")]).await;
        assert_eq!(form.text(), "POST application/x-www-form-urlencoded  a=b+c");
        assert_eq!(app.delete("/all").await.text(), "DELETE   ");
        let options = app.send(nova::http::Method::OPTIONS, "/all").await;
        assert_eq!(
            (options.status(), options.header("allow")),
            (204, Some("GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS"))
        );
        let files = app.post("/all").field("a", "1").file("b", "b.txt", "2").await;
        let expected = "POST multipart/form-data; boundary=----nova-testing-boundary  \
            ------nova-testing-boundary\r\ncontent-disposition: form-data; name=\"a\"\r\n\r\n1\r\n\
            ------nova-testing-boundary\r\ncontent-disposition: form-data; name=\"b\"; filename=\"b.txt\"\r\n\
            content-type: text/plain\r\n\r\n2\r\n------nova-testing-boundary--\r\n";
        assert_eq!(files.text(), expected);
    });
}

#[test]
fn a_response_has_with_it_what_was_replied() {
    testing::run(async {
        let project = kit_project();
        let app = kit(&project).await;
        let response = app.get("/count").await;
        assert_eq!((response.kind(), response.view()), (Some("view"), Some("count")));
        assert_eq!(response.data(), Some(&json!({ "count": 1 })));
        assert_eq!(response.text(), "<b>1</b>");
        assert_eq!(app.get("/away").await.kind(), Some("redirect"));
        let missing = app.get("/missing").await;
        assert_eq!(
            (missing.kind(), missing.view(), missing.text()),
            (Some("status"), None, "lost")
        );
        for other in ["/text", "/fails"] {
            let response = app.get(other).await;
            assert_eq!(
                (response.kind(), response.view(), response.data()),
                (None, None, None),
                "{other}"
            );
        }
    });
}

#[test]
fn a_client_begins_with_a_session_and_a_form_of_its_own_page() {
    testing::run(async {
        let project = kit_project();
        let app = kit(&project).await;
        let client = app.client().with_session(|session| session.insert("count", &7)).await;
        assert_eq!(client.get("/count").await.data(), Some(&json!({ "count": 8 })));
        assert_eq!(
            client.post("/count").form(&[("a", "b")]).await.data(),
            Some(&json!({ "count": 9 }))
        );
        assert_eq!(client.session().await.get::<u32>("count"), Some(9));
        let foreign = client
            .post("/count")
            .form(&[("a", "b")])
            .header("sec-fetch-site", "cross-site");
        assert_eq!(foreign.await.status(), 403);
        assert_eq!(app.client().session().await.get::<u32>("count"), None);
    });
}

#[test]
fn a_client_is_known_to_security_functions_without_their_doing() {
    testing::run(async {
        let project = kit_project();
        let app = kit(&project).await;
        assert_eq!(app.get("/members").await.status(), 401);
        let ali = app.client().with_auth(Member { name: "ali" });
        assert_eq!(ali.get("/members").await.data(), Some(&json!({ "name": "ali" })));
        let mut socket = ali.websocket("/members/ws").await;
        socket.send("?");
        assert_eq!(socket.receive_text().await, "ali");
        // Data of another type is not what the controller asks for.
        assert_eq!(app.client().with_auth("ali").get("/members").await.status(), 500);
    });
}

#[test]
fn a_500_says_to_a_test_why_and_not_in_its_page() {
    async fn prices() -> nova::Result<Reply> {
        let text = std::fs::read_to_string("/nowhere/prices.txt")?;
        Ok(Reply::status(200).with_body(text))
    }
    testing::run(async {
        let app =
            testing::app(|| Routes::new().group(Group::new("/").get("/prices", prices).get("/", async || "here")));
        let response = app.get("/prices").await;
        assert_eq!(response.status(), 500);
        let error = response.error().unwrap();
        assert!(error.contains("prices: No such file or directory"), "{error}");
        assert!(!response.text().contains("No such file"));
        assert!(response.to_string().contains("No such file"), "{response}");
        assert_eq!(app.get("/").await.error(), None);
    });
}
