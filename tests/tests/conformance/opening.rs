//! The opening handshake: what is let in, and what is refused and how (RFC 6455 §4.2).

use nova_tests::websocket::{ACCEPT, CLOSE, KEY, TEXT, closing, frame};
use nova_tests::{Received, WebSocket};

use crate::chop::{Chop, seed};
use crate::runner::{announce, echo_server};

/// A request, and the statuses that may answer it.
struct Case {
    name: &'static str,
    section: &'static str,
    request: String,
    statuses: &'static [u16],
}

const GOOD: [(&str, &str); 5] = [
    ("Host", "localhost"),
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", KEY),
];

/// What is let in: the good request with these headers in place of its own.
const LET_IN_WITH: [(&str, (&str, &str)); 9] = [
    ("a connection option in upper case", ("Connection", "UPGRADE")),
    ("an upgrade in upper case", ("Upgrade", "WEBSOCKET")),
    ("the upgrade among other options", ("Connection", "keep-alive, Upgrade")),
    (
        "the upgrade before other options",
        ("Connection", "upgrade,keep-alive ,  x"),
    ),
    ("empty members of a list", ("Connection", ", ,Upgrade,,")),
    ("the websocket among other protocols", ("Upgrade", "h2c, websocket")),
    ("a key of zeros", ("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==")),
    ("a key of ones", ("Sec-WebSocket-Key", "/////////////////////w==")),
    ("an older version with the same frames", ("Sec-WebSocket-Version", "8")),
];

/// What is let in: the good request with these headers besides its own.
const LET_IN_AND: [(&str, (&str, &str)); 9] = [
    ("nothing else", ("X-Other", "x")),
    ("two connection headers", ("Connection", "keep-alive")),
    ("the origin of this host", ("Origin", "http://localhost")),
    (
        "sub-protocols that nobody chooses",
        ("Sec-WebSocket-Protocol", "chat, superchat"),
    ),
    (
        "an extension that nobody knows",
        ("Sec-WebSocket-Extensions", "x-unknown; a=\"b\", y"),
    ),
    (
        "an extension header that is none",
        ("Sec-WebSocket-Extensions", ";;=,\""),
    ),
    ("a cookie", ("Cookie", "a=b; c=d")),
    ("bytes beyond ASCII in another header", ("X-Name", "grüße")),
    ("a body of nothing", ("Content-Length", "0")),
];

