//! One WebSocket connection, from the 101 to `terminate`: one task, one loop.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead as _, ReadBuf};
use tokio::task::yield_now;
use tokio::time::timeout;

use super::buffer;
use super::ending::{Ending, Last};
use super::mailbox::Signals;
use super::output::{Called, Output};
use super::queue::Mail;
use super::route::Route;
use super::write::{LAST_WRITE, write_close};
use super::{Commands, Info, Reason, Socket, WebSocketHandler};
use crate::moving::Verdict;
use crate::transport::Transport;
use crate::unwind::caught;
use crate::wire::{self, Codec, Decoder, Frame};

/// Reading so much counts as a callback.
const BYTES_LIKE_A_CALLBACK: usize = 2048;
/// How long the peer's last words are read away after a close frame, however many they are: unread bytes would reset the
/// connection, and a reset can overtake the frame.
const LINGER: Duration = Duration::from_secs(1);

/// What a connection may take.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Limits {
    pub(crate) write_timeout: Duration,
    pub(crate) wire: wire::Limits,
}

/// A connection. Between two things that happen it holds no buffer: what is read goes into a buffer of the worker that
/// reads it, and what is written is gathered in another.
pub(crate) struct Connection<H, M: Send + 'static> {
    handler: H,
    socket: Ended<M>,
    limits: wire::Limits,
    decoder: Decoder,
    output: Output<M>,
    /// Whether the mailbox comes before the socket: they take turns.
    mail_first: bool,
}

/// A connection's handle, ended with its owner: what was joined in an `init` that refuses or panics, or whose upgrade
/// comes to nothing, is left.
pub(crate) struct Ended<M: Send + 'static>(pub(crate) Socket<M>);

impl<M: Send + 'static> Drop for Ended<M> {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// What the loop has waited for.
enum Event {
    /// The beginning, with what came behind the handshake.
    Begin(Bytes),
    /// The beginning in this process.
    Resume(Box<Resumption>),
    /// So many bytes were read, into a buffer of the worker's; none is the end.
    Read(buffer::Input, usize),
    Mail(Signals),
}

