//! Bytes to frames, however the bytes are cut (RFC 6455 §5.2 to §5.6).

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::Text;
use super::deflate::Codec;
use super::frame::{Close, Frame};
use super::header::{Header, Limits, MAX_HEADER, Opcode, Violation};

/// A header is cheap to send: what it promises is reserved only up to here, the rest as it comes.
const TRUSTED: usize = 64 * 1024;

/// What is unfinished between two reads. The bytes that were read are the caller's: it takes all it is given, and between
/// messages it holds nothing.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Decoder(Option<Box<Unfinished>>);

#[derive(Debug, Default, Serialize, Deserialize)]
struct Unfinished {
    /// The header that has only begun to come.
    header: [u8; MAX_HEADER],
    header_length: usize,
    /// The frame whose payload is still coming.
    frame: Option<Header>,
    /// How much of that payload has come.
    received: usize,
    /// The payload of a control frame that is still coming.
    #[serde(with = "super::base64")]
    control: Vec<u8>,
    /// The message whose fragments are still coming.
    message: Option<Message>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Message {
    is_text: bool,
    is_compressed: bool,
    /// As it came.
    #[serde(with = "super::base64")]
    data: Vec<u8>,
    /// How many bytes of a text are known to be valid.
    valid: usize,
    fragments: usize,
}

impl Decoder {
    /// Takes the next frame out of `input`, unmasking it in place, and leaves there what comes after it: nothing where it
    /// is not enough for a frame.
    ///
    /// Where there is a codec, messages may come compressed, and are inflated. After a violation the decoder is of no more
    /// use.
    #[expect(clippy::mut_mut, reason = "a cursor: what is taken is gone from it")]
    #[inline]
    pub(crate) fn decode(
        &mut self,
        input: &mut &mut [u8],
        limits: &Limits,
        codec: &mut Option<Codec>,
    ) -> Result<Option<Frame>, Violation> {
        if input.is_empty() {
            return Ok(None);
        }
        // The common case: nothing is unfinished, and the whole frame is here. It is copied once, out of the input.
        if self.0.is_none()
            && let Some((header, start)) = Header::parse(input, None, limits, codec.is_some())?
            && header.fin
            && header.length <= input.len() - start
        {
            let (payload, rest) = std::mem::take(input)[start..].split_at_mut(header.length);
            *input = rest;
            unmask(payload, header.mask, 0);
            return match (codec, header.opcode) {
                (Some(codec), opcode) if header.compressed => {
                    whole(opcode, codec.inflate(payload, limits.message_size)?).map(Some)
                }
                // Each made where it is wanted: to move it costs more than to decode it.
                (_, Opcode::Text) => match std::str::from_utf8(payload) {
                    Ok(text) => Ok(Some(Frame::Text(text.into()))),
                    Err(_) => Err(Violation::Encoding),
                },
                (_, Opcode::Binary) => Ok(Some(Frame::Binary(Bytes::copy_from_slice(payload)))),
                (_, opcode) => whole(opcode, Bytes::copy_from_slice(payload)).map(Some),
            };
        }
        self.decode_parts(input, limits, codec)
    }

    /// Goes on with what is unfinished, as far as the input reaches.
    #[expect(clippy::mut_mut, reason = "a cursor: what is taken is gone from it")]
    #[inline(never)]
    fn decode_parts(
        &mut self,
        input: &mut &mut [u8],
        limits: &Limits,
        codec: &mut Option<Codec>,
    ) -> Result<Option<Frame>, Violation> {
        let unfinished = self.0.get_or_insert_default();
        let mut frame = None;
        while !input.is_empty() && frame.is_none() {
            let taken;
            (taken, frame) = unfinished.go_on(input, limits, codec)?;
            *input = &mut std::mem::take(input)[taken..];
        }
        if unfinished.is_empty() {
            self.0 = None;
        }
        Ok(frame)
    }
}

impl Unfinished {
    fn is_empty(&self) -> bool {
        self.header_length == 0 && self.frame.is_none() && self.message.is_none()
    }

    /// Takes one step: a header, or what there is of a payload.
    fn go_on(
        &mut self,
        input: &mut [u8],
        limits: &Limits,
        codec: &mut Option<Codec>,
    ) -> Result<(usize, Option<Frame>), Violation> {
        let (header, taken) = match self.frame {
            Some(header) => (header, 0),
            None => match self.header(input, limits, codec.is_some())? {
                (Some(header), taken) => (header, taken),
                (None, taken) => return Ok((taken, None)),
            },
        };
        let payload = &mut input[taken..];
        let here = payload.len().min(header.length - self.received);
        let payload = &mut payload[..here];
        unmask(payload, header.mask, self.received);
        self.received += here;
        let complete = self.received == header.length;
        if header.opcode.is_control() {
            self.control.extend_from_slice(payload);
            if header.opcode == Opcode::Close {
                judge_close(&self.control)?;
            }
        } else if let Some(message) = &mut self.message {
            message.data.extend_from_slice(payload);
            message.check(header.fin && complete)?;
        }
        self.frame = (!complete).then_some(header);
        let frame = if complete {
            self.finish(&header, limits, codec)?
        } else {
            None
        };
        Ok((taken + here, frame))
    }

