//! What can be done to a server with the frames of HTTP/2 (RFC 9113), by hand.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use nova_tests::PATIENCE;
use nova_tests::stream::uninterrupted;

use crate::kit::{get, goes_on, server};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW: u8 = 8;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// The headers of a GET, in HPACK (RFC 7541): method, scheme, path and authority.
fn asks(path: &str) -> Vec<u8> {
    let length = u8::try_from(path.len()).unwrap();
    [&[0x82, 0x86, 0x04, length], path.as_bytes(), &[0x01, 1, b'a']].concat()
}

fn begin(settings: &[u8]) -> Vec<u8> {
    [PREFACE, &frame(SETTINGS, 0, 0, settings)].concat()
}

/// Sends bytes, and reads what the server says until that is enough, or its end. Gives it.
fn attack(address: SocketAddr, bytes: Vec<u8>, is_enough: fn(&[Frame]) -> bool) -> Vec<Frame> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut sending = stream.try_clone().unwrap();
    // The server may have seen enough before all is sent.
    let sent = std::thread::spawn(move || drop(sending.write_all(&bytes)));
    let (mut answer, mut space) = (Vec::new(), vec![0; 65_536]);
    let mut said = Vec::new();
    while let Ok(more @ 1..) = uninterrupted(|| stream.read(&mut space)) {
        answer.extend_from_slice(&space[..more]);
        said = frames(&answer);
        if is_enough(&said) {
            break;
        }
    }
    let _ = stream.shutdown(Shutdown::Both);
    sent.join().unwrap();
    said
}

/// A frame's kind, stream and payload.
type Frame = (u8, u32, Vec<u8>);

fn frames(mut bytes: &[u8]) -> Vec<Frame> {
    let mut frames = Vec::new();
    while let Some((head, rest)) = bytes.split_at_checked(9) {
        let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        let Some((payload, behind)) = rest.split_at_checked(length) else {
            break;
        };
        let stream = u32::from_be_bytes(head[5..9].try_into().unwrap());
        frames.push((head[3], stream, payload.to_vec()));
        bytes = behind;
    }
    frames
}

/// Whether the connection has ended with an error, and not because nothing comes.
fn is_over(frames: &[Frame]) -> bool {
    let is_error = |(kind, _, payload): &Frame| *kind == GOAWAY && payload.get(4..8) != Some(&[0; 4]);
    frames.iter().any(is_error)
}

#[test]
fn a_head_that_is_continued_without_end_ends_the_connection() {
    // CVE-2024-27316.
    let server = server("");
    let field = [&[0x00, 1, b'a', 0x7f, 0x80, 0x7e][..], &[b'b'; 16_255]].concat();
    let mut flood = begin(&[]);
    flood.extend(frame(HEADERS, END_STREAM, 1, &asks("/")));
    for _ in 0..500 {
        flood.extend(frame(CONTINUATION, 0, 1, &field[..16_000]));
    }
    assert!(is_over(&attack(server.address(), flood, is_over)));
    // Without a byte in them they are as many.
    let mut flood = begin(&[]);
    flood.extend(frame(HEADERS, END_STREAM, 1, &asks("/")));
    for _ in 0..100_000 {
        flood.extend(frame(CONTINUATION, 0, 1, &[]));
    }
    assert!(is_over(&attack(server.address(), flood, is_over)));
    goes_on(&server);
}

#[test]
fn frames_that_break_the_protocol_end_the_connection() {
    let server = server("");
    let whole = END_STREAM | END_HEADERS;
    for (what, bytes) in [
        ("a frame over the size", frame(DATA, 0, 1, &vec![0; 20_000])),
        ("data before headers", frame(DATA, 0, 1, b"x")),
        ("an even stream", frame(HEADERS, whole, 2, &asks("/"))),
        ("stream 0", frame(HEADERS, whole, 0, &asks("/"))),
        (
            "a window that overflows",
            frame(WINDOW, 0, 0, &[0x7f, 0xff, 0xff, 0xff]).repeat(2),
        ),
        ("a window of nothing", frame(WINDOW, 0, 0, &[0; 4])),
        ("settings of an odd length", frame(SETTINGS, 0, 0, &[0; 5])),
        ("a ping of an odd length", frame(PING, 0, 0, &[0; 7])),
        ("a continuation of nothing", frame(CONTINUATION, END_HEADERS, 1, &[])),
        ("no HPACK", frame(HEADERS, whole, 1, &[0xff; 20])),
        (
            "something between a head and its rest",
            [frame(HEADERS, END_STREAM, 1, &asks("/")), frame(PING, 0, 0, &[0; 8])].concat(),
        ),
    ] {
        let answer = attack(server.address(), [begin(&[]), bytes].concat(), is_over);
        assert!(is_over(&answer), "{what}: {answer:?}");
    }
    goes_on(&server);
}

