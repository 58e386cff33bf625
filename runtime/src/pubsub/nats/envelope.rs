//! What a message is in on its way between nodes.
//!
//! A version, a kind, who sent it and where it stands among what that node sends to the channel; then the message:
//!
//! ```text
//! 0        1       2         10        18       26
//! +--------+-------+---------+---------+--------+--------------+--------------+------------+---------+
//! | version| kind  | node    | stream  | number | sender       | channel      | event      | payload |
//! |   1    | flags | 8 bytes | 8 bytes | 8 bytes| 16 bytes     | length, text | length,    | to the  |
//! |        |       |         |         |        | if flagged   | if flagged   | text       | end     |
//! +--------+-------+---------+---------+--------+--------------+--------------+------------+---------+
//! ```
//!
//! Numbers are little-endian, lengths have four bytes. A mark has neither event nor payload.

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};

use crate::pubsub::{Message, Number, Payload, SubscriberId};
use crate::wire::Text;

const VERSION: u8 = 1;

const TEXT: u8 = 0;
const BINARY: u8 = 1;
const JSON: u8 = 2;
const MARK: u8 = 3;
const KIND: u8 = 0x0f;
const HAS_SENDER: u8 = 0x10;
const HAS_CHANNEL: u8 = 0x20;

/// Where a message stands among what one node sends to one channel.
///
/// A stream begins when another node first says that it has members in the channel, with the number 0. The first message
/// has the number 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// Which of the node's streams; 0 where it does not count, since nobody had said that it listens.
    pub(super) stream: u64,
    pub(super) number: u64,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Envelope {
    /// The node that sent it.
    pub(super) node: u64,
    pub(super) place: Place,
    /// `None` for a mark, which says only where its sender stands.
    pub(super) message: Option<Message>,
    /// The channel, where it is named.
    pub(super) channel: Option<Text>,
}

/// An envelope whose place is still to be filled in.
pub(super) struct Unplaced(BytesMut);

impl Unplaced {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn place(mut self, place: Place) -> Bytes {
        self.0[10..18].copy_from_slice(&place.stream.to_le_bytes());
        self.0[18..26].copy_from_slice(&place.number.to_le_bytes());
        self.0.freeze()
    }
}

/// Writes a message. Where the channel can't be told from the subject, it is named.
pub(super) fn message(node: u64, message: &Message, names_channel: bool) -> Unplaced {
    let (kind, payload): (u8, &[u8]) = match &message.payload {
        Payload::Text(text) => (TEXT, text.as_bytes()),
        Payload::Binary(bytes) => (BINARY, bytes),
        Payload::Json(text) => (JSON, text.as_bytes()),
    };
    let around = 26 + 16 + 4 + 4 + message.event.len() + if names_channel { message.channel.len() } else { 0 };
    let mut out = BytesMut::with_capacity(around + payload.len());
    let channel = names_channel.then_some(&*message.channel);
    head(&mut out, node, kind, message.sender, channel);
    put_text(&mut out, &message.event);
    out.put_slice(payload);
    Unplaced(out)
}

/// Writes a mark.
pub(super) fn mark(node: u64, channel: Option<&str>) -> Unplaced {
    let mut out = BytesMut::with_capacity(64);
    head(&mut out, node, MARK, None, channel);
    Unplaced(out)
}

fn head(out: &mut BytesMut, node: u64, kind: u8, sender: Option<SubscriberId>, channel: Option<&str>) {
    let mut flags = kind;
    flags |= if sender.is_some() { HAS_SENDER } else { 0 };
    flags |= if channel.is_some() { HAS_CHANNEL } else { 0 };
    out.put_u8(VERSION);
    out.put_u8(flags);
    out.put_u64_le(node);
    out.put_bytes(0, 16);
    if let Some((node, number)) = sender.map(SubscriberId::parts) {
        out.put_u64_le(node);
        out.put_u64_le(number.get());
    }
    if let Some(channel) = channel {
        put_text(out, channel);
    }
}

