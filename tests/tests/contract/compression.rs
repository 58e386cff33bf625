//! Compressed messages (RFC 7692): what is agreed on, both directions, and what breaks them.

use flate2::{Compress, FlushCompress};
use nova::prelude::*;
use nova::{Accept, App, Compression};
use nova_tests::server::{serve, serve_with};
use nova_tests::websocket::{BINARY, FIN, PING, PONG, TEXT, frame, header};
use nova_tests::{Client, Journal, Over, Project, Received, Server, WebSocket};

use crate::compressing::{COMPRESSED, OFFER, Peer, TAIL, compressed, offer};

const CONTINUATION: u8 = 0x80;
const LIMIT: usize = 100_000;

/// Everything is compressed, and may refer to all that was said before.
const TAKEOVER: Compression = Compression {
    level: 6,
    min_size: 0,
    server_context_takeover: true,
    client_context_takeover: true,
    client_max_window_bits: 15,
};

/// Sends back what it receives, and notes how it ends.
struct Echo(Journal);

impl WebSocketHandler for Echo {
    async fn handle(&mut self, frame: Frame, _socket: &Socket) -> Commands {
        match frame {
            Frame::Text(_) | Frame::Binary(_) => Commands::send(frame),
            _ => Commands::none(),
        }
    }

    async fn terminate(self, reason: Reason, _socket: &Socket) {
        self.0.note(format!("{reason:?}"));
    }
}

fn server(compression: Compression) -> Server {
    server_with(&Journal::new(), compression)
}

fn server_with(journal: &Journal, compression: Compression) -> Server {
    let init = move |State(journal): State<Journal>| async move {
        Accept::new(Echo(journal)).max_message_size(LIMIT).compress(compression)
    };
    serve_with(journal, move || Routes::new().group(Group::new("/").ws("/", init)))
}

#[test]
fn compression_is_off_by_default() {
    let server = serve_with(&Journal::new(), || {
        let init = async |State(journal): State<Journal>| Echo(journal);
        Routes::new().group(Group::new("/").ws("/", init))
    });
    let (mut socket, answer) = offer(&server, &[OFFER]);
    assert_eq!(answer, None);
    socket.send(TEXT | COMPRESSED, [0]);
    assert_eq!(socket.rest(), [Received::close(1002)]);
}

#[test]
fn the_configuration_turns_it_on_and_a_handler_off() {
    let project = Project::new().file("nova.toml", "[websocket]\ncompress = true\n");
    let server = project.serve(|| {
        App::new(|| {
            let quiet = async || Accept::new(Echo(Journal::new())).uncompressed();
            let group = Group::new("/")
                .ws("/", async || Echo(Journal::new()))
                .ws("/quiet", quiet);
            Routes::new().group(group)
        })
    });
    let mut client = Peer::open(&server);
    assert!(client.exchange(TEXT, &[b'x'; 256]));
    assert!(!client.exchange(TEXT, &[b'x'; 255]), "smaller than it is worth");
    let quiet = WebSocket::open_with(&server, "/quiet", &[("sec-websocket-extensions", OFFER)], []);
    assert_eq!(quiet.handshake.header("sec-websocket-extensions"), None);
}

#[test]
fn a_client_that_does_not_offer_it_goes_without() {
    let server = server(TAKEOVER);
    let (mut socket, answer) = offer(&server, &[]);
    assert_eq!(answer, None);
    socket.text("as it is");
    assert_eq!(socket.receive_text(), "as it is");
    socket.send(TEXT | COMPRESSED, [0]);
    assert_eq!(socket.rest(), [Received::close(1002)]);
}

