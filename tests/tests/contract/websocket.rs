//! The life of a connection: its callbacks, one at a time and in order, and its timers.

use nova::prelude::*;
use nova_tests::server::{serve, serve_with};
use nova_tests::websocket::{BINARY, PING, PONG, TEXT, frame};
use nova_tests::{Gate, Journal, Received, WebSocket};

use crate::puppet::{Puppet, Scene, Tick};

#[test]
fn a_list_of_frames_is_written_in_order() {
    let scene = Scene::new();
    let mut socket = scene.open();
    socket.text("list");
    assert_eq!(
        [socket.receive_text(), socket.receive_text(), socket.receive_text()],
        ["a", "b", "c"]
    );
}

#[test]
fn ping_and_pong_are_handed_over_and_only_ping_is_answered() {
    let scene = Scene::new();
    let mut socket = scene.open();
    socket.send(PONG, "unasked");
    socket.send(PING, "hello");
    assert_eq!(socket.receive(), Received::Pong(b"hello".to_vec()));
    assert_eq!(
        [scene.journal.next(), scene.journal.next()],
        [r#"Pong(b"unasked")"#, r#"Ping(b"hello")"#]
    );
}

#[test]
fn what_was_sent_before_is_written_while_a_callback_waits() {
    let scene = Scene::new();
    let mut socket = scene.open();
    socket.send_bytes([frame(TEXT, "list"), frame(TEXT, "wait"), frame(TEXT, "list")].concat());
    assert_eq!([(); 3].map(|()| socket.receive_text()), ["a", "b", "c"]);
    assert_eq!(scene.journal.next(), "waiting");
    scene.gate.open();
    assert_eq!([(); 4].map(|()| socket.receive_text()), ["waited", "a", "b", "c"]);
}

#[test]
fn a_ping_is_answered_before_the_handler_sees_it() {
    struct Slow(Gate);
    impl WebSocketHandler for Slow {
        async fn handle(&mut self, _frame: Frame, _socket: &Socket) -> Commands {
            self.0.pass().await;
            Commands::send("handled")
        }
    }
    let gate = Gate::new();
    let server = serve_with(&gate, || {
        Routes::new().group(Group::new("/").ws("/", async |State(gate): State<Gate>| Slow(gate)))
    });
    let mut socket = WebSocket::open(&server, "/");
    socket.send(PING, "now");
    assert_eq!(socket.receive(), Received::Pong(b"now".to_vec()));
    gate.open();
    assert_eq!(socket.receive_text(), "handled");
}

#[test]
fn callbacks_run_one_at_a_time_and_in_order() {
    let scene = Scene::new();
    let mut socket = scene.open();
    socket.send_bytes([frame(TEXT, "wait"), frame(TEXT, "after")].concat());
    assert_eq!(scene.journal.next(), "waiting");
    scene.gate.open();
    assert_eq!([socket.receive_text(), socket.receive_text()], ["waited", "after"]);
}

#[test]
fn messages_are_heard_in_a_flood_of_frames() {
    /// Tells itself something at its first frame, and the client how many frames it had when it heard it.
    struct Flooded(usize);
    impl WebSocketHandler<()> for Flooded {
        async fn handle(&mut self, _frame: Frame, socket: &Socket<()>) -> Commands {
            if self.0 == 0 {
                socket.send_info(()).unwrap();
            }
            self.0 += 1;
            Commands::none()
        }
        async fn info(&mut self, _info: Info<()>, _socket: &Socket<()>) -> Commands {
            Commands::send(self.0.to_string())
        }
    }
    let server = serve(|| Routes::new().group(Group::new("/").ws("/", async || Flooded(0))));
    let mut socket = WebSocket::open(&server, "/");
    let flood = frame(BINARY, "").repeat(20_000);
    for _ in 0..25 {
        socket.send_bytes(&flood);
    }
    let heard: usize = socket.receive_text().parse().unwrap();
    assert!(heard < 100_000, "after {heard} frames");
}

#[test]
fn a_callback_in_flight_is_finished_before_terminate() {
    let scene = Scene::new();
    let mut socket = scene.open();
    socket.text("wait");
    assert_eq!(scene.journal.next(), "waiting");
    drop(socket);
    scene.gate.open();
    assert_eq!(scene.journal.next(), "waited");
    assert_eq!(scene.journal.next(), "terminate Closed");
}

#[test]
fn a_panic_leaves_other_connections_alone() {
    let scene = Scene::new();
    let (mut one, mut other) = (scene.open(), scene.open());
    one.text("panic");
    assert_eq!(one.rest(), [Received::close(1011)]);
    other.text("still here");
    assert_eq!(other.receive_text(), "still here");
}

#[test]
fn a_timer_fires_once() {
    let scene = Scene::new();
    let mut socket = scene.open();
    socket.text("once");
    assert_eq!(socket.receive_text(), "once");
    socket.text("cancelled");
    assert_eq!([socket.receive_text(), socket.receive_text()], ["true false", "after"]);
}

#[test]
fn a_timer_repeats_until_the_connection_ends() {
    let scene = Scene::new();
    let mut socket = scene.open();
    socket.text("every");
    for _ in 0..5 {
        assert_eq!(socket.receive_text(), "every");
    }
    socket.text("stop");
    assert_eq!(socket.rest().last(), Some(&Received::close(1000)));
    assert_eq!(scene.journal.next(), "terminate Stop");
}

#[test]
fn a_callback_is_called_without_a_socket() {
    nova::testing::run(async {
        let (socket, mut mailbox) = nova::testing::socket_of::<Tick>();
        let (journal, gate) = (Journal::new(), Gate::new());
        let mut puppet = Puppet {
            journal: journal.clone(),
            gate,
        };
        assert_eq!(puppet.handle(Frame::text("stop"), &socket).await, Commands::stop());
        assert_eq!(puppet.handle(Frame::text("once"), &socket).await, Commands::none());
        let info = mailbox.next().await.unwrap();
        assert_eq!(puppet.info(info, &socket).await, Commands::send("once"));
        puppet.terminate(Reason::Stop, &socket).await;
        assert_eq!(journal.next(), "terminate Stop");
    });
}
