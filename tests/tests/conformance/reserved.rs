//! Reserved bits and opcodes, which no extension has given a meaning (RFC 6455 §5.2).

use nova_tests::Received;
use nova_tests::websocket::{CONTINUATION, PING, TEXT, begun, frame};

use crate::case::{Case, case, text};
use crate::runner::play;

const OPCODES: [(u8, &str); 6] = [
    (0x0, "continuation"),
    (0x1, "text"),
    (0x2, "binary"),
    (0x8, "close"),
    (0x9, "ping"),
    (0xA, "pong"),
];

fn bits() -> Vec<Case> {
    let mut cases = Vec::new();
    for bits in 1..=7_u8 {
        for (opcode, name) in OPCODES {
            for payload in ["", "ab"] {
                let bytes = frame(0x80 | bits << 4 | opcode, payload);
                let bad = case(format!("{name} of {payload:?} with the bits {bits:03b}"), "5.2");
                cases.push(match opcode {
                    // Where a continuation belongs.
                    0 => bad.sends_all([begun(TEXT, "a"), bytes]).closed(1002),
                    _ => bad.sends(bytes).closed(1002),
                });
            }
        }
        let (good, echo) = text("good");
        cases.push(
            case(
                format!("the bits {bits:03b} behind a good message and before another"),
                "5.2",
            )
            .sends_all([good.clone(), frame(TEXT | bits << 4, "bad"), good])
            .returns([echo])
            .closed(1002),
        );
    }
    cases
}

fn opcodes() -> Vec<Case> {
    let mut cases = Vec::new();
    for opcode in (0x3..=0x7).chain(0xB..=0xF) {
        for payload in ["", "payload"] {
            for (what, fin) in [("a whole", 0x80), ("a begun", 0x00)] {
                cases.push(
                    case(format!("{what} frame of opcode {opcode:#x} with {payload:?}"), "5.2")
                        .sends(frame(fin | opcode, payload))
                        .closed(1002),
                );
            }
        }
        cases.push(
            case(format!("opcode {opcode:#x} inside a message"), "5.2")
                .sends_all([begun(TEXT, "a"), frame(0x80 | opcode, ""), frame(CONTINUATION, "b")])
                .closed(1002),
        );
        let (good, echo) = text("good");
        cases.push(
            case(format!("opcode {opcode:#x} between a message and a ping"), "5.2")
                .sends_all([good, frame(0x80 | opcode, "x"), frame(PING, "p")])
                .returns([echo])
                .closed(1002),
        );
        cases.push(
            case(format!("opcode {opcode:#x} behind a ping"), "5.2")
                .sends_all([frame(PING, "p"), frame(0x80 | opcode, "x")])
                .returns([Received::Pong(b"p".to_vec())])
                .closed(1002),
        );
    }
    cases
}

#[test]
fn a_reserved_bit_is_refused() {
    play(bits());
}

#[test]
fn a_reserved_opcode_is_refused() {
    play(opcodes());
}
