//! Streams for the decoder: arbitrary, valid, and valid ones with something wrong.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::wire::{Close, Frame};

/// A client's frame as it is on the wire.
#[derive(Clone, Debug)]
pub(super) struct Raw {
    first: u8,
    mask: [u8; 4],
    payload: Vec<u8>,
}

/// Something that goes wrong on the way.
#[derive(Clone, Debug)]
pub(super) enum Mutation {
    Set(Index, u8),
    Flip(Index, u8),
    Delete(Index),
    Insert(Index, u8),
    Truncate(Index),
    Repeat(Index, Index),
}

impl Raw {
    fn new(first: u8, mask: [u8; 4], payload: &[u8]) -> Self {
        let payload = payload.to_vec();
        Self { first, mask, payload }
    }

    fn put(&self, stream: &mut Vec<u8>) {
        stream.push(self.first);
        let length = self.payload.len();
        if let Ok(length @ ..=125) = u8::try_from(length) {
            stream.push(0x80 | length);
        } else if let Ok(length) = u16::try_from(length) {
            stream.push(0xFE);
            stream.extend(length.to_be_bytes());
        } else {
            stream.push(0xFF);
            stream.extend((length as u64).to_be_bytes());
        }
        stream.extend(self.mask);
        stream.extend((0..length).map(|index| self.payload[index] ^ self.mask[index % 4]));
    }
}

/// The bytes of frames.
pub(super) fn stream(frames: &[Raw]) -> Vec<u8> {
    let mut stream = Vec::new();
    for frame in frames {
        frame.put(&mut stream);
    }
    stream
}

/// A server's encoded frame, made a client's by masking it.
pub(super) fn masked(encoded: &[u8], mask: [u8; 4]) -> Vec<u8> {
    let length_bytes = match encoded[1] {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    let (header, payload) = encoded.split_at(2 + length_bytes);
    let payload = payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask);
    let mut frame = header.to_vec();
    frame[1] |= 0x80;
    frame.extend(mask);
    frame.extend(payload);
    frame
}

/// Any frame that may be sent.
pub(super) fn any_frame() -> impl Strategy<Value = Frame> {
    prop_oneof![3 => any_message(), 2 => any_control()]
}

fn any_message() -> impl Strategy<Value = Frame> {
    let length = prop_oneof![
        8 => 0..20_usize,
        4 => 120..130_usize,
        1 => 65_530..65_540_usize,
    ];
    prop_oneof![
        ".{0,80}".prop_map(Frame::text),
        length
            .clone()
            .prop_map(|length| Frame::text("aé€🦀".chars().cycle().take(length).collect::<String>())),
        length
            .prop_flat_map(|length| vec(any::<u8>(), length))
            .prop_map(Frame::binary),
    ]
}

fn any_control() -> impl Strategy<Value = Frame> {
    let payload = || vec(any::<u8>(), 0..=125).prop_map(Bytes::from);
    let reason = ".{0,30}";
    prop_oneof![
        4 => payload().prop_map(Frame::Ping),
        4 => payload().prop_map(Frame::Pong),
        1 => Just(Frame::Close(Close::default())),
        1 => (prop_oneof![Just(1000_u16), Just(1014), 3000..5000_u16], reason)
            .prop_map(|(code, reason)| Frame::close(code, reason)),
    ]
}

/// A valid stream and what is in it: messages in up to so many fragments, with control frames between these.
pub(super) fn valid(most: usize, fragments: usize) -> impl Strategy<Value = (Vec<Raw>, Vec<Frame>)> {
    let cuts = move || vec((any::<Index>(), proptest::option::of(any_control())), 0..fragments);
    vec((any_frame(), cuts(), any::<[u8; 4]>()), 0..=most).prop_map(|frames| {
        let (mut raw, mut expected) = (Vec::new(), Vec::new());
        for (frame, cuts, mask) in frames {
            cut(&frame, &cuts, mask, &mut raw, &mut expected);
            expected.push(frame);
        }
        (raw, expected)
    })
}

