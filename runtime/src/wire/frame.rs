//! Frames as handlers see them.

use bytes::Bytes;

use super::Text;

/// A WebSocket frame: what a client sent, or what is to be sent.
///
/// Messages are whole: fragments have been put together, and what is sent is never fragmented.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A text message.
    Text(Text),
    /// A binary message.
    Binary(Bytes),
    /// A ping, with at most 125 bytes. It has been answered before the handler sees it.
    Ping(Bytes),
    /// A pong, with at most 125 bytes.
    Pong(Bytes),
    /// A close. Handlers send it and never receive it: they are told by `terminate`.
    Close(Close),
}

/// What a close frame says (RFC 6455 §5.5.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Close {
    /// The code; `None` for a close frame without one.
    pub code: Option<u16>,
    /// The reason, at most 123 bytes.
    pub reason: Text,
}

impl Frame {
    /// A text message.
    pub fn text(text: impl Into<Text>) -> Self {
        Self::Text(text.into())
    }

    /// A binary message.
    pub fn binary(bytes: impl Into<Bytes>) -> Self {
        Self::Binary(bytes.into())
    }

    /// A ping.
    pub fn ping(bytes: impl Into<Bytes>) -> Self {
        Self::Ping(bytes.into())
    }

    /// A close with a code and a reason. 1000 is a normal end; 3000 to 4999 are for applications.
    pub fn close(code: u16, reason: impl Into<Text>) -> Self {
        Self::Close(Close::new(code, reason))
    }
}

impl Frame {
    /// How many bytes its content has.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) | Self::Ping(bytes) | Self::Pong(bytes) => bytes.len(),
            Self::Close(close) => close.reason.len() + if close.code.is_some() { 2 } else { 0 },
        }
    }
}

impl Close {
    /// A close with a code and a reason.
    pub fn new(code: u16, reason: impl Into<Text>) -> Self {
        Self {
            code: Some(code),
            reason: reason.into(),
        }
    }

    /// Whether a close frame may carry this code (RFC 6455 §7.4, and the codes registered since).
    pub(crate) fn is_valid_code(code: u16) -> bool {
        matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }
}

impl From<&str> for Frame {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<String> for Frame {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

impl From<Text> for Frame {
    fn from(text: Text) -> Self {
        Self::Text(text)
    }
}

impl From<Vec<u8>> for Frame {
    fn from(bytes: Vec<u8>) -> Self {
        Self::binary(bytes)
    }
}

impl From<Bytes> for Frame {
    fn from(bytes: Bytes) -> Self {
        Self::Binary(bytes)
    }
}