/// A name, a section, the statuses that may answer, and a header.
type Refused = (&'static str, &'static str, &'static [u16], (&'static str, &'static str));

/// What is refused: the good request with these headers in place of its own, an empty one for none.
const REFUSED_WITH: [Refused; 21] = [
    ("no upgrade", "4.2.1", &[426], ("Upgrade", "")),
    ("another upgrade", "4.2.1", &[426], ("Upgrade", "h2c")),
    (
        "an upgrade that begins alike",
        "4.2.1",
        &[426],
        ("Upgrade", "websockets"),
    ),
    ("no connection option", "4.2.1", &[400], ("Connection", "")),
    (
        "another connection option",
        "4.2.1",
        &[400],
        ("Connection", "keep-alive"),
    ),
    (
        "a connection option that begins alike",
        "4.2.1",
        &[400],
        ("Connection", "upgraded"),
    ),
    ("no host", "4.2.1", &[400], ("Host", "")),
    ("no key", "4.2.1", &[400], ("Sec-WebSocket-Key", "")),
    (
        "a key of 15 bytes",
        "4.2.1",
        &[400],
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25j"),
    ),
    (
        "a key of 17 bytes",
        "4.2.1",
        &[400],
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZTE="),
    ),
    (
        "a key without padding",
        "4.2.1",
        &[400],
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ"),
    ),
    (
        "a key in URLs' alphabet",
        "4.2.1",
        &[400],
        ("Sec-WebSocket-Key", "_____________________w=="),
    ),
    (
        "a key that is no base64",
        "4.2.1",
        &[400],
        ("Sec-WebSocket-Key", "!!!!!!!!!!!!!!!!!!!!!!=="),
    ),
    (
        "a key with a space",
        "4.2.1",
        &[400],
        ("Sec-WebSocket-Key", "dGhlIHNhbXBs ZSBub25jZQ=="),
    ),
    ("no version", "4.4", &[400, 426], ("Sec-WebSocket-Version", "")),
    ("version 0", "4.4", &[400, 426], ("Sec-WebSocket-Version", "0")),
    ("version 14", "4.4", &[400, 426], ("Sec-WebSocket-Version", "14")),
    ("version 130", "4.4", &[400, 426], ("Sec-WebSocket-Version", "130")),
    ("version 013", "4.4", &[400, 426], ("Sec-WebSocket-Version", "013")),
    (
        "a version in letters",
        "4.4",
        &[400, 426],
        ("Sec-WebSocket-Version", "thirteen"),
    ),
    (
        "two versions in one header",
        "11.3.5",
        &[400, 426],
        ("Sec-WebSocket-Version", "13, 13"),
    ),
];

/// What is refused: the good request with these headers besides its own.
const REFUSED_AND: [Refused; 8] = [
    ("two hosts", "4.2.1", &[400], ("Host", "localhost")),
    ("two keys", "11.3.1", &[400], ("Sec-WebSocket-Key", KEY)),
    ("two versions", "11.3.5", &[400, 426], ("Sec-WebSocket-Version", "8")),
    (
        "another origin",
        "10.2",
        &[403],
        ("Origin", "https://elsewhere.example"),
    ),
    (
        "another origin, as drafts say it",
        "10.2",
        &[403],
        ("Sec-WebSocket-Origin", "https://elsewhere.example"),
    ),
    ("an origin without a host", "10.2", &[403], ("Origin", "null")),
    ("a body, which would be frames", "4.1", &[400], ("Content-Length", "5")),
    (
        "a body of unknown length",
        "4.1",
        &[400],
        ("Transfer-Encoding", "chunked"),
    ),
];

fn request(line: &str, headers: &[(&str, &str)]) -> String {
    let headers: Vec<_> = headers
        .iter()
        .map(|(name, value)| [name, ": ", value, "\r\n"].concat())
        .collect();
    format!("{line}\r\n{}\r\n", headers.concat())
}

/// The good request with this header in place of its own, an empty one for none.
fn with(header: (&str, &str)) -> String {
    let kept = GOOD.into_iter().filter(|(name, _)| *name != header.0);
    let set = Some(header).filter(|(_, value)| !value.is_empty());
    request("GET / HTTP/1.1", &kept.chain(set).collect::<Vec<_>>())
}

/// The good request with this header besides its own.
fn and(header: (&str, &str)) -> String {
    request("GET / HTTP/1.1", &[&GOOD[..], &[header]].concat())
}

fn accepted() -> Vec<Case> {
    let good = request("GET / HTTP/1.1", &GOOD);
    let filler = "X-Filler: of no importance\r\n".repeat(60);
    let long = "x".repeat(8000);
    let lower = good.to_lowercase().replace(&KEY.to_lowercase(), KEY);
    let requests = [
        ("names in lower case", lower.replace("get / http", "GET / HTTP")),
        (
            "a name in upper case",
            good.replace("Sec-WebSocket-Key", "SEC-WEBSOCKET-KEY"),
        ),
        ("no space behind the colons", good.replace(": ", ":")),
        (
            "spaces and tabs around values",
            good.replace(": ", ": \t ").replace("\r\nUp", " \t\r\nUp"),
        ),
        ("a query", good.replace("GET / ", "GET /?a=b&c=%20 ")),
        ("the whole URL", good.replace("GET / ", "GET http://localhost/ ")),
        ("sixty other headers", good.replace("Host", &format!("{filler}Host"))),
        ("a header of 8,000 bytes", and(("X-Long", &long))),
    ];
    let with = LET_IN_WITH.map(|(name, header)| (name, with(header)));
    let and = LET_IN_AND.map(|(name, header)| (name, and(header)));
    let cases = with.into_iter().chain(and).chain(requests);
    let cases = cases.map(|(name, request)| Case {
        name,
        section: "4.2.1",
        request,
        statuses: &[101],
    });
    cases.collect()
}

fn refused() -> Vec<Case> {
    let good = request("GET / HTTP/1.1", &GOOD);
    let requests: [(_, _, &[u16], _); 7] = [
        (
            "no upgrade at all",
            "4.2.1",
            &[426],
            request("GET / HTTP/1.1", &GOOD[..1]),
        ),
        (
            "HTTP/1.0",
            "4.2.1",
            &[400, 426, 505],
            good.replace("HTTP/1.1", "HTTP/1.0"),
        ),
        ("POST", "4.2.1", &[405], good.replace("GET", "POST")),
        (
            "a path that is not there",
            "4.2.2",
            &[404],
            good.replace("GET / ", "GET /nothing "),
        ),
        (
            "a header without a colon",
            "4.2.1",
            &[400],
            good.replace("Upgrade: ", "Upgrade "),
        ),
        (
            "a space before a colon",
            "4.2.1",
            &[400],
            good.replace("Upgrade: ", "Upgrade : "),
        ),
        (
            "a NUL in a header",
            "4.2.1",
            &[400],
            good.replace("localhost", "local\0host"),
        ),
    ];
    let with = REFUSED_WITH.map(|(name, section, statuses, header)| (name, section, statuses, with(header)));
    let and = REFUSED_AND.map(|(name, section, statuses, header)| {
        let body = match header.0 {
            "Content-Length" => "hello",
            "Transfer-Encoding" => "0\r\n\r\n",
            _ => "",
        };
        (name, section, statuses, and(header) + body)
    });
    let cases = with.into_iter().chain(and).chain(requests);
    let cases = cases.map(|(name, section, statuses, request)| Case {
        name,
        section,
        request,
        statuses,
    });
    cases.collect()
}

fn play(cases: Vec<Case>) {
    let (server, seed) = (echo_server(), seed());
    println!("{} cases", cases.len());
    for case in cases {
        for chop in [Chop::Whole, Chop::Pieces(1), Chop::Random(seed)] {
            let name = format!(
                "case `{}` (RFC 6455 §{}), {chop:?}, CONFORMANCE_SEED={seed}",
                case.name, case.section
            );
            announce(name, || {
                let mut connection = server.connect();
                for piece in chop.cut(case.request.as_bytes()) {
                    if connection.try_send(piece).is_err() {
                        // The server has seen enough: what it says of it is still to come.
                        break;
                    }
                    std::thread::yield_now();
                }
                let response = connection.response("GET");
                assert!(
                    case.statuses.contains(&response.status),
                    "{} {:?}",
                    response.status,
                    String::from_utf8_lossy(&response.body)
                );
                if response.status == 426 {
                    assert_eq!(response.header("sec-websocket-version"), Some("13"));
                    assert_eq!(response.header("upgrade"), Some("websocket"));
                }
                if response.status == 101 {
                    let mut socket = WebSocket::accepted(connection, response);
                    if case.request.contains(KEY) {
                        assert_eq!(socket.handshake.header("sec-websocket-accept"), Some(ACCEPT));
                    }
                    assert_eq!(socket.handshake.header("sec-websocket-extensions"), None);
                    assert_eq!(socket.handshake.header("sec-websocket-protocol"), None);
                    socket.send_bytes([frame(TEXT, "in"), frame(CLOSE, closing(1000, ""))].concat());
                    assert_eq!(socket.rest(), [Received::text("in"), Received::close(1000)]);
                }
            });
        }
    }
}

#[test]
fn a_good_handshake_is_let_in() {
    play(accepted());
}

#[test]
fn a_bad_handshake_is_refused() {
    play(refused());
}
