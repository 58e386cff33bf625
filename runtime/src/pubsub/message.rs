//! Messages, encoded once however many members receive them.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::SubscriberId;
use crate::wire::{Frame, Text};

/// A message as a member receives it. A clone shares the bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Message {
    /// The channel that it was sent to.
    pub channel: Text,
    /// Who sent it; `None` when it was neither a connection nor a subscription.
    pub sender: Option<SubscriberId>,
    /// A label, by which members tell messages apart. It filters nothing.
    pub event: Text,
    /// The content.
    pub payload: Payload,
}

/// The content of a message: text, bytes, or JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Payload {
    /// Text.
    Text(Text),
    /// Bytes.
    Binary(#[serde(with = "crate::wire::base64")] Bytes),
    /// A value that was serialised as JSON, once.
    Json(Text),
}

impl Message {
    pub(crate) fn new(
        channel: impl Into<Text>,
        sender: Option<SubscriberId>,
        event: impl Into<Text>,
        payload: impl Into<Payload>,
    ) -> Self {
        Self {
            channel: channel.into(),
            sender,
            event: event.into(),
            payload: payload.into(),
        }
    }
}

impl Payload {
    /// Anything serialisable, as JSON.
    ///
    /// # Errors
    /// When the value's `Serialize` fails.
    pub fn json(value: &impl Serialize) -> serde_json::Result<Self> {
        serde_json::to_string(value).map(|text| Self::Json(text.into()))
    }

    /// How many bytes it has.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Text(text) | Self::Json(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
        }
    }

    /// The text, of text and of JSON.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Json(text) => Some(text),
            Self::Binary(_) => None,
        }
    }
}

/// A payload goes to a client as the frame of its kind: text and JSON as text, bytes as binary.
impl From<Payload> for Frame {
    fn from(payload: Payload) -> Self {
        match payload {
            Payload::Text(text) | Payload::Json(text) => Self::Text(text),
            Payload::Binary(bytes) => Self::Binary(bytes),
        }
    }
}

impl From<&str> for Payload {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Payload {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<Text> for Payload {
    fn from(text: Text) -> Self {
        Self::Text(text)
    }
}

impl From<Bytes> for Payload {
    fn from(bytes: Bytes) -> Self {
        Self::Binary(bytes)
    }
}

impl From<Vec<u8>> for Payload {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Binary(bytes.into())
    }
}

impl From<serde_json::Value> for Payload {
    fn from(value: serde_json::Value) -> Self {
        Self::Json(value.to_string().into())
    }
}
