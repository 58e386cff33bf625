//! Bytes to frames, however the bytes are cut (RFC 6455 §5.2 to §5.6).

use bytes::{Buf as _, Bytes, BytesMut};

use super::Text;
use super::encode::MAX_CONTROL_PAYLOAD;
use super::frame::{Close, Frame};

/// What a client may send.
#[derive(Clone, Copy, Debug)]
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
    /// A message over the limit: 1009.
    Size,
}

/// The state between two reads. It holds only what is unfinished; between messages, nothing.
#[derive(Debug)]
pub(crate) struct Decoder {
    limits: Limits,
    /// The frame whose payload is still coming.
    frame: Option<Partial>,
    /// The message whose fragments are still coming.
    message: Option<Message>,
    /// The payload of the control frame that is coming.
    control: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Partial {
    opcode: Opcode,
    fin: bool,
    mask: [u8; 4],
    /// How far the mask has come.
    phase: usize,
    remaining: usize,
}

#[derive(Debug)]
struct Message {
    is_text: bool,
    data: Vec<u8>,
    /// How many bytes of a text are known to be valid.
    valid: usize,
    fragments: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Opcode {
    Continuation,
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

impl Opcode {
    fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

impl Decoder {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            frame: None,
            message: None,
            control: Vec::new(),
        }
    }

    /// Takes the next frame out of `input`, or all of `input` where that is not enough for one.
    ///
    /// After a violation the decoder is of no more use.
    pub(crate) fn decode(&mut self, input: &mut BytesMut) -> Result<Option<Frame>, Violation> {
        loop {
            let mut frame = match self.frame.take() {
                Some(frame) => frame,
                None => match self.header(input)? {
                    Some(frame) => frame,
                    None => return Ok(None),
                },
            };
            let taken = frame.remaining.min(input.len());
            let target = match &mut self.message {
                Some(message) if !frame.opcode.is_control() => &mut message.data,
                _ => &mut self.control,
            };
            let start = target.len();
            target.extend_from_slice(&input[..taken]);
            unmask(&mut target[start..], frame.mask, frame.phase);
            input.advance(taken);
            frame.phase = (frame.phase + taken) % 4;
            frame.remaining -= taken;
            self.check_text(&frame)?;
            if frame.remaining > 0 {
                self.frame = Some(frame);
                return Ok(None);
            }
            if let Some(frame) = self.finish(&frame)? {
                return Ok(Some(frame));
            }
        }
    }

    /// Reads a frame's header, and judges by it alone whether the payload may come.
    fn header(&mut self, input: &mut BytesMut) -> Result<Option<Partial>, Violation> {
        let &[first, second, ..] = &input[..] else {
            return Ok(None);
        };
        if first & 0x70 != 0 {
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
        match (opcode, &self.message) {
            (Opcode::Continuation, None) => return Err(Violation::Protocol("a continuation of nothing")),
            (Opcode::Text | Opcode::Binary, Some(_)) => {
                return Err(Violation::Protocol("a new message inside a fragmented one"));
            }
            _ => {}
        }
        let extended = match short {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let Some(extension) = input.get(2..2 + extended) else {
            return Ok(None);
        };
        let length = match extended {
            0 => short as u64,
            _ => extension.iter().fold(0, |length, &byte| length << 8 | u64::from(byte)),
        };
        if length >> 63 != 0 || (extended == 2 && length < 126) || (extended == 8 && length < 0x1_0000) {
            return Err(Violation::Protocol(
                "a length in more bytes than it needs, or with its top bit set",
            ));
        }
        let so_far = self.message.as_ref().map_or(0, |message| message.data.len());
        let length = usize::try_from(length).map_err(|_| Violation::Size)?;
        if !opcode.is_control() && length.saturating_add(so_far) > self.limits.message_size {
            return Err(Violation::Size);
        }
        let Some(&[a, b, c, d]) = input.get(2 + extended..6 + extended) else {
            return Ok(None);
        };
        input.advance(6 + extended);
        if !opcode.is_control() {
            self.begin_fragment(opcode, length)?;
        }
        Ok(Some(Partial {
            opcode,
            fin,
            mask: [a, b, c, d],
            phase: 0,
            remaining: length,
        }))
    }

    fn begin_fragment(&mut self, opcode: Opcode, length: usize) -> Result<(), Violation> {
        /// A header is cheap to send: what it promises is reserved only up to here, the rest as it comes.
        const TRUSTED: usize = 64 * 1024;
        let message = self.message.get_or_insert_with(|| Message {
            is_text: opcode == Opcode::Text,
            data: Vec::new(),
            valid: 0,
            fragments: 0,
        });
        message.fragments += 1;
        if message.fragments > self.limits.fragments {
            return Err(Violation::Protocol("a message in too many fragments"));
        }
        message.data.reserve_exact(length.min(TRUSTED));
        Ok(())
    }

    /// Checks the text that has come so far: it fails at the first bad byte, wherever the frame ends.
    fn check_text(&mut self, frame: &Partial) -> Result<(), Violation> {
        let Some(message) = &mut self.message else {
            return Ok(());
        };
        if frame.opcode.is_control() || !message.is_text {
            return Ok(());
        }
        match std::str::from_utf8(&message.data[message.valid..]) {
            Ok(text) => message.valid += text.len(),
            Err(error) if error.error_len().is_some() => return Err(Violation::Encoding),
            Err(_) if frame.fin && frame.remaining == 0 => return Err(Violation::Encoding),
            // A character that has only begun.
            Err(error) => message.valid += error.valid_up_to(),
        }
        Ok(())
    }

    /// Ends a frame, and with it perhaps a message.
    fn finish(&mut self, frame: &Partial) -> Result<Option<Frame>, Violation> {
        if frame.opcode.is_control() {
            let payload = Bytes::from(std::mem::take(&mut self.control));
            return Ok(Some(match frame.opcode {
                Opcode::Ping => Frame::Ping(payload),
                Opcode::Pong => Frame::Pong(payload),
                _ => Frame::Close(close(payload)?),
            }));
        }
        if !frame.fin {
            return Ok(None);
        }
        let Some(message) = self.message.take() else {
            return Ok(None);
        };
        let data = Bytes::from(message.data);
        Ok(Some(if message.is_text {
            Frame::Text(Text::try_from(data).map_err(|_| Violation::Encoding)?)
        } else {
            Frame::Binary(data)
        }))
    }
}

fn close(mut payload: Bytes) -> Result<Close, Violation> {
    match payload.len() {
        0 => Ok(Close::default()),
        1 => Err(Violation::Protocol("half a close code")),
        _ => {
            let code = payload.get_u16();
            if !Close::is_valid_code(code) {
                return Err(Violation::Protocol("a close code that may not be sent"));
            }
            Ok(Close {
                code: Some(code),
                reason: Text::try_from(payload).map_err(|_| Violation::Encoding)?,
            })
        }
    }
}

/// Unmasks in place (RFC 6455 §5.3), from the place in the mask that the payload has come to.
fn unmask(payload: &mut [u8], mut mask: [u8; 4], phase: usize) {
    mask.rotate_left(phase);
    for (byte, mask) in payload.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        message_size: 1000,
        fragments: 4,
    };
    const MASK: [u8; 4] = [1, 2, 3, 250];

    /// A client's frame, with the shortest length that fits.
    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![first];
        match payload.len() {
            length @ 0..=125 => bytes.push(0x80 | u8::try_from(length).unwrap()),
            length => {
                bytes.push(0x80 | 0x7E);
                bytes.extend(u16::try_from(length).unwrap().to_be_bytes());
            }
        }
        bytes.extend(MASK);
        let start = bytes.len();
        bytes.extend(payload);
        unmask(&mut bytes[start..], MASK, 0);
        bytes
    }

    /// Feeds the bytes in pieces of this size.
    fn decode(bytes: &[u8], piece: usize) -> Result<Vec<Frame>, Violation> {
        let mut decoder = Decoder::new(LIMITS);
        let mut input = BytesMut::new();
        let mut frames = Vec::new();
        for piece in bytes.chunks(piece) {
            input.extend_from_slice(piece);
            while let Some(frame) = decoder.decode(&mut input)? {
                frames.push(frame);
            }
        }
        Ok(frames)
    }

    /// Every split gives the same.
    fn decode_all_ways(bytes: &[u8]) -> Result<Vec<Frame>, Violation> {
        let whole = decode(bytes, bytes.len());
        for piece in 1..bytes.len().min(16) {
            assert_eq!(decode(bytes, piece), whole, "in pieces of {piece}");
        }
        whole
    }

    #[test]
    fn messages_control_frames_and_fragments() {
        let bytes = [
            frame(0x81, "héllo".as_bytes()),
            frame(0x82, &[7; 300]),
            frame(0x01, &"é".as_bytes()[..1]),
            frame(0x89, b"ping"),
            frame(0x80, &"é".as_bytes()[1..]),
            frame(0x8A, b""),
            frame(0x88, &[3, 232, b'o', b'k']),
        ]
        .concat();
        let frames = decode_all_ways(&bytes).unwrap();
        let expected = [
            Frame::text("héllo"),
            Frame::binary(vec![7; 300]),
            Frame::ping("ping"),
            Frame::text("é"),
            Frame::Pong(Bytes::new()),
            Frame::close(1000, "ok"),
        ];
        assert_eq!(frames, expected);
    }

    #[test]
    fn violations() {
        let cases: [(&str, Vec<u8>, Violation); 12] = [
            (
                "reserved bit",
                frame(0xC1, b""),
                Violation::Protocol("a reserved bit is set"),
            ),
            ("opcode 3", frame(0x83, b""), Violation::Protocol("a reserved opcode")),
            (
                "unmasked",
                vec![0x81, 0x00],
                Violation::Protocol("a client's frame must be masked"),
            ),
            (
                "fragmented ping",
                frame(0x09, b""),
                Violation::Protocol("a control frame is whole and has at most 125 bytes"),
            ),
            (
                "long ping",
                frame(0x89, &[0; 126]),
                Violation::Protocol("a control frame is whole and has at most 125 bytes"),
            ),
            (
                "continuation",
                frame(0x80, b""),
                Violation::Protocol("a continuation of nothing"),
            ),
            (
                "message in message",
                [frame(0x01, b"a"), frame(0x81, b"b")].concat(),
                Violation::Protocol("a new message inside a fragmented one"),
            ),
            ("bad UTF-8", frame(0x81, b"a\xFF"), Violation::Encoding),
            ("cut UTF-8", frame(0x81, b"a\xC3"), Violation::Encoding),
            ("too big", frame(0x82, &[0; 1001]), Violation::Size),
            (
                "half a code",
                frame(0x88, &[3]),
                Violation::Protocol("half a close code"),
            ),
            (
                "code 1005",
                frame(0x88, &[3, 237]),
                Violation::Protocol("a close code that may not be sent"),
            ),
        ];
        for (name, bytes, violation) in cases {
            assert_eq!(decode_all_ways(&bytes), Err(violation), "{name}");
        }
    }

    #[test]
    fn bad_text_fails_before_its_frame_ends() {
        let bytes = frame(0x81, b"a\xFFbcdefgh");
        assert_eq!(decode(&bytes[..9], 9), Err(Violation::Encoding));
    }

    #[test]
    fn size_is_judged_on_the_header_alone_and_inclusively() {
        assert_eq!(decode(&[0x82, 0xFE, 0x03, 0xE9], 4), Err(Violation::Size));
        assert_eq!(decode(&frame(0x82, &[0; 1000]), 2000).unwrap().len(), 1);
        let fragments = [frame(0x02, &[0; 600]), frame(0x80, &[0; 401])].concat();
        assert_eq!(decode_all_ways(&fragments), Err(Violation::Size));
    }

    #[test]
    fn fragments_are_counted() {
        let mut bytes = frame(0x02, b"");
        for _ in 0..4 {
            bytes.extend(frame(0x00, b""));
        }
        assert_eq!(
            decode_all_ways(&bytes),
            Err(Violation::Protocol("a message in too many fragments"))
        );
    }
}
