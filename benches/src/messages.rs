//! A ring of different messages: as a client sends them, masked, and as they must come back.
//!
//! A client goes round it from a place of its own, so a message that is lost, repeated, changed, out of order or another
//! client's is noticed, and checking what comes back is one comparison of memory.

/// How many messages differ: more than any client has under way.
pub const RING: usize = 32;

/// The kind of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Bytes.
    Binary,
    /// Text, which a server must check.
    Text,
}

/// The messages, each ring twice in a row: so any part of it, however it begins, is one slice.
#[derive(Debug)]
pub struct Messages {
    requests: Bytes,
    echoes: Bytes,
}

#[derive(Debug)]
struct Bytes {
    bytes: Vec<u8>,
    /// Of one message.
    size: usize,
}

impl Messages {
    /// Messages with payloads of this size.
    pub fn new(kind: Kind, size: usize) -> Self {
        let (mut requests, mut echoes) = (Vec::new(), Vec::new());
        for number in 0..RING {
            let payload: Vec<u8> = (0..size).map(|at| letter(number, at)).collect();
            put(kind, Some(mask(number)), &payload, &mut requests);
            put(kind, None, &payload, &mut echoes);
        }
        Self {
            requests: Bytes::twice(requests),
            echoes: Bytes::twice(echoes),
        }
    }

    /// The size of a message on its way to the server.
    pub fn request_size(&self) -> usize {
        self.requests.size
    }

    /// The size of a message on its way back.
    pub fn echo_size(&self) -> usize {
        self.echoes.size
    }

    /// What is to be sent after the first `from` bytes, at most a ring of it.
    pub fn request(&self, from: usize, length: usize) -> &[u8] {
        self.requests.part(from, length)
    }

    /// Whether these bytes are what must come after the first `from`.
    pub fn is_echo(&self, from: usize, bytes: &[u8]) -> bool {
        let ring = self.echoes.size * RING;
        let mut at = from;
        bytes.chunks(ring).all(|chunk| {
            let is_next = self.echoes.part(at, chunk.len()) == chunk;
            at += chunk.len();
            is_next
        })
    }
}

impl Bytes {
    fn twice(mut ring: Vec<u8>) -> Self {
        let size = ring.len() / RING;
        ring.extend_from_within(..);
        Self { bytes: ring, size }
    }

    fn part(&self, from: usize, length: usize) -> &[u8] {
        let ring = self.size * RING;
        let start = from % ring;
        &self.bytes[start..start + length.min(ring)]
    }
}

/// A letter that tells messages and places apart.
fn letter(number: usize, at: usize) -> u8 {
    const LETTERS: &[u8; 64] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    if at == 0 {
        LETTERS[number % 64]
    } else {
        LETTERS[(number * 31 + at * 7 + at / 64) % 64]
    }
}

fn mask(number: usize) -> [u8; 4] {
    // Any numbers that differ.
    (0x9E37_79B9_u32.wrapping_mul(u32::try_from(number).unwrap_or(0) + 1)).to_le_bytes()
}

/// Appends a frame (RFC 6455 §5.2); a client's is masked.
fn put(kind: Kind, mask: Option<[u8; 4]>, payload: &[u8], out: &mut Vec<u8>) {
    let masked = if mask.is_some() { 0x80 } else { 0 };
    out.push(match kind {
        Kind::Text => 0x81,
        Kind::Binary => 0x82,
    });
    #[expect(clippy::cast_possible_truncation, reason = "each arm checks its range")]
    match payload.len() {
        length @ 0..=125 => out.push(masked | length as u8),
        length @ 126..=0xFFFF => {
            out.push(masked | 0x7E);
            out.extend((length as u16).to_be_bytes());
        }
        length => {
            out.push(masked | 0x7F);
            out.extend((length as u64).to_be_bytes());
        }
    }
    let mask = mask.inspect(|mask| out.extend(mask)).unwrap_or_default();
    out.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_back_is_told_from_everything_else() {
        let messages = Messages::new(Kind::Binary, 40);
        let size = messages.echo_size();
        assert_eq!((messages.request_size(), size), (46, 42));
        let echo = |from: usize, length: usize| messages.echoes.part(from, length).to_vec();
        assert!(messages.is_echo(0, &echo(0, size)));
        assert!(messages.is_echo(size * 31 + 5, &echo(size * 31 + 5, size * 3)));
        assert!(messages.is_echo(7, &[echo(7, size * RING), echo(7, 100)].concat()));
        assert!(!messages.is_echo(0, &echo(size, size)), "one is missing");
        let mut changed = echo(0, size);
        changed[size - 1] ^= 1;
        assert!(!messages.is_echo(0, &changed));
    }

    #[test]
    fn all_differ() {
        let messages = Messages::new(Kind::Text, 1);
        let mut echoes: Vec<_> = messages.echoes.bytes[..3 * RING].chunks(3).collect();
        echoes.sort_unstable();
        echoes.dedup();
        assert_eq!(echoes.len(), RING);
    }
}
