//! One WebSocket connection, from the 101 to `terminate`: one task, one loop.

use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::time::{Instant, sleep_until, timeout};

use super::commands::End;
use super::mailbox::{Arrival, Inbox};
use super::{Commands, Info, Reason, Socket, WebSocketHandler};
use crate::lifecycle::Lifecycle;
use crate::transport::Transport;
use crate::unwind::caught;
use crate::wire::{self, Close, Decoder, Frame, Violation};

/// How much is read at a time. The buffer is given back when it is empty: an idle connection has none.
const READ_SIZE: usize = 8 * 1024;
/// How long, and for how many bytes, the peer's last words are read away after a close frame: unread bytes would reset
/// the connection, and a reset can overtake the frame.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 64 * 1024;

/// What a connection may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) idle_timeout: Duration,
    pub(crate) write_timeout: Duration,
    pub(crate) message_size: usize,
    pub(crate) fragments: usize,
}

pub(crate) struct Connection<H, M> {
    handler: H,
    socket: Socket<M>,
    inbox: Inbox<M>,
    lifecycle: Lifecycle,
    limits: Limits,
    decoder: Decoder,
    /// Received and not yet decoded.
    input: BytesMut,
    /// Encoded and not yet written: what the callbacks of one turn of the loop have sent.
    output: Vec<u8>,
    last_received: Instant,
}

/// The end of the loop.
struct Ending {
    /// The close frame to send, where there is one to send and somebody to send it to.
    close: Option<Close>,
    reason: Reason,
}

impl<H: WebSocketHandler<M>, M: Send + 'static> Connection<H, M> {
    pub(crate) fn new(handler: H, socket: Socket<M>, inbox: Inbox<M>, limits: Limits, lifecycle: Lifecycle) -> Self {
        Self {
            handler,
            socket,
            inbox,
            lifecycle,
            limits,
            decoder: Decoder::new(wire::Limits {
                message_size: limits.message_size,
                fragments: limits.fragments,
            }),
            input: BytesMut::new(),
            output: Vec::new(),
            last_received: Instant::now(),
        }
    }

    /// Runs the connection to its end, whatever that is.
    pub(crate) async fn run(mut self, mut transport: Transport, read_ahead: Bytes) {
        self.input.extend_from_slice(&read_ahead);
        drop(read_ahead);
        self.last_received = Instant::now();
        let Err(Ending { close, reason }) = self.serve(&mut transport).await;
        // From here on nothing is delivered: its channels see it gone before `terminate` is told.
        self.socket.end();
        drop(self.inbox);
        let linger = match close {
            Some(close) => write_close(&mut transport, &mut self.output, &close, self.limits.write_timeout).await,
            None => false,
        };
        if let Reason::Crash(message) = &reason {
            tracing::error!("a WebSocket handler crashed: {message}");
        }
        if let Err(panic) = caught(self.handler.terminate(reason, &self.socket)).await {
            tracing::error!("a WebSocket handler's `terminate` {panic}");
        }
        if linger {
            // Whether it succeeds or not, the connection is at its end.
            let _ = timeout(LINGER, read_away(&mut transport)).await;
        }
    }

    /// The loop. It waits only for sources; the callbacks run between two waits, and are never cancelled.
    async fn serve(&mut self, transport: &mut Transport) -> Result<std::convert::Infallible, Ending> {
        // What `init` sent to itself comes before any frame, even one that came with the handshake.
        for _ in 0..self.inbox.len() {
            if let Some(info) = self.inbox.try_next() {
                self.info(info).await?;
            }
        }
        loop {
            // All that one read brought is handled before the mailbox is looked at.
            while let Some(frame) = self.decoder.decode(&mut self.input).map_err(Ending::violation)? {
                self.frame(frame).await?;
            }
            if self.input.is_empty() {
                self.input = BytesMut::new();
            }
            self.flush(transport).await?;
            self.wait(transport).await?;
        }
    }

    /// Waits for something to happen, and does what it asks for.
    async fn wait(&mut self, transport: &mut Transport) -> Result<(), Ending> {
        let idle = self.last_received + self.limits.idle_timeout;
        let deadline = self.inbox.next_due().map_or(idle, |due| due.min(idle));
        let arrival = tokio::select! {
            ready = transport.stream().readable() => {
                ready.map_err(Ending::error)?;
                return self.read(transport);
            }
            arrival = self.inbox.next() => Some(arrival),
            () = sleep_until(deadline) => None,
            () = self.lifecycle.draining() => return Err(Ending::new(1001, Reason::Shutdown)),
        };
        if self.inbox.has_overflowed() {
            return Err(Ending::new(1013, Reason::Slow));
        }
        match arrival {
            Some(Arrival::Info(info)) => self.messages(info).await,
            Some(Arrival::Attention) => Ok(()),
            None => self.timers(idle).await,
        }
    }

    fn read(&mut self, transport: &mut Transport) -> Result<(), Ending> {
        self.input.reserve(READ_SIZE);
        match transport.stream().try_read_buf(&mut self.input) {
            Ok(0) => Err(Ending {
                close: None,
                reason: Reason::Closed,
            }),
            Ok(_) => {
                self.last_received = Instant::now();
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(Ending::error(error)),
        }
    }

    /// Handles this message, and those that wait behind it now: their frames are written together.
    async fn messages(&mut self, first: Info<M>) -> Result<(), Ending> {
        let waiting = self.inbox.len();
        self.info(first).await?;
        for _ in 0..waiting {
            match self.inbox.try_next() {
                Some(info) => self.info(info).await?,
                None => break,
            }
        }
        Ok(())
    }

    /// A deadline has come: of timers, or of idleness.
    async fn timers(&mut self, idle: Instant) -> Result<(), Ending> {
        let now = Instant::now();
        if now >= idle {
            return Err(Ending::new(1000, Reason::Timeout));
        }
        while let Some(info) = self.inbox.take_due(now) {
            self.info(info).await?;
        }
        Ok(())
    }

    async fn frame(&mut self, frame: Frame) -> Result<(), Ending> {
        match &frame {
            Frame::Ping(payload) => self.send(&Frame::Pong(payload.clone()))?,
            Frame::Close(close) => {
                // The same code without the reason, as RFC 6455 §5.5.1 has it.
                let echo = close.code.map_or_else(Close::default, |code| Close::new(code, ""));
                return Err(Ending {
                    close: Some(echo),
                    reason: Reason::Remote(close.clone()),
                });
            }
            _ => {}
        }
        let commands = caught(self.handler.handle(frame, &self.socket)).await;
        self.obey(commands)
    }

    async fn info(&mut self, info: Info<M>) -> Result<(), Ending> {
        let commands = caught(self.handler.info(info, &self.socket)).await;
        self.obey(commands)
    }

    /// Every callback passes through here.
    fn obey(&mut self, commands: Result<Commands, crate::unwind::Panic>) -> Result<(), Ending> {
        let commands = commands.map_err(|panic| Ending::crash(panic.to_string()))?;
        for frame in commands.frames {
            if let Frame::Close(close) = frame {
                // It is encoded with the ending; an illegal one is a crash like any illegal frame.
                wire::encode_close(&close, &mut Vec::new()).map_err(|why| Ending::crash(why.to_owned()))?;
                return Err(Ending {
                    close: Some(close),
                    reason: Reason::Stop,
                });
            }
            self.send(&frame)?;
        }
        match commands.end {
            None => Ok(()),
            Some(End::Stop) => Err(Ending::new(1000, Reason::Stop)),
            Some(End::Crash(message)) => Err(Ending::crash(message)),
        }
    }

    fn send(&mut self, frame: &Frame) -> Result<(), Ending> {
        wire::encode(frame, &mut self.output).map_err(|why| Ending::crash(why.to_owned()))
    }

    /// Writes what has been sent, in one write where the kernel takes it. Meanwhile only an overflowing mailbox is heard.
    async fn flush(&mut self, transport: &mut Transport) -> Result<(), Ending> {
        if self.output.is_empty() {
            return Ok(());
        }
        let output = std::mem::take(&mut self.output);
        tokio::select! {
            written = write(transport, &output, self.limits.write_timeout) => written.map_err(Ending::error),
            () = self.inbox.overflow() => Err(Ending { close: None, reason: Reason::Slow }),
        }
    }
}

