//! Frames: fragments, splits, limits, and what breaks the protocol.

use nova::prelude::*;
use nova::{Accept, App};
use nova_tests::server::serve;
use nova_tests::websocket::{BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, begun, closing, frame, header};
use nova_tests::{Project, Received, Server, WebSocket};

const LIMIT: usize = 100_000;

struct Echo;

impl WebSocketHandler for Echo {
    async fn handle(&mut self, frame: Frame, _socket: &Socket) -> Commands {
        match frame {
            Frame::Text(_) | Frame::Binary(_) => Commands::send(frame),
            _ => Commands::none(),
        }
    }
}

fn server() -> Server {
    let init = async || Accept::new(Echo).max_message_size(LIMIT);
    serve(move || Routes::new().group(Group::new("/").ws("/", init)))
}

#[test]
fn a_message_of_any_size_comes_back() {
    let server = server();
    let mut socket = WebSocket::open(&server, "/");
    for size in [0, 1, 125, 126, 127, 65_535, 65_536, LIMIT] {
        let payload: Vec<u8> = (0..=255).cycle().take(size).collect();
        socket.send(BINARY, &payload);
        assert_eq!(socket.receive(), Received::Binary(payload));
        let text = "é".repeat(size / 2);
        socket.text(&text);
        assert_eq!(socket.receive_text(), text);
    }
}

#[test]
fn fragments_are_put_together_with_control_frames_between() {
    let server = server();
    let mut socket = WebSocket::open(&server, "/");
    socket.send_bytes(
        [
            begun(TEXT, "a"),
            frame(PING, "1"),
            begun(CONTINUATION, ""),
            frame(PONG, ""),
            begun(CONTINUATION, "b"),
            frame(PING, "2"),
            frame(CONTINUATION, "c"),
        ]
        .concat(),
    );
    assert_eq!(socket.receive(), Received::Pong(b"1".to_vec()));
    assert_eq!(socket.receive(), Received::Pong(b"2".to_vec()));
    assert_eq!(socket.receive_text(), "abc");
}

#[test]
fn a_character_may_be_cut_between_fragments() {
    let server = server();
    let mut socket = WebSocket::open(&server, "/");
    let [first, rest @ ..] = "🦀".as_bytes() else {
        unreachable!()
    };
    socket.send_bytes([begun(TEXT, [*first]), frame(PING, ""), frame(CONTINUATION, rest)].concat());
    assert_eq!(socket.receive(), Received::Pong(Vec::new()));
    assert_eq!(socket.receive_text(), "🦀");
}

#[test]
fn any_split_of_the_stream_works() {
    let frames = [
        frame(TEXT, "grüße 🦀"),
        frame(PING, "p"),
        begun(BINARY, [0; 130]),
        frame(CONTINUATION, [1]),
        frame(CLOSE, closing(1000, "")),
    ]
    .concat();
    let expected = [
        Received::text("grüße 🦀"),
        Received::Pong(b"p".to_vec()),
        Received::Binary([vec![0; 130], vec![1]].concat()),
        Received::close(1000),
    ];
    let server = server();
    for size in [1, 2, 3, 7, 50, frames.len()] {
        let mut socket = WebSocket::open(&server, "/");
        for part in frames.chunks(size) {
            socket.send_bytes(part);
        }
        assert_eq!(socket.rest(), expected, "in parts of {size}");
    }
}

#[test]
fn a_limit_is_inclusive_for_one_frame_and_for_all_fragments() {
    let server = server();
    let mut socket = WebSocket::open(&server, "/");
    socket.send_bytes([begun(BINARY, vec![1; LIMIT - 1]), frame(CONTINUATION, [2])].concat());
    assert!(matches!(socket.receive(), Received::Binary(data) if data.len() == LIMIT));
    // The header alone, twice: of one frame, and of a fragment that is one byte too much.
    socket.send_bytes([begun(BINARY, vec![1; LIMIT - 1]), header(CONTINUATION, 2)].concat());
    assert_eq!(socket.rest(), [Received::close(1009)]);
    let mut socket = WebSocket::open(&server, "/");
    socket.send_bytes(header(BINARY, LIMIT + 1));
    assert_eq!(socket.rest(), [Received::close(1009)]);
}

#[test]
fn the_configured_limits_hold_where_init_sets_none() {
    let project = Project::new().file("nova.toml", "[websocket]\nmax_message_size = 10\nmax_fragments = 3\n");
    let server = project.serve(|| App::new(|| Routes::new().group(Group::new("/").ws("/", async || Echo))));
    let mut socket = WebSocket::open(&server, "/");
    socket.text("0123456789");
    assert_eq!(socket.receive_text(), "0123456789");
    socket.text("0123456789x");
    assert_eq!(socket.rest(), [Received::close(1009)]);
    let mut socket = WebSocket::open(&server, "/");
    let fragments = [begun(TEXT, "a"), begun(CONTINUATION, "b"), frame(CONTINUATION, "c")].concat();
    socket.send_bytes(fragments);
    assert_eq!(socket.receive_text(), "abc");
    socket.send_bytes(
        [
            begun(TEXT, ""),
            begun(CONTINUATION, ""),
            begun(CONTINUATION, ""),
            begun(CONTINUATION, ""),
        ]
        .concat(),
    );
    assert!(matches!(&socket.rest()[..], [Received::Close(Some(1009), _)]));
}

