//! Frames to bytes: a server's are not masked (RFC 6455 §5.1).

use super::frame::{Close, Frame};

/// The most that a control frame carries (RFC 6455 §5.5).
pub(crate) const MAX_CONTROL_PAYLOAD: usize = 125;

pub(super) const TEXT: u8 = 0x1;
pub(super) const BINARY: u8 = 0x2;
const FIN: u8 = 0x80;
/// The longest header: two bytes, and eight of length.
const MAX_HEADER: usize = 10;
/// The first reserved bit, which RFC 7692 §6 gives to compressed messages.
#[cfg(feature = "deflate")]
pub(super) const COMPRESSED: u8 = 0x40;

/// Appends a frame to `out`.
///
/// # Errors
/// An illegal control frame is named, and nothing is appended: more than 125 bytes, or a close code that may not be sent.
#[inline]
pub(crate) fn encode(frame: &Frame, out: &mut Vec<u8>) -> Result<(), &'static str> {
    match frame {
        Frame::Text(text) => put(TEXT, text.as_bytes(), out),
        Frame::Binary(bytes) => put(BINARY, bytes, out),
        Frame::Close(close) => return encode_close(close, out),
        Frame::Ping(bytes) | Frame::Pong(bytes) if bytes.len() > MAX_CONTROL_PAYLOAD => {
            return Err("a ping or pong carries at most 125 bytes");
        }
        Frame::Ping(bytes) => put(0x9, bytes, out),
        Frame::Pong(bytes) => put(0xA, bytes, out),
    }
    Ok(())
}

/// Appends a close frame to `out`, as [`encode`].
pub(crate) fn encode_close(close: &Close, out: &mut Vec<u8>) -> Result<(), &'static str> {
    match close.code {
        None if close.reason.is_empty() => put(0x8, &[], out),
        None => return Err("a close with a reason needs a code"),
        Some(code) if !Close::is_valid_code(code) => return Err("a close frame may not carry this code"),
        Some(_) if close.reason.len() + 2 > MAX_CONTROL_PAYLOAD => {
            return Err("a close reason has at most 123 bytes");
        }
        Some(code) => put(0x8, &[&code.to_be_bytes(), close.reason.as_bytes()].concat(), out),
    }
    Ok(())
}

/// Appends a whole frame: its opcode, with what reserved bits it has.
#[inline]
pub(super) fn put(opcode: u8, payload: &[u8], out: &mut Vec<u8>) {
    let first = FIN | opcode;
    out.reserve(MAX_HEADER + payload.len());
    #[expect(clippy::cast_possible_truncation, reason = "each arm checks its range")]
    match payload.len() {
        length @ 0..=125 => out.extend_from_slice(&[first, length as u8]),
        length @ 126..=0xFFFF => {
            let [a, b] = (length as u16).to_be_bytes();
            out.extend_from_slice(&[first, 126, a, b]);
        }
        length => {
            out.extend_from_slice(&[first, 127]);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(payload);
}
