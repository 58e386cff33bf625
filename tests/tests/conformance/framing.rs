//! Framing: lengths, masks, and messages of both kinds (RFC 6455 §5.2, §5.3, §5.6).

use nova_tests::websocket::{BINARY, CLOSE, CONTINUATION, FIN, PING, PONG, TEXT, begun, frame, masked};

use crate::case::{Case, binary, case, payload, text};
use crate::runner::play;

const MASKS: [[u8; 4]; 6] = [
    [0, 0, 0, 0],
    [0xFF, 0xFF, 0xFF, 0xFF],
    [0x01, 0x00, 0x00, 0x00],
    [0x00, 0x00, 0x00, 0x80],
    [0x81, 0x82, 0x88, 0x89],
    [0xDE, 0xAD, 0xBE, 0xEF],
];

/// A masked frame's head with its length in so many bytes, then nothing of the payload.
fn head(first: u8, length_bytes: usize, length: u64) -> Vec<u8> {
    let second = match length_bytes {
        2 => 0xFE,
        _ => 0xFF,
    };
    let length = length.to_be_bytes();
    [&[first, second], &length[8 - length_bytes..], &[1, 2, 3, 4]].concat()
}

fn messages() -> Vec<Case> {
    let mut cases = vec![
        case("text, then binary, then text", "5.6").echoes([text("a"), binary([0xFF]), text("ü")]),
        case("a hundred messages in one write", "5.6").echoes((0..100).map(|nth| text(&nth.to_string()))),
        case("binary that would be a frame", "5.6").echoes([binary(frame(TEXT, "inner"))]),
        case("binary that is no UTF-8", "5.6").echoes([binary([0xC0, 0xFF, 0xED, 0xA0, 0x80])]),
        case("text with a NUL", "5.6").echoes([text("a\0b")]),
    ];
    for length in [
        0, 1, 2, 3, 4, 5, 7, 8, 31, 32, 33, 63, 64, 65, 124, 125, 126, 127, 128, 129,
    ] {
        let message = [binary(payload(length)), text(&"x".repeat(length))];
        cases.push(case(format!("messages of {length} bytes"), "5.2").echoes(message));
    }
    cases
}

fn masks() -> Vec<Case> {
    let mut cases = Vec::new();
    for mask in MASKS {
        for length in [1, 4, 37, 130] {
            let (_, echo) = binary(payload(length));
            cases.push(
                case(format!("{length} bytes with the mask {mask:02X?}"), "5.3")
                    .sends(masked(BINARY, mask, payload(length)))
                    .returns([echo]),
            );
        }
    }
    let (_, echo) = text("hello");
    let changing = [
        masked(TEXT & !FIN, MASKS[0], "he"),
        masked(CONTINUATION & !FIN, MASKS[1], "ll"),
        masked(CONTINUATION, MASKS[5], "o"),
    ];
    cases.push(
        case("another mask for each fragment", "5.3")
            .sends_all(changing)
            .returns([echo]),
    );
    cases
}

fn unmasked() -> Vec<Case> {
    let mut cases = Vec::new();
    for (what, first) in [
        ("text", TEXT),
        ("binary", BINARY),
        ("close", CLOSE),
        ("ping", PING),
        ("pong", PONG),
    ] {
        for payload in [&[][..], &[0x03, 0xE8]] {
            let length = u8::try_from(payload.len()).unwrap();
            let bytes = [&[first, length], payload].concat();
            cases.push(
                case(format!("an unmasked {what} of {length} bytes"), "5.1")
                    .sends(bytes)
                    .closed(1002),
            );
        }
    }
    let in_a_message = [begun(TEXT, "a"), vec![CONTINUATION, 1, b'b']];
    cases.push(
        case("an unmasked continuation", "5.1")
            .sends_all(in_a_message)
            .closed(1002),
    );
    let (good, echo) = text("masked");
    cases.push(
        case("an unmasked text behind a good one", "5.1")
            .sends_all([good, vec![TEXT, 1, b'b']])
            .returns([echo])
            .closed(1002),
    );
    cases
}

fn lengths() -> Vec<Case> {
    let mut cases = Vec::new();
    for (length_bytes, lengths) in [(2, &[0, 1, 124, 125][..]), (8, &[0, 1, 125, 126, 65_534, 65_535])] {
        for length in lengths {
            for first in [TEXT, BINARY] {
                cases.push(
                    case(
                        format!("{first:#x} of {length} bytes with its length in {length_bytes}"),
                        "5.2",
                    )
                    .sends(head(first, length_bytes, *length))
                    .closed(1002),
                );
            }
        }
    }
    for length in [1 << 63, u64::MAX, 1 << 63 | 1] {
        cases.push(
            case(format!("a length of {length:#x}"), "5.2")
                .sends(head(BINARY, 8, length))
                .closed(1002),
        );
    }
    for (what, first) in [("a begun message", BINARY & !FIN), ("a begun text", TEXT & !FIN)] {
        cases.push(
            case(format!("{what} with its length in too many bytes"), "5.2")
                .sends(head(first, 2, 125))
                .closed(1002),
        );
    }
    cases
}

#[test]
fn messages_come_back() {
    play(messages());
}

#[test]
fn any_mask_is_taken_off() {
    play(masks());
}

#[test]
fn a_frame_without_a_mask_is_refused() {
    play(unmasked());
}

#[test]
fn a_length_is_in_as_few_bytes_as_it_needs() {
    play(lengths());
}
