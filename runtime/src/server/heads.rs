//! The heads of the requests on a connection of HTTP/1, followed as their bytes come.
//!
//! hyper parses them, and says nothing any more of what two servers in a row may read differently: it takes a line that
//! ends in LF alone, and a `content-length` beside a `transfer-encoding`. What is followed here is where each head begins
//! and ends, so far as hyper takes it for one. What it refuses itself is not looked at, for the connection ends there.

use memchr::memchr;

/// The longest head, and the longest line in which a request begins.
pub(super) const MAX_HEAD: usize = 16 * 1024;
/// How much is kept of a line that comes in pieces: more than one that matters has.
const KEPT: usize = 128;

/// What has come of the requests of a connection.
#[derive(Debug)]
pub(super) struct Heads {
    place: Place,
    head: Head,
    line: Line,
    /// How many heads have come to their end.
    ended: u64,
    /// The first of them that is to be refused: no later one is a request.
    refused: Option<u64>,
}

/// Why a head is refused before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TooLong {
    Target,
    Head,
}

/// Where the next byte belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Head,
    /// In a body, with so many bytes to come.
    Body(u64),
    /// In the size of a chunk, of which there are so many digits.
    Size(u64, u8),
    /// Behind the size, in the same line.
    BehindSize(u64),
    Chunk(u64),
    /// At the end of a chunk.
    ChunkEnd {
        cr: bool,
    },
    /// At the beginning of a line behind the last chunk, in it, behind a CR in it, and behind the CR that is a line of its own.
    TrailerStart,
    Trailer,
    TrailerCr,
    LastCr,
    /// In a body that hyper takes for none, so that there is no request behind it.
    Lost,
}

/// What is known of the head that is coming.
#[derive(Debug, Default)]
struct Head {
    lines: usize,
    bytes: usize,
    lengths: u32,
    length: u64,
    is_chunked: bool,
    is_refused: bool,
}

/// What has come of a line whose end has not.
#[derive(Debug)]
struct Line {
    beginning: [u8; KEPT],
    length: usize,
    last: u8,
}

impl Heads {
    pub(super) fn new() -> Self {
        Self {
            place: Place::Head,
            head: Head::default(),
            line: Line::new(),
            ended: 0,
            refused: None,
        }
    }

    /// Follows what has come.
    ///
    /// # Errors
    /// When a head is longer than it may be: with which of its parts, and how many bytes came before it. Nothing is followed
    /// any more.
    pub(super) fn follow(&mut self, all: &[u8]) -> Result<(), (TooLong, usize)> {
        let mut bytes = all;
        let mut before = 0;
        while !bytes.is_empty() {
            if self.is_between() {
                before = all.len() - bytes.len();
            }
            bytes = match self.place {
                Place::Head => self.follow_head(bytes).map_err(|too_long| (too_long, before))?,
                Place::Body(left) => self.skip(left, bytes, Place::Body, Place::Head),
                Place::Chunk(left) => self.skip(left, bytes, Place::Chunk, Place::ChunkEnd { cr: false }),
                Place::Lost => return Ok(()),
                chunked => {
                    self.place = chunked.behind(bytes[0]);
                    if self.place == Place::Lost {
                        self.refuse();
                    }
                    &bytes[1..]
                }
            };
        }
        Ok(())
    }

    /// Whether the nth request, counted from 0, is to be refused.
    pub(super) fn refuses(&self, nth: u64) -> bool {
        // One whose head has not been seen here has been read differently from how hyper reads it.
        nth >= self.ended || self.refused.is_some_and(|refused| nth >= refused)
    }

    /// Whether no byte of a request has come but of those that came whole.
    pub(super) fn is_between(&self) -> bool {
        self.place == Place::Head && !self.has_begun()
    }

    /// Whether a head has begun and not ended.
    pub(super) fn has_begun(&self) -> bool {
        self.place == Place::Head && (self.head.lines > 0 || self.line.length > 0)
    }

    /// Whether no head has ended yet.
    pub(super) fn is_first(&self) -> bool {
        self.ended == 0
    }

    fn refuse(&mut self) {
        self.refused.get_or_insert(self.ended);
    }