impl Ending {
    fn new(code: u16, reason: Reason) -> Self {
        Self {
            close: Some(Close::new(code, "")),
            reason,
        }
    }

    fn crash(message: String) -> Self {
        Self::new(1011, Reason::Crash(message))
    }

    fn error(error: io::Error) -> Self {
        let reason = match error.kind() {
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => Reason::Closed,
            _ => Reason::Error(error),
        };
        Self { close: None, reason }
    }

    fn violation(violation: Violation) -> Self {
        match violation {
            Violation::Protocol(why) => Self::new(1002, Reason::BadFrame(why)),
            Violation::Encoding => Self::new(1007, Reason::BadEncoding),
            Violation::Size => Self::new(1009, Reason::BadSize),
        }
    }
}

async fn write(transport: &mut Transport, mut bytes: &[u8], deadline: Duration) -> io::Result<()> {
    let stream = transport.stream();
    let write = async {
        while !bytes.is_empty() {
            match stream.try_write(bytes) {
                Ok(written) => bytes = &bytes[written..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => stream.writable().await?,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    };
    timeout(deadline, write)
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// Writes what is left and the close frame, and ends the sending direction. Says whether there is a peer to listen to.
async fn write_close(transport: &mut Transport, output: &mut Vec<u8>, close: &Close, deadline: Duration) -> bool {
    use std::pin::Pin;

    use tokio::io::AsyncWrite as _;

    if wire::encode_close(close, output).is_err() || write(transport, output, deadline).await.is_err() {
        return false;
    }
    *output = Vec::new();
    std::future::poll_fn(|context| Pin::new(&mut *transport).poll_shutdown(context))
        .await
        .is_ok()
}

async fn read_away(transport: &mut Transport) -> io::Result<()> {
    let mut scratch = vec![0; 1024];
    let mut left = LINGER_BYTES;
    while left > 0 {
        transport.stream().readable().await?;
        match transport.stream().try_read(&mut scratch) {
            Ok(0) => break,
            Ok(read) => left = left.saturating_sub(read),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
