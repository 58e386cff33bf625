//! Compressed messages: permessage-deflate (RFC 7692), without the handshake that agrees on it.

mod deflater;
mod inflater;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::encode::encode;
use super::frame::Frame;
use super::header::Violation;
use deflater::Deflater;
use inflater::Inflater;

/// What a sender leaves off the end of every message (RFC 7692 §7.2.1): the end of an empty block.
const TAIL: [u8; 4] = [0x00, 0x00, 0xFF, 0xFF];

/// What was agreed on, and what was configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Terms {
    /// From 1, the fastest, to 9.
    pub(crate) level: u8,
    /// The size in bytes from which messages are compressed.
    pub(crate) min_size: usize,
    /// Whether what is sent may refer to messages before it.
    pub(crate) server_takeover: bool,
    /// Whether what is received may refer to messages before it.
    pub(crate) client_takeover: bool,
    /// How far back it may: a power of two.
    pub(crate) client_window_bits: u8,
}

/// The compression of one connection, both ways.
///
/// What does not outlive a message belongs to the worker: the decompressor always, and the compressor where nothing is
/// taken over. A connection keeps only what messages may refer back to.
#[derive(Debug)]
pub(crate) struct Codec(Box<Contexts>);

/// What is left of a [`Codec`] in another process. What the client may refer back to is all there; what is sent refers to
/// nothing before, as it always may.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SavedCodec {
    level: u8,
    min_size: usize,
    server_takeover: bool,
    window: usize,
    #[serde(with = "super::base64")]
    said: Vec<u8>,
}

#[derive(Debug)]
struct Contexts {
    inflater: Inflater,
    deflater: Deflater,
}

impl Codec {
    pub(crate) fn new(terms: &Terms) -> Self {
        let window = match terms.client_takeover {
            true => 1 << terms.client_window_bits,
            false => 0,
        };
        Self(Box::new(Contexts {
            inflater: Inflater::new(window),
            deflater: Deflater::new(terms.level, terms.min_size, terms.server_takeover),
        }))
    }

    pub(crate) fn save(&self) -> SavedCodec {
        let Contexts { inflater, deflater } = &*self.0;
        SavedCodec {
            level: deflater.level,
            min_size: deflater.min_size,
            server_takeover: deflater.takes_over(),
            window: inflater.window,
            said: inflater.said.clone(),
        }
    }

    pub(crate) fn resume(saved: SavedCodec) -> Self {
        Self(Box::new(Contexts {
            inflater: Inflater {
                window: saved.window,
                said: saved.said,
            },
            deflater: Deflater::new(saved.level, saved.min_size, saved.server_takeover),
        }))
    }

    /// Inflates the payload of a whole message, as long as that has at most `limit` bytes.
    pub(crate) fn inflate(&mut self, payload: &[u8], limit: usize) -> Result<Bytes, Violation> {
        self.0.inflater.inflate(payload, limit)
    }

    /// Appends a frame to `out`, compressed where that is worth it.
    ///
    /// # Errors
    /// As [`encode`].
    pub(crate) fn encode(&mut self, frame: &Frame, out: &mut Vec<u8>) -> Result<(), &'static str> {
        if self.0.deflater.encode(frame, out) {
            return Ok(());
        }
        encode(frame, out)
    }
}

#[cfg(test)]
mod tests;