#[test]
fn the_first_acceptable_offer_is_answered() {
    let server = server(TAKEOVER);
    let name = "permessage-deflate";
    for (lines, expected) in [
        (&["permessage-deflate"][..], Some("")),
        (&["permessage-deflate; client_max_window_bits"], Some("")),
        (
            &["permessage-deflate; client_max_window_bits=\"11\""],
            Some("; client_max_window_bits=11"),
        ),
        (
            &["permessage-deflate; server_max_window_bits=15"],
            Some("; server_max_window_bits=15"),
        ),
        // A window that the server's compressor does not have.
        (&["permessage-deflate; server_max_window_bits=10"], None),
        (
            &["permessage-deflate; server_max_window_bits=10, permessage-deflate; server_no_context_takeover"],
            Some("; server_no_context_takeover"),
        ),
        (
            &[
                "permessage-deflate; client_no_context_takeover; client_no_context_takeover",
                "permessage-deflate; client_no_context_takeover",
            ],
            Some("; client_no_context_takeover"),
        ),
        (&["permessage-deflate; surprise"], None),
        (&["permessage-deflate; client_max_window_bits=7"], None),
        (&["permessage-deflate;;", "x-webkit-deflate-frame"], None),
        (&["\"", "permessage-deflate"], Some("")),
    ] {
        let (mut socket, answer) = offer(&server, lines);
        let expected = expected.map(|parameters| format!("{name}{parameters}"));
        assert_eq!(answer, expected, "{lines:?}");
        // Whatever was agreed on, messages may come as they are.
        socket.send(BINARY, "x");
        assert!(socket.receive_frame().is_some(), "{lines:?}");
    }
}

#[test]
fn what_was_said_before_is_taken_over_or_not() {
    let message = "a rather long message that is sent again and again".repeat(4);
    for (server_takes_over, client_takes_over) in [(true, true), (true, false), (false, true), (false, false)] {
        let server = server(Compression {
            server_context_takeover: server_takes_over,
            client_context_takeover: client_takes_over,
            ..TAKEOVER
        });
        let mut client = Peer::open(&server);
        assert_eq!(
            (client.server_takes_over, client.client_takes_over),
            (server_takes_over, client_takes_over)
        );
        let mut sizes = Vec::new();
        for _ in 0..5 {
            assert!(client.exchange(TEXT, message.as_bytes()));
            sizes.push(client.received);
        }
        assert_eq!(sizes[4] < sizes[0], server_takes_over, "{sizes:?}");
    }
}

#[test]
fn a_client_may_refuse_takeover() {
    let server = server(TAKEOVER);
    let line = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
    let mut client = Peer::open_with(&server, line, 15);
    assert!(!client.server_takes_over && !client.client_takes_over);
    for _ in 0..3 {
        assert!(client.exchange(TEXT, &[b'x'; 1000]));
    }
}

#[test]
fn a_message_of_any_size_comes_back() {
    let server = server(TAKEOVER);
    for bits in [9, 12, 15] {
        let line = format!("permessage-deflate; client_max_window_bits={bits}");
        let mut client = Peer::open_with(&server, &line, bits);
        for size in [0, 1, 125, 126, 127, 65_535, 65_536, 0, LIMIT, 40] {
            let text = "é🦀 ".repeat(size / 7) + &"x".repeat(size % 7);
            assert_eq!(text.len(), size);
            client.exchange(TEXT, text.as_bytes());
            let noise: Vec<u8> = (0_u32..)
                .map(|n| (n.wrapping_mul(n) >> 7).to_le_bytes()[0])
                .take(size)
                .collect();
            client.exchange(BINARY, &noise);
        }
    }
}

#[test]
fn it_is_the_same_whatever_it_travels_over() {
    for over in Over::ALL {
        let server = over.project().serve(|| {
            let init = async || Accept::new(Echo(Journal::new())).compress(TAKEOVER);
            App::new(move || Routes::new().group(Group::new("/").ws("/", init)))
        });
        let mut client = Client::new(&server, over);
        let mut peers = [(); 2].map(|()| Peer::on(client.open_with("/", &[("sec-websocket-extensions", OFFER)]), 15));
        for size in [0, 1, 125, 65_536, LIMIT, 40] {
            for (peer, byte) in peers.iter_mut().zip(*b"ab") {
                assert!(peer.exchange(TEXT, &vec![byte; size]), "{size} bytes over {over:?}");
            }
        }
    }
}

#[test]
fn messages_that_are_not_compressed_leave_the_contexts_alone() {
    let server = server(Compression {
        min_size: 100,
        ..TAKEOVER
    });
    let mut client = Peer::open(&server);
    let long = "a message ".repeat(30);
    for round in 0..3 {
        assert!(client.exchange(TEXT, long.as_bytes()), "round {round}");
        client.socket.text(&format!("short {round}"));
        assert_eq!(client.receive(), (false, format!("short {round}").into_bytes()));
        assert!(!client.exchange(TEXT, b"short, and compressed by the client"));
    }
}

