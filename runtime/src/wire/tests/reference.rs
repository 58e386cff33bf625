//! A decoder that is slow and obvious: it reads the stream from its beginning each time, a rule of RFC 6455 per line.

use bytes::Bytes;

use crate::wire::{Close, Frame, Limits, Text};

/// How a stream breaks the protocol: the close code that answers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Protocol = 1002,
    Encoding = 1007,
    Size = 1009,
}

/// A message whose fragments are still coming.
struct Message {
    is_text: bool,
    data: Vec<u8>,
    fragments: usize,
}

/// The frames of a stream, and whether it is at fault.
///
/// A stream is at fault as soon as nothing that follows could mend it, where a header is judged by its first two bytes,
/// then by its length, then, for the number of fragments, when it is whole.
pub(super) fn read(stream: &[u8], limits: &Limits) -> (Vec<Frame>, Option<Fault>) {
    let mut frames = Vec::new();
    let fault = read_into(&mut frames, stream, limits).err();
    (frames, fault)
}

/// How many bytes it takes to see that the stream is at fault.
pub(super) fn point_of_failure(stream: &[u8], limits: &Limits) -> usize {
    let lengths: Vec<usize> = (0..=stream.len()).collect();
    lengths.partition_point(|&length| read(&stream[..length], limits).1.is_none())
}

fn read_into(frames: &mut Vec<Frame>, mut stream: &[u8], limits: &Limits) -> Result<(), Fault> {
    let mut message: Option<Message> = None;
    while let [first, second, ..] = *stream {
        let is_last = first & 0b1000_0000 != 0;
        let reserved = first & 0b0111_0000;
        let opcode = first & 0b0000_1111;
        let is_masked = second & 0b1000_0000 != 0;
        let short = second & 0b0111_1111;
        let is_control = opcode >= 8;

        demand(reserved == 0)?;
        demand(is_masked)?;
        demand([0, 1, 2, 8, 9, 10].contains(&opcode))?;
        demand(!is_control || is_last)?;
        demand(!is_control || short <= 125)?;
        demand(opcode != 8 || short != 1)?;
        demand(opcode != 0 || message.is_some())?;
        demand(is_control || opcode == 0 || message.is_none())?;

        let length_bytes = match short {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let Some(extended) = stream.get(2..2 + length_bytes) else {
            return Ok(());
        };
        let mut length = 0_u128;
        for byte in extended {
            length = length * 256 + u128::from(*byte);
        }
        match length_bytes {
            2 => demand(length > 125)?,
            8 => demand(length > 65_535 && length < 1 << 63)?,
            _ => length = u128::from(short),
        }
        let before = message.as_ref().map_or(0, |message| message.data.len());
        if !is_control && before as u128 + length > limits.message_size as u128 {
            return Err(Fault::Size);
        }
        let Some(mask) = stream.get(2 + length_bytes..2 + length_bytes + 4) else {
            return Ok(());
        };
        stream = &stream[2 + length_bytes + 4..];

        let length = usize::try_from(length).unwrap();
        let mut payload = Vec::new();
        for (index, byte) in stream.iter().take(length).enumerate() {
            payload.push(byte ^ mask[index % 4]);
        }
        let is_whole = payload.len() == length;
        stream = &stream[payload.len()..];

        if is_control {
            if opcode == 8 {
                judge_close(&payload, is_whole)?;
            }
            if is_whole {
                frames.push(control(opcode, payload));
            }
            continue;
        }
        let mut so_far = message.take().unwrap_or(Message {
            is_text: opcode == 1,
            data: Vec::new(),
            fragments: 0,
        });
        so_far.fragments += 1;
        if so_far.fragments > limits.fragments {
            return Err(Fault::Size);
        }
        so_far.data.extend(payload);
        if so_far.is_text {
            judge_text(&so_far.data, is_last && is_whole)?;
        }
        if is_last && is_whole {
            frames.push(if so_far.is_text {
                Frame::Text(text(so_far.data))
            } else {
                Frame::binary(so_far.data)
            });
        } else {
            message = Some(so_far);
        }
        if !is_whole {
            return Ok(());
        }
    }
    Ok(())
}

fn demand(rule: bool) -> Result<(), Fault> {
    if rule { Ok(()) } else { Err(Fault::Protocol) }
}

fn judge_close(payload: &[u8], is_whole: bool) -> Result<(), Fault> {
    let [high, low, reason @ ..] = payload else {
        return Ok(());
    };
    let code = u32::from(*high) * 256 + u32::from(*low);
    let is_defined = (1000..=1014).contains(&code) && ![1004, 1005, 1006].contains(&code);
    demand(is_defined || (3000..=4999).contains(&code))?;
    judge_text(reason, is_whole)
}

fn control(opcode: u8, payload: Vec<u8>) -> Frame {
    match opcode {
        8 if payload.is_empty() => Frame::Close(Close::default()),
        8 => Frame::close(
            u16::from(payload[0]) * 256 + u16::from(payload[1]),
            text(payload[2..].to_vec()),
        ),
        9 => Frame::ping(payload),
        _ => Frame::Pong(payload.into()),
    }
}

fn text(bytes: Vec<u8>) -> Text {
    Text::try_from(Bytes::from(bytes)).unwrap()
}

/// Judges text by the table of well-formed byte sequences: Unicode 3.9, table 3-7, and RFC 3629 §4.
fn judge_text(mut bytes: &[u8], is_whole: bool) -> Result<(), Fault> {
    const TAIL: std::ops::RangeInclusive<u8> = 0x80..=0xBF;
    while let [lead, rest @ ..] = bytes {
        let expected = match lead {
            0x00..=0x7F => vec![],
            0xC2..=0xDF => vec![TAIL],
            0xE0 => vec![0xA0..=0xBF, TAIL],
            0xE1..=0xEC | 0xEE..=0xEF => vec![TAIL, TAIL],
            0xED => vec![0x80..=0x9F, TAIL],
            0xF0 => vec![0x90..=0xBF, TAIL, TAIL],
            0xF1..=0xF3 => vec![TAIL, TAIL, TAIL],
            0xF4 => vec![0x80..=0x8F, TAIL, TAIL],
            0x80..=0xC1 | 0xF5..=0xFF => return Err(Fault::Encoding),
        };
        for (range, byte) in expected.iter().zip(rest) {
            if !range.contains(byte) {
                return Err(Fault::Encoding);
            }
        }
        if rest.len() < expected.len() {
            // A character that has only begun.
            return if is_whole { Err(Fault::Encoding) } else { Ok(()) };
        }
        bytes = &rest[expected.len()..];
    }
    Ok(())
}
