//! The client's side of the protocol: frames masked, and the server's read with no indulgence.
//!
//! It shares no code with `wire`: what the two agree on is the RFC.

use bytes::Bytes;

use super::Rng;
use crate::{Close, Frame, Text};

pub(super) const FIN: u8 = 0x80;
pub(super) const COMPRESSED: u8 = 0x40;
pub(super) const TEXT: u8 = 0x1;
pub(super) const BINARY: u8 = 0x2;
pub(super) const CLOSE: u8 = 0x8;
pub(super) const PING: u8 = 0x9;
pub(super) const PONG: u8 = 0xA;

/// The bytes of one frame as a client sends it (RFC 6455 §5.2), for [`WebSocket::send_raw`](super::WebSocket::send_raw):
/// whole, cut off, or changed. `first` is the first byte, with the bit FIN, the reserved bits and the opcode; the payload
/// is masked with `mask`, and its length is in as few bytes as it fits in.
///
/// ```
/// use nova::testing::masked;
///
/// assert_eq!(masked(0x89, b"", [1, 2, 3, 4]), [0x89, 0x80, 1, 2, 3, 4]);
/// ```
pub fn masked(first: u8, payload: &[u8], mask: [u8; 4]) -> Vec<u8> {
    let mut frame = vec![first];
    if let Ok(length @ 0..=125) = u8::try_from(payload.len()) {
        frame.push(0x80 | length);
    } else if let Ok(length) = u16::try_from(payload.len()) {
        frame.push(0x80 | 0x7E);
        frame.extend(length.to_be_bytes());
    } else {
        frame.push(0x80 | 0x7F);
        frame.extend((payload.len() as u64).to_be_bytes());
    }
    frame.extend(mask);
    frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

/// The first byte of a frame, without the reserved bits, and its payload.
pub(super) fn parts(frame: Frame) -> (u8, Bytes) {
    match frame {
        Frame::Text(text) => (FIN | TEXT, text.into_bytes()),
        Frame::Binary(bytes) => (FIN | BINARY, bytes),
        Frame::Ping(bytes) => (FIN | PING, bytes),
        Frame::Pong(bytes) => (FIN | PONG, bytes),
        Frame::Close(Close { code, reason }) => {
            let code = code.map(u16::to_be_bytes);
            let payload = [code.as_ref().map_or(&[][..], |code| code), reason.as_bytes()].concat();
            (FIN | CLOSE, payload.into())
        }
    }
}

/// A mask, which a client chooses anew for each frame (RFC 6455 §5.3).
pub(super) fn mask(rng: &mut Rng) -> [u8; 4] {
    let [a, b, c, d, ..] = rng.next_u64().to_le_bytes();
    [a, b, c, d]
}

/// A frame of the server's, as it came.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Incoming {
    pub(super) opcode: u8,
    pub(super) compressed: bool,
    pub(super) payload: Vec<u8>,
}

/// Takes a frame off the beginning of `bytes`. Where it is not whole, `Err` is how many bytes are missing at least.
///
/// # Errors
/// What the server must not send, in words: the outer result.
pub(super) fn take(bytes: &mut Vec<u8>, may_compress: bool) -> Result<Result<Incoming, usize>, String> {
    let &[first, second, ..] = &bytes[..] else {
        return Ok(Err(2 - bytes.len()));
    };
    let (opcode, compressed) = judge_first(first, may_compress)?;
    if second & 0x80 != 0 {
        return Err("a server's frame must not be masked (RFC 6455 §5.1)".to_owned());
    }
    let short = usize::from(second & 0x7F);
    if opcode >= CLOSE && short > 125 {
        return Err("a control frame has at most 125 bytes (RFC 6455 §5.5)".to_owned());
    }
    let start = match short {
        126 => 4,
        127 => 10,
        _ => 2,
    };
    let Some(extended) = bytes.get(2..start) else {
        return Ok(Err(start - bytes.len()));
    };
    let length = match extended.len() {
        0 => short as u64,
        _ => extended.iter().fold(0, |length, &byte| length << 8 | u64::from(byte)),
    };
    let is_minimal = match short {
        126 => length > 125,
        127 => length > 0xFFFF && length >> 63 == 0,
        _ => true,
    };
    if !is_minimal {
        return Err(format!(
            "the length {length} is in more bytes than it needs (RFC 6455 §5.2)"
        ));
    }
    let length = usize::try_from(length).map_err(|_| format!("a frame of {length} bytes"))?;
    if bytes.len() - start < length {
        return Ok(Err(start + length - bytes.len()));
    }
    let payload = bytes[start..start + length].to_vec();
    bytes.drain(..start + length);
    if bytes.is_empty() {
        *bytes = Vec::new();
    }
    Ok(Ok(Incoming {
        opcode,
        compressed,
        payload,
    }))
}

