use proptest::prelude::*;

use super::*;
use crate::wire::{Decoder, Limits};

const ALONE: Terms = Terms {
    level: 1,
    min_size: 0,
    server_takeover: false,
    client_takeover: false,
    client_window_bits: 15,
};
const TAKEOVER: Terms = Terms {
    server_takeover: true,
    client_takeover: true,
    ..ALONE
};
const LIMIT: usize = 100_000;
/// "Hello", compressed (RFC 7692 §7.2.3.1).
const HELLO: [u8; 7] = [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00];
/// "Hello" again, by reference to the first (RFC 7692 §7.2.3.2).
const HELLO_AGAIN: [u8; 5] = [0xF2, 0x00, 0x11, 0x00, 0x00];

/// A client's frame, masked with zeros.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).unwrap();
    assert!(length < 126);
    [&[first, 0x80 | length, 0, 0, 0, 0], payload].concat()
}

/// Feeds the bytes in pieces of this size.
fn decode(bytes: &[u8], piece: usize, codec: Option<Codec>) -> Result<Vec<Frame>, Violation> {
    let limits = Limits {
        message_size: LIMIT,
        fragments: 8,
    };
    let (mut decoder, mut codec) = (Decoder::default(), codec);
    let mut frames = Vec::new();
    for piece in bytes.chunks(piece) {
        let mut piece = piece.to_vec();
        let mut input = &mut piece[..];
        while let Some(frame) = decoder.decode(&mut input, &limits, &mut codec)? {
            frames.push(frame);
        }
    }
    Ok(frames)
}

/// Every split gives the same.
fn decode_all_ways(bytes: &[u8], terms: &Terms) -> Result<Vec<Frame>, Violation> {
    let whole = decode(bytes, bytes.len(), Some(Codec::new(terms)));
    for piece in 1..bytes.len() {
        assert_eq!(
            decode(bytes, piece, Some(Codec::new(terms))),
            whole,
            "in pieces of {piece}"
        );
    }
    whole
}

fn inflate(terms: &Terms, payloads: &[&[u8]]) -> Result<Vec<Bytes>, Violation> {
    let mut codec = Codec::new(terms);
    payloads.iter().map(|payload| codec.inflate(payload, LIMIT)).collect()
}

fn encode(codec: &mut Codec, frame: &Frame) -> Vec<u8> {
    let mut out = Vec::new();
    codec.encode(frame, &mut out).unwrap();
    out
}

/// What is sent for a message, without its header.
fn deflate(codec: &mut Codec, message: &[u8]) -> Vec<u8> {
    let mut compressed = encode(codec, &Frame::binary(message.to_vec()));
    assert_eq!(compressed[0], 0xC2, "a compressed message");
    let header = match compressed[1] {
        126 => 4,
        127 => 10,
        _ => 2,
    };
    compressed.drain(..header);
    compressed
}

#[test]
fn the_examples_of_rfc_7692_section_7_2_3() {
    let hello = [Bytes::from("Hello")];
    let twice = [hello[0].clone(), hello[0].clone()];
    let stored = [0x00, 0x05, 0x00, 0xFA, 0xFF, 0x48, 0x65, 0x6C, 0x6C, 0x6F, 0x00];
    let last = [0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x00];
    let two_blocks = [
        0xF2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xCA, 0xC9, 0xC9, 0x07, 0x00,
    ];
    assert_eq!(inflate(&ALONE, &[&HELLO]).unwrap(), hello, "7.2.3.1");
    assert_eq!(inflate(&TAKEOVER, &[&HELLO, &HELLO_AGAIN]).unwrap(), twice, "7.2.3.2");
    assert_eq!(inflate(&ALONE, &[&HELLO, &HELLO]).unwrap(), twice, "7.2.3.2");
    assert_eq!(inflate(&ALONE, &[&stored]).unwrap(), hello, "7.2.3.3");
    assert_eq!(inflate(&ALONE, &[&last]).unwrap(), hello, "7.2.3.4");
    assert_eq!(
        inflate(&TAKEOVER, &[&last, &HELLO_AGAIN]).unwrap(),
        twice,
        "a last block takes no history away"
    );
    assert_eq!(inflate(&ALONE, &[&two_blocks]).unwrap(), hello, "7.2.3.5");
    assert_eq!(inflate(&ALONE, &[&[0x00]]).unwrap(), [""], "7.2.3.6");
    assert_eq!(inflate(&ALONE, &[&[]]).unwrap(), [""]);

    // And as they are sent.
    let hello = Frame::text("Hello");
    let first = [0xC1, 0x07, 0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00];
    let again = [0xC1, 0x05, 0xF2, 0x00, 0x11, 0x00, 0x00];
    let mut codec = Codec::new(&Terms { level: 6, ..TAKEOVER });
    assert_eq!(encode(&mut codec, &hello), first);
    assert_eq!(encode(&mut codec, &hello), again);
    assert_eq!(encode(&mut codec, &Frame::text("")), [0xC1, 0x01, 0x00]);
}

