//! What a connection has to send: gathered from its callbacks, and written to its peer.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::commands::{End, Frames};
use super::ending::Ending;
use super::mailbox::Mailbox;
use super::route::Route;
use super::write::write_slowly;
use super::{Commands, Reason, buffer};
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
    pub(super) route: Arc<Route>,
}

/// What became of a callback, and of what was written meanwhile.
pub(super) type Called = (Result<Commands, Panic>, Result<(), Ending>);

impl<M: Send + 'static> Output<M> {
    pub(super) fn new(mailbox: Arc<Mailbox<M>>, codec: Option<Codec>, timeout: Duration, route: Arc<Route>) -> Self {
        Self {
            mailbox,
            codec,
            bytes: Vec::new(),
            timeout,
            receives: true,
            lends: false,
            called: 0,
            route,
        }
    }

    /// Answers what is to be answered before the handler sees it. Should the handler take its time, then the answer is
    /// written meanwhile.
    pub(super) fn answer(&mut self, frame: &Frame) -> Result<(), Ending> {
        self.route.connections.received();
        if let Some(watched) = self.mailbox.watched() {
            watched.received(frame);
        }
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
            // What the callback has decided ends it here.
            (Err(cut), Err(ending)) if cut.is_move() => Err(ending),
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
        self.route.connections.sent();
        if let Some(watched) = self.mailbox.watched() {
            watched.sent(1, frame.len());
        }
        self.fill();
        let encoded = match &mut self.codec {
            Some(codec) => codec.encode(frame, &mut self.bytes),
            None => wire::encode(frame, &mut self.bytes),
        };
        encoded.map_err(|why| Ending::crash(why.to_owned()))
    }

    /// Gives it room: it has none of its own while there is nothing to write.
    fn fill(&mut self) {
        if self.bytes.capacity() == 0 {
            self.bytes = buffer::borrow_output();
        }
    }

    /// Puts what others have begun to write before all that is not written at all.
    pub(super) fn begin_with(&mut self, rest: &[u8]) {
        self.fill();
        self.bytes.splice(..0, rest.iter().copied());
    }

    /// Begins with what is still to be written.
    pub(super) fn begin_with_all(&mut self, unwritten: Vec<u8>) {
        self.bytes = unwritten;
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

    /// Writes all of it, in one write where the kernel takes it.
    pub(super) async fn flush(&mut self, transport: &mut Transport) -> Result<(), Ending> {
        if self.write_now(transport).await? {
            return Ok(());
        }
        let bytes = std::mem::take(&mut self.bytes);
        let mut left = &bytes[..];
        let written = write_slowly(&self.mailbox, transport, &mut left, self.timeout).await;
        if let Err(ending) = written {
            if ending.is_move() {
                self.begin_with(left);
            }
            return Err(ending);
        }
        if self.lends {
            self.mailbox.lend();
        }
        Ok(())
    }

    /// Writes as much as is taken now, and says whether that was all. What is left has a buffer of about its size: a peer
    /// that does not read keeps what it is sent, and not the room that the worker has.
    ///
    /// A stream that is lent to others is taken back for it, until all is written.
    pub(super) async fn write_now(&mut self, transport: &mut Transport) -> Result<bool, Ending> {
        if self.bytes.capacity() == 0 {
            // Nothing is in hand, so the stream is lent where it ever is.
            return Ok(true);
        }
        self.take_back();
        let mut buffer = std::mem::take(&mut self.bytes);
        let mut left = &buffer[..];
        let written = poll_fn(|context| Poll::Ready(transport.poll_send(context, &mut left))).await;
        if left.len() > buffer.capacity() / 4 * 3 {
            let taken = buffer.len() - left.len();
            buffer.drain(..taken);
            self.bytes = buffer;
        } else {
            self.bytes = left.to_vec();
            buffer.clear();
            buffer::give_back(buffer);
        }
        match written {
            Poll::Pending => {
                // All may be written and not yet flushed, as with TLS: something is in hand still.
                self.bytes.reserve(1);
                return Ok(false);
            }
            Poll::Ready(written) => written.map_err(Ending::error)?,
        }
        if self.lends {
            self.mailbox.lend();
        }
        Ok(true)
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

    /// Lets others write again, where they could: the connection has not moved.
    pub(super) fn lend_again(&mut self) {
        if self.lends && self.bytes.is_empty() {
            self.mailbox.lend();
        }
    }

    /// Takes the stream back from those who write to it: what they have begun comes first, also before a close frame.
    pub(super) fn take_back(&mut self) {
        if self.lends
            && let Some(rest) = self.mailbox.take_back()
        {
            self.begin_with(&rest);
        }
    }
}
