//! The start of an application: its state, and what runs in its background.

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use nova::prelude::*;
use nova::testing;
use nova::{App, Start};
use nova_tests::http::Connection;
use nova_tests::process::await_refusal;
use nova_tests::stream::uninterrupted;
use nova_tests::{Journal, PATIENCE, Process, Project, WebSocket};

use crate::service::{service, start_with};

#[derive(Clone)]
struct Shop {
    name: String,
    journal: Journal,
    start: Start,
}

struct Greeter(String);

impl Greeter {
    async fn init(socket: Socket, State(shop): State<Shop>) -> Self {
        socket.join("ticks");
        Self(shop.name)
    }
}

impl WebSocketHandler for Greeter {
    async fn handle(&mut self, _frame: Frame, _socket: &Socket) -> Commands {
        Commands::send(self.0.as_str())
    }

    async fn info(&mut self, info: Info, _socket: &Socket) -> Commands {
        match info {
            Info::Broadcast(message) => Commands::send(message.payload),
            _ => Commands::none(),
        }
    }
}

/// Says when it is dropped.
struct Guard(Journal);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.note("gone");
    }
}

async fn tick(pubsub: PubSub, journal: Journal) {
    let _guard = Guard(journal.clone());
    journal.note("begun");
    for number in 0_u32.. {
        pubsub.broadcast("ticks", "tick", number.to_string());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

fn routes() -> Routes<Shop> {
    Routes::new().group(
        Group::new("/")
            .get("/name", async |State(shop): State<Shop>| shop.name)
            .post("/spawn", async |State(shop): State<Shop>| {
                shop.start.spawn(async move { shop.journal.note("later") });
                "spawned"
            })
            .ws("/greeter", Greeter::init),
    )
}

/// As an application's own crate would have it.
fn app(journal: &Journal) -> App<Shop> {
    let journal = journal.clone();
    App::new(routes).start(async |start| {
        tokio::time::sleep(Duration::from_millis(1)).await;
        start.spawn(tick(start.pubsub().clone(), journal.clone()));
        journal.note("made");
        let name = format!("tea in {}", start.environment().name());
        Ok(Shop { name, journal, start })
    })
}

#[test]
fn the_state_is_made_before_the_first_request_and_everybody_has_it() {
    let journal = Journal::new();
    let noted = journal.clone();
    let server = Project::new().serve(move || app(&noted));
    assert_eq!(server.get("/name").text(), "tea in test");
    let mut socket = WebSocket::upgraded(server.connect(), "/greeter", &[], []);
    socket.text("who?");
    while socket.receive_text() != "tea in test" {}
    assert_eq!(
        (journal.next(), journal.next()),
        ("made".to_owned(), "begun".to_owned())
    );
    // The future of `serve` is dropped.
    drop(server);
    assert_eq!(journal.next(), "gone");
}

#[test]
fn a_task_broadcasts_and_ends_with_the_tests_application() {
    testing::run(async {
        for by_shutdown in [true, false] {
            let journal = Journal::new();
            let app = app(&journal).into_test().await;
            let client = app.client();
            let mut socket = app.websocket("/greeter").await;
            let first: u32 = socket.receive_text().await.parse().unwrap();
            assert_eq!(socket.receive_text().await, (first + 1).to_string().as_str());
            assert_eq!(client.get("/name").await.text(), "tea in test");
            assert_eq!(journal.take(), ["made", "begun"]);
            if by_shutdown {
                app.shut_down().await;
            } else {
                drop((socket, app));
                assert_eq!(journal.take(), [""; 0]);
                drop(client);
                tokio::task::yield_now().await;
            }
            assert_eq!(journal.take(), ["gone"]);
        }
    });
}

#[test]
fn what_is_spawned_later_begins_at_once_and_after_the_end_never() {
    testing::run(async {
        let journal = Journal::new();
        let app = app(&journal).into_test().await;
        assert_eq!(app.post("/spawn").await.text(), "spawned");
        tokio::task::yield_now().await;
        assert!(journal.take().contains(&"later".to_owned()));
        app.shut_down().await;
        assert_eq!(app.post("/spawn").await.text(), "spawned");
        tokio::task::yield_now().await;
        assert_eq!(journal.take(), ["gone"]);
    });
}

/// Spawns once more as it is dropped.
struct Again(Start, Journal);

impl Drop for Again {
    fn drop(&mut self) {
        self.0.spawn(std::future::ready(()));
        self.1.note("gone");
    }
}

#[test]
fn what_spawns_as_it_is_dropped_holds_nothing_up() {
    testing::run(async {
        let journal = Journal::new();
        let (sender, receiver) = std::sync::mpsc::channel();
        let spawn = |start: &Start| {
            let again = Again(start.clone(), journal.clone());
            start.spawn(async move {
                let _again = again;
                std::future::pending::<()>().await;
            });
        };
        let routes = || Routes::new().group(Group::new("/").get("/", async || "here"));
        let app = App::new(routes).start(async move |start| Ok(sender.send(start)?));
        let app = app.into_test().await;
        let start = receiver.recv().unwrap();
        spawn(&start);
        app.shut_down().await;
        // Nothing begins any more.
        spawn(&start);
        assert_eq!(journal.take(), ["gone", "gone"]);
    });
}

#[test]
fn without_state_there_can_be_several_and_each_comes_after_the_one_before() {
    testing::run(async {
        let journal = Journal::new();
        let noting = |what: &'static str| {
            let journal = journal.clone();
            async move |_: Start| {
                tokio::task::yield_now().await;
                journal.note(what);
                Ok(())
            }
        };
        let routes = || Routes::new().group(Group::new("/").get("/", async || "here"));
        let app: App = App::new(routes).start(noting("one")).start(noting("two")).state(());
        assert_eq!(app.into_test().await.get("/").await.text(), "here");
        assert_eq!(journal.take(), ["one", "two"]);
    });
}

#[test]
fn an_error_there_is_an_error_at_start_with_its_chain() {
    let failing = || {
        let routes = || -> Routes<Shop> { Routes::new() };
        App::new(routes).start(async |_| Err(nova_tests::process::Failed("no database").into()))
    };
    assert_eq!(
        Project::new().refusal(failing),
        "no database\n  caused by: nobody listens there"
    );
    // The process fails, and listens nowhere.
    let (mut process, _directory) = start_with(&[("NOVA_TEST_START", "fails")]);
    assert_eq!(process.end().code(), Some(1));
    let lines = process.lines().take();
    assert_eq!(lines, ["Error: no database", "  caused by: nobody listens there"]);
}

#[test]
fn a_wrong_setting_is_found_before_it() {
    let journal = Journal::new();
    let noted = journal.clone();
    let refusal = Project::new().variable("NOVA_SERVER_IDLE_TIMEOUT", "long");
    let refusal = refusal.refusal(move || app(&noted));
    assert!(refusal.contains("server.idle_timeout"), "{refusal}");
    assert_eq!(journal.take(), [""; 0]);
}

#[test]
fn readiness_is_told_when_it_is_done() {
    let directory = tempfile::tempdir().unwrap();
    let notify = UnixDatagram::bind(directory.path().join("notify")).unwrap();
    notify.set_nonblocking(true).unwrap();
    let mut command = service(directory.path());
    command
        .env("NOVA_TEST_START", "waits")
        .env("NOTIFY_SOCKET", directory.path().join("notify"));
    let mut process = Process::start(&mut command);
    process.lines().await_note("starting");
    let mut notice = [0; 64];
    assert!(notify.recv(&mut notice).is_err());
    assert_eq!(process.lines().take(), [""; 0]);
    process.say("open");
    process.address();
    notify.set_nonblocking(false).unwrap();
    notify.set_read_timeout(Some(PATIENCE)).unwrap();
    let length = uninterrupted(|| notify.recv(&mut notice)).unwrap();
    assert_eq!(&notice[..length], b"READY=1");
}

#[test]
fn a_signal_ends_a_start_that_never_does() {
    for signal in ["TERM", "INT"] {
        let (mut process, _directory) = start_with(&[("NOVA_TEST_START", "waits")]);
        process.lines().await_note("starting");
        process.signal(signal);
        process.lines().await_note("the start is given up");
        assert_eq!(process.end().code(), Some(0));
    }
}

#[test]
fn it_is_not_called_where_only_the_routes_are_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    for what in ["routes", "openapi"] {
        let mut command = service(directory.path());
        command.env("NOVA_TEST_START", "fails").env("NOVA_DESCRIBE", what);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        assert!(String::from_utf8(output.stdout).unwrap().contains("/slow/{id}"));
    }
}