/// Cuts a message into fragments with control frames between them.
fn cut(frame: &Frame, cuts: &[(Index, Option<Frame>)], mask: [u8; 4], raw: &mut Vec<Raw>, expected: &mut Vec<Frame>) {
    let (mut opcode, payload): (u8, &[u8]) = match frame {
        Frame::Text(text) => (0x1, text.as_bytes()),
        Frame::Binary(bytes) => (0x2, bytes),
        control => return raw.push(whole_control(control, mask)),
    };
    let mut places: Vec<_> = cuts.iter().map(|(index, _)| index.index(payload.len() + 1)).collect();
    places.sort_unstable();
    let mut from = 0;
    for (to, (_, between)) in places.into_iter().zip(cuts) {
        raw.push(Raw::new(opcode, mask, &payload[from..to]));
        if let Some(control) = between {
            raw.push(whole_control(control, mask));
            expected.push(control.clone());
        }
        (opcode, from) = (0, to);
    }
    raw.push(Raw::new(0x80 | opcode, mask, &payload[from..]));
}

fn whole_control(frame: &Frame, mask: [u8; 4]) -> Raw {
    match frame {
        Frame::Ping(payload) => Raw::new(0x89, mask, payload),
        Frame::Pong(payload) => Raw::new(0x8A, mask, payload),
        Frame::Close(Close {
            code: Some(code),
            reason,
        }) => Raw::new(0x88, mask, &[&code.to_be_bytes(), reason.as_bytes()].concat()),
        _ => Raw::new(0x88, mask, &[]),
    }
}

/// Frames that follow few rules: any first byte, and payloads that are text more often than chance would have it.
pub(super) fn unruly() -> impl Strategy<Value = Vec<Raw>> {
    let first = prop_oneof![
        6 => prop::sample::select(vec![0x00, 0x01, 0x02, 0x80, 0x81, 0x82, 0x88, 0x89, 0x8A]),
        1 => any::<u8>(),
    ];
    let payload = prop_oneof![
        4 => ".{0,12}".prop_map(String::into_bytes),
        2 => vec(any::<u8>(), 0..12),
        1 => vec(prop::sample::select(vec![0x03, 0xE8, 0xC3, 0xE2, 0xED, 0xF4, 0x80, 0x8F, 0x9F, 0xA0, 0xBF]), 0..8),
        1 => vec(any::<u8>(), 120..300),
    ];
    let raw = (first, any::<[u8; 4]>(), payload).prop_map(|(first, mask, payload)| Raw { first, mask, payload });
    vec(raw, 0..8)
}

/// What may go wrong on the way, some of it more than once.
pub(super) fn mutations() -> impl Strategy<Value = Vec<Mutation>> {
    let place = any::<Index>;
    let mutation = prop_oneof![
        (place(), any::<u8>()).prop_map(|(at, byte)| Mutation::Set(at, byte)),
        (place(), 0..8_u8).prop_map(|(at, bit)| Mutation::Flip(at, bit)),
        place().prop_map(Mutation::Delete),
        (place(), any::<u8>()).prop_map(|(at, byte)| Mutation::Insert(at, byte)),
        place().prop_map(Mutation::Truncate),
        (place(), place()).prop_map(|(from, to)| Mutation::Repeat(from, to)),
    ];
    vec(mutation, 1..4)
}

/// The stream after this has gone wrong.
pub(super) fn mutate(mut stream: Vec<u8>, mutations: &[Mutation]) -> Vec<u8> {
    for mutation in mutations {
        let length = stream.len();
        match mutation {
            _ if length == 0 => {}
            Mutation::Set(at, byte) => stream[at.index(length)] = *byte,
            Mutation::Flip(at, bit) => stream[at.index(length)] ^= 1 << bit,
            Mutation::Delete(at) => drop(stream.remove(at.index(length))),
            Mutation::Insert(at, byte) => stream.insert(at.index(length), *byte),
            Mutation::Truncate(at) => stream.truncate(at.index(length)),
            Mutation::Repeat(from, to) => {
                let (from, to) = (from.index(length), to.index(length));
                let repeated = stream[from.min(to)..from.max(to)].to_vec();
                stream.extend(repeated);
            }
        }
    }
    stream
}

/// A stream in pieces, some of them empty.
pub(super) fn pieces<'stream>(stream: &'stream [u8], cuts: &[Index]) -> Vec<&'stream [u8]> {
    let mut places: Vec<_> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
    places.push(stream.len());
    places.sort_unstable();
    let mut from = 0;
    let pieces = places.into_iter().map(|to| {
        let piece = &stream[from..to];
        from = to;
        piece
    });
    pieces.collect()
}
