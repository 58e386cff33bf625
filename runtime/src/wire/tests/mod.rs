//! The decoder against a slow and obvious one, on streams of all kinds in pieces of all kinds.
//!
//! `PROPTEST_CASES` is the number of cases for each property: 256 in a plain run, a million overnight.

mod reference;
mod streams;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use self::reference::{Fault, point_of_failure};
use self::streams::{any_frame, masked, mutate, mutations, pieces, stream, unruly, valid};
use super::{Close, Decoder, Frame, Limits, Text, Violation, encode};

/// Enough for every valid stream.
const WIDE: Limits = Limits {
    message_size: 1_000_000,
    fragments: 1024,
};
/// So little that many streams are over it.
const NARROW: Limits = Limits {
    message_size: 200,
    fragments: 4,
};

/// What the decoder makes of pieces: the frames, then the fault and how many bytes it had when it saw it.
fn decode(pieces: &[&[u8]], limits: &Limits) -> (Vec<Frame>, Option<(Fault, usize)>) {
    decode_by(pieces, limits, |decoder| decoder)
}

/// The same, where the decoder moves to another process after each piece.
fn decode_moving(pieces: &[&[u8]], limits: &Limits) -> (Vec<Frame>, Option<(Fault, usize)>) {
    decode_by(pieces, limits, |decoder| {
        let saved = serde_json::to_string(&decoder).unwrap();
        serde_json::from_str(&saved).unwrap()
    })
}

fn decode_by(
    pieces: &[&[u8]],
    limits: &Limits,
    pass_on: fn(Decoder) -> Decoder,
) -> (Vec<Frame>, Option<(Fault, usize)>) {
    let mut decoder = Decoder::default();
    let (mut frames, mut given) = (Vec::new(), 0);
    for piece in pieces {
        decoder = pass_on(decoder);
        let mut piece = piece.to_vec();
        given += piece.len();
        let mut input = &mut piece[..];
        loop {
            match decoder.decode(&mut input, limits, &mut None) {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => {
                    assert!(input.is_empty(), "all is taken");
                    break;
                }
                Err(violation) => {
                    let fault = match violation {
                        Violation::Protocol(_) => Fault::Protocol,
                        Violation::Encoding => Fault::Encoding,
                        Violation::Size => Fault::Size,
                    };
                    return (frames, Some((fault, given)));
                }
            }
        }
    }
    (frames, None)
}

/// Whole, byte by byte and in these pieces, the decoder sees what the reference sees, as soon as it is there to see.
fn assert_as_the_reference(stream: &[u8], cuts: &[Index], limits: &Limits) -> Result<(), TestCaseError> {
    let (frames, fault) = reference::read(stream, limits);
    let fault = fault.map(|fault| (fault, point_of_failure(stream, limits)));
    let bytes: Vec<_> = stream.chunks(1).collect();
    for pieces in [vec![stream], bytes, pieces(stream, cuts)] {
        // In pieces the fault is seen at the end of the piece that has it.
        let fault = fault.map(|(fault, point)| (fault, end_of_piece(&pieces, point)));
        prop_assert_eq!(decode(&pieces, limits), (frames.clone(), fault));
    }
    Ok(())
}

/// The end of the piece that has this byte, the first byte being 1.
fn end_of_piece(pieces: &[&[u8]], point: usize) -> usize {
    let mut end = 0;
    for piece in pieces {
        end += piece.len();
        if end >= point {
            break;
        }
    }
    end
}

fn cuts() -> impl Strategy<Value = Vec<Index>> {
    vec(any::<Index>(), 0..12)
}

proptest! {
    #[test]
    fn arbitrary_bytes(stream in vec(any::<u8>(), 0..200), cuts in cuts()) {
        assert_as_the_reference(&stream, &cuts, &NARROW)?;
    }

    #[test]
    fn frames_that_follow_few_rules(frames in unruly(), cuts in cuts()) {
        assert_as_the_reference(&stream(&frames), &cuts, &NARROW)?;
    }

    #[test]
    fn valid_streams((frames, expected) in valid(6, 6), cuts in cuts()) {
        let stream = stream(&frames);
        assert_as_the_reference(&stream, &cuts, &WIDE)?;
        prop_assert_eq!(decode(&[&stream], &WIDE), (expected, None));
    }

    #[test]
    fn a_decoder_that_moves_within_any_stream_decodes_as_one_that_stays(
        (frames, _) in valid(6, 6), mutations in mutations(), spoiled in any::<bool>(), cuts in cuts(),
    ) {
        let mut stream = stream(&frames);
        if spoiled {
            stream = mutate(stream, &mutations);
        }
        let pieces = pieces(&stream, &cuts);
        prop_assert_eq!(decode_moving(&pieces, &WIDE), decode(&pieces, &WIDE));
    }

    #[test]
    fn valid_streams_gone_wrong((frames, _) in valid(4, 4), mutations in mutations(), cuts in cuts()) {
        let stream = mutate(stream(&frames), &mutations);
        assert_as_the_reference(&stream, &cuts, &WIDE)?;
        assert_as_the_reference(&stream, &cuts, &NARROW)?;
    }

    #[test]
    fn what_is_encoded_is_decoded_again(frames in vec(any_frame(), 1..8), mask in any::<[u8; 4]>(), cuts in cuts()) {
        let mut stream = Vec::new();
        for frame in &frames {
            let mut encoded = Vec::new();
            prop_assert_eq!(encode(frame, &mut encoded), Ok(()));
            stream.extend(masked(&encoded, mask));
        }
        prop_assert_eq!(decode(&pieces(&stream, &cuts), &WIDE), (frames, None));
    }

    #[test]
    fn a_close_is_encoded_if_and_only_if_it_may_be_received(
        code in proptest::option::of(prop_oneof![any::<u16>(), 990..1020_u16, 2990..3010_u16, 4990..5010_u16]),
        reason in prop_oneof![Just(String::new()), ".{0,70}"],
    ) {
        let close = Close { code, reason: Text::from(reason.clone()) };
        let mut encoded = Vec::new();
        let payload = code.map_or(Vec::new(), |code| code.to_be_bytes().to_vec());
        let payload = [&payload, reason.as_bytes()].concat();
        if encode(&Frame::Close(close.clone()), &mut encoded).is_ok() {
            let stream = masked(&encoded, [7; 4]);
            prop_assert_eq!(decode(&[&stream], &WIDE), (vec![Frame::Close(close)], None));
        } else {
            prop_assert!(encoded.is_empty());
            if let Ok(length @ ..=125) = u8::try_from(payload.len()) && code.is_some() {
                let stream = [&[0x88, 0x80 | length, 0, 0, 0, 0], &payload[..]].concat();
                prop_assert_eq!(decode(&[&stream], &WIDE), (vec![], Some((Fault::Protocol, stream.len()))));
            }
        }
    }
}
