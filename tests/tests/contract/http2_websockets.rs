//! WebSockets over HTTP/2 (RFC 8441): how they end, and what they share a connection with.

use std::time::Duration;

use nova::prelude::*;
use nova::{Accept, App};
use nova_tests::http2::{Connection, open};
use nova_tests::process::await_refusal;
use nova_tests::server::{serve, serve_with};
use nova_tests::stream::Stream as _;
use nova_tests::websocket::{BINARY, CLOSE, TEXT, begun, closing, frame, upgrade};
use nova_tests::{Journal, Project, Received, Server, WebSocket, in_one_of_a_few};

use crate::puppet::Scene;
use crate::service::start;

struct Echo;

impl WebSocketHandler for Echo {
    async fn handle(&mut self, frame: Frame, _socket: &Socket) -> Commands {
        Commands::send(frame)
    }
}

async fn echo() -> Echo {
    Echo
}

fn echo_server() -> Server {
    serve(|| Routes::new().group(Group::new("/").ws("/", echo).get("/page", async || "a page")))
}

#[test]
fn a_close_ends_the_stream_and_nothing_else_of_the_connection() {
    let server = echo_server();
    let mut client = open(&server);
    let mut others = [(); 2].map(|()| client.websocket("/", &[]));
    let mut socket = client.websocket("/", &[]);
    socket.send(CLOSE, closing(1000, ""));
    assert_eq!(socket.rest(), [Received::close(1000)]);
    for (nth, other) in others.iter_mut().enumerate() {
        other.text(&nth.to_string());
    }
    assert_eq!(client.get("/page").text(), "a page");
    for (nth, other) in others.iter_mut().enumerate() {
        assert_eq!(other.receive_text(), nth.to_string());
    }
}

#[test]
fn a_client_that_leaves_its_side_open_after_the_close_is_reset() {
    let server = echo_server();
    let (_, mut stream) = open(&server).stream("/", &[]);
    std::io::Write::write_all(&mut stream, &frame(CLOSE, "")).unwrap();
    let mut rest = Vec::new();
    std::io::Read::read_to_end(&mut stream, &mut rest).unwrap();
    assert_eq!(rest, [CLOSE, 0]);
    assert_eq!(stream.await_reset(), h2::Reason::NO_ERROR);
}

#[test]
fn a_stream_that_is_reset_or_ends_or_whose_connection_is_gone_is_closed() {
    for how in ["cancel", "error", "end", "connection"] {
        let scene = Scene::new();
        let mut client = open(&scene.server);
        let (_, mut stream) = client.stream("/", &[]);
        // In mid-message, and when all before it has been handled.
        let half = [frame(BINARY, "seen"), begun(TEXT, "half")].concat();
        std::io::Write::write_all(&mut stream, &half).unwrap();
        assert!(scene.journal.next().contains("Binary"), "{how}");
        match how {
            "cancel" => stream.reset(h2::Reason::CANCEL),
            "error" => stream.reset(h2::Reason::INTERNAL_ERROR),
            "end" => stream.finish().unwrap(),
            _ => client.cut(),
        }
        assert_eq!(scene.journal.next(), "terminate Closed", "{how}");
        drop((client, stream));
        drop(scene.server);
        assert!(scene.journal.take().is_empty(), "{how}: terminate runs once");
    }
}

#[test]
fn what_a_client_sent_before_it_ended_its_side_is_answered() {
    let server = echo_server();
    let mut socket = open(&server).websocket("/", &[]);
    socket.send_bytes([frame(TEXT, "last"), frame(TEXT, "words")].concat());
    socket.finish();
    assert_eq!(socket.rest(), [Received::text("last"), Received::text("words")]);
}