#[test]
fn fragments_with_control_frames_between() {
    let bytes = [
        frame(0x41, &HELLO[..3]),
        frame(0x89, b"ping"),
        frame(0x00, b""),
        frame(0x80, &HELLO[3..]),
        frame(0xC2, &HELLO_AGAIN),
        frame(0x81, b"as it is"),
        frame(0xC1, &HELLO_AGAIN),
    ]
    .concat();
    let expected = [
        Frame::ping("ping"),
        Frame::text("Hello"),
        Frame::binary("Hello"),
        Frame::text("as it is"),
        Frame::text("Hello"),
    ];
    assert_eq!(decode_all_ways(&bytes, &TAKEOVER).unwrap(), expected);
}

#[test]
fn the_first_frame_of_a_message_alone_says_that_it_is_compressed() {
    let reserved = Err(Violation::Protocol("a reserved bit is set"));
    for bytes in [
        frame(0xC9, b""),
        frame(0xCA, b""),
        frame(0xC8, b""),
        frame(0xA1, &HELLO),
        frame(0xE1, &HELLO),
        [frame(0x41, &HELLO[..3]), frame(0xC0, &HELLO[3..])].concat(),
        [frame(0x01, b"a"), frame(0xC0, b"b")].concat(),
    ] {
        assert_eq!(decode_all_ways(&bytes, &ALONE), reserved, "{bytes:x?}");
    }
    assert_eq!(
        decode(&frame(0xC1, &HELLO), 20, None),
        reserved,
        "where nothing was agreed on"
    );
}

#[test]
fn what_can_not_be_inflated() {
    let broken = Err(Violation::Protocol("a compressed message that can't be inflated"));
    let cut = &HELLO[..4];
    let reference_to_nothing = &HELLO_AGAIN;
    let reserved_block = &[0x06];
    let wrong_length = &[0x00, 0x05, 0x00, 0x00, 0x00, 0x48];
    for payload in [cut, reference_to_nothing, reserved_block, wrong_length] {
        assert_eq!(inflate(&TAKEOVER, &[payload]), broken, "{payload:x?}");
    }
    assert_eq!(
        inflate(&ALONE, &[&HELLO, &HELLO_AGAIN]),
        broken,
        "no takeover was agreed on"
    );
}

#[test]
fn inflated_text_is_utf8() {
    let mut codec = Codec::new(&TAKEOVER);
    let bad = deflate(&mut codec, b"abc\xFF");
    assert_eq!(decode_all_ways(&frame(0xC1, &bad), &ALONE), Err(Violation::Encoding));
    assert!(decode_all_ways(&frame(0xC2, &bad), &ALONE).is_ok());
}

#[test]
fn the_limit_is_inclusive() {
    let mut codec = Codec::new(&TAKEOVER);
    for excess in [0, 1] {
        let payload = deflate(&mut codec, &vec![7; LIMIT + excess]);
        let inflated = inflate(&ALONE, &[&payload]);
        match excess {
            0 => assert_eq!(inflated.unwrap(), [vec![7; LIMIT]]),
            _ => assert_eq!(inflated, Err(Violation::Size)),
        }
        codec = Codec::new(&TAKEOVER);
    }
}

#[test]
fn a_gigabyte_of_zeros_takes_no_more_memory_than_the_limit() {
    let mebibyte = vec![0; 1 << 20];
    let mut codec = Codec::new(&TAKEOVER);
    let first = deflate(&mut codec, &mebibyte);
    // The tails that were left off belong between the parts.
    let more = [&TAIL[..], &deflate(&mut codec, &mebibyte)].concat();
    let bomb = [first, more.repeat(1023)].concat();
    for terms in [ALONE, TAKEOVER] {
        let mut codec = Codec::new(&terms);
        assert_eq!(codec.inflate(&bomb, LIMIT), Err(Violation::Size));
        assert!(codec.0.inflater.kept() <= 2 * LIMIT, "{}", codec.0.inflater.kept());
    }
}

