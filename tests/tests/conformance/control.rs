//! Control frames: whole, short, and welcome anywhere between frames (RFC 6455 §5.5).

use nova_tests::Received;
use nova_tests::websocket::{CLOSE, CONTINUATION, FIN, PING, PONG, TEXT, begun, frame, header};

use crate::case::{Case, case, payload, text};
use crate::runner::play;

const CONTROLS: [(u8, &str); 3] = [(CLOSE, "close"), (PING, "ping"), (PONG, "pong")];

fn refused() -> Vec<Case> {
    let mut cases = Vec::new();
    for (first, name) in CONTROLS {
        for length in [0, 2, 125] {
            cases.push(
                case(format!("a begun {name} of {length} bytes"), "5.5")
                    .sends(begun(first, payload(length)))
                    .closed(1002),
            );
        }
        cases.push(
            case(format!("a {name} in two fragments"), "5.5")
                .sends_all([begun(first, [0x03]), frame(CONTINUATION, [0xE8])])
                .closed(1002),
        );
        for length in [126, 127, 1000, 65_535, 65_536] {
            cases.push(
                case(format!("a {name} of {length} bytes"), "5.5")
                    .sends(frame(first, payload(length)))
                    .closed(1002),
            );
            cases.push(
                case(format!("the header alone of a {name} of {length} bytes"), "5.5")
                    .sends(header(first, length))
                    .closed(1002),
            );
        }
        // The length would fit in seven bits; what is wrong either way is that it is not there.
        for (bytes, marker) in [(2, 126), (8, 127)] {
            let mut long = vec![first, 0x80 | marker];
            long.extend(vec![0; bytes - 1]);
            long.extend([2, 0, 0, 0, 0, 0x03, 0xE8]);
            cases.push(
                case(format!("a {name} of 2 bytes with its length in {bytes}"), "5.5")
                    .sends(long)
                    .closed(1002),
            );
        }
        cases.push(
            case(format!("a begun {name} inside a message"), "5.5")
                .sends_all([begun(TEXT, "a"), begun(first, ""), frame(CONTINUATION, "b")])
                .closed(1002),
        );
    }
    cases
}

fn between() -> Vec<Case> {
    let (good, echo) = text("a");
    let pong = |payload: &str| Received::Pong(payload.as_bytes().to_vec());
    vec![
        case("control frames before the first message", "5.5")
            .sends_all([frame(PONG, ""), frame(PING, "p"), good.clone()])
            .returns([pong("p"), echo.clone()]),
        case("control frames between all fragments", "5.4")
            .sends_all([
                begun(TEXT, "1"),
                frame(PING, "p1"),
                frame(PONG, "unasked"),
                begun(CONTINUATION, "2"),
                frame(PING, "p2"),
                frame(PING, "p3"),
                frame(CONTINUATION, "3"),
            ])
            .returns([pong("p1"), pong("p2"), pong("p3"), Received::text("123")]),
        case("a ping is answered while its message is unfinished", "5.4")
            .sends_all([begun(TEXT, "1"), frame(PING, "now")])
            .returns([pong("now")])
            .sends(frame(CONTINUATION, "2"))
            .returns([Received::text("12")]),
        case("control payloads do not enter the message", "5.5")
            .sends_all([
                begun(TEXT, ""),
                frame(PONG, [0xFF]),
                frame(PING, [0xC3]),
                frame(CONTINUATION, ""),
            ])
            .returns([Received::Pong(vec![0xC3]), Received::text("")]),
        case("the last bit alone makes a control frame whole", "5.5")
            .sends(frame(PING & !FIN, ""))
            .closed(1002),
        case("a close ends a message that is unfinished", "5.4")
            .sends_all([begun(TEXT, "1"), frame(CLOSE, [0x03, 0xE8])])
            .closed(1000),
    ]
}

#[test]
fn a_control_frame_is_whole_and_short() {
    play(refused());
}

#[test]
fn control_frames_come_between_fragments() {
    play(between());
}