fn put_text(out: &mut BytesMut, text: &str) {
    // What is longer than four gigabytes does not fit into a message either, and is refused for its size.
    out.put_u32_le(u32::try_from(text.len()).unwrap_or(u32::MAX));
    out.put_slice(text.as_bytes());
}

/// Reads an envelope that came on the subject of `channel`. `None` when it is none, or of another version.
pub(super) fn read(mut bytes: Bytes, channel: &Text) -> Option<Envelope> {
    if bytes.len() < 26 || bytes.get_u8() != VERSION {
        return None;
    }
    let flags = bytes.get_u8();
    let node = bytes.get_u64_le();
    let place = Place {
        stream: bytes.get_u64_le(),
        number: bytes.get_u64_le(),
    };
    let sender = match flags & HAS_SENDER {
        0 => None,
        _ if bytes.len() < 16 => return None,
        _ => {
            let node = bytes.get_u64_le();
            Some(SubscriberId::new(node, Number::new(bytes.get_u64_le())?))
        }
    };
    let named = match flags & HAS_CHANNEL {
        0 => None,
        _ => Some(take_text(&mut bytes)?),
    };
    let kind = flags & KIND;
    let message = if kind == MARK {
        None
    } else {
        let event = take_text(&mut bytes)?;
        let payload = match kind {
            TEXT => Payload::Text(bytes.try_into().ok()?),
            JSON => Payload::Json(bytes.try_into().ok()?),
            BINARY => Payload::Binary(bytes),
            _ => return None,
        };
        Some(Message::new(channel, sender, event, payload))
    };
    Some(Envelope {
        node,
        place,
        message,
        channel: named,
    })
}

fn take_text(bytes: &mut Bytes) -> Option<Text> {
    let length = bytes.try_get_u32_le().ok()?;
    let length = usize::try_from(length).ok()?;
    (length <= bytes.len()).then(|| bytes.split_to(length).try_into().ok())?
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn payloads() -> impl Strategy<Value = Payload> {
        prop_oneof![
            ".*".prop_map(|text| Payload::Text(text.into())),
            ".*".prop_map(|text| Payload::Json(text.into())),
            any::<Vec<u8>>().prop_map(Payload::from),
        ]
    }

    fn senders() -> impl Strategy<Value = Option<SubscriberId>> {
        any::<Option<(u64, u64)>>()
            .prop_map(|sender| sender.map(|(node, number)| SubscriberId::new(node, Number::MIN.saturating_add(number))))
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            channel in ".*", event in ".*", payload in payloads(), sender in senders(), named in any::<bool>(),
            (node, stream, number) in any::<(u64, u64, u64)>(),
        ) {
            let sent = Message::new(channel.clone(), sender, event, payload);
            let place = Place { stream, number };
            let bytes = message(node, &sent, named).place(place);
            let channel = Text::from(channel);
            let expected = Envelope { node, place, message: Some(sent), channel: named.then(|| channel.clone()) };
            prop_assert_eq!(read(bytes, &channel), Some(expected));
            let marked = read(mark(node, named.then_some(&*channel)).place(place), &channel);
            let expected = Envelope { node, place, message: None, channel: named.then(|| channel.clone()) };
            prop_assert_eq!(marked, Some(expected));
        }

        #[test]
        fn anything_else_is_read_or_refused(bytes in any::<Vec<u8>>()) {
            let _ = read(bytes.clone().into(), &Text::from("c"));
            let mut like = vec![VERSION];
            like.extend(bytes);
            let _ = read(like.into(), &Text::from("c"));
        }

        #[test]
        fn what_is_cut_is_no_panic(payload in payloads(), sender in senders(), cut in 0_usize..100) {
            let bytes = message(1, &Message::new("c", sender, "event", payload), true).place(Place::default());
            let _ = read(bytes.slice(..cut.min(bytes.len())), &Text::from("c"));
        }
    }

    #[test]
    fn another_version_is_refused() {
        let mut bytes = message(1, &Message::new("c", None, "e", "p"), false)
            .place(Place::default())
            .to_vec();
        bytes[0] = 2;
        assert_eq!(read(bytes.into(), &Text::from("c")), None);
    }
}
