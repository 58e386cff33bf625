//! The end of a connection: the close frame and the reason for each cause.

use std::time::Duration;

use nova::prelude::*;
use nova::{Accept, App};
use nova_tests::server::{serve, serve_with};
use nova_tests::websocket::{BINARY, CLOSE, PING, TEXT, closing, frame, header};
use nova_tests::{Gate, Journal, Project, Received, WebSocket, in_one_of_a_few};

use crate::puppet::{Puppet, Scene, Stage, Tick};

#[track_caller]
fn assert_ending(bytes: impl AsRef<[u8]>, close: Received, reason: &str) {
    let (received, told) = Scene::ending(bytes);
    assert_eq!(received, [close]);
    assert!(told.contains(reason), "{told}");
}

#[test]
fn an_empty_close_is_answered_with_one() {
    let close = Received::Close(None, String::new());
    assert_ending(frame(CLOSE, ""), close, r#"Remote(Close { code: None, reason: "" })"#);
}

#[test]
fn a_close_is_answered_with_its_code_and_no_text() {
    let close = frame(CLOSE, closing(4000, "done"));
    assert_ending(
        close,
        Received::close(4000),
        r#"Remote(Close { code: Some(4000), reason: "done" })"#,
    );
}

#[test]
fn a_handler_that_stops_is_1000() {
    assert_ending(frame(TEXT, "stop"), Received::close(1000), "Stop");
}

#[test]
fn a_handlers_close_is_sent_as_it_is() {
    assert_ending(
        frame(TEXT, "close"),
        Received::Close(Some(4001), "enough".into()),
        "Stop",
    );
    assert_ending(frame(TEXT, "close empty"), Received::Close(None, String::new()), "Stop");
}

#[test]
fn a_protocol_error_is_1002() {
    assert_ending([0x81, 0x01, b'a'], Received::close(1002), "BadFrame");
}

#[test]
fn invalid_utf8_is_1007_at_the_first_bad_byte() {
    let mut promised = header(TEXT, 100);
    promised.extend([0, 0, 0, 0, b'a', 0xC3, 0x28]);
    assert_ending(promised, Received::close(1007), "BadEncoding");
}

#[test]
fn a_message_over_the_limit_is_1009_by_its_header_alone() {
    assert_ending(header(BINARY, 1001), Received::close(1009), "BadSize");
}

#[test]
fn an_error_a_panic_and_an_illegal_frame_are_1011() {
    for (text, reason) in [
        ("crash", "out of tea"),
        ("panic", "boom"),
        ("long ping", "125"),
        ("bad close", "code"),
        ("long close", "123"),
    ] {
        let (received, told) = Scene::ending(frame(TEXT, text));
        assert_eq!(received, [Received::close(1011)], "{text}");
        assert!(told.contains("Crash") && told.contains(reason), "{text}: {told}");
    }
}

#[test]
fn a_stream_that_ends_without_a_close_is_closed() {
    let scene = Scene::new();
    scene.open().finish();
    assert_eq!(scene.journal.next(), "terminate Closed");
    drop(scene.open());
    assert_eq!(scene.journal.next(), "terminate Closed");
}

#[test]
fn idleness_is_1000_with_timeout() {
    let journal = Journal::new();
    let state = (journal.clone(), Gate::new());
    let project = Project::new().file("nova.toml", "[websocket]\nidle_timeout = 1\n");
    let server = project.serve(|| App::new(|| Routes::new().group(Group::new("/").ws("/", Puppet::init))).state(state));
    let mut socket = WebSocket::open(&server, "/");
    assert_eq!(socket.rest(), [Received::close(1000)]);
    assert_eq!(journal.next(), "terminate Timeout");
}

#[test]
fn what_is_sent_does_not_put_the_idle_timeout_off() {
    async fn init(socket: Socket<Tick>, State((journal, gate)): State<Stage>) -> Accept<Puppet> {
        socket.send_info_every(Duration::from_millis(10), Tick("tick"));
        Accept::new(Puppet { journal, gate }).idle_timeout(Duration::from_millis(200))
    }
    let journal = Journal::new();
    let server = serve_with(&(journal.clone(), Gate::new()), || {
        Routes::new().group(Group::new("/").ws("/", init))
    });
    let received = WebSocket::open(&server, "/").rest();
    assert_eq!(received.last(), Some(&Received::close(1000)));
    assert_eq!(journal.next(), "terminate Timeout");
}

#[test]
fn bytes_that_wait_to_be_read_put_the_idle_timeout_off() {
    async fn init(State((journal, gate)): State<Stage>) -> Accept<Puppet> {
        Accept::new(Puppet { journal, gate }).idle_timeout(Duration::from_secs(1))
    }
    in_one_of_a_few(|| {
        let (journal, gate) = (Journal::new(), Gate::new());
        let server = serve_with(&(journal.clone(), gate.clone()), || {
            Routes::new().group(Group::new("/").ws("/", init))
        });
        let mut busy: Vec<_> = (0..10)
            .map(|nth| {
                let mut socket = WebSocket::open(&server, "/");
                if nth % 2 == 0 {
                    // Whichever of its two sources it heard last.
                    socket.text("once");
                    assert_eq!(socket.receive_text(), "once");
                }
                socket.text("wait");
                assert_eq!(journal.next(), "waiting");
                socket.text("in time");
                socket
            })
            .collect();
        // When two silent ones have timed out in turn, the others' time is well over.
        for _ in 0..2 {
            assert_eq!(WebSocket::open(&server, "/").rest(), [Received::close(1000)]);
        }
        gate.open();
        for socket in &mut busy {
            assert_eq!(
                [socket.receive(), socket.receive()],
                ["waited", "in time"].map(Received::text)
            );
            // It was no respite: the time begins anew.
            socket.text("still here");
            assert_eq!(socket.receive(), Received::text("still here"));
        }
    });
}

#[test]
fn a_client_that_sends_far_too_much_is_not_reset() {
    // It listens only when it has sent everything, as a browser may: a reset would cost it the close frame.
    let scene = Scene::new();
    for _ in 0..5 {
        let mut socket = scene.open();
        let sent = socket.try_send_bytes(frame(BINARY, vec![0; 4_000_000]));
        assert!(sent.is_ok(), "{sent:?}");
        assert_eq!(socket.rest(), [Received::close(1009)]);
    }
}

#[test]
fn a_close_in_a_list_drops_everything_after_it() {
    let (received, _) = Scene::ending(frame(TEXT, "list with close"));
    assert_eq!(received, [Received::text("a"), Received::close(4002)]);
    let (received, _) = Scene::ending(frame(TEXT, "send and stop"));
    assert_eq!(received, [Received::text("bye"), Received::close(1000)]);
}

#[test]
fn after_a_stop_no_frame_is_handled() {
    let frames = [frame(TEXT, "stop"), frame(TEXT, "panic"), frame(PING, "p")].concat();
    assert_ending(frames, Received::close(1000), "Stop");
}

#[test]
fn after_a_clients_close_nothing_is_handled() {
    let frames = [frame(CLOSE, closing(1000, "")), frame(TEXT, "panic")].concat();
    assert_ending(frames, Received::close(1000), "Remote");
}

#[test]
fn a_panic_in_terminate_harms_nobody() {
    struct Careless;
    impl WebSocketHandler for Careless {
        async fn handle(&mut self, _frame: Frame, _socket: &Socket) -> Commands {
            Commands::stop()
        }
        async fn terminate(self, _reason: Reason, _socket: &Socket) {
            panic!("boom")
        }
    }
    let server = serve(|| Routes::new().group(Group::new("/").ws("/", async || Careless)));
    for _ in 0..2 {
        let mut socket = WebSocket::open(&server, "/");
        socket.text("end");
        assert_eq!(socket.rest(), [Received::close(1000)]);
    }
}
