//! Channels whose broadcasts go straight to the client: `Socket::forward` beside `Socket::join`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nova::prelude::*;
use nova::{Accept, Compression, Overflow};
use nova_tests::server::serve_with;
use nova_tests::websocket::{CLOSE, TEXT, frame};
use nova_tests::{Gate, Journal, PATIENCE, Received, Server, WebSocket};

use crate::compressing::Peer;

type Stage = (Journal, Gate);

/// Is in a channel in one of the two ways, and does with it what a text tells it.
struct Member {
    journal: Journal,
    gate: Gate,
}

const CHANNEL: &str = "channel";
const QUEUE: usize = 1024 * 1024;

impl Member {
    async fn init(
        socket: Socket<String>,
        Path(manner): Path<String>,
        State((journal, gate)): State<Stage>,
    ) -> Accept<Self> {
        match &*manner {
            "join" => drop(socket.join(CHANNEL)),
            "none" => {}
            _ => drop(socket.forward(CHANNEL)),
        }
        if manner == "greeting" {
            socket.broadcast(CHANNEL, "event", "from init");
        }
        // Room for what a test sends at once.
        let accept = Accept::new(Self { journal, gate }).max_queue_size(QUEUE);
        match &*manner {
            "newest" => accept.overflow(Overflow::DropNewest),
            "oldest" => accept.overflow(Overflow::DropOldest),
            "idle" => accept.idle_timeout(Duration::from_millis(500)),
            _ => accept,
        }
    }

    async fn compressed(socket: Socket<String>, State((journal, gate)): State<Stage>) -> Accept<Self> {
        socket.forward(CHANNEL);
        let all = Compression {
            min_size: 0,
            ..Compression::default()
        };
        Accept::new(Self { journal, gate }).compress(all)
    }
}

impl WebSocketHandler<String> for Member {
    async fn handle(&mut self, frame: Frame, socket: &Socket<String>) -> Commands {
        let Frame::Text(text) = frame else {
            return Commands::none();
        };
        match text.split_once(' ').unwrap_or((&text, "")) {
            ("all", text) => drop(socket.broadcast(CHANNEL, "event", text)),
            ("others", text) => drop(socket.broadcast_from(CHANNEL, "event", text)),
            ("binary", text) => drop(socket.broadcast(CHANNEL, "event", text.as_bytes().to_vec())),
            ("json", text) => drop(socket.broadcast(CHANNEL, "event", json!({ "text": text }))),
            ("join", _) => return Commands::send(socket.join(CHANNEL).to_string()),
            ("forward", _) => return Commands::send(socket.forward(CHANNEL).to_string()),
            ("leave", _) => return Commands::send(socket.leave(CHANNEL).to_string()),
            ("say", text) => return Commands::send(text),
            ("timer", text) => drop(socket.send_info_after(Duration::from_millis(1), text.to_owned())),
            ("queue", _) => return Commands::send(format!("queue {} 0 ", socket.queue_len())),
            ("close", _) => return Commands::close(4000, "enough"),
            ("wait", _) => {
                self.journal.note("waiting");
                self.gate.pass().await;
            }
            _ => {}
        }
        Commands::none()
    }

    async fn info(&mut self, info: Info<String>, _socket: &Socket<String>) -> Commands {
        match info {
            Info::Broadcast(message) => Commands::send(message.payload),
            Info::Message(text) => Commands::send(text),
            _ => Commands::none(),
        }
    }

    async fn terminate(self, reason: Reason, _socket: &Socket<String>) {
        self.journal.note(format!("terminate {reason:?}"));
    }
}

/// A server of members, each in the manner that its path names.
pub(crate) struct Scene {
    pub(crate) server: Server,
    pub(crate) journal: Journal,
    pub(crate) gate: Gate,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let (journal, gate) = (Journal::new(), Gate::new());
        let server = serve_with(&(journal.clone(), gate.clone()), || {
            let group = Group::new("/").ws("/", Member::compressed);
            Routes::new().group(group.ws("/{manner}", Member::init).get("/count", count))
        });
        Self { server, journal, gate }
    }

    /// A member that has joined.
    pub(crate) fn member(&self, manner: &str) -> WebSocket {
        let mut member = WebSocket::open(&self.server, &format!("/{manner}"));
        member.text("say ready");
        while member.receive_text() != "ready" {}
        member
    }
}

async fn count(pubsub: PubSub) -> String {
    pubsub.local_members(CHANNEL).len().to_string()
}

/// Proof that everything before it has come.
pub(crate) fn says(member: &mut WebSocket, text: &str) {
    member.text(&format!("say {text}"));
    assert_eq!(member.receive_text(), text);
}

