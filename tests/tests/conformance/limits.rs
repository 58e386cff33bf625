//! The limits of a message: its size, by the header alone, and the number of its fragments (RFC 6455 §10.4, §7.4.1).

use nova_tests::Received;
use nova_tests::websocket::{BINARY, CONTINUATION, FIN, PING, TEXT, begun, frame, header};

use crate::case::{Case, Cuts, binary, case, payload, text};
use crate::runner::{FRAGMENTS, SMALL_LIMIT, play};

const LIMIT: usize = SMALL_LIMIT;

fn sizes() -> Vec<Case> {
    let (good, echo) = text("good");
    let mut cases = vec![
        case("a message at the limit", "10.4").echoes([binary(payload(LIMIT)), text(&"x".repeat(LIMIT))]),
        case("text at the limit in bytes, not characters", "10.4").echoes([text(&"é".repeat(LIMIT / 2))]),
        case("text over the limit in bytes, not characters", "10.4")
            .sends(frame(TEXT, "é".repeat(LIMIT / 2 + 1)))
            .closed(1009),
        case("a message at the limit in two fragments", "10.4")
            .sends_all([begun(BINARY, payload(LIMIT)), frame(CONTINUATION, "")])
            .returns([Received::Binary(payload(LIMIT))]),
        case("the limit is for each message", "10.4").echoes((0..5).map(|_| binary(payload(LIMIT)))),
        case("control frames do not count", "10.4")
            .sends_all([
                begun(BINARY, payload(LIMIT - 1)),
                frame(PING, payload(125)),
                frame(CONTINUATION, [0]),
            ])
            .returns([
                Received::Pong(payload(125)),
                Received::Binary([payload(LIMIT - 1), vec![0]].concat()),
            ]),
        case("a fragment over the limit, behind a good message", "10.4")
            .sends_all([good, begun(BINARY, payload(LIMIT)), header(CONTINUATION, 1)])
            .returns([echo])
            .closed(1009),
        case("a begun message over the limit", "10.4")
            .sends(header(BINARY & !FIN, LIMIT + 1))
            .closed(1009),
        case("bad text over the limit: its size comes first", "10.4")
            .sends(frame(TEXT, vec![0xFF; LIMIT + 1]))
            .closed(1009),
        case("bad text at the limit", "8.1")
            .sends(frame(TEXT, vec![0xFF; LIMIT]))
            .closed(1007),
    ];
    for over in [
        LIMIT + 1,
        LIMIT + 2,
        2 * LIMIT,
        65_535,
        65_536,
        1 << 20,
        1 << 32,
        (1 << 63) - 1,
    ] {
        cases.push(
            case(format!("the header alone of {over} bytes"), "10.4")
                .sends(header(BINARY, over))
                .closed(1009),
        );
    }
    for (first, second) in [
        (LIMIT, 1),
        (1, LIMIT),
        (LIMIT - 1, 2),
        (0, LIMIT + 1),
        (500, 501),
        (500, 1 << 40),
    ] {
        cases.push(
            case(format!("{first} bytes, and the header alone of {second} more"), "10.4")
                .sends_all([begun(BINARY, payload(first)), header(CONTINUATION, second)])
                .closed(1009),
        );
    }
    // A client that sends it all, deaf until it has: it must still learn why.
    for over in [100_000, 1_000_000, 8_000_000] {
        cases.push(
            case(format!("all of {over} bytes"), "7.1.1")
                .sends(frame(BINARY, payload(over)))
                .closed(1009)
                .cuts(Cuts::Pieces(vec![over + 14, 65_537])),
        );
    }
    cases
}

fn fragments() -> Vec<Case> {
    let most = |first| [vec![begun(first, "")], vec![begun(CONTINUATION, "x"); FRAGMENTS - 2]].concat();
    let text = "x".repeat(FRAGMENTS - 2);
    vec![
        case("as many fragments as may be", "10.4")
            .sends_all(most(TEXT).into_iter().chain([frame(CONTINUATION, "")]))
            .returns([Received::text(&text)]),
        case("as many fragments as may be, twice", "10.4")
            .sends_all(
                [
                    most(TEXT),
                    vec![frame(CONTINUATION, "")],
                    most(TEXT),
                    vec![frame(CONTINUATION, "")],
                ]
                .concat(),
            )
            .returns([Received::text(&text), Received::text(&text)]),
        case("control frames are no fragments", "10.4")
            .sends_all(most(TEXT).into_iter().flat_map(|fragment| [fragment, frame(PING, "")]))
            .returns(vec![Received::Pong(Vec::new()); FRAGMENTS - 1])
            .sends(frame(CONTINUATION, ""))
            .returns([Received::text(&text)]),
        case("a fragment too many that is the last", "10.4")
            .sends_all([most(TEXT), vec![begun(CONTINUATION, ""), frame(CONTINUATION, "")]].concat())
            .closed(1009),
        case("a fragment too many that is not the last", "10.4")
            .sends_all([most(BINARY), vec![begun(CONTINUATION, ""); 2]].concat())
            .closed(1009),
        case("2,000 empty fragments in one write", "10.4")
            .sends_all([vec![begun(BINARY, "")], vec![begun(CONTINUATION, ""); 2000]].concat())
            .closed(1009),
    ]
}

#[test]
fn a_size_is_judged_by_the_header_alone() {
    play(sizes().into_iter().map(Case::small));
}

#[test]
fn fragments_are_counted() {
    play(fragments().into_iter().map(Case::small));
}