#[test]
fn streams_over_the_limit_are_refused() {
    let server = server("");
    let mut flood = begin(&[]);
    for nth in 0..1_000_u32 {
        // They wait for a body.
        let post = [&[0x83, 0x86, 0x84, 0x01, 1, b'a'][..]].concat();
        flood.extend(frame(HEADERS, END_HEADERS, 2 * nth + 1, &post));
    }
    let is_refused = |frames: &[Frame]| {
        let is_refusal = |(kind, _, payload): &Frame| *kind == RESET && *payload == [0, 0, 0, 7];
        is_over(frames) || frames.iter().any(is_refusal)
    };
    let answer = attack(server.address(), flood, is_refused);
    assert!(is_refused(&answer), "{answer:?}");
    goes_on(&server);
}

#[cfg(target_os = "linux")]
#[test]
fn floods_of_control_frames_cost_nothing_that_lasts() {
    /// What the server may hold more after all of them than before.
    const MORE: usize = 16_000_000;
    let (process, _directory) = crate::kit::stronghold(&[("NOVA_SERVER_WRITE_TIMEOUT", "1")]);
    let address = process.address();
    assert_eq!(get(address, "/").text(), "here");
    let before = process.memory();
    let table = [0, 1, 0xff, 0xff, 0xff, 0xff];
    let resets: Vec<u8> = (0..20_000_u32)
        .flat_map(|nth| {
            let stream = 2 * nth + 1;
            let asked = frame(HEADERS, END_STREAM | END_HEADERS, stream, &asks("/large"));
            [asked, frame(RESET, 0, stream, &[0, 0, 0, 8])].concat()
        })
        .collect();
    for (what, bytes) in [
        ("settings", frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 100]).repeat(200_000)),
        ("pings", frame(PING, 0, 0, &[7; 8]).repeat(200_000)),
        ("tables", frame(SETTINGS, 0, 0, &table).repeat(100_000)),
        ("unknown", frame(0xee, 0, 0, &[0; 100]).repeat(50_000)),
        ("priorities", frame(2, 0, 1, &[0, 0, 0, 3, 9]).repeat(200_000)),
        ("resets", resets),
    ] {
        let streams: Vec<_> = (0..5)
            .map(|_| {
                let mut stream = TcpStream::connect(address).unwrap();
                stream.set_write_timeout(Some(Duration::from_millis(300))).unwrap();
                let _ = stream.write_all(&[begin(&[]), bytes.clone()].concat());
                stream
            })
            .collect();
        // While they are open and unread.
        assert_eq!(get(address, "/").text(), "here", "{what}");
        let held = process.memory().saturating_sub(before);
        assert!(held <= MORE, "{held} bytes for {what}");
        drop(streams);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn streams_without_a_window_are_reset_and_hold_little() {
    const STREAMS: u32 = 200;
    /// A response of theirs as the controller gives it, once for each stream that has been answered and not sent.
    const EACH: usize = (1 << 20) + 128 * 1024;
    let (process, _directory) = crate::kit::stronghold(&[("NOVA_SERVER_WRITE_TIMEOUT", "1")]);
    let address = process.address();
    assert_eq!(get(address, "/").text(), "here");
    let before = process.memory();
    // Not a byte may be sent to them (RFC 9113 §6.9.2).
    let mut bytes = begin(&[0, 4, 0, 0, 0, 0]);
    for nth in 0..STREAMS {
        bytes.extend(frame(HEADERS, END_STREAM | END_HEADERS, 2 * nth + 1, &asks("/large")));
    }
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(&bytes).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut answer = Vec::new();
    let mut resets = 0;
    let mut space = vec![0; 65_536];
    while resets < STREAMS as usize {
        match uninterrupted(|| stream.read(&mut space)) {
            Ok(0) => break,
            Ok(more) => answer.extend_from_slice(&space[..more]),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
            Err(error) => panic!("{resets} were reset, then: {error}"),
        }
        resets = frames(&answer).iter().filter(|(kind, ..)| *kind == RESET).count();
    }
    assert_eq!(resets, STREAMS as usize);
    assert!(process.peak_memory() <= before + 60_000_000 + STREAMS as usize * EACH);
    assert_eq!(get(address, "/").text(), "here");
}
