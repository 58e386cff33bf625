//! Pings are answered, pongs are taken (RFC 6455 §5.5.2, §5.5.3).

use nova_tests::Received;
use nova_tests::websocket::{PING, PONG, frame, masked};

use crate::case::{Case, case, payload, text};
use crate::runner::play;

fn pong(payload: impl Into<Vec<u8>>) -> Received {
    Received::Pong(payload.into())
}

fn pings() -> Vec<Case> {
    let mut cases = Vec::new();
    for length in [0, 1, 2, 3, 4, 5, 31, 32, 33, 64, 124, 125] {
        cases.push(
            case(format!("a ping of {length} bytes"), "5.5.2")
                .sends(frame(PING, payload(length)))
                .returns([pong(payload(length))]),
        );
        cases.push(
            case(format!("a pong of {length} bytes that nobody asked for"), "5.5.3")
                .sends(frame(PONG, payload(length))),
        );
    }
    let (good, echo) = text("message");
    cases.extend([
        case("a ping of bytes that are no UTF-8", "5.5.2")
            .sends(frame(PING, [0xFF, 0xFE, 0xC0, 0x00]))
            .returns([pong([0xFF, 0xFE, 0xC0, 0x00])]),
        case("a ping that would be a frame", "5.5.2")
            .sends(frame(PING, frame(PING, "inner")))
            .returns([pong(frame(PING, "inner"))]),
        case("a ping with a mask of zeros", "5.3")
            .sends(masked(PING, [0; 4], "plain"))
            .returns([pong("plain")]),
        case("fifty pings in one write, each with its own answer", "5.5.2")
            .sends_all((0..50).map(|nth| frame(PING, [nth])))
            .returns((0..50).map(|nth| pong([nth]))),
        case("pings and messages keep their order", "5.5.2")
            .sends_all([frame(PING, "1"), good.clone(), frame(PING, "2"), good, frame(PING, "3")])
            .returns([pong("1"), echo.clone(), pong("2"), echo.clone(), pong("3")]),
        case("a pong is not answered, whatever came before", "5.5.3")
            .sends_all([frame(PING, "a"), frame(PONG, "a"), frame(PONG, "b"), frame(PONG, "")])
            .returns([pong("a")]),
        case("a ping after its answer", "5.5.2")
            .sends(frame(PING, "1"))
            .returns([pong("1")])
            .sends(frame(PING, "2"))
            .returns([pong("2")]),
    ]);
    cases
}

#[test]
fn a_ping_is_answered_and_a_pong_is_taken() {
    play(pings());
}
