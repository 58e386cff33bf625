//! Pings of the server's: only where they are asked for.

use std::time::{Duration, Instant};

use nova::prelude::*;
use nova::{Accept, App};
use nova_tests::websocket::{PONG, frame};
use nova_tests::{Journal, Project, Received, Server, WebSocket, in_one_of_a_few};

const IDLE: Duration = Duration::from_secs(2);
/// A tenth more is allowed.
const LONGER_THAN_IDLE: Duration = Duration::from_millis(2500);

struct Listener(Journal);

impl WebSocketHandler for Listener {
    async fn handle(&mut self, frame: Frame, _socket: &Socket) -> Commands {
        self.0.note(format!("{frame:?}"));
        Commands::none()
    }

    async fn terminate(self, reason: Reason, _socket: &Socket) {
        self.0.note(format!("terminate {reason:?}"));
    }
}

fn server(journal: &Journal, toml: &str) -> Server {
    let journal = journal.clone();
    Project::new().file("nova.toml", toml).serve(|| {
        let patient = async |State(journal)| {
            Accept::new(Listener(journal))
                .ping_every(Duration::from_millis(100))
                .idle_timeout(IDLE)
        };
        let impatient = async |State(journal)| {
            Accept::new(Listener(journal))
                .ping_every(Duration::from_millis(50))
                .idle_timeout(IDLE)
        };
        let silent = async |State(journal)| {
            Accept::new(Listener(journal))
                .ping_every(Duration::ZERO)
                .idle_timeout(Duration::from_millis(1500))
        };
        let configured = async |State(journal)| Listener(journal);
        let group = Group::new("/").ws("/patient", patient).ws("/impatient", impatient);
        let routes = Routes::new().group(group.ws("/silent", silent).ws("/configured", configured));
        App::new(|| routes).state(journal)
    })
}

#[test]
fn a_silent_client_that_answers_pings_stays() {
    in_one_of_a_few(|| {
        let journal = Journal::new();
        let server = server(&journal, "");
        let mut socket = WebSocket::open(&server, "/patient");
        let opened = Instant::now();
        while opened.elapsed() < LONGER_THAN_IDLE {
            assert_eq!(socket.receive(), Received::Ping(Vec::new()));
            socket.send_bytes(frame(PONG, ""));
            assert_eq!(journal.next(), "Pong(b\"\")");
        }
    });
}

#[test]
fn a_client_that_answers_no_ping_is_idle() {
    let journal = Journal::new();
    let server = server(&journal, "");
    let mut received = WebSocket::open(&server, "/impatient").rest();
    assert_eq!(received.pop(), Some(Received::close(1000)));
    assert_eq!(journal.next(), "terminate Timeout");
    assert!(!received.is_empty());
    assert!(received.iter().all(|received| *received == Received::Ping(Vec::new())));
}

#[test]
fn pings_are_configured_and_a_handler_may_do_without() {
    let journal = Journal::new();
    let server = server(&journal, "[websocket]\nping_interval = 1\n");
    let mut configured = WebSocket::open(&server, "/configured");
    assert_eq!(configured.receive(), Received::Ping(Vec::new()));
    assert_eq!(WebSocket::open(&server, "/silent").rest(), [Received::close(1000)]);
}

#[test]
fn no_ping_is_sent_unless_it_is_asked_for() {
    let journal = Journal::new();
    let server = server(&journal, "[websocket]\nidle_timeout = 1\n");
    assert_eq!(WebSocket::open(&server, "/configured").rest(), [Received::close(1000)]);
}
