//! What a connection has to send: gathered from its callbacks, and written to its peer.

use std::sync::Arc;
use std::time::Duration;

use super::commands::{End, Frames};
use super::ending::Ending;
use super::mailbox::Mailbox;
use super::write::{begin_with, filled, flush, take_back, write_now};
use super::{Commands, Reason};
use crate::metrics::Connections;
use crate::transport::Transport;
use crate::unwind::Panic;
use crate::wire::{self, Codec, Frame};

/// When so much is to be written, it is written before more frames are handled.
const WRITE_SIZE: usize = 64 * 1024;
/// After so many callbacks other connections of the worker have their turn.
const TURN: u32 = 256;

/// The sending half of a connection: all of it that a callback's commands change, and none that a callback borrows.
pub(super) struct Output<M> {
    pub(super) mailbox: Arc<Mailbox<M>>,
    /// Where compression was agreed on.
    pub(super) codec: Option<Codec>,
    /// Encoded and not yet written: what the callbacks of one turn of the loop have sent.
    pub(super) bytes: Vec<u8>,
    /// How long the peer may take for a part of it.
    pub(super) timeout: Duration,
    /// Whether the handler wants to receive: it may stop and resume.
    pub(super) receives: bool,
    /// Whether others may write to the stream between two of the connection's own writes.
    lends: bool,
    /// How many callbacks have been called in this turn of the worker.
    called: u32,
    pub(super) metrics: Connections,
}

/// What became of a callback, and of what was written meanwhile.
pub(super) type Called = (Result<Commands, Panic>, Result<(), Ending>);

impl<M: Send + 'static> Output<M> {
    pub(super) fn new(mailbox: Arc<Mailbox<M>>, codec: Option<Codec>, timeout: Duration, metrics: Connections) -> Self {
        Self {
            mailbox,
            codec,
            bytes: Vec::new(),
            timeout,
            receives: true,
            lends: false,
            called: 0,
            metrics,
        }
    }

    /// Answers what is to be answered before the handler sees it. Should the handler take its time, then the answer is
    /// written meanwhile.
    pub(super) fn answer(&mut self, frame: &Frame) -> Result<(), Ending> {
        self.metrics.received();
        match frame {
            Frame::Close(close) => Err(Ending::remote(close.clone())),
            Frame::Ping(payload) => self.send(&Frame::Pong(payload.clone())),
            _ => Ok(()),
        }
    }

    /// Does what a callback wants done that took its time. Where the peer can be told nothing any more, the callback may
    /// still say why it ends.
    pub(super) fn settle(&mut self, (commands, written): Called) -> Result<(), Ending> {
        let obeyed = match commands {
            Ok(commands) => self.obey(&commands),
            Err(panic) => Err(Ending::crash(panic.to_string())),
        };
        match (written, obeyed) {
            (Ok(()), obeyed) => obeyed,
            (Err(ending), Ok(())) => Err(ending),
            (Err(cut), Err(mut ending)) => {
                ending.0.close = ending.0.close.filter(|_| cut.0.close.is_some());
                Err(ending)
            }
        }
    }

    /// Every callback passes through here.
    pub(super) fn obey(&mut self, commands: &Commands) -> Result<(), Ending> {
        self.called += 1;
        if let Some(receives) = commands.receives {
            self.receives = receives;
        }
        match &commands.frames {
            Frames::None => {}
            Frames::One(frame) => self.send_or_end(frame)?,
            Frames::Many(frames) => frames.iter().try_for_each(|frame| self.send_or_end(frame))?,
        }
        match &commands.end {
            None => Ok(()),
            Some(End::Stop) => Err(Ending::new(1000, Reason::Stop)),
            Some(End::Crash(message)) => Err(Ending::crash(message.clone())),
        }
    }

    /// Sends what a handler wants sent: a close frame is the end.
    fn send_or_end(&mut self, frame: &Frame) -> Result<(), Ending> {
        if let Frame::Close(close) = frame {
            // It is encoded with the ending; an illegal one is a crash like any illegal frame.
            wire::encode_close(close, &mut Vec::new()).map_err(|why| Ending::crash(why.to_owned()))?;
            return Err(Ending::with(close.clone(), Reason::Stop));
        }
        self.send(frame)
    }

    pub(super) fn send(&mut self, frame: &Frame) -> Result<(), Ending> {
        self.metrics.sent();
        let output = filled(&mut self.bytes);
        let encoded = match &mut self.codec {
            Some(codec) => codec.encode(frame, output),
            None => wire::encode(frame, output),
        };
        encoded.map_err(|why| Ending::crash(why.to_owned()))
    }

    /// Puts what others have begun to write before all that is not written at all.
    pub(super) fn begin_with(&mut self, rest: &[u8]) {
        begin_with(&mut self.bytes, rest);
    }

    /// Counts work like that of so many callbacks.
    pub(super) fn count(&mut self, callbacks: u32) {
        self.called = self.called.saturating_add(callbacks);
    }

    /// The connection waits, or has given way: others have had their turn.
    pub(super) fn begin_turn(&mut self) {
        self.called = 0;
    }

    /// Whether others want room on the worker.
    pub(super) fn has_worked_enough(&self) -> bool {
        self.called >= TURN
    }

    /// Whether others want room: in the output, or on the worker.
    pub(super) fn is_turn_over(&self) -> bool {
        self.has_worked_enough() || self.bytes.len() >= WRITE_SIZE
    }

    /// Writes all of it.
    pub(super) async fn flush(&mut self, transport: &mut Transport) -> Result<(), Ending> {
        flush(&mut self.bytes, self.lends, &self.mailbox, transport, self.timeout).await
    }

    /// Writes what is taken now, and says whether that was all.
    pub(super) async fn write_now(&mut self, transport: &mut Transport) -> Result<bool, Ending> {
        write_now(&mut self.bytes, self.lends, &self.mailbox, transport).await
    }

    /// Lets others write to the stream, where broadcasts go straight to the client. Frames that are compressed are made for
    /// this connection alone, and so are those of a stream that is not plain TCP.
    pub(super) fn lend(&mut self, transport: &mut Transport) {
        let stream = match self.codec {
            None => transport.share(),
            Some(_) => None,
        };
        self.lends = stream.is_some();
        self.mailbox.lend_first(stream);
    }

    /// Takes the stream back from those who write to it: what they have begun is ended before the close frame.
    pub(super) fn take_back(&mut self) {
        if self.lends {
            take_back(&mut self.bytes, &self.mailbox);
        }
    }
}
