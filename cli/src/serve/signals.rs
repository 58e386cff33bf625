//! The signals that end the command, as a source.

use tokio::signal::unix::{Signal as Stream, SignalKind, signal};

use crate::error::{Error, Result};

/// What somebody wants the command to end by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// Ctrl-c.
    Interrupt,
    Terminate,
    /// The terminal was closed.
    Hangup,
    /// Ctrl-\\: caught so that the terminal is left as it was found.
    Quit,
}

impl Signal {
    /// The exit code that shells give to a process that a signal ended: 128 and its number.
    pub(crate) fn exit_code(self) -> u8 {
        match self {
            Self::Hangup => 129,
            Self::Interrupt => 130,
            Self::Quit => 131,
            Self::Terminate => 143,
        }
    }
}

/// Listens for all of them, instead of being ended by them.
#[derive(Debug)]
pub(crate) struct Signals {
    interrupt: Stream,
    terminate: Stream,
    hangup: Stream,
    quit: Stream,
}

impl Signals {
    pub(crate) fn listen() -> Result<Self> {
        let listen = |kind| signal(kind).map_err(|error| Error::failed(format!("can't listen for signals: {error}")));
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hangup: listen(SignalKind::hangup())?,
            quit: listen(SignalKind::quit())?,
        })
    }

    /// The next one. Nothing is lost when this is dropped; two of a kind that nobody has read are one.
    pub(crate) async fn next(&mut self) -> Signal {
        tokio::select! {
            Some(()) = self.interrupt.recv() => Signal::Interrupt,
            Some(()) = self.terminate.recv() => Signal::Terminate,
            Some(()) = self.hangup.recv() => Signal::Hangup,
            Some(()) = self.quit.recv() => Signal::Quit,
            else => std::future::pending().await,
        }
    }
}
