//! Compresses what is sent (RFC 7692 §7.2.1).

use std::cell::Cell;
use std::fmt;

use bytes::Bytes;
use miniz_oxide::DataFormat;
use miniz_oxide::deflate::core::{CompressorOxide, TDEFLFlush, TDEFLStatus, compress_to_output};

use super::TAIL;
use crate::wire::Frame;
use crate::wire::encode::{BINARY, COMPRESSED, TEXT, put};

/// Room for a message that hardly gets smaller.
const LEAST_ROOM: usize = 64;
/// The largest message that a worker remembers.
const REMEMBERED: usize = 64 * 1024;

thread_local! {
    static SHARED: Cell<Option<Box<Shared>>> = const { Cell::new(None) };
}

/// The compressing half of a connection.
pub(super) struct Deflater {
    pub(super) level: u8,
    pub(super) min_size: usize,
    context: Context,
}

/// What a message may refer back to.
enum Context {
    /// Nothing: the worker's compressor does for all of its connections.
    Shared,
    /// The messages before it: a compressor of the connection's own, from the first that is compressed.
    Own(Option<Box<CompressorOxide>>),
}

/// A worker's compressor, with its last message: a broadcast goes to many connections, and is compressed once.
#[derive(Default)]
struct Shared {
    compressor: Box<CompressorOxide>,
    last: Option<(Bytes, u8)>,
    compressed: Vec<u8>,
}

impl Deflater {
    pub(super) fn new(level: u8, min_size: usize, takes_over: bool) -> Self {
        Self {
            level,
            min_size,
            context: match takes_over {
                true => Context::Own(None),
                false => Context::Shared,
            },
        }
    }

    pub(super) fn takes_over(&self) -> bool {
        matches!(self.context, Context::Own(_))
    }

    /// Appends a message to `out`, if it is one to be compressed. One that is not leaves the context as it was: the
    /// client's never sees it either.
    pub(super) fn encode(&mut self, frame: &Frame, out: &mut Vec<u8>) -> bool {
        let (opcode, payload) = match frame {
            Frame::Text(text) => (TEXT, text.as_shared()),
            Frame::Binary(bytes) => (BINARY, bytes),
            Frame::Close(_) | Frame::Ping(_) | Frame::Pong(_) => return false,
        };
        if payload.len() < self.min_size {
            return false;
        }
        match &mut self.context {
            Context::Shared => {
                let mut shared = SHARED.take().unwrap_or_default();
                let compressed = shared.compress(payload, self.level);
                if let Some(compressed) = compressed {
                    put(opcode | COMPRESSED, compressed, out);
                }
                let done = compressed.is_some();
                SHARED.set(Some(shared));
                done
            }
            Context::Own(own) => {
                let compressor = own.get_or_insert_with(|| compressor(self.level));
                let mut compressed = Vec::with_capacity(payload.len() / 2 + LEAST_ROOM);
                if compress(compressor, payload, &mut compressed) {
                    put(opcode | COMPRESSED, &compressed, out);
                    return true;
                }
                // A new one refers to nothing that the client has not seen.
                *own = None;
                false
            }
        }
    }

    #[cfg(test)]
    pub(super) fn has_context(&self) -> bool {
        matches!(self.context, Context::Own(Some(_)))
    }
}

impl Shared {
    /// Compresses a message, where that makes it smaller.
    fn compress(&mut self, payload: &Bytes, level: u8) -> Option<&[u8]> {
        if !self.is_last(payload, level) {
            self.last = None;
            self.compressed.clear();
            self.compressed.shrink_to(REMEMBERED);
            self.compressor.reset();
            self.compressor.set_format_and_level(DataFormat::Raw, level);
            if !compress(&mut self.compressor, payload, &mut self.compressed) {
                *self.compressor = CompressorOxide::default();
                return None;
            }
            if payload.len() <= REMEMBERED {
                self.last = Some((payload.clone(), level));
            }
        }
        (self.compressed.len() < payload.len()).then_some(&self.compressed)
    }

    /// Whether this is the last message once more. What is remembered is kept alive, so that the same place holds the
    /// same bytes.
    fn is_last(&self, payload: &Bytes, level: u8) -> bool {
        let last = self.last.as_ref();
        last.is_some_and(|(last, at)| last.as_ptr() == payload.as_ptr() && last.len() == payload.len() && *at == level)
    }
}

fn compressor(level: u8) -> Box<CompressorOxide> {
    // Made in its box: it is larger than what one likes to have on a stack.
    let mut compressor = Box::<CompressorOxide>::default();
    compressor.set_format_and_level(DataFormat::Raw, level);
    compressor
}

/// Appends a payload compressed, without its tail. Says whether it could: that it can't is not known to happen.
fn compress(compressor: &mut CompressorOxide, payload: &[u8], out: &mut Vec<u8>) -> bool {
    let (status, taken) = compress_to_output(compressor, payload, TDEFLFlush::Sync, |bytes| {
        out.extend_from_slice(bytes);
        true
    });
    let is_whole = status == TDEFLStatus::Okay && taken == payload.len() && out.ends_with(&TAIL);
    if is_whole {
        out.truncate(out.len() - TAIL.len());
    }
    is_whole
}

impl fmt::Debug for Deflater {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deflater")
            .field("level", &self.level)
            .field("min_size", &self.min_size)
            .finish_non_exhaustive()
    }
}