#[test]
fn a_payload_comes_as_the_frame_of_its_kind() {
    let scene = Scene::new();
    let mut member = scene.member("forward");
    for text in ["all text", "binary bytes", "json value", "all more"] {
        member.text(text);
    }
    let expected = [
        Received::text("text"),
        Received::Binary(b"bytes".to_vec()),
        Received::text(r#"{"text":"value"}"#),
        Received::text("more"),
    ];
    assert_eq!([(); 4].map(|()| member.receive()), expected);
}

#[test]
fn the_sender_is_left_out_in_either_way() {
    let scene = Scene::new();
    let mut members = ["forward", "join", "forward"].map(|manner| scene.member(manner));
    for sender in 0..members.len() {
        members[sender].text("others one");
        for (number, member) in members.iter_mut().enumerate() {
            if number != sender {
                assert_eq!(member.receive_text(), "one");
            }
        }
        says(&mut members[sender], "nothing came");
    }
}

#[test]
fn a_member_gets_what_is_sent_while_it_is_one() {
    let scene = Scene::new();
    let mut sender = scene.member("forward");
    sender.text("all before");
    assert_eq!(sender.receive_text(), "before");
    let mut member = scene.member("forward");
    sender.text("all meanwhile");
    assert_eq!(member.receive_text(), "meanwhile");
    for (text, said) in [("leave", "true"), ("leave", "false")] {
        member.text(text);
        assert_eq!(member.receive_text(), said);
    }
    sender.text("all after");
    assert_eq!([sender.receive_text(), sender.receive_text()], ["meanwhile", "after"]);
    says(&mut member, "nothing came");
    member.text("forward");
    assert_eq!(member.receive_text(), "true");
    sender.text("all again");
    assert_eq!(member.receive_text(), "again");
}

#[test]
fn a_channel_is_joined_in_one_way_at_a_time() {
    let scene = Scene::new();
    for (manner, other) in [("join", "forward"), ("forward", "join")] {
        let mut member = scene.member(manner);
        for again in [manner, other] {
            member.text(again);
            assert_eq!(member.receive_text(), "false");
        }
        member.text("all once");
        assert_eq!(member.receive_text(), "once");
        says(&mut member, "once only");
        assert_eq!(scene.server.get("/count").text(), "1");
        // As it is told, and then as it is forwarded to.
        member.text("leave");
        assert_eq!(member.receive_text(), "true");
        member.text(other);
        assert_eq!(member.receive_text(), "true");
        member.text("all other way");
        assert_eq!(member.receive_text(), "other way");
        member.send(CLOSE, "");
        assert_eq!(member.rest(), [Received::Close(None, String::new())]);
        scene.journal.await_note("terminate");
    }
}

#[test]
fn what_is_broadcast_in_init_comes_after_the_handshake() {
    let scene = Scene::new();
    for _ in 0..20 {
        let mut member = WebSocket::open_with(&scene.server, "/greeting", &[], [frame(TEXT, "say pipelined")]);
        let mut texts = [member.receive_text(), member.receive_text()];
        texts.sort();
        assert_eq!(texts, ["from init", "pipelined"]);
        member.send(CLOSE, "");
        assert_eq!(member.rest().len(), 1);
    }
}

#[test]
fn a_busy_handler_holds_no_broadcast_back() {
    let scene = Scene::new();
    let mut member = scene.member("forward");
    let mut sender = scene.member("none");
    member.text("wait");
    assert_eq!(scene.journal.next(), "waiting");
    sender.text("all meanwhile");
    assert_eq!(member.receive_text(), "meanwhile");
    scene.gate.open();
    says(&mut member, "on it goes");
}

#[test]
fn the_close_frame_is_the_last_and_terminate_is_told_once() {
    let scene = Scene::new();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let mut sender = scene.member("none");
        let stop = &stop;
        let sender = scope.spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                sender.text(&format!("all {}", "x".repeat(3000)));
                says(&mut sender, "sent");
            }
        });
        for round in 0..40 {
            let mut member = scene.member("forward");
            match round % 2 {
                0 => member.text("close"),
                _ => member.send(CLOSE, ""),
            }
            let mut rest = member.rest();
            assert!(matches!(rest.pop(), Some(Received::Close(..))));
            assert!(
                rest.iter()
                    .all(|received| matches!(received, Received::Text(text) if text.len() == 3000))
            );
            let reason = scene.journal.next();
            let expected = ["terminate Stop", "terminate Remote"][round % 2];
            assert!(reason.starts_with(expected), "{reason}");
        }
        stop.store(true, Ordering::Relaxed);
        sender.join().unwrap();
    });
    assert_eq!(scene.server.get("/count").text(), "0");
    assert_eq!(scene.journal.next(), "terminate Closed", "that of the sender");
    assert!(scene.journal.take().is_empty());
}

#[test]
fn a_client_that_only_listens_is_idle_whatever_is_sent_to_it() {
    let scene = Scene::new();
    let mut member = WebSocket::open(&scene.server, "/idle");
    let mut sender = scene.member("none");
    let closed = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let deadline = Instant::now() + PATIENCE;
            while !closed.load(Ordering::Relaxed) && Instant::now() < deadline {
                sender.text("all tick");
                says(&mut sender, "sent");
            }
        });
        let rest = member.rest();
        closed.store(true, Ordering::Relaxed);
        assert_eq!(rest.last(), Some(&Received::close(1000)));
    });
    assert_eq!(scene.journal.next(), "terminate Timeout");
}

#[test]
fn a_compressed_connection_gets_its_own_compressed_frames() {
    let scene = Scene::new();
    let mut plain = scene.member("forward");
    let mut peer = Peer::open(&scene.server);
    peer.exchange_for(TEXT, b"say ready", b"ready");
    for number in 0..50 {
        let text = format!("message {number} ").repeat(number + 1);
        plain.text(&format!("all {text}"));
        assert_eq!(plain.receive_text(), text);
        let (is_compressed, message) = peer.receive();
        assert!(message == text.into_bytes());
        assert!(is_compressed || number == 0, "what is shorter as it is goes as it is");
    }
}

#[test]
fn many_are_told_and_forwarded_to_in_the_order_sent() {
    let scene = Scene::new();
    let mut sender = scene.member("none");
    // More than are told by who broadcasts.
    let mut members: Vec<_> = (0..270)
        .map(|number| scene.member(if number % 9 == 0 { "forward" } else { "join" }))
        .collect();
    let mut others: Vec<_> = (0..20).map(|_| scene.member("join")).collect();
    for number in 0..100 {
        sender.text(&format!("all {number}"));
        if number == 50 {
            // Fewer again.
            others.drain(..).for_each(|mut other| other.send(CLOSE, ""));
        }
    }
    for member in &mut members {
        for number in 0..100 {
            assert_eq!(member.receive_text(), number.to_string());
        }
    }
}