#[test]
fn control_frames_between_fragments_are_not_compressed() {
    let server = server(TAKEOVER);
    let mut client = Peer::open(&server);
    for message in ["a message in parts", "another message in parts"] {
        let payload = client.compress(message.as_bytes());
        let (first, rest) = payload.split_at(3);
        let (second, third) = rest.split_at(2);
        client.socket.send_bytes(
            [
                frame((TEXT | COMPRESSED) & !FIN, first),
                frame(PING, "a ping"),
                frame(CONTINUATION & !FIN, second),
                frame(PONG, "a pong"),
                frame(CONTINUATION & !FIN, ""),
                frame(CONTINUATION, third),
            ]
            .concat(),
        );
        assert_eq!(client.socket.receive(), Received::Pong(b"a ping".to_vec()));
        assert_eq!(client.receive(), (true, message.as_bytes().to_vec()));
    }
}

#[test]
fn any_split_of_the_stream_works() {
    let server = server(TAKEOVER);
    for size in [1, 2, 3, 7, 1000] {
        let mut client = Peer::open(&server);
        let messages = ["one message", "one message, and another", ""];
        let mut bytes = Vec::new();
        for message in messages {
            let payload = client.compress(message.as_bytes());
            let (first, second) = payload.split_at(payload.len() / 2);
            bytes.extend(frame((TEXT | COMPRESSED) & !FIN, first));
            bytes.extend(frame(CONTINUATION, second));
            bytes.extend(frame(TEXT | COMPRESSED, client.compress(message.as_bytes())));
        }
        for part in bytes.chunks(size) {
            client.socket.send_bytes(part);
        }
        for message in messages {
            for _ in 0..2 {
                assert_eq!(client.receive().1, message.as_bytes(), "in parts of {size}");
            }
        }
    }
}

#[test]
fn frames_that_came_with_the_handshake_may_be_compressed() {
    let server = server(TAKEOVER);
    // "Hello", as RFC 7692 §7.2.3.1 has it.
    let hello = frame(TEXT | COMPRESSED, [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00]);
    let mut socket = WebSocket::open_with(&server, "/", &[("sec-websocket-extensions", OFFER)], [hello]);
    let hello = vec![0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00];
    assert_eq!(socket.receive_frame(), Some((TEXT | COMPRESSED, hello)));
}

/// What a client receives that sends this, and the reason that `terminate` is told.
fn ending(bytes: impl AsRef<[u8]>) -> (Vec<Received>, String) {
    let journal = Journal::new();
    let server = server_with(&journal, TAKEOVER);
    let (mut socket, _) = offer(&server, &[OFFER]);
    socket.send_bytes(bytes);
    (socket.rest(), journal.next())
}

#[test]
fn the_bit_is_for_the_first_frame_of_a_message() {
    for (what, bytes) in [
        ("a ping", frame(PING | COMPRESSED, "")),
        ("a pong", frame(PONG | COMPRESSED, "")),
        (
            "a continuation of a compressed message",
            [
                frame((TEXT | COMPRESSED) & !FIN, [0xF2]),
                frame(CONTINUATION | COMPRESSED, []),
            ]
            .concat(),
        ),
        (
            "a continuation of another",
            [frame(TEXT & !FIN, "a"), frame(CONTINUATION | COMPRESSED, "b")].concat(),
        ),
        ("another reserved bit", frame(TEXT | COMPRESSED | 0x20, [0])),
    ] {
        let (received, reason) = ending(bytes);
        assert_eq!(received, [Received::close(1002)], "{what}");
        assert!(reason.starts_with("BadFrame"), "{what}: {reason}");
    }
}

