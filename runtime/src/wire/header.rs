//! What comes before a payload, and what is judged by it alone (RFC 6455 §5.2).

use serde::{Deserialize, Serialize};

use super::encode::MAX_CONTROL_PAYLOAD;

/// The longest header: two bytes, eight of length, four of mask (RFC 6455 §5.2).
pub(super) const MAX_HEADER: usize = 14;

/// What a client may send.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Limits {
    /// The size of a message in bytes, inclusive: of one frame and of all its fragments together.
    pub(crate) message_size: usize,
    /// The number of frames that one message may come in.
    pub(crate) fragments: usize,
}

/// How a client broke the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Violation {
    /// A malformed or misplaced frame: 1002.
    Protocol(&'static str),
    /// Text that is not UTF-8: 1007.
    Encoding,
    /// A message over a limit, of its size or of its fragments: 1009.
    Size,
}

/// A frame's header, judged.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Header {
    pub(super) opcode: Opcode,
    pub(super) fin: bool,
    /// Whether the message that begins here is compressed (RFC 7692 §6).
    pub(super) compressed: bool,
    pub(super) mask: [u8; 4],
    pub(super) length: usize,
}

/// What a frame is (RFC 6455 §11.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Opcode {
    Continuation,
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

impl Opcode {
    pub(super) fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

impl Header {
    /// Reads a header, and judges by it alone whether its payload may come. Gives it with its length; `None` where it
    /// is not whole. `so_far` is the size of a message whose fragments are still coming; `inflates`, whether messages may
    /// come compressed.
    #[inline]
    pub(super) fn parse(
        input: &[u8],
        so_far: Option<usize>,
        limits: &Limits,
        inflates: bool,
    ) -> Result<Option<(Self, usize)>, Violation> {
        let &[first, second, ..] = input else {
            return Ok(None);
        };
        let reserved = first & 0x70;
        // Only the first frame of a message says that it is compressed.
        if reserved != 0 && !(inflates && reserved == 0x40 && matches!(first & 0x0F, 0x1 | 0x2)) {
            return Err(Violation::Protocol("a reserved bit is set"));
        }
        if second & 0x80 == 0 {
            return Err(Violation::Protocol("a client's frame must be masked"));
        }
        let fin = first & 0x80 != 0;
        let opcode = match first & 0x0F {
            0x0 => Opcode::Continuation,
            0x1 => Opcode::Text,
            0x2 => Opcode::Binary,
            0x8 => Opcode::Close,
            0x9 => Opcode::Ping,
            0xA => Opcode::Pong,
            _ => return Err(Violation::Protocol("a reserved opcode")),
        };
        let short = usize::from(second & 0x7F);
        if opcode.is_control() && (!fin || short > MAX_CONTROL_PAYLOAD) {
            return Err(Violation::Protocol(
                "a control frame is whole and has at most 125 bytes",
            ));
        }
        if opcode == Opcode::Close && short == 1 {
            return Err(Violation::Protocol("half a close code"));
        }
        match (opcode, so_far) {
            (Opcode::Continuation, None) => return Err(Violation::Protocol("a continuation of nothing")),
            (Opcode::Text | Opcode::Binary, Some(_)) => {
                return Err(Violation::Protocol("a new message inside a fragmented one"));
            }
            _ => {}
        }
        let (extended, length) = match short {
            126 => match input[2..].first_chunk() {
                Some(&length) => (2, u64::from(u16::from_be_bytes(length))),
                None => return Ok(None),
            },
            127 => match input[2..].first_chunk() {
                Some(&length) => (8, u64::from_be_bytes(length)),
                None => return Ok(None),
            },
            short => (0, short as u64),
        };
        if length >> 63 != 0 || (extended == 2 && length < 126) || (extended == 8 && length < 0x1_0000) {
            return Err(Violation::Protocol(
                "a length in more bytes than it needs, or with its top bit set",
            ));
        }
        let length = usize::try_from(length).map_err(|_| Violation::Size)?;
        if !opcode.is_control() && length.saturating_add(so_far.unwrap_or(0)) > limits.message_size {
            return Err(Violation::Size);
        }
        let Some(&[a, b, c, d]) = input.get(2 + extended..6 + extended) else {
            return Ok(None);
        };
        let header = Self {
            opcode,
            fin,
            compressed: reserved != 0,
            mask: [a, b, c, d],
            length,
        };
        Ok(Some((header, 6 + extended)))
    }
}