#[test]
fn without_takeover_nothing_is_kept() {
    let mut codec = Codec::new(&ALONE);
    let payload = deflate(&mut codec, &[1; 5000]);
    assert_eq!(codec.inflate(&payload, LIMIT).unwrap().len(), 5000);
    assert_eq!(codec.0.inflater.kept(), 0);
    assert!(!codec.0.deflater.has_context());
}

#[test]
fn with_takeover_a_window_is_kept_from_first_use() {
    for bits in [9, 12, 15] {
        let terms = Terms {
            client_window_bits: bits,
            ..TAKEOVER
        };
        let (mut client, mut server) = (Codec::new(&TAKEOVER), Codec::new(&terms));
        assert_eq!(server.0.inflater.kept(), 0);
        for size in [10, 1, 300, 5000, 100_000, 700, 0, 30_000] {
            let message = vec![1; size];
            let payload = deflate(&mut client, &message);
            assert_eq!(server.inflate(&payload, LIMIT).unwrap(), message);
            assert!(server.0.inflater.kept() <= 2 << bits);
        }
        assert!(!server.0.deflater.has_context());
        deflate(&mut server, b"something");
        assert!(server.0.deflater.has_context());
    }
}

#[test]
fn what_is_small_does_not_touch_the_context() {
    let mut codec = Codec::new(&Terms {
        min_size: 4,
        ..TAKEOVER
    });
    assert_eq!(encode(&mut codec, &Frame::text("abc")), b"\x81\x03abc");
    assert_eq!(encode(&mut codec, &Frame::ping("ping")), b"\x89\x04ping");
    assert!(!codec.0.deflater.has_context());
    let first = deflate(&mut codec, b"abcd");
    encode(&mut codec, &Frame::text("xyz"));
    let second = deflate(&mut codec, b"abcdabcd");
    assert_eq!(
        inflate(&TAKEOVER, &[&first, &second]).unwrap(),
        [&b"abcd"[..], b"abcdabcd"]
    );
}

#[test]
fn what_does_not_get_smaller_is_sent_as_it_is() {
    let mut codec = Codec::new(&ALONE);
    let noise: Vec<u8> = (0..=255).collect();
    let sent = encode(&mut codec, &Frame::binary(noise.clone()));
    assert_eq!(sent, [&[0x82, 126, 1, 0], &noise[..]].concat());
}

#[test]
fn a_broadcast_is_compressed_alike_for_all() {
    let shared = Frame::text("the same text, the same text, the same text".repeat(9));
    let (mut one, mut other) = (Codec::new(&ALONE), Codec::new(&ALONE));
    let first = encode(&mut one, &shared);
    assert_eq!(encode(&mut other, &shared.clone()), first);
    // Other texts between, and the same bytes in another place.
    assert_ne!(encode(&mut one, &Frame::text("another text ".repeat(9))), first);
    let Frame::Text(text) = &shared else { unreachable!() };
    assert_eq!(encode(&mut one, &Frame::text(text.as_str())), first);
    // Text and binary share a payload, not a header.
    let binary = encode(&mut one, &Frame::binary(text.as_shared().clone()));
    assert_eq!((binary[0], &binary[1..]), (0xC2, &first[1..]));
}

proptest! {
    #[test]
    fn what_is_compressed_is_inflated(
        messages in prop::collection::vec(prop::collection::vec(0..4_u8, 0..3000), 1..6),
        (level, takeover) in (1..=9_u8, any::<bool>()),
    ) {
        let terms = Terms { level, server_takeover: takeover, client_takeover: takeover, ..ALONE };
        let (mut sender, mut receiver) = (Codec::new(&terms), Codec::new(&terms));
        for message in messages {
            // Of the small messages, some don't get smaller.
            if message.len() > 300 {
                let payload = deflate(&mut sender, &message);
                prop_assert_eq!(receiver.inflate(&payload, LIMIT).unwrap(), message);
            }
        }
    }

    #[test]
    fn any_bytes_are_inflated_or_not(payloads in prop::collection::vec(any::<Vec<u8>>(), 1..4)) {
        let mut codec = Codec::new(&TAKEOVER);
        for payload in payloads {
            if codec.inflate(&payload, 1000).is_err() {
                break;
            }
            prop_assert!(codec.0.inflater.kept() <= 2 << 15);
        }
    }
}
