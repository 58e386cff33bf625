//! Back-pressure: a connection that is slow ends, and harms no other.

use nova::App;
use nova::prelude::*;
use nova_tests::websocket::TEXT;
use nova_tests::{Gate, Journal, Project, Received, Server, WebSocket};

type Stage = (Journal, Gate);

/// How many messages one publication has, and how long each is: together less than a mailbox holds.
const MESSAGES: usize = 30;
const SIZE: usize = 8_000;

/// Passes on what is broadcast to the feed.
struct Reader {
    journal: Journal,
    gate: Gate,
}

impl Reader {
    async fn init(socket: Socket, State((journal, gate)): State<Stage>) -> Self {
        socket.join("feed");
        Self { journal, gate }
    }
}

impl WebSocketHandler for Reader {
    async fn handle(&mut self, frame: Frame, _socket: &Socket) -> Commands {
        if frame == Frame::text("flood") {
            return Commands::send(Frame::binary(vec![0; 64 * 1024 * 1024]));
        }
        self.journal.note("waiting");
        self.gate.pass().await;
        Commands::none()
    }

    async fn info(&mut self, info: Info, _socket: &Socket) -> Commands {
        match info {
            Info::Broadcast(message) => Commands::send(message.payload),
            _ => Commands::none(),
        }
    }

    async fn terminate(self, reason: Reason, _socket: &Socket) {
        self.journal.note(format!("terminate {reason:?}"));
    }
}

async fn publish(pubsub: PubSub) {
    let text = "x".repeat(SIZE);
    for _ in 0..MESSAGES {
        pubsub.broadcast("feed", "event", text.as_str());
    }
}

async fn members(pubsub: PubSub) -> String {
    pubsub.local_members("feed").len().to_string()
}

fn server(state: Stage, toml: &str) -> Server {
    let project = Project::new().file("nova.toml", toml);
    project.serve(|| {
        let routes = || {
            let group = Group::new("/").ws("/", Reader::init).get("/members", members);
            Routes::new().group(group.post("/publish", publish))
        };
        App::new(routes).state(state)
    })
}

#[test]
fn a_client_that_never_reads_is_slow_and_others_are_unharmed() {
    let journal = Journal::new();
    let server = server((journal.clone(), Gate::new()), "");
    let stalled = WebSocket::open(&server, "/");
    let mut reader = WebSocket::open(&server, "/");
    let mut connection = server.connect();
    for _ in 0..150 {
        connection.request("POST", "/publish", &[], "");
        for _ in 0..MESSAGES {
            assert_eq!(reader.receive_text().len(), SIZE);
        }
    }
    assert_eq!(journal.next(), "terminate Slow");
    assert_eq!(connection.request("GET", "/members", &[], "").text(), "1");
    drop(stalled);
    assert!(journal.take().is_empty());
}

#[test]
fn a_handler_that_falls_behind_is_closed_with_1013() {
    let (journal, gate) = (Journal::new(), Gate::new());
    let server = server((journal.clone(), gate.clone()), "");
    let mut socket = WebSocket::open(&server, "/");
    socket.text("wait");
    assert_eq!(journal.next(), "waiting");
    // More than a mailbox holds.
    for _ in 0..2 {
        server.request("POST", "/publish", &[], "");
    }
    gate.open();
    assert_eq!(socket.rest().last(), Some(&Received::close(1013)));
    assert_eq!(journal.next(), "terminate Slow");
}

#[test]
fn a_write_that_does_not_end_is_an_error() {
    let journal = Journal::new();
    let server = server((journal.clone(), Gate::new()), "[websocket]\nwrite_timeout = 1\n");
    let mut socket = WebSocket::open(&server, "/");
    socket.send(TEXT, "flood");
    assert!(journal.next().starts_with("terminate Error"));
}
