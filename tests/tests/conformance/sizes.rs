//! Large messages, cut at odd places (RFC 6455 §5.2).

use nova_tests::Received;
use nova_tests::websocket::{BINARY, CONTINUATION, begun, frame, header};

use crate::case::{Case, Cuts, binary, case, payload, text};
use crate::runner::{LIMIT, play};

/// No divisor of a header, of a mask or of a buffer.
fn odd() -> Cuts {
    Cuts::Pieces(vec![4093, 65_521, 131_101, usize::MAX])
}

fn edges() -> Vec<Case> {
    let mut cases = Vec::new();
    for size in [0, 1, 125, 126, 127, 4095, 4096, 4097, 65_534, 65_535, 65_536, 65_537] {
        cases.push(case(format!("binary of {size} bytes"), "5.2").echoes([binary(payload(size))]));
        cases.push(case(format!("text of {size} bytes"), "5.2").echoes([text(&"x".repeat(size))]));
    }
    // The server reads into a buffer of so many bytes: frames that end before, at and behind its end.
    for size in (131_072 - 16)..=(131_072 + 2) {
        let (frames, echo) = binary(payload(size));
        let (next, its_echo) = text("next");
        cases.push(
            case(format!("binary of {size} bytes with a text behind it"), "5.2")
                .sends_all([frames, next])
                .returns([echo, its_echo])
                .cuts(Cuts::None),
        );
    }
    cases
}

fn large() -> Vec<Case> {
    const MIB: usize = 1024 * 1024;
    let mut cases = vec![
        case("text of 1 MiB whose characters are cut", "8.1").echoes([text(&"€".repeat(MIB / 3))]),
        case("binary of 1 MiB in four fragments", "5.4")
            .sends_all([
                begun(BINARY, vec![1; MIB / 4]),
                begun(CONTINUATION, vec![2; MIB / 4]),
                begun(CONTINUATION, vec![3; MIB / 4]),
                frame(CONTINUATION, vec![4; MIB / 4]),
            ])
            .returns([Received::Binary([1, 2, 3, 4].map(|byte| vec![byte; MIB / 4]).concat())]),
        case("one byte over the largest", "10.4")
            .sends(header(BINARY, LIMIT + 1))
            .closed(1009),
    ];
    for size in [MIB - 1, MIB, MIB + 1, LIMIT - 1, LIMIT] {
        cases.push(case(format!("binary of {size} bytes"), "5.2").echoes([binary(payload(size))]));
    }
    cases.into_iter().map(|case| case.cuts(odd())).collect()
}

#[test]
fn messages_at_the_edges_of_the_lengths_come_back() {
    play(edges());
}

#[test]
fn large_messages_come_back() {
    play(large());
}