    /// Takes as much of a header as there is, and begins its frame when it is whole.
    fn header(&mut self, input: &[u8], limits: &Limits, inflates: bool) -> Result<(Option<Header>, usize), Violation> {
        let before = self.header_length;
        let here = input.len().min(MAX_HEADER - before);
        self.header[before..before + here].copy_from_slice(&input[..here]);
        let available = &self.header[..before + here];
        let so_far = self.message.as_ref().map(|message| message.data.len());
        let Some((header, length)) = Header::parse(available, so_far, limits, inflates)? else {
            self.header_length = before + here;
            return Ok((None, here));
        };
        self.header_length = 0;
        self.received = 0;
        if !header.opcode.is_control() {
            let message = self.message.get_or_insert_with(|| Message {
                is_text: header.opcode == Opcode::Text,
                is_compressed: header.compressed,
                data: Vec::new(),
                valid: 0,
                fragments: 0,
            });
            message.fragments += 1;
            if message.fragments > limits.fragments {
                return Err(Violation::Size);
            }
            // Not exactly: many small fragments would each move the whole message.
            message.data.reserve(header.length.min(TRUSTED));
        }
        Ok((Some(header), length - before))
    }

    /// Ends a frame, and with it perhaps a message.
    fn finish(
        &mut self,
        header: &Header,
        limits: &Limits,
        codec: &mut Option<Codec>,
    ) -> Result<Option<Frame>, Violation> {
        if header.opcode.is_control() {
            return whole(header.opcode, std::mem::take(&mut self.control).into()).map(Some);
        }
        if !header.fin {
            return Ok(None);
        }
        let message = self.message.take();
        let message = message.map(|message| {
            let opcode = if message.is_text { Opcode::Text } else { Opcode::Binary };
            let payload = match codec {
                Some(codec) if message.is_compressed => codec.inflate(&message.data, limits.message_size)?,
                _ => message.data.into(),
            };
            whole(opcode, payload)
        });
        message.transpose()
    }
}

impl Message {
    /// Checks the text that has come so far: it fails at the first bad byte, wherever the frame ends. What is compressed is
    /// checked when it is inflated.
    fn check(&mut self, is_last: bool) -> Result<(), Violation> {
        if !self.is_text || self.is_compressed {
            return Ok(());
        }
        match std::str::from_utf8(&self.data[self.valid..]) {
            Ok(text) => self.valid += text.len(),
            Err(error) if error.error_len().is_some() || is_last => return Err(Violation::Encoding),
            // A character that has only begun.
            Err(error) => self.valid += error.valid_up_to(),
        }
        Ok(())
    }
}

/// The frame of a whole payload.
#[inline]
fn whole(opcode: Opcode, payload: Bytes) -> Result<Frame, Violation> {
    Ok(match opcode {
        Opcode::Text => Frame::Text(Text::try_from(payload).map_err(|_| Violation::Encoding)?),
        Opcode::Ping => Frame::Ping(payload),
        Opcode::Pong => Frame::Pong(payload),
        Opcode::Close => Frame::Close(close(&payload)?),
        Opcode::Binary | Opcode::Continuation => Frame::Binary(payload),
    })
}

fn close(payload: &Bytes) -> Result<Close, Violation> {
    let Some(code) = judge_close(payload)? else {
        return Ok(Close::default());
    };
    Ok(Close {
        code: Some(code),
        reason: Text::try_from(payload.slice(2..)).map_err(|_| Violation::Encoding)?,
    })
}

/// Judges as much of a close frame as has come, and gives its code.
fn judge_close(payload: &[u8]) -> Result<Option<u16>, Violation> {
    let Some((code, reason)) = payload.split_first_chunk() else {
        return Ok(None);
    };
    let code = u16::from_be_bytes(*code);
    if !Close::is_valid_code(code) {
        return Err(Violation::Protocol("a close code that may not be sent"));
    }
    match std::str::from_utf8(reason) {
        Err(error) if error.error_len().is_some() => Err(Violation::Encoding),
        _ => Ok(Some(code)),
    }
}

/// Unmasks in place (RFC 6455 §5.3) a part of a payload that begins `offset` bytes into it.
#[inline]
fn unmask(payload: &mut [u8], mask: [u8; 4], offset: usize) {
    let mask = match offset % 4 {
        0 => mask,
        by => std::array::from_fn(|at| mask[(at + by) % 4]),
    };
    let [a, b, c, d] = mask;
    let word = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    // Words, which the compiler makes into vectors.
    let (words, rest) = payload.as_chunks_mut();
    for bytes in words {
        *bytes = (u64::from_ne_bytes(*bytes) ^ word).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(mask.iter().cycle()) {
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
        let mut decoder = Decoder::default();
        let mut frames = Vec::new();
        for piece in bytes.chunks(piece) {
            let mut piece = piece.to_vec();
            let mut input = &mut piece[..];
            while let Some(frame) = decoder.decode(&mut input, &LIMITS, &mut None)? {
                frames.push(frame);
            }
            assert!(input.is_empty(), "all is taken");
        }
        assert!(!frames.is_empty() || decoder.0.is_some(), "what is taken is kept");
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
    fn a_bad_close_fails_before_its_frame_ends() {
        let bad_reason = frame(0x88, &[3, 232, b'a', 0xFF, b'b', b'c']);
        assert_eq!(decode(&bad_reason[..10], 10), Err(Violation::Encoding));
        let bad_code = frame(0x88, &[3, 237, b'a']);
        assert!(matches!(decode(&bad_code[..8], 8), Err(Violation::Protocol(_))));
        assert!(matches!(decode(&[0x88, 0x81], 2), Err(Violation::Protocol(_))));
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
        assert_eq!(decode_all_ways(&bytes), Err(Violation::Size));
    }
}
