//! Text is UTF-8, and fails at its first bad byte (RFC 6455 §8.1, RFC 3629 §4).

use nova_tests::Received;
use nova_tests::websocket::{BINARY, CLOSE, CONTINUATION, PING, TEXT, begun, frame, header};

use crate::case::{Case, case};
use crate::runner::play;

/// Text at the edges of what there is: of each length, and beside what there is not.
const VALID: [(&str, &str); 22] = [
    ("nothing", ""),
    ("ASCII", "plain"),
    ("NUL", "\0"),
    ("the last of one byte", "\u{7F}"),
    ("the first of two bytes", "\u{80}"),
    ("the last of two bytes", "\u{7FF}"),
    ("the first of three bytes", "\u{800}"),
    ("the last before the surrogates", "\u{D7FF}"),
    ("the first after the surrogates", "\u{E000}"),
    ("a byte order mark", "\u{FEFF}"),
    ("the replacement character", "\u{FFFD}"),
    ("two that are no characters", "\u{FFFE}\u{FFFF}"),
    ("the last of three bytes", "\u{FFFF}"),
    ("the first of four bytes", "\u{10000}"),
    ("the last of plane 3", "\u{3FFFF}"),
    ("the first of plane 4", "\u{40000}"),
    ("the last of plane 15", "\u{FFFFF}"),
    ("the first of plane 16", "\u{100000}"),
    ("the last there is", "\u{10FFFF}"),
    ("Greek", "κόσμε"),
    ("joined characters", "👩\u{200D}🚀"),
    ("all lengths together", "a\u{E9}\u{20AC}\u{1F980}z"),
];

/// What is not UTF-8: how many bytes it takes to see it, and the bytes.
const INVALID: [(&str, usize, &[u8]); 34] = [
    ("a continuation byte", 1, &[0x80]),
    ("the last continuation byte", 1, &[0xBF]),
    ("two continuation bytes", 1, &[0x80, 0xBF]),
    ("an overlong slash in two bytes", 1, &[0xC0, 0xAF]),
    ("an overlong NUL in two bytes", 1, &[0xC0, 0x80]),
    ("the last overlong in two bytes", 1, &[0xC1, 0xBF]),
    ("an overlong slash in three bytes", 2, &[0xE0, 0x80, 0xAF]),
    ("the last overlong in three bytes", 2, &[0xE0, 0x9F, 0xBF]),
    ("an overlong slash in four bytes", 2, &[0xF0, 0x80, 0x80, 0xAF]),
    ("the last overlong in four bytes", 2, &[0xF0, 0x8F, 0xBF, 0xBF]),
    ("the first surrogate", 2, &[0xED, 0xA0, 0x80]),
    ("the last of the high surrogates", 2, &[0xED, 0xAF, 0xBF]),
    ("the first of the low surrogates", 2, &[0xED, 0xB0, 0x80]),
    ("the last surrogate", 2, &[0xED, 0xBF, 0xBF]),
    ("a pair of surrogates", 2, &[0xED, 0xA0, 0xBD, 0xED, 0xB8, 0x80]),
    ("the first beyond what there is", 2, &[0xF4, 0x90, 0x80, 0x80]),
    ("a lead byte of plane 20", 1, &[0xF5, 0x80, 0x80, 0x80]),
    ("the lead byte F7", 1, &[0xF7, 0xBF, 0xBF, 0xBF]),
    ("five bytes", 1, &[0xF8, 0x88, 0x80, 0x80, 0x80]),
    ("six bytes", 1, &[0xFC, 0x84, 0x80, 0x80, 0x80, 0x80]),
    ("FE", 1, &[0xFE]),
    ("FF", 1, &[0xFF]),
    ("UTF-16", 1, &[0xFF, 0xFE, 0x61, 0x00]),
    ("Latin-1", 2, &[0xE9, 0x74, 0xE9]),
    ("two bytes, cut by ASCII", 2, &[0xC3, 0x28]),
    ("two bytes, cut by another lead", 2, &[0xC3, 0xC3, 0xA9]),
    ("three bytes, cut after one", 2, &[0xE2, 0x28, 0xA1]),
    ("three bytes, cut after two", 3, &[0xE2, 0x82, 0x28]),
    ("three bytes, cut by another lead", 3, &[0xE2, 0x82, 0xE2]),
    ("four bytes, cut after one", 2, &[0xF0, 0x28, 0x8C, 0xBC]),
    ("four bytes, cut after two", 3, &[0xF0, 0x9F, 0x28, 0xBC]),
    ("four bytes, cut after three", 4, &[0xF0, 0x9F, 0xA6, 0x28]),
    ("four bytes, cut by another lead", 4, &[0xF0, 0x9F, 0xA6, 0xF0]),
    ("a continuation byte too many", 3, &[0xC3, 0xA9, 0xA9]),
];

/// Characters that end too soon: only what follows shows it, or that nothing does.
const UNFINISHED: [&[u8]; 8] = [
    &[0xC3],
    &[0xE0],
    &[0xE2, 0x82],
    &[0xED, 0x9F],
    &[0xF0],
    &[0xF0, 0x9F],
    &[0xF4, 0x8F, 0xBF],
    &[0xEF, 0xBF],
];

fn pong() -> [Received; 1] {
    [Received::Pong(Vec::new())]
}

