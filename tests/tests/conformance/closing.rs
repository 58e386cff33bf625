//! The closing handshake and its codes (RFC 6455 §5.5.1, §7.1, §7.4).

use nova_tests::Received;
use nova_tests::websocket::{BINARY, CLOSE, CONTINUATION, PING, TEXT, begun, closing, frame};

use crate::case::{Case, Cuts, case, text};
use crate::runner::play;

/// What the registry of close codes lets a client send, and the two ranges that are free.
fn may_be_sent(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

/// Each code with what it must be answered with: itself, or 1002.
fn codes() -> impl Iterator<Item = Case> {
    let codes = (0..=5000).chain([5001, 9999, 32_767, 32_768, 65_534, 65_535]);
    codes.map(|code| {
        let answer = if may_be_sent(code) { code } else { 1002 };
        case(format!("the code {code}"), "7.4")
            .sends(frame(CLOSE, closing(code, "")))
            .closed(answer)
            .cuts(Cuts::None)
    })
}

/// The edges of the ranges again, with a reason, in all cuts.
fn edges() -> Vec<Case> {
    let mut cases = Vec::new();
    for edge in [
        0, 999, 1000, 1003, 1004, 1006, 1007, 1014, 1015, 2999, 3000, 3999, 4000, 4999, 5000,
    ] {
        let answer = if may_be_sent(edge) { edge } else { 1002 };
        cases.push(
            case(format!("the code {edge} with a reason"), "7.4")
                .sends(frame(CLOSE, closing(edge, "because")))
                .closed(answer),
        );
        if answer == 1002 {
            let close = frame(CLOSE, closing(edge, "because"));
            cases.push(
                case(format!("the code {edge} is seen before its reason"), "7.4")
                    .sends(&close[..8])
                    .closed(1002),
            );
        }
    }
    cases
}

fn handshakes() -> Vec<Case> {
    let empty = || Received::Close(None, String::new());
    let (good, echo) = text("last");
    let normal = || frame(CLOSE, closing(1000, ""));
    let mut cases = vec![
        case("an empty close is answered with one", "5.5.1")
            .sends(frame(CLOSE, ""))
            .ended(empty()),
        case("half a code", "5.5.1").sends(frame(CLOSE, [0x03])).closed(1002),
        case("half a code, by its header alone", "5.5.1")
            .sends([CLOSE, 0x81])
            .closed(1002),
        case("what came before is answered first", "7.1.2")
            .sends_all([frame(PING, "p"), good.clone(), normal()])
            .returns([Received::Pong(b"p".to_vec()), echo])
            .closed(1000),
        case("a message after the close is ignored", "5.5.1")
            .sends_all([normal(), good.clone()])
            .closed(1000),
        case("a ping after the close is ignored", "5.5.1")
            .sends_all([normal(), frame(PING, "p")])
            .closed(1000),
        case("a second close is ignored", "5.5.1")
            .sends_all([normal(), frame(CLOSE, closing(3000, ""))])
            .closed(1000),
        case("a broken frame after the close is ignored", "5.5.1")
            .sends_all([normal(), vec![0xFF; 20]])
            .closed(1000),
        case("a bad close after the close is ignored", "5.5.1")
            .sends_all([frame(CLOSE, ""), frame(CLOSE, [0x03])])
            .ended(empty()),
        case("100,000 bytes after the close are ignored", "5.5.1")
            .sends_all([normal(), frame(BINARY, vec![0; 100_000])])
            .closed(1000),
        case("a message after a broken frame is ignored", "7.1.7")
            .sends_all([vec![TEXT, 0x01, b'a'], good])
            .closed(1002),
        case("a close after a broken frame changes nothing", "7.1.7")
            .sends_all([frame(0x83, ""), normal()])
            .closed(1002),
        case("100,000 bytes after a broken frame are ignored", "7.1.7")
            .sends_all([frame(0x83, ""), frame(BINARY, vec![0; 100_000])])
            .closed(1002),
        case("a close between fragments", "5.4")
            .sends_all([begun(BINARY, "1"), begun(CONTINUATION, "2"), normal()])
            .closed(1000),
    ];
    for length in [0, 1, 2, 121, 122, 123] {
        cases.push(
            case(format!("a reason of {length} bytes"), "5.5.1")
                .sends(frame(CLOSE, closing(1000, &"x".repeat(length))))
                .closed(1000),
        );
    }
    cases.push(
        case("a reason of 124 bytes", "5.5")
            .sends(frame(CLOSE, closing(1000, &"x".repeat(124))))
            .closed(1002),
    );
    cases
}

#[test]
fn a_code_is_answered_with_itself_or_refused() {
    play(codes());
}

#[test]
fn codes_at_the_edges_are_judged_in_any_cut() {
    play(edges());
}

#[test]
fn a_close_is_answered_and_ends_everything() {
    play(handshakes());
}
