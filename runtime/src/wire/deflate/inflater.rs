//! Inflates what a client sends (RFC 7692 §7.2.2).

use std::cell::Cell;

use bytes::Bytes;
use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::{TINFL_FLAG_HAS_MORE_INPUT, TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF};
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};

use super::TAIL;
use crate::wire::Violation;

/// An empty last block. It can only be read where no other block is unfinished: by it a message that was cut is known
/// from a whole one.
const LAST: [u8; 5] = [0x01, 0x00, 0x00, 0xFF, 0xFF];
/// The room that is made for a message at first, for how much its payload may come to: neither so little that it is made
/// again for every other message, nor so much that a few bytes can ask for it.
const RATIO: usize = 4;
const LEAST_ROOM: usize = 1024;
const MOST_ROOM: usize = 64 * 1024;

thread_local! {
    /// Ten kilobytes that mean nothing between two messages.
    static DECOMPRESSOR: Cell<Option<Box<DecompressorOxide>>> = const { Cell::new(None) };
}

/// The inflating half of a connection.
///
/// A message ends between two blocks, so all that one leaves to the next is the text that may be referred back to: no
/// decompressor, only its window, and of that only as much as was ever said.
#[derive(Debug)]
pub(super) struct Inflater {
    /// How far back a message may refer; 0 where nothing is taken over.
    pub(super) window: usize,
    /// What was last said: the window, and up to half as much before it, so that it is not moved for every message.
    pub(super) said: Vec<u8>,
}

impl Inflater {
    pub(super) fn new(window: usize) -> Self {
        Self {
            window,
            said: Vec::new(),
        }
    }

    /// Inflates a message's whole payload. After a violation the inflater is of no more use.
    pub(super) fn inflate(&mut self, payload: &[u8], limit: usize) -> Result<Bytes, Violation> {
        let mut decompressor = DECOMPRESSOR.take().unwrap_or_default();
        let start = self.said.len();
        let mut output = Output {
            buffer: &mut self.said,
            at: start,
            end: start.saturating_add(limit),
        };
        let inflated = output.inflate(&mut decompressor, payload);
        DECOMPRESSOR.set(Some(decompressor));
        inflated?;
        // Copied in any case: neither is a message to hold the room that was made for it, nor the history.
        let message = Bytes::copy_from_slice(&self.said[start..]);
        self.forget();
        Ok(message)
    }

    /// Forgets what no message may refer back to.
    fn forget(&mut self) {
        if self.said.len() > self.window + self.window / 2 {
            self.said.drain(..self.said.len() - self.window);
        }
        if self.said.capacity() > 2 * self.window {
            self.said.shrink_to(2 * self.window);
        }
    }

    #[cfg(test)]
    pub(super) fn kept(&self) -> usize {
        self.said.capacity()
    }
}

/// Where a message goes: behind what it may refer back to.
struct Output<'a> {
    buffer: &'a mut Vec<u8>,
    at: usize,
    /// Where the largest message that is taken ends.
    end: usize,
}

impl Output<'_> {
    fn inflate(&mut self, decompressor: &mut DecompressorOxide, payload: &[u8]) -> Result<(), Violation> {
        decompressor.init();
        self.make_room(payload.len().saturating_mul(RATIO).clamp(LEAST_ROOM, MOST_ROOM));
        // Some senders make an empty message of nothing at all, in place of the one byte of RFC 7692 §7.2.3.6.
        let ended = payload.is_empty() || self.go_on(decompressor, payload, TINFL_FLAG_HAS_MORE_INPUT)?;
        if !ended {
            let end = [&TAIL[..], &LAST].concat();
            if !self.go_on(decompressor, &end, 0)? {
                return Err(BROKEN);
            }
        }
        self.buffer.truncate(self.at);
        if self.at > self.end {
            return Err(Violation::Size);
        }
        Ok(())
    }

    /// Inflates this input to its end. Says whether that is the end of a last block as well.
    fn go_on(
        &mut self,
        decompressor: &mut DecompressorOxide,
        mut input: &[u8],
        has_more: u32,
    ) -> Result<bool, Violation> {
        loop {
            let flags = TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF | has_more;
            let (status, read, written) = decompress(decompressor, input, self.buffer, self.at, flags);
            input = input.get(read..).unwrap_or_default();
            self.at += written;
            match status {
                TINFLStatus::NeedsMoreInput => return Ok(false),
                TINFLStatus::HasMoreOutput if self.buffer.len() > self.end => return Err(Violation::Size),
                TINFLStatus::HasMoreOutput => self.make_room(self.buffer.len()),
                TINFLStatus::Done if input.is_empty() => return Ok(true),
                // A last block need not be the last of a message (RFC 7692 §7.2.3.4): the next begins at a whole byte.
                TINFLStatus::Done if has_more != 0 => decompressor.init(),
                _ => return Err(BROKEN),
            }
        }
    }

    /// Makes room for so many bytes more, or for one more than are allowed: a message that takes it is too large.
    fn make_room(&mut self, more: usize) {
        let length = self.buffer.len().saturating_add(more).min(self.end.saturating_add(1));
        self.buffer.reserve_exact(length - self.buffer.len());
        self.buffer.resize(length, 0);
    }
}

const BROKEN: Violation = Violation::Protocol("a compressed message that can't be inflated");