#[test]
fn a_task_goes_on_until_the_last_request_is_answered() {
    let (mut process, _directory) = start_with(&[("NOVA_TEST_START", "task")]);
    let address = process.address();
    process.lines().await_note("the task has begun");
    let mut running = Connection::open(address);
    running.send("GET /slow/1 HTTP/1.1\r\nhost: localhost\r\n\r\n");
    process.lines().await_note("begun");
    process.signal("TERM");
    await_refusal(address);
    assert_eq!(process.lines().take(), [""; 0]);
    process.say("open");
    assert_eq!(running.response("GET").text(), "finished");
    process.lines().await_note("the task is gone");
    assert_eq!(process.end().code(), Some(0));
}

#[test]
fn a_task_that_never_yields_does_not_hold_the_end() {
    // It has one thread for itself, also where there is one processor only.
    let (mut process, _directory) = start_with(&[("NOVA_TEST_START", "blocks"), ("TOKIO_WORKER_THREADS", "2")]);
    process.lines().await_note("the task has begun");
    process.signal("TERM");
    process
        .lines()
        .await_note("1 tasks in the background come to no `.await`");
    assert_eq!(process.end().code(), Some(0));
}

#[test]
fn a_panic_of_a_task_is_logged_with_its_place_and_harms_nobody() {
    let (process, _directory) = start_with(&[("NOVA_TEST_START", "panics")]);
    let address = process.address();
    let line = process.lines().await_note("a task in the background has ended");
    assert!(line.contains("panicked at tests/src/bin/service.rs:"), "{line}");
    assert!(line.contains(": the task has no more"), "{line}");
    assert_eq!(Connection::open(address).request("GET", "/", &[], "").text(), "here");
}