impl<H: WebSocketHandler<M>, M: Send + 'static> Connection<H, M> {
    pub(crate) fn new(handler: H, socket: Ended<M>, limits: Limits, codec: Option<Codec>, route: Arc<Route>) -> Self {
        let mailbox = Arc::clone(socket.0.mailbox());
        Self {
            handler,
            socket,
            limits: limits.wire,
            decoder: Decoder::default(),
            output: Output::new(mailbox, codec, limits.write_timeout, route),
            mail_first: false,
        }
    }

    /// Runs the connection to its end, whatever that is.
    ///
    /// What it does at a turn is boxed: a silent connection has only what it waits with.
    pub(crate) fn run(self, transport: Transport, read_ahead: Bytes) -> impl Future<Output = ()> {
        self.go_on(transport, Event::Begin(read_ahead))
    }

    /// A block, and no async function, which would have room for its arguments twice.
    #[expect(clippy::manual_async_fn, reason = "the memory of every connection")]
    fn go_on(mut self, mut transport: Transport, mut event: Event) -> impl Future<Output = ()> {
        async move {
            self.output.route.connections.opened();
            let ending = loop {
                let mut turn = Box::pin(self.turn(&mut transport, event));
                let turned = match caught(turn.as_mut()).await {
                    Ok(turned) => turned,
                    Err(panic) => Err(Ending::crash(panic.to_string())),
                };
                drop(turn);
                let next = match turned {
                    Ok(()) => poll_fn(|context| self.wait(&mut transport, context)).await,
                    Err(ending) => Err(ending),
                };
                let mut ending = match next {
                    Ok(next) => {
                        event = next;
                        continue;
                    }
                    Err(ending) => ending,
                };
                let Some(unread) = ending.0.moves.take() else {
                    break ending;
                };
                match Box::pin(self.move_out(&mut transport, &unread)).await {
                    Verdict::Kept => event = Event::Begin(unread.into()),
                    Verdict::LeftBehind => break ending,
                    Verdict::Moved => {
                        self.output.route.connections.moved();
                        return;
                    }
                }
            };
            Box::pin(self.end(transport, ending)).await;
        }
    }

    async fn end(mut self, mut transport: Transport, ending: Ending) {
        let Last { close, reason, .. } = *ending.0;
        self.output.take_back();
        self.output.route.connections.closed(&reason);
        // From here on nothing is delivered: its channels see it gone before `terminate` is told.
        self.socket.0.end();
        let linger = match close {
            Some(close) => {
                let patience = match reason {
                    Reason::Shutdown | Reason::Slow => self.output.timeout.min(LAST_WRITE),
                    _ => self.output.timeout,
                };
                write_close(&mut transport, &mut self.output.bytes, &close, patience).await
            }
            None => false,
        };
        buffer::give_back(std::mem::take(&mut self.output.bytes));
        if let Reason::Crash(message) = &reason {
            tracing::error!("a WebSocket handler crashed: {message}");
        }
        if let Err(panic) = caught(self.handler.terminate(reason, &self.socket.0)).await {
            tracing::error!("a WebSocket handler's `terminate` {panic}");
        }
        if linger {
            // Whether it succeeds or not, the connection is at its end.
            let _ = timeout(LINGER, read_away(&mut transport)).await;
        }
    }

    /// Handles what has happened, and writes what that has led to. The callbacks run here, between two waits, and are never
    /// cancelled.
    ///
    /// A panic is caught once for all callbacks of a turn: once for each is felt where many messages come in one read.
    async fn turn(&mut self, transport: &mut Transport, event: Event) -> Result<(), Ending> {
        let lends = matches!(&event, Event::Mail(signals) if signals.forwards);
        match event {
            Event::Begin(read_ahead) => Box::pin(self.begin(transport, read_ahead)).await?,
            Event::Resume(resumption) => Box::pin(self.resume(transport, *resumption)).await?,
            Event::Read(buffer, length) => self.read(transport, buffer, length).await?,
            Event::Mail(signals) => self.mail(transport, signals).await?,
        }
        self.output.flush(transport).await?;
        if lends {
            self.output.lend(transport);
        }
        Ok(())
    }

    /// What `init` sent to itself comes before any frame, even one that came with the handshake.
    async fn begin(&mut self, transport: &mut Transport, read_ahead: Bytes) -> Result<(), Ending> {
        if let Err(ending) = self.messages(transport).await {
            return Err(ending.with_unread(&read_ahead));
        }
        self.rest(transport, read_ahead.into()).await
    }

    /// Waits for the socket or the mailbox. Neither keeps the other from being heard.
    fn wait(&mut self, transport: &mut Transport, context: &mut Context<'_>) -> Poll<Result<Event, Ending>> {
        if self.output.has_worked_enough() {
            // Others have theirs, while nothing of the worker's is held.
            self.output.begin_turn();
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let mail_first = std::mem::take(&mut self.mail_first);
        if mail_first && let Poll::Ready(mut signals) = self.output.mailbox.poll(context) {
            // Whether it is idle can only be said when there is nothing to read: the next turn will.
            signals.idle = false;
            return Poll::Ready(Ok(Event::Mail(signals)));
        }
        if self.output.receives {
            let mut buffer = buffer::borrow_input();
            let mut input = ReadBuf::new(&mut buffer);
            // It asks the kernel only when there is something; and what does not fill the buffer was all, so that the
            // kernel is not asked for more in vain, as it is by `try_read`.
            let read = Pin::new(&mut *transport).poll_read(context, &mut input);
            let length = input.filled().len();
            if let Poll::Ready(Ok(())) = read {
                self.mail_first = true;
                return Poll::Ready(Ok(Event::Read(buffer, length)));
            }
            drop(buffer);
            if let Poll::Ready(Err(error)) = read {
                return Poll::Ready(Err(Ending::error(error)));
            }
        }
        if !mail_first && let Poll::Ready(signals) = self.output.mailbox.poll(context) {
            return Poll::Ready(Ok(Event::Mail(signals)));
        }
        // Others have their turn now.
        self.output.begin_turn();
        Poll::Pending
    }

    /// Handles every frame that a read completes.
    async fn read(&mut self, transport: &mut Transport, buffer: buffer::Input, length: usize) -> Result<(), Ending> {
        if length == 0 {
            return Err(Ending::without_close(Reason::Closed));
        }
        self.output.mailbox.received_now();
        self.input(transport, buffer, length).await?;
        // Whatever is in it, much that was read is work like many callbacks.
        self.output
            .count(u32::try_from(length / BYTES_LIKE_A_CALLBACK).unwrap_or(u32::MAX));
        Ok(())
    }

    /// Handles what is in the worker's buffer for as long as nothing has to be waited for. Then what is left moves to a
    /// buffer of its size: many connections may wait, and the worker has one buffer.
    async fn input(
        &mut self,
        transport: &mut Transport,
        mut buffer: buffer::Input,
        length: usize,
    ) -> Result<(), Ending> {
        let mut input = &mut buffer[..length];
        let (called, rest) = loop {
            let frame = match self.decoder.decode(&mut input, &self.limits, &mut self.output.codec) {
                Ok(Some(frame)) => frame,
                Ok(None) => return Ok(()),
                Err(violation) => return Err(Ending::violation(violation)),
            };
            self.output.answer(&frame)?;
            let mut handled = pin!(self.handler.handle(frame, &self.socket.0));
            match &poll_fn(|context| Poll::Ready(handled.as_mut().poll(context))).await {
                Poll::Ready(commands) => self.output.obey(commands)?,
                Poll::Pending => {
                    let rest = input.to_vec();
                    drop(buffer);
                    let write = self.output.flush(transport);
                    break (Box::pin(both(handled, write)).await, rest);
                }
            }
            if self.output.is_turn_over() {
                let written = self.output.write_now(transport).await;
                if !matches!(written, Ok(true)) || self.output.has_worked_enough() {
                    let rest = input.to_vec();
                    drop(buffer);
                    break ((Ok(Commands::none()), written.map(drop)), rest);
                }
            }
        };
        if let Err(ending) = self.output.settle(called) {
            return Err(ending.with_unread(&rest));
        }
        Box::pin(self.rest(transport, rest)).await
    }

    /// Handles what is in a buffer of the connection's own.
    async fn rest(&mut self, transport: &mut Transport, mut rest: Vec<u8>) -> Result<(), Ending> {
        let mut input = &mut rest[..];
        loop {
            if self.output.mailbox.is_moving() {
                return Err(Ending::moving().with_unread(input));
            }
            if self.output.is_turn_over()
                && let Err(ending) = self.give_way(transport).await
            {
                return Err(ending.with_unread(input));
            }
            let decoded = self.decoder.decode(&mut input, &self.limits, &mut self.output.codec);
            let Some(frame) = decoded.map_err(Ending::violation)? else {
                return Ok(());
            };
            self.output.answer(&frame)?;
            let write = self.output.flush(transport);
            let called = call(self.handler.handle(frame, &self.socket.0), write).await;
            if let Err(ending) = self.output.settle(called) {
                return Err(ending.with_unread(input));
            }
        }
    }

    /// Does what the mailbox asks for: the most urgent first.
    async fn mail(&mut self, transport: &mut Transport, signals: Signals) -> Result<(), Ending> {
        if signals.overflowed {
            return Err(Ending::new(1013, Reason::Slow));
        }
        // Before the end: one that is late to move is at that end because the others have moved.
        if signals.moving.is_some() {
            return Err(Ending::moving());
        }
        if signals.draining {
            return Err(Ending::shutdown());
        }
        if signals.idle && self.output.mailbox.is_idle() {
            return Err(Ending::new(1000, Reason::Timeout));
        }
        if signals.timers {
            // Those that are due now: what becomes due meanwhile is for the next time.
            let now = self.output.mailbox.now();
            if self.output.mailbox.take_ping(now) {
                self.output.send(&Frame::Ping(Bytes::new()))?;
            }
            while let Some(info) = self
                .output
                .mailbox
                .take_due(now)
                .map_err(|panic| Ending::crash(panic.to_string()))?
            {
                self.info(transport, info).await?;
                if self.output.is_turn_over() {
                    self.give_way(transport).await?;
                }
            }
        }
        if signals.idle || signals.timers {
            self.output.mailbox.heard();
        }
        self.messages(transport).await
    }

    /// Handles the messages that wait now: their frames are written together.
    async fn messages(&mut self, transport: &mut Transport) -> Result<(), Ending> {
        let waiting = self.output.mailbox.len();
        self.output.route.connections.waiting(waiting);
        for _ in 0..waiting {
            match self.output.mailbox.try_next() {
                Some(Mail::Broadcast(message)) => {
                    self.info(transport, Info::Broadcast(Arc::unwrap_or_clone(message)))
                        .await?;
                }
                Some(Mail::Message(message)) => self.info(transport, Info::Message(message)).await?,
                Some(Mail::Forwarded(message)) => {
                    self.output.count(1);
                    self.output.send(&message.payload.clone().into())?;
                }
                Some(Mail::Gap(gap)) => self.info(transport, Info::Gap(Arc::unwrap_or_clone(gap))).await?,
                Some(Mail::Rest(rest)) => self.output.begin_with(&rest),
                None => break,
            }
            if self.output.is_turn_over() {
                self.give_way(transport).await?;
            }
        }
        Ok(())
    }

    /// Leaves room for others.
    async fn give_way(&mut self, transport: &mut Transport) -> Result<(), Ending> {
        self.output.flush(transport).await?;
        if self.output.has_worked_enough() {
            self.output.begin_turn();
            yield_now().await;
        }
        Ok(())
    }

    async fn info(&mut self, transport: &mut Transport, info: Info<M>) -> Result<(), Ending> {
        let write = self.output.flush(transport);
        let called = call(self.handler.info(info, &self.socket.0), write).await;
        self.output.settle(called)
    }
}