    fn skip<'a>(&mut self, left: u64, bytes: &'a [u8], on: fn(u64) -> Place, behind: Place) -> &'a [u8] {
        let taken = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        let left = left - taken as u64;
        self.place = if left == 0 { behind } else { on(left) };
        &bytes[taken..]
    }

    /// Follows one line, or what there is of it.
    fn follow_head<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], TooLong> {
        let end = memchr(b'\n', bytes);
        let piece = &bytes[..end.unwrap_or(bytes.len())];
        self.head.bytes += piece.len() + 1;
        if self.head.bytes > MAX_HEAD {
            let too_long = if self.head.lines == 0 {
                TooLong::Target
            } else {
                TooLong::Head
            };
            self.place = Place::Lost;
            self.refuse();
            return Err(too_long);
        }
        let Some(end) = end else {
            self.line.add(piece);
            // The end of the line is not there yet.
            self.head.bytes -= 1;
            return Ok(&[]);
        };
        if self.line.length == 0 {
            self.end_line(piece, piece.len(), piece.last().copied());
        } else {
            let mut line = std::mem::replace(&mut self.line, Line::new());
            line.add(piece);
            let kept = line.length.min(KEPT);
            self.end_line(&line.beginning[..kept], line.length, Some(line.last));
        }
        Ok(&bytes[end + 1..])
    }

    /// A line of a head has ended, which begins like this, is so long and has this before its LF.
    fn end_line(&mut self, beginning: &[u8], length: usize, last: Option<u8>) {
        let has_cr = last == Some(b'\r');
        self.head.is_refused |= !has_cr;
        let is_empty = length == usize::from(has_cr);
        match (self.head.lines, is_empty) {
            // Before the first line hyper passes over empty ones.
            (0, true) => {}
            (0, false) => self.head.lines = 1,
            (_, true) => self.end_head(),
            (lines, false) => {
                self.head.lines = lines + 1;
                self.head.add(beginning, length);
            }
        }
    }

    fn end_head(&mut self) {
        let head = std::mem::take(&mut self.head);
        // RFC 9112 §6.1 and §6.3: what may be read in two ways is refused.
        if head.is_refused || head.lengths > 1 || (head.is_chunked && head.lengths > 0) {
            self.refuse();
        }
        self.ended += 1;
        self.place = match head {
            Head { is_chunked: true, .. } => Place::Size(0, 0),
            Head { length: 0, .. } => Place::Head,
            Head { length, .. } => Place::Body(length),
        };
    }
}

impl Head {
    /// Takes note of a field, if it is one that says how long the body is.
    fn add(&mut self, line: &[u8], length: usize) {
        // Nearly all others are seen by their first letter.
        if !matches!(line.first(), Some(b'c' | b'C' | b't' | b'T')) {
            return;
        }
        let is = |name: &[u8]| {
            let named = line.get(..name.len());
            named.is_some_and(|named| named.eq_ignore_ascii_case(name)) && line.get(name.len()) == Some(&b':')
        };
        if is(b"transfer-encoding") {
            self.is_chunked = true;
        } else if is(b"content-length") {
            self.lengths += 1;
            // One that is no number hyper refuses, and one that is not kept whole is no serious one.
            self.is_refused |= length > line.len();
            let value = line[b"content-length:".len()..].trim_ascii();
            let value = std::str::from_utf8(value).ok().and_then(|value| value.parse().ok());
            self.length = value.unwrap_or_default();
        }
    }
}

impl Line {
    fn new() -> Self {
        Self {
            beginning: [0; KEPT],
            length: 0,
            last: 0,
        }
    }

    fn add(&mut self, piece: &[u8]) {
        if let Some(last) = piece.last() {
            self.last = *last;
        }
        if let Some(room) = self.beginning.get_mut(self.length..) {
            let taken = piece.len().min(room.len());
            room[..taken].copy_from_slice(&piece[..taken]);
        }
        self.length += piece.len();
    }
}

impl Place {
    /// Where a byte of what is around chunks leads to (RFC 9112 §7.1), as hyper reads it.
    fn behind(self, byte: u8) -> Self {
        match (self, byte) {
            (Self::Size(size, digits), byte) => match char::from(byte).to_digit(16) {
                Some(digit) if size <= u64::MAX >> 4 => Self::Size(size << 4 | u64::from(digit), 1),
                None if digits > 0 && matches!(byte, b'\r' | b';' | b' ' | b'\t') => Self::BehindSize(size),
                _ => Self::Lost,
            },
            (Self::BehindSize(0) | Self::TrailerCr, b'\n') => Self::TrailerStart,
            (Self::BehindSize(size), b'\n') => Self::Chunk(size),
            (Self::BehindSize(_), _) => self,
            (Self::ChunkEnd { cr: false }, b'\r') => Self::ChunkEnd { cr: true },
            (Self::ChunkEnd { cr: true }, b'\n') => Self::Size(0, 0),
            (Self::TrailerStart, b'\r') => Self::LastCr,
            // A LF that is alone is part of the line to hyper.
            (Self::TrailerStart | Self::Trailer, byte) => match byte {
                b'\r' => Self::TrailerCr,
                _ => Self::Trailer,
            },
            (Self::LastCr, b'\n') => Self::Head,
            _ => Self::Lost,
        }
    }
}

#[cfg(test)]
mod tests;