#[test]
fn a_silent_one_is_closed_after_its_idle_timeout() {
    struct Silent(Journal);
    impl WebSocketHandler for Silent {
        async fn handle(&mut self, _frame: Frame, _socket: &Socket) -> Commands {
            Commands::none()
        }
        async fn terminate(self, reason: Reason, _socket: &Socket) {
            self.0.note(format!("{reason:?}"));
        }
    }
    let journal = Journal::new();
    let server = serve_with(&journal, || {
        let init = async |State(journal): State<Journal>| {
            Accept::new(Silent(journal)).idle_timeout(Duration::from_millis(100))
        };
        Routes::new().group(Group::new("/").ws("/", init))
    });
    let mut socket = open(&server).websocket("/", &[]);
    assert_eq!(socket.rest(), [Received::close(1000)]);
    assert_eq!(journal.next(), "Timeout");
}

#[test]
fn one_that_is_accepted_when_its_stream_is_gone_is_closed() {
    struct Late(Journal);
    impl WebSocketHandler for Late {
        async fn handle(&mut self, _frame: Frame, _socket: &Socket) -> Commands {
            Commands::none()
        }
        async fn terminate(self, reason: Reason, _socket: &Socket) {
            self.0.note(format!("{reason:?}"));
        }
    }
    #[derive(Clone)]
    struct Both {
        journal: Journal,
        reset: Journal,
    }
    let both = Both {
        journal: Journal::new(),
        reset: Journal::new(),
    };
    let server = serve_with(&both, || {
        let init = async |State(both): State<Both>| {
            both.journal.note("init");
            // Without giving way, so that what becomes of the stream is found out when it is to be answered.
            tokio::task::block_in_place(|| both.reset.next());
            Late(both.journal)
        };
        Routes::new().group(Group::new("/").ws("/", init).get("/page", async || "a page"))
    });
    let mut client = open(&server);
    let pending = client.connect("websocket", "/", &[("sec-websocket-version", "13")]);
    assert_eq!(both.journal.next(), "init");
    pending.reset();
    // What is sent after the reset is answered: so that was seen.
    assert_eq!(client.get("/page").text(), "a page");
    both.reset.note("seen");
    assert_eq!(both.journal.next(), "Closed");
}

/// Answers a flood with more than a client takes that does not read, and stops receiving when it is told to.
struct Slow(Journal);

impl WebSocketHandler for Slow {
    async fn handle(&mut self, frame: Frame, _socket: &Socket) -> Commands {
        match frame {
            Frame::Text(text) if text.as_str() == "flood" => Commands::send(Frame::binary(vec![0; 8 * 1024 * 1024])),
            Frame::Text(text) if text.as_str() == "stop" => Commands::pause(),
            frame => Commands::send(frame),
        }
    }

    async fn terminate(self, reason: Reason, _socket: &Socket) {
        self.0.note(format!("{reason:?}"));
    }
}

fn slow_server(journal: &Journal) -> Server {
    let journal = journal.clone();
    let project = Project::new().file("nova.toml", "[websocket]\nwrite_timeout = 1\n");
    project.serve(move || {
        let init = async |State(journal): State<Journal>| Slow(journal);
        App::new(move || Routes::new().group(Group::new("/").ws("/", init))).state(journal)
    })
}

#[test]
fn one_that_is_not_read_is_reset_after_the_write_timeout_and_holds_up_no_other() {
    let journal = Journal::new();
    let server = slow_server(&journal);
    let mut client = open(&server);
    let (_, mut stalled) = client.stream("/", &[]);
    let mut other = client.websocket("/", &[]);
    std::io::Write::write_all(&mut stalled, &frame(TEXT, "flood")).unwrap();
    for _ in 0..100 {
        other.send(BINARY, vec![1; 10_000]);
        assert_eq!(other.receive(), Received::Binary(vec![1; 10_000]));
    }
    assert!(journal.next().contains("TimedOut"));
    assert_eq!(stalled.await_reset(), h2::Reason::CANCEL);
}