/// Waits for a callback. Should it take its time, then what was sent before is written meanwhile.
async fn call(callback: impl Future<Output = Commands>, write: impl Future<Output = Result<(), Ending>>) -> Called {
    let mut callback = pin!(callback);
    match poll_fn(|context| Poll::Ready(callback.as_mut().poll(context))).await {
        Poll::Ready(commands) => (Ok(commands), Ok(())),
        Poll::Pending => Box::pin(both(callback, write)).await,
    }
}

/// Waits for both, whatever becomes of either: no callback is cancelled, and no frame is cut by a panic.
async fn both(callback: impl Future<Output = Commands>, write: impl Future<Output = Result<(), Ending>>) -> Called {
    tokio::join!(caught(callback), write)
}

async fn read_away(transport: &mut Transport) -> io::Result<()> {
    loop {
        let read = poll_fn(|context| {
            let mut buffer = buffer::borrow_input();
            let mut input = ReadBuf::new(&mut buffer);
            let read = Pin::new(&mut *transport).poll_read(context, &mut input);
            let length = input.filled().len();
            read.map_ok(|()| length)
        });
        if read.await? == 0 {
            return Ok(());
        }
        // What nobody wants is read last.
        yield_now().await;
    }
}

mod moving;
pub(crate) use moving::{Resumption, resume};

#[cfg(test)]
mod tests;
