//! How a connection's loop ends: with which close frame, and for which reason.

use std::io;
use std::time::Duration;

use super::Reason;
use crate::lot;
use crate::wire::{Close, Violation};

/// The end of the loop. Boxed: it comes once, and what succeeds is not to make room for it each time.
pub(super) struct Ending(pub(super) Box<Last>);

pub(super) struct Last {
    /// The close frame to send, where there is one to send and somebody to send it to.
    pub(super) close: Option<Close>,
    pub(super) reason: Reason,
    /// Set where the connection is to move to another process, if it can: what is read and not decoded.
    pub(super) moves: Option<Vec<u8>>,
}

/// The longest that a client is asked to wait before it comes back: to a server that ends, and to one that has restarted.
const RETRY_WITHIN: Duration = Duration::from_secs(5);
const RETRY_SOON: Duration = Duration::from_millis(500);

/// What a close frame says of it.
fn retry_within(longest: Duration) -> String {
    format!("retry in {} ms", lot::within(longest).as_millis())
}

impl Ending {
    pub(super) fn new(code: u16, reason: Reason) -> Self {
        Self::with(Close::new(code, ""), reason)
    }

    pub(super) fn with(close: Close, reason: Reason) -> Self {
        let close = Some(close);
        Self(Box::new(Last {
            close,
            reason,
            moves: None,
        }))
    }

    pub(super) fn without_close(reason: Reason) -> Self {
        Self(Box::new(Last {
            close: None,
            reason,
            moves: None,
        }))
    }

    /// The server is at its end. The client is told when to come back: not when all others do.
    pub(super) fn shutdown() -> Self {
        Self::with(Close::new(1001, retry_within(RETRY_WITHIN)), Reason::Shutdown)
    }

    /// The end of it here: it is to move, or else the server restarts without it, and is there already.
    pub(super) fn moving() -> Self {
        let mut ending = Self::with(Close::new(1012, retry_within(RETRY_SOON)), Reason::Shutdown);
        ending.0.moves = Some(Vec::new());
        ending
    }

    pub(super) fn is_move(&self) -> bool {
        self.0.moves.is_some()
    }

    /// The same, where this was read and not decoded.
    pub(super) fn with_unread(mut self, rest: &[u8]) -> Self {
        if let Some(unread) = &mut self.0.moves {
            unread.extend_from_slice(rest);
        }
        self
    }

    pub(super) fn remote(close: Close) -> Self {
        // The same code without the reason, as RFC 6455 §5.5.1 has it.
        let echo = close.code.map_or_else(Close::default, |code| Close::new(code, ""));
        Self::with(echo, Reason::Remote(close))
    }

    pub(super) fn crash(message: String) -> Self {
        Self::new(1011, Reason::Crash(message))
    }

    pub(super) fn error(error: io::Error) -> Self {
        Self::without_close(match error.kind() {
            // The last one is a TLS stream's that ends without a word.
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof => Reason::Closed,
            _ => Reason::Error(error),
        })
    }

    pub(super) fn violation(violation: Violation) -> Self {
        match violation {
            Violation::Protocol(why) => Self::new(1002, Reason::BadFrame(why)),
            Violation::Encoding => Self::new(1007, Reason::BadEncoding),
            Violation::Size => Self::new(1009, Reason::BadSize),
        }
    }
}