/// The opcode, and whether the message is compressed.
fn judge_first(first: u8, may_compress: bool) -> Result<(u8, bool), String> {
    let (reserved, opcode) = (first & 0x70, first & 0x0F);
    if ![TEXT, BINARY, CLOSE, PING, PONG].contains(&opcode) {
        // Opcode 0 continues a message, and this server sends its messages whole.
        return Err(format!("an unexpected opcode {opcode:#x} (RFC 6455 §5.2)"));
    }
    if first & FIN == 0 {
        return Err("a frame without FIN: messages are sent whole, and control frames must be".to_owned());
    }
    let compressed = reserved == COMPRESSED;
    if reserved != 0 && !(compressed && may_compress && opcode < CLOSE) {
        return Err(format!(
            "reserved bits {reserved:#x} that nothing was agreed on for (RFC 6455 §5.2)"
        ));
    }
    Ok((opcode, compressed))
}

/// The frame with this payload, which is not compressed any more.
///
/// # Errors
/// What the server must not send, in words.
pub(super) fn frame(opcode: u8, payload: Vec<u8>) -> Result<Frame, String> {
    let text = |bytes: Bytes| Text::try_from(bytes).map_err(|_| "text that is not UTF-8 (RFC 6455 §8.1)".to_owned());
    let payload = Bytes::from(payload);
    Ok(match opcode {
        TEXT => Frame::Text(text(payload)?),
        BINARY => Frame::Binary(payload),
        PING => Frame::Ping(payload),
        PONG => Frame::Pong(payload),
        _ => Frame::Close(match payload.split_first_chunk() {
            None if payload.is_empty() => Close::default(),
            None => return Err("half a close code (RFC 6455 §5.5.1)".to_owned()),
            Some((&code, _)) => {
                let code = u16::from_be_bytes(code);
                if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
                    return Err(format!("the close code {code}, which may not be sent (RFC 6455 §7.4)"));
                }
                Close::new(code, text(payload.slice(2..))?)
            }
        }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The frames of these bytes, or what is wrong with them.
    fn read(mut bytes: Vec<u8>, may_compress: bool) -> Result<Vec<Frame>, String> {
        let mut frames = Vec::new();
        while !bytes.is_empty() {
            match take(&mut bytes, may_compress)? {
                Ok(incoming) => frames.push(frame(incoming.opcode, incoming.payload)?),
                Err(missing) => return Err(format!("{missing} missing")),
            }
        }
        Ok(frames)
    }

    #[test]
    fn what_the_framework_writes_is_read() {
        let frames = [
            Frame::text("héllo"),
            Frame::binary(vec![7; 125]),
            Frame::binary(vec![7; 126]),
            Frame::binary(vec![7; 0xFFFF]),
            Frame::binary(vec![7; 0x1_0000]),
            Frame::ping("a"),
            Frame::Pong(Bytes::new()),
            Frame::close(4000, "bye"),
            Frame::Close(Close::default()),
        ];
        let mut bytes = Vec::new();
        for frame in &frames {
            crate::wire::encode(frame, &mut bytes).unwrap();
        }
        assert_eq!(read(bytes, false).unwrap(), frames);
    }

    #[test]
    fn what_is_missing_is_counted() {
        for (bytes, missing) in [
            (vec![0x81], 1),
            (vec![0x81, 3], 3),
            (vec![0x81, 3, b'a'], 2),
            (vec![0x82, 126], 2),
            (vec![0x82, 127, 0], 7),
            (vec![0x82, 126, 1, 0], 256),
        ] {
            assert_eq!(take(&mut bytes.clone(), false), Ok(Err(missing)), "{bytes:?}");
        }
    }

    #[test]
    fn what_a_server_must_not_send_is_named() {
        for (bytes, name) in [
            (vec![0x81, 0x80, 0, 0, 0, 0], "masked"),
            (vec![0x01, 0], "FIN"),
            (vec![0x80, 0], "opcode 0x0"),
            (vec![0x83, 0], "opcode 0x3"),
            (vec![0xC1, 0], "reserved bits 0x40"),
            (vec![0xA1, 0], "reserved bits 0x20"),
            (vec![0x89, 126, 0, 126], "125 bytes"),
            (vec![0x82, 126, 0, 125], "more bytes than it needs"),
            (vec![0x82, 127, 0, 0, 0, 0, 0, 0, 255, 255], "more bytes than it needs"),
            (vec![0x82, 127, 128, 0, 0, 0, 0, 1, 0, 0], "more bytes than it needs"),
            (vec![0x81, 1, 0xFF], "UTF-8"),
            (vec![0x88, 1, 3], "half a close code"),
            (vec![0x88, 2, 3, 237], "1005"),
            (vec![0x88, 3, 3, 232, 0xFF], "UTF-8"),
        ] {
            let fault = read(bytes.clone(), false).unwrap_err();
            assert!(fault.contains(name), "{bytes:?}: {fault}");
        }
        assert!(take(&mut vec![0xC1, 0], true).unwrap().unwrap().compressed);
        assert!(
            take(&mut vec![0xC9, 0], true).is_err(),
            "no control frame is compressed"
        );
    }
}