fn valid() -> Vec<Case> {
    let mut cases = Vec::new();
    for (what, text) in VALID {
        let bytes = text.as_bytes();
        cases.push(
            case(format!("{what} in one frame"), "8.1")
                .sends(frame(TEXT, text))
                .returns([Received::text(text)]),
        );
        for cut in 0..=bytes.len() {
            cases.push(
                case(format!("{what} in two frames, cut at {cut}"), "8.1")
                    .sends_all([begun(TEXT, &bytes[..cut]), frame(PING, "")])
                    .returns(pong())
                    .sends(frame(CONTINUATION, &bytes[cut..]))
                    .returns([Received::text(text)]),
            );
        }
        let close = [&1000_u16.to_be_bytes()[..], bytes].concat();
        cases.push(
            case(format!("{what} as the reason of a close"), "5.5.1")
                .sends(frame(CLOSE, close))
                .closed(1000),
        );
        cases.push(
            case(format!("{what} between other text"), "8.1")
                .sends(frame(TEXT, format!("before{text}behind")))
                .returns([Received::Text(format!("before{text}behind"))]),
        );
    }
    cases
}

fn invalid() -> Vec<Case> {
    let mut cases = Vec::new();
    for (what, seen, bytes) in INVALID {
        cases.push(
            case(format!("{what} in one frame"), "8.1")
                .sends(frame(TEXT, bytes))
                .closed(1007),
        );
        let within = [b"before ", bytes, b" behind"].concat();
        cases.push(
            case(format!("{what} between other text"), "8.1")
                .sends(frame(TEXT, within))
                .closed(1007),
        );
        let close = [&1000_u16.to_be_bytes()[..], bytes].concat();
        cases.push(
            case(format!("{what} in the reason of a close"), "8.1")
                .sends(frame(CLOSE, close))
                .closed(1007),
        );
        cases.push(
            case(format!("{what} is no matter in binary"), "5.6")
                .sends(frame(BINARY, bytes))
                .returns([Received::Binary(bytes.to_vec())]),
        );
        // The frame is long, and what comes of it ends with the byte that decides.
        let long = frame(TEXT, [&bytes[..seen], &[b'x'; 90]].concat());
        cases.push(
            case(format!("{what} is seen before its frame ends"), "8.1")
                .sends(&long[..6 + seen])
                .closed(1007),
        );
        let long = frame(CLOSE, [&[0x03, 0xE8], &bytes[..seen], &[b'x'; 90]].concat());
        cases.push(
            case(format!("{what} is seen before its close ends"), "8.1")
                .sends(&long[..8 + seen])
                .closed(1007),
        );
        // One byte to a fragment: up to the one that decides nothing is wrong.
        let before = bytes[..seen - 1].iter().enumerate();
        let before = before.map(|(nth, byte)| begun(if nth == 0 { TEXT } else { CONTINUATION }, [*byte]));
        let last = begun(if seen == 1 { TEXT } else { CONTINUATION }, [bytes[seen - 1]]);
        cases.push(
            case(format!("{what} is seen at its byte {seen}, not before"), "8.1")
                .sends_all(before.chain([frame(PING, "")]))
                .returns(pong())
                .sends(last)
                .closed(1007),
        );
    }
    cases
}

fn unfinished() -> Vec<Case> {
    let mut cases = Vec::new();
    for bytes in UNFINISHED {
        cases.extend([
            case(format!("text that ends within {bytes:02X?}"), "8.1")
                .sends(frame(TEXT, [b"a", bytes].concat()))
                .closed(1007),
            case(format!("fragments that end within {bytes:02X?}"), "8.1")
                .sends_all([begun(TEXT, bytes), frame(PING, "")])
                .returns(pong())
                .sends(frame(CONTINUATION, ""))
                .closed(1007),
            case(format!("fragments that go on with ASCII after {bytes:02X?}"), "8.1")
                .sends_all([begun(TEXT, bytes), begun(CONTINUATION, ""), begun(CONTINUATION, "a")])
                .closed(1007),
            case(format!("a reason that ends within {bytes:02X?}"), "8.1")
                .sends(frame(CLOSE, [&[0x03, 0xE8], bytes].concat()))
                .closed(1007),
            // The client may still close: its message is not over, so nothing is wrong with it.
            case(format!("a close while text stands at {bytes:02X?}"), "8.1")
                .sends_all([begun(TEXT, bytes), frame(CLOSE, [0x03, 0xE8])])
                .closed(1000),
            case(format!("an empty close while text stands at {bytes:02X?}"), "8.1")
                .sends_all([begun(TEXT, bytes), frame(CLOSE, "")])
                .ended(Received::Close(None, String::new())),
        ]);
    }
    let long = header(TEXT, 100_000);
    cases.push(
        case("the first payload byte of a long text", "8.1")
            .sends([&long[..], &[0, 0, 0, 0, 0xFF]].concat())
            .closed(1007),
    );
    cases
}

#[test]
fn text_of_all_kinds_comes_back() {
    play(valid());
}

#[test]
fn what_is_no_utf8_fails_at_its_first_bad_byte() {
    play(invalid());
}

#[test]
fn text_that_ends_within_a_character_fails_at_its_end() {
    play(unfinished());
}
