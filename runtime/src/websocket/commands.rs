//! What a callback wants done.

use crate::error::Error;
use crate::wire::Frame;

/// What a callback returns: frames to send, in order, then perhaps an end.
///
/// The frames of one callback are written together. After a close frame, or after [`stop`](Self::stop), nothing that
/// follows is sent and no further callback but `terminate` is called.
///
/// ```
/// use nova::{Commands, Frame};
///
/// let commands = Commands::send(Frame::text("goodbye")).and(Commands::close(4000, "game over"));
/// # let _ = commands;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Commands {
    pub(crate) frames: Frames,
    pub(crate) end: Option<End>,
    /// Whether the connection is to receive from now on, where that changes.
    pub(crate) receives: Option<bool>,
}

/// No frame and one frame are the common cases, and take no allocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Frames {
    None,
    One(Frame),
    Many(Vec<Frame>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Stop,
    Crash(String),
}

impl Commands {
    /// Nothing.
    pub fn none() -> Self {
        Self {
            frames: Frames::None,
            end: None,
            receives: None,
        }
    }

    /// One frame.
    pub fn send(frame: impl Into<Frame>) -> Self {
        Self {
            frames: Frames::One(frame.into()),
            end: None,
            receives: None,
        }
    }

    /// Several frames, written together.
    pub fn send_all(frames: impl IntoIterator<Item = Frame>) -> Self {
        Self {
            frames: Frames::Many(frames.into_iter().collect()),
            end: None,
            receives: None,
        }
    }

    /// A close frame: the end of the connection, with a code and a reason for the client.
    pub fn close(code: u16, reason: impl Into<crate::Text>) -> Self {
        Self::send(Frame::close(code, reason))
    }

    /// The end of the connection, with code 1000.
    pub fn stop() -> Self {
        Self {
            frames: Frames::None,
            end: Some(End::Stop),
            receives: None,
        }
    }

    /// The end of the connection by an error: the client is sent 1011, and the error is logged.
    pub fn crash(error: impl Into<Error>) -> Self {
        let error = error.into();
        Self {
            frames: Frames::None,
            end: Some(End::Crash(format!("{error:?}"))),
            receives: None,
        }
    }

    /// Stops reading from the client, which is then held up by TCP, until [`resume`](Self::resume). Messages from the
    /// system still arrive, and so do frames that had been read before. The idle timeout goes on: it ends a connection
    /// that does not resume in time.
    pub fn pause() -> Self {
        Self {
            receives: Some(false),
            ..Self::none()
        }
    }

    /// Reads from the client again.
    pub fn resume() -> Self {
        Self {
            receives: Some(true),
            ..Self::none()
        }
    }

    /// These commands, then those. An end here drops what follows.
    pub fn and(mut self, then: impl Into<Self>) -> Self {
        if self.end.is_none() {
            let then = then.into();
            self.frames = match (self.frames, then.frames) {
                (Frames::None, frames) | (frames, Frames::None) => frames,
                (first, second) => Frames::Many(first.into_iter().chain(second).collect()),
            };
            self.end = then.end;
            self.receives = then.receives.or(self.receives);
        }
        self
    }
}

impl IntoIterator for Frames {
    type Item = Frame;
    type IntoIter = std::iter::Chain<std::option::IntoIter<Frame>, std::vec::IntoIter<Frame>>;

    fn into_iter(self) -> Self::IntoIter {
        let (one, many) = match self {
            Self::None => (None, Vec::new()),
            Self::One(frame) => (Some(frame), Vec::new()),
            Self::Many(frames) => (None, frames),
        };
        one.into_iter().chain(many)
    }
}

impl From<()> for Commands {
    fn from((): ()) -> Self {
        Self::none()
    }
}

impl From<Frame> for Commands {
    fn from(frame: Frame) -> Self {
        Self::send(frame)
    }
}

impl From<Option<Frame>> for Commands {
    fn from(frame: Option<Frame>) -> Self {
        frame.map_or_else(Self::none, Self::send)
    }
}

impl From<Vec<Frame>> for Commands {
    fn from(frames: Vec<Frame>) -> Self {
        Self::send_all(frames)
    }
}

/// An error ends the connection: see [`Commands::crash`].
impl<C: Into<Self>> From<Result<C, Error>> for Commands {
    fn from(result: Result<C, Error>) -> Self {
        match result {
            Ok(commands) => commands.into(),
            Err(error) => Self::crash(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_drops_what_follows() {
        let commands = Commands::send("a").and(Commands::stop()).and(Commands::send("b"));
        assert_eq!(commands.frames.into_iter().collect::<Vec<_>>(), [Frame::text("a")]);
        assert_eq!(commands.end, Some(End::Stop));
    }

    #[test]
    fn commands_join_in_order() {
        let commands = Commands::send("a")
            .and(vec![Frame::text("b"), Frame::text("c")])
            .and(Commands::none())
            .and(Frame::text("d"));
        let frames: Vec<_> = commands.frames.into_iter().collect();
        assert_eq!(frames, ["a", "b", "c", "d"].map(Frame::text));
    }
}