#[test]
fn what_can_not_be_inflated_is_1002() {
    for (what, payload) in [
        ("a reserved kind of block", &[0x06, 0x00][..]),
        (
            "a reference to before the first message",
            &[0xF2, 0x00, 0x11, 0x00, 0x00],
        ),
        ("a message that was cut", &[0xF2, 0x48, 0xCD]),
    ] {
        let (received, reason) = ending(frame(BINARY | COMPRESSED, payload));
        assert_eq!(received, [Received::close(1002)], "{what}");
        assert!(reason.starts_with("BadFrame"), "{what}: {reason}");
    }
}

#[test]
fn inflated_text_that_is_no_utf8_is_1007() {
    for bad in [&[0xFF][..], b"fine so far \xE2\x82"] {
        let (received, reason) = ending(frame(TEXT | COMPRESSED, compressed(bad)));
        assert_eq!(
            (&received[..], &reason[..]),
            (&[Received::close(1007)][..], "BadEncoding")
        );
    }
}

#[test]
fn the_limit_holds_for_what_comes_and_for_what_it_is_inflated_to() {
    let too_large = compressed(&vec![b'x'; LIMIT + 1]);
    assert!(too_large.len() < 1000);
    let (received, reason) = ending(frame(TEXT | COMPRESSED, &too_large));
    assert_eq!((&received[..], &reason[..]), (&[Received::close(1009)][..], "BadSize"));
    // As it comes, it is judged by its header alone.
    let (received, reason) = ending(header(TEXT | COMPRESSED, LIMIT + 1));
    assert_eq!((&received[..], &reason[..]), (&[Received::close(1009)][..], "BadSize"));
}

#[cfg(target_os = "linux")]
#[test]
fn a_gigabyte_in_a_megabyte_is_1009_and_takes_no_memory() {
    use nova_tests::http::Connection;

    const MEBIBYTE: usize = 1 << 20;
    let limit = (2 * MEBIBYTE).to_string();
    let (process, _directory) = crate::service::start_with(&[
        ("NOVA_WEBSOCKET_COMPRESS", "true"),
        ("NOVA_WEBSOCKET_MAX_MESSAGE_SIZE", &limit),
    ]);
    let mut deflate = Compress::new(flate2::Compression::best(), false);
    let mut mebibyte = || {
        let mut payload = Vec::with_capacity(MEBIBYTE);
        deflate
            .compress_vec(&vec![0; MEBIBYTE], &mut payload, FlushCompress::Sync)
            .unwrap();
        payload
    };
    // More zeros after zeros are always the same.
    let bomb = [mebibyte(), mebibyte().repeat(1023)].concat();
    let bomb = bomb.strip_suffix(&TAIL).unwrap();
    assert!(bomb.len() < 2 * MEBIBYTE);
    let connection = Connection::open(process.address());
    let headers = [("sec-websocket-extensions", OFFER)];
    let mut socket = WebSocket::upgraded(connection, "/ws", &headers, []);
    let before = process.peak_memory();
    socket.send(BINARY | COMPRESSED, bomb);
    assert_eq!(socket.rest(), [Received::close(1009)]);
    let more = process.peak_memory() - before;
    assert!(more < 16 * MEBIBYTE, "{more} bytes");
}

/// Passes on what is broadcast.
struct Member;

impl WebSocketHandler for Member {
    async fn handle(&mut self, frame: Frame, socket: &Socket) -> Commands {
        if let Frame::Text(text) = frame {
            socket.broadcast("all", "event", text);
        }
        Commands::none()
    }

    async fn info(&mut self, info: Info, _socket: &Socket) -> Commands {
        match info {
            Info::Broadcast(message) => Commands::send(message.payload),
            _ => Commands::none(),
        }
    }
}

#[test]
fn a_broadcast_reaches_each_as_it_has_agreed() {
    let server = serve(|| {
        let init = async |socket: Socket| {
            socket.join("all");
            Accept::new(Member).compress(Compression::default())
        };
        Routes::new().group(Group::new("/").ws("/", init))
    });
    let mut compressing: Vec<_> = (0..8).map(|_| Peer::open(&server)).collect();
    let (mut plain, _) = offer(&server, &[]);
    for round in 0..5 {
        let message = format!("round {round} ").repeat(100);
        plain.text(&message);
        assert_eq!(plain.receive_text(), message);
        for client in &mut compressing {
            assert_eq!(client.receive(), (true, message.clone().into_bytes()));
        }
    }
}