#[test]
fn one_whose_handler_does_not_receive_holds_up_no_other() {
    let server = slow_server(&Journal::new());
    let mut client = open(&server);
    let mut stopped: Vec<_> = (0..20).map(|_| client.stream("/", &[]).1).collect();
    let mut other = client.websocket("/", &[]);
    for stream in &mut stopped {
        std::io::Write::write_all(stream, &frame(TEXT, "stop")).unwrap();
        // As much as the server takes of a stream that it does not read, and together more than a client may have on its
        // way where the connection's window is as usual.
        std::io::Write::write_all(stream, &frame(BINARY, vec![0; 60_000])).unwrap();
    }
    for _ in 0..100 {
        other.send(BINARY, vec![1; 10_000]);
        assert_eq!(other.receive(), Received::Binary(vec![1; 10_000]));
    }
}

#[test]
fn many_live_on_one_connection_and_all_are_told_of_its_end() {
    const SOCKETS: usize = 150;
    let journal = Journal::new();
    let server = slow_server(&journal);
    let mut client = open(&server);
    let mut sockets: Vec<_> = (0..SOCKETS).map(|_| client.websocket("/", &[])).collect();
    for (nth, socket) in sockets.iter_mut().enumerate() {
        socket.text(&nth.to_string());
    }
    for (nth, socket) in sockets.iter_mut().enumerate() {
        assert_eq!(socket.receive_text(), nth.to_string());
    }
    client.cut();
    for _ in 0..SOCKETS {
        assert_eq!(journal.next(), "Closed");
    }
}

#[test]
fn a_callback_in_flight_outlives_its_connection() {
    let scene = Scene::new();
    let mut client = open(&scene.server);
    let mut socket = client.websocket("/", &[]);
    socket.text("wait");
    assert_eq!(scene.journal.next(), "waiting");
    client.cut();
    scene.gate.open();
    assert_eq!(scene.journal.next(), "waited");
    assert_eq!(scene.journal.next(), "terminate Closed");
}

#[test]
fn it_outlives_the_header_timeout() {
    let project = Project::new().file("nova.toml", "[server]\nheader_timeout = 1\n");
    let server = project.serve(|| App::new(|| Routes::new().group(Group::new("/").ws("/", echo))));
    in_one_of_a_few(|| {
        let mut socket = open(&server).websocket("/", &[]);
        // The end of a neighbour shows that the time has passed.
        assert_eq!(open(&server).end(), Ok(()));
        socket.text("still here");
        assert_eq!(socket.receive_text(), "still here");
    });
}

#[test]
fn at_the_end_each_is_closed_with_1001_and_the_connection_in_order() {
    let (mut process, _directory) = start();
    let address = process.address();
    let mut client = Connection::open(address);
    let mut sockets = [(); 3].map(|()| client.websocket("/ws", &[]));
    process.signal("TERM");
    for socket in &mut sockets {
        assert_eq!(socket.last_words(), [Received::close(1001)]);
    }
    drop(sockets);
    for _ in 0..3 {
        assert!(process.lines().await_note("terminate").contains("Shutdown"));
    }
    assert_eq!(client.end(), Ok(()));
    assert_eq!(process.end().code(), Some(0));
}

#[test]
fn at_the_end_a_callback_in_flight_is_finished_before_the_1001() {
    let (mut process, _directory) = start();
    let address = process.address();
    let mut socket = Connection::open(address).websocket("/stubborn", &[]);
    socket.text("work");
    process.lines().await_note("handling");
    process.signal("TERM");
    await_refusal(address);
    process.say("open");
    assert_eq!(socket.last_words(), [Received::text("handled"), Received::close(1001)]);
    assert_eq!(process.end().code(), Some(0));
}

#[test]
fn an_upgrade_of_http1_goes_on_beside_it() {
    let server = echo_server();
    let mut over_http2 = open(&server).websocket("/", &[]);
    let mut connection = server.connect();
    connection.send(upgrade("/", &[]));
    let handshake = connection.response("GET");
    let mut over_http1 = WebSocket::accepted(connection, handshake);
    for socket in [&mut over_http1, &mut over_http2] {
        socket.text("both");
        assert_eq!(socket.receive_text(), "both");
    }
}