#[test]
fn by_default_a_message_has_a_million_bytes() {
    let server = serve(|| Routes::new().group(Group::new("/").ws("/", async || Echo)));
    let mut socket = WebSocket::open(&server, "/");
    socket.send(BINARY, vec![0; 1_000_000]);
    assert!(matches!(socket.receive(), Received::Binary(data) if data.len() == 1_000_000));
    socket.send_bytes(header(BINARY, 1_000_001));
    assert_eq!(socket.rest(), [Received::close(1009)]);
}

#[test]
fn what_breaks_the_protocol_is_1002() {
    let unmasked = vec![TEXT, 0x01, b'a'];
    let long_in_two = [&[BINARY, 0x80 | 0x7E, 0, 125][..], &[0; 129]].concat();
    let long_in_eight = [&[BINARY, 0x80 | 0x7F, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF][..], &[0; 4]].concat();
    let top_bit = vec![BINARY, 0x80 | 0x7F, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let cases = [
        ("an unmasked frame", unmasked),
        ("the first reserved bit", frame(TEXT | 0x40, "a")),
        ("the second reserved bit", frame(TEXT | 0x20, "a")),
        ("the third reserved bit", frame(TEXT | 0x10, "a")),
        ("opcode 3", frame(0x83, "a")),
        ("opcode 11", frame(0x8B, "a")),
        ("a fragmented ping", begun(PING, "a")),
        ("a long ping", frame(PING, [0; 126])),
        ("a long close", frame(CLOSE, closing(1000, &"x".repeat(124)))),
        ("a continuation of nothing", frame(CONTINUATION, "a")),
        ("a message in a message", [begun(TEXT, "a"), frame(TEXT, "b")].concat()),
        ("a length in two bytes that needs one", long_in_two),
        ("a length in eight bytes that needs two", long_in_eight),
        ("a length with its top bit", top_bit),
        ("half a close code", frame(CLOSE, [3])),
    ];
    let server = server();
    for (what, bytes) in cases {
        let mut socket = WebSocket::open(&server, "/");
        socket.send_bytes(bytes);
        assert_eq!(socket.rest(), [Received::close(1002)], "{what}");
    }
}

#[test]
fn a_close_code_that_may_not_be_sent_is_1002() {
    let server = server();
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000, 65_535] {
        let mut socket = WebSocket::open(&server, "/");
        socket.send(CLOSE, closing(code, ""));
        assert_eq!(socket.rest(), [Received::close(1002)], "{code}");
    }
    for code in [1000, 1001, 1003, 1007, 1008, 1011, 1012, 3000, 4999] {
        let mut socket = WebSocket::open(&server, "/");
        socket.send(CLOSE, closing(code, "why"));
        assert_eq!(socket.rest(), [Received::close(code)], "{code}");
    }
}

#[test]
fn text_that_is_no_utf8_is_1007() {
    let surrogate: &[u8] = &[0xED, 0xA0, 0x80];
    let overlong: &[u8] = &[0xC0, 0xAF];
    let beyond: &[u8] = &[0xF4, 0x90];
    let unfinished: &[u8] = &[b'a', 0xE2, 0x82];
    let server = server();
    for bad in [surrogate, overlong, beyond, unfinished, &[0xFF]] {
        let mut socket = WebSocket::open(&server, "/");
        socket.send(TEXT, bad);
        assert_eq!(socket.rest(), [Received::close(1007)], "{bad:?}");
    }
    let mut socket = WebSocket::open(&server, "/");
    socket.send_bytes([begun(TEXT, [0xF4]), begun(CONTINUATION, [0x90])].concat());
    assert_eq!(
        socket.rest(),
        [Received::close(1007)],
        "across fragments, before the last"
    );
    let mut socket = WebSocket::open(&server, "/");
    socket.send(CLOSE, [&1000_u16.to_be_bytes()[..], &[0xFF]].concat());
    assert_eq!(socket.rest(), [Received::close(1007)], "in the reason of a close");
}

#[test]
fn binary_is_not_held_to_utf8() {
    let server = server();
    let mut socket = WebSocket::open(&server, "/");
    socket.send(BINARY, [0xFF, 0xC0]);
    assert_eq!(socket.receive(), Received::Binary(vec![0xFF, 0xC0]));
}
