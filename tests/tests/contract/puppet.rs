//! A handler that notes all that it is told, and does what it is told.

use std::time::Duration;

use nova::prelude::*;
use nova::{Accept, App};
use nova_tests::{Client, Gate, Journal, Over, Received, Server, WebSocket};

/// What a puppet is given: where it notes, and what it waits at.
pub(crate) type Stage = (Journal, Gate);

/// Notes all that it is told, and does what a text tells it.
pub(crate) struct Puppet {
    pub(crate) journal: Journal,
    pub(crate) gate: Gate,
}

impl Puppet {
    /// Accepts messages of up to 1000 bytes.
    pub(crate) async fn init(State((journal, gate)): State<Stage>) -> Accept<Self> {
        Accept::new(Self { journal, gate }).max_message_size(1000)
    }
}

/// What its timers send.
#[derive(Clone)]
pub(crate) struct Tick(pub(crate) &'static str);

impl WebSocketHandler<Tick> for Puppet {
    async fn handle(&mut self, frame: Frame, socket: &Socket<Tick>) -> Commands {
        let Frame::Text(text) = frame else {
            self.journal.note(format!("{frame:?}"));
            return Commands::none();
        };
        match text.as_str() {
            "stop" => Commands::stop(),
            "close" => Commands::close(4001, "enough"),
            "close empty" => Commands::send(Frame::Close(nova::Close::default())),
            "crash" => Commands::crash(nova::Error::new("out of tea")),
            "panic" => panic!("boom"),
            "long ping" => Commands::send(Frame::ping(vec![0; 126])),
            "bad close" => Commands::close(1005, ""),
            "long close" => Commands::close(1000, "x".repeat(124)),
            "list" => Commands::send_all(["a", "b", "c"].map(Frame::text)),
            "list with close" => Commands::send_all([
                Frame::text("a"),
                Frame::close(4002, ""),
                Frame::text("b"),
                Frame::close(4003, ""),
            ]),
            "send and stop" => Commands::send("bye").and(Commands::stop()).and(Commands::send("never")),
            "wait" => {
                self.journal.note("waiting");
                self.gate.pass().await;
                self.journal.note("waited");
                Commands::send("waited")
            }
            "once" => {
                socket.send_info_after(Duration::from_millis(1), Tick("once"));
                Commands::none()
            }
            "every" => {
                socket.send_info_every(Duration::from_millis(1), Tick("every"));
                Commands::none()
            }
            "cancelled" => {
                let timer = socket.send_info_after(Duration::from_millis(1), Tick("never"));
                let (was_set, again) = (timer.cancel(), timer.cancel());
                socket.send_info_after(Duration::from_millis(20), Tick("after"));
                Commands::send(format!("{was_set} {again}"))
            }
            text => Commands::send(text),
        }
    }

    async fn info(&mut self, info: Info<Tick>, _socket: &Socket<Tick>) -> Commands {
        match info {
            Info::Message(Tick(text)) => Commands::send(text),
            _ => Commands::none(),
        }
    }

    async fn terminate(self, reason: Reason, _socket: &Socket<Tick>) {
        self.journal.note(format!("terminate {reason:?}"));
    }
}

/// A puppet on a server of its own.
pub(crate) struct Scene {
    pub(crate) server: Server,
    pub(crate) journal: Journal,
    pub(crate) gate: Gate,
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self::over(Over::Http1)
    }

    /// On a server for clients over this.
    pub(crate) fn over(over: Over) -> Self {
        let (journal, gate) = (Journal::new(), Gate::new());
        let state = (journal.clone(), gate.clone());
        let routes = || Routes::new().group(Group::new("/").ws("/", Puppet::init));
        let server = over.project().serve(move || App::new(routes).state(state));
        Self { server, journal, gate }
    }

    pub(crate) fn open(&self) -> WebSocket {
        WebSocket::open(&self.server, "/")
    }

    /// What a client receives that sends this, and the reason that `terminate` is told: whatever it travels over.
    pub(crate) fn ending(bytes: impl AsRef<[u8]>) -> (Vec<Received>, String) {
        let [ending, others @ ..] = Over::ALL.map(|over| Self::ending_over(over, &bytes));
        for (other, over) in others.iter().zip(&Over::ALL[1..]) {
            assert_eq!(*other, ending, "over {over:?}");
        }
        ending
    }

    fn ending_over(over: Over, bytes: impl AsRef<[u8]>) -> (Vec<Received>, String) {
        let scene = Self::over(over);
        let mut socket = Client::new(&scene.server, over).open("/");
        socket.send_bytes(bytes);
        let received = socket.rest();
        let reason = scene.journal.await_note("terminate");
        drop(scene.server);
        assert!(
            scene.journal.take().is_empty(),
            "terminate runs once, and nothing after it"
        );
        (received, reason)
    }
}
