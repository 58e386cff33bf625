//! Fragmentation: messages in several frames (RFC 6455 §5.4).

use nova_tests::Received;
use nova_tests::websocket::{BINARY, CLOSE, CONTINUATION, PING, TEXT, begun, closing, frame};

use crate::case::{Case, case, payload, text};
use crate::runner::{FRAGMENTS, play};

/// A message in fragments of these sizes.
fn fragments(first: u8, payload: &[u8], sizes: &[usize]) -> Vec<Vec<u8>> {
    let mut rest = payload;
    let mut frames = Vec::new();
    for (nth, size) in sizes.iter().enumerate() {
        let (fragment, behind) = rest.split_at(*size);
        let first = if nth == 0 { first } else { CONTINUATION };
        frames.push(if nth + 1 == sizes.len() {
            // The last one: final, though it may be the first.
            frame(first, fragment)
        } else {
            begun(first, fragment)
        });
        rest = behind;
    }
    assert!(rest.is_empty());
    frames
}

fn whole() -> Vec<Case> {
    let sizes: [&[usize]; 12] = [
        &[0, 0],
        &[1, 0],
        &[0, 1],
        &[1, 1],
        &[0, 0, 0, 1],
        &[5, 0, 0, 0],
        &[125, 126, 127],
        &[126, 0, 1],
        &[200, 1, 200],
        &[1; FRAGMENTS],
        &[0; FRAGMENTS],
        &[10; FRAGMENTS],
    ];
    let mut cases = Vec::new();
    for sizes in sizes {
        let length = sizes.iter().sum();
        cases.push(
            case(format!("binary in fragments of {sizes:?}"), "5.4")
                .sends_all(fragments(BINARY, &payload(length), sizes))
                .returns([Received::Binary(payload(length))]),
        );
        let text = "x".repeat(length);
        cases.push(
            case(format!("text in fragments of {sizes:?}"), "5.4")
                .sends_all(fragments(TEXT, text.as_bytes(), sizes))
                .returns([Received::Text(text)]),
        );
    }
    let (good, echo) = text("whole");
    let twice = [fragments(TEXT, b"12", &[1, 1]), fragments(BINARY, &[3, 4], &[1, 1])].concat();
    cases.extend([
        case("two fragmented messages, one after the other", "5.4")
            .sends_all(twice)
            .returns([Received::text("12"), Received::Binary(vec![3, 4])]),
        case("a whole message behind a fragmented one", "5.4")
            .sends_all([begun(BINARY, "1"), frame(CONTINUATION, "2"), good])
            .returns([Received::Binary(b"12".to_vec()), echo]),
        case("nothing comes back before the last fragment", "5.4")
            .sends(begun(TEXT, "1"))
            .sends_all([begun(CONTINUATION, "2"), frame(PING, "p")])
            .returns([Received::Pong(b"p".to_vec())])
            .sends(frame(CONTINUATION, "3"))
            .returns([Received::text("123")]),
    ]);
    cases
}

fn refused() -> Vec<Case> {
    let mut cases = Vec::new();
    for (opener, opened) in [("text", TEXT), ("binary", BINARY)] {
        for (intruder, first) in [("text", TEXT), ("binary", BINARY)] {
            for (what, bytes) in [("whole", frame(first, "b")), ("begun", begun(first, "b"))] {
                cases.push(
                    case(format!("a {what} {intruder} inside a {opener}"), "5.4")
                        .sends_all([begun(opened, "a"), bytes.clone()])
                        .closed(1002),
                );
                cases.push(
                    case(format!("a {what} {intruder} inside a {opener} that goes on"), "5.4")
                        .sends_all([
                            begun(opened, ""),
                            begun(CONTINUATION, "a"),
                            bytes,
                            frame(CONTINUATION, "c"),
                        ])
                        .closed(1002),
                );
            }
        }
    }
    let (good, echo) = text("whole");
    for (what, bytes) in [
        ("the end of a message", frame(CONTINUATION, "a")),
        ("the empty end of a message", frame(CONTINUATION, "")),
        ("the middle of a message", begun(CONTINUATION, "a")),
    ] {
        cases.extend([
            case(format!("{what} that has not begun"), "5.4")
                .sends(bytes.clone())
                .closed(1002),
            case(format!("{what} behind a whole one"), "5.4")
                .sends_all([good.clone(), bytes.clone()])
                .returns([echo.clone()])
                .closed(1002),
            case(format!("{what} behind a fragmented one"), "5.4")
                .sends_all([begun(TEXT, "1"), frame(CONTINUATION, "2"), bytes.clone()])
                .returns([Received::text("12")])
                .closed(1002),
            case(format!("{what} behind a ping"), "5.4")
                .sends_all([frame(PING, ""), bytes])
                .returns([Received::Pong(Vec::new())])
                .closed(1002),
        ]);
    }
    cases.push(
        case(
            "a close inside a message is answered, and its end is not waited for",
            "5.4",
        )
        .sends_all([
            begun(TEXT, "1"),
            frame(CLOSE, closing(1001, "")),
            frame(CONTINUATION, "2"),
        ])
        .closed(1001),
    );
    cases
}

#[test]
fn fragments_are_put_together() {
    play(whole());
}

#[test]
fn fragments_out_of_place_are_refused() {
    play(refused());
}
