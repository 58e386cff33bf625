//! A client of a WebSocket, in memory.

use std::fmt;
use std::future::poll_fn;
use std::panic::Location;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::timeout;

use super::Rng;
use super::application::Running;
use super::frames::{self, COMPRESSED, FIN};
use super::pipe::{ClientEnd, Found};
use crate::wire::Codec;
use crate::{Close, Frame, Text};

/// How long a test waits for what it expects.
const PATIENCE: Duration = Duration::from_secs(5);

/// A client's end of a WebSocket, as [`TestApp::websocket`](super::TestApp::websocket) opens it.
///
/// What it sends is sent at once, and waits for the server as long as that does not read it: up to 256 MiB. What it
/// receives is read only when the test receives, frame by frame, so that a test which does not receive is a client that
/// does not read. It does nothing of itself: it answers neither pings nor a close.
///
/// Every wait has a deadline, of five seconds unless it says otherwise, which are no time with a paused clock. What did
/// not come, what came in its place, and what the protocol does not allow a server to send are failures of the test that
/// name the line which waited.
///
/// Dropping it closes the connection as a process does that ends: without a close frame.
///
/// An idle one takes some 200 bytes and no buffer, so that a test may hold a great many.
pub struct WebSocket {
    wire: ClientEnd,
    /// What has come of a frame that is not whole yet.
    buffer: Vec<u8>,
    masks: Rng,
    /// Where compression was agreed on.
    codec: Option<Codec>,
    /// The server has sent a close frame: nothing may follow it.
    closed: bool,
    /// What serves it, even where the test has dropped its application.
    _app: Arc<Running>,
}

/// What a client receives.
enum Arrival {
    Frame(Frame),
    End(End),
}

/// The end of what a server sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The server has ended its direction.
    Finished,
    /// The connection was reset.
    Reset,
}

impl WebSocket {
    pub(super) fn new(wire: ClientEnd, masks: Rng, codec: Option<Codec>, app: Arc<Running>) -> Self {
        Self {
            wire,
            buffer: Vec::new(),
            masks,
            codec,
            closed: false,
            _app: app,
        }
    }

    /// Sends a frame, masked: text, binary, ping, pong or close, legal or not. Compressed, where that was agreed on.
    pub fn send(&mut self, frame: impl Into<Frame>) {
        let frame = frame.into();
        if let Some(codec) = &mut self.codec {
            let mut encoded = Vec::new();
            if codec.encode(&frame, &mut encoded).is_ok()
                && let Ok(Ok(encoded)) = frames::take(&mut encoded, true)
            {
                let compressed = if encoded.compressed { COMPRESSED } else { 0 };
                return self.send_masked(FIN | compressed | encoded.opcode, &encoded.payload);
            }
        }
        let (first, payload) = frames::parts(frame);
        self.send_masked(first, &payload);
    }

    /// Sends a text message.
    pub fn send_text(&mut self, text: impl Into<Text>) {
        self.send(Frame::text(text));
    }

    /// Sends a binary message.
    pub fn send_binary(&mut self, bytes: impl Into<Bytes>) {
        self.send(Frame::binary(bytes));
    }

    /// Sends a ping.
    pub fn ping(&mut self, payload: impl Into<Bytes>) {
        self.send(Frame::ping(payload));
    }

    /// Sends bytes as they are: see [`masked`](super::masked).
    ///
    /// # Panics
    /// When 256 MiB wait for the server.
    pub fn send_raw(&mut self, bytes: impl AsRef<[u8]>) {
        self.wire.send(bytes.as_ref());
    }

    fn send_masked(&mut self, first: u8, payload: &[u8]) {
        let mask = frames::mask(&mut self.masks);
        self.wire.send(&frames::masked(first, payload, mask));
    }

    /// Receives the next frame, a close too. Cancel safe.
    ///
    /// # Panics
    /// When none comes in five seconds, the connection ends, or the server breaks the protocol.
    #[track_caller]
    pub fn receive(&mut self) -> impl Future<Output = Frame> + Send {
        self.receive_within(PATIENCE)
    }

    /// As [`receive`](Self::receive), in so much time.
    ///
    /// # Panics
    /// As [`receive`](Self::receive).
    #[track_caller]
    pub fn receive_within(&mut self, patience: Duration) -> impl Future<Output = Frame> + Send {
        let place = Location::caller();
        async move {
            match self.next(place, patience, "a frame").await {
                Arrival::Frame(frame) => frame,
                Arrival::End(end) => fail(place, &format!("expected a frame, and the connection ended: {end:?}")),
            }
        }
    }

    /// A frame that has come already, if there is one. It waits for nothing, and the server has no turn.
    ///
    /// # Panics
    /// When the server breaks the protocol.
    #[track_caller]
    pub fn try_receive(&mut self) -> Option<Frame> {
        let mut context = Context::from_waker(Waker::noop());
        match self.poll_next(Location::caller(), &mut context) {
            Poll::Ready(Arrival::Frame(frame)) => Some(frame),
            Poll::Ready(Arrival::End(_)) | Poll::Pending => None,
        }
    }

    /// Receives a text message.
    ///
    /// # Panics
    /// As [`receive`](Self::receive), and when another frame comes.
    #[track_caller]
    pub fn receive_text(&mut self) -> impl Future<Output = Text> + Send {
        let place = Location::caller();
        let received = self.receive();
        async move {
            match received.await {
                Frame::Text(text) => text,
                frame => fail(place, &format!("expected a text message, and received {frame:?}")),
            }
        }
    }

    /// Receives the server's close frame, and sees that nothing follows it but the end of what the server sends.
    ///
    /// # Panics
    /// As [`receive`](Self::receive), and when another frame comes.
    #[track_caller]
    pub fn receive_close(&mut self) -> impl Future<Output = Close> + Send {
        let place = Location::caller();
        async move {
            let close = match self.next(place, PATIENCE, "a close frame").await {
                Arrival::Frame(Frame::Close(close)) => close,
                Arrival::Frame(frame) => fail(place, &format!("expected a close frame, and received {frame:?}")),
                Arrival::End(end) => fail(place, &format!("the connection ended without a close frame: {end:?}")),
            };
            self.finish(place).await;
            close
        }
    }

    /// Waits for the end of a connection that the server does not close: one that it gives up.
    ///
    /// # Panics
    /// As [`receive`](Self::receive), and when a frame comes.
    #[track_caller]
    pub fn receive_end(&mut self) -> impl Future<Output = End> + Send {
        let place = Location::caller();
        async move {
            match self.next(place, PATIENCE, "the end of the connection").await {
                Arrival::End(end) => end,
                Arrival::Frame(frame) => fail(
                    place,
                    &format!("expected the end of the connection, and received {frame:?}"),
                ),
            }
        }
    }

    /// Receives all that comes until the end of what the server sends; the last is the close frame, where there is one.
    ///
    /// # Panics
    /// When for five seconds nothing comes, and no end either, or the server breaks the protocol.
    #[track_caller]
    pub fn rest(&mut self) -> impl Future<Output = Vec<Frame>> + Send {
        let place = Location::caller();
        async move {
            let mut frames = Vec::new();
            while let Arrival::Frame(frame) = self.next(place, PATIENCE, "a frame, or the end").await {
                frames.push(frame);
            }
            frames
        }
    }

    /// Closes the connection as a client does (RFC 6455 §7.1.2): sends a close frame, and waits for the server's. What was
    /// on its way before that is passed over.
    ///
    /// # Panics
    /// As [`receive`](Self::receive).
    #[track_caller]
    pub fn close(&mut self, code: u16, reason: impl Into<Text>) -> impl Future<Output = Close> + Send {
        let place = Location::caller();
        self.send(Frame::close(code, reason));
        async move {
            loop {
                match self.next(place, PATIENCE, "the answer to a close frame").await {
                    Arrival::Frame(Frame::Close(close)) => {
                        self.finish(place).await;
                        return close;
                    }
                    Arrival::Frame(_) => {}
                    Arrival::End(end) => fail(place, &format!("a close frame was not answered: {end:?}")),
                }
            }
        }
    }

    /// Sees that nothing comes for so long, not even the end.
    ///
    /// # Panics
    /// When something comes.
    #[track_caller]
    pub fn expect_nothing(&mut self, during: Duration) -> impl Future<Output = ()> + Send {
        let place = Location::caller();
        async move {
            match timeout(during, poll_fn(|context| self.poll_next(place, context))).await {
                Err(_) => {}
                Ok(Arrival::Frame(frame)) => fail(place, &format!("expected nothing, and received {frame:?}")),
                Ok(Arrival::End(end)) => fail(place, &format!("expected nothing, and the connection ended: {end:?}")),
            }
        }
    }

    /// Ends the client's direction without a close frame. It still receives.
    pub fn half_close(&mut self) {
        self.wire.end();
    }

    /// Cuts the connection. What the server has not read is lost, and it is told by an error.
    pub fn reset(self) {
        self.wire.reset();
    }

    /// From now on the server sees nothing of what the client does, as where the network stands still, until
    /// [`release`](Self::release).
    pub fn hold(&mut self) {
        self.wire.hold(true);
    }

    /// The server sees all that was held back.
    pub fn release(&mut self) {
        self.wire.hold(false);
    }

    /// How many bytes of what was sent the server has not read yet.
    pub fn unread(&self) -> usize {
        self.wire.unread()
    }

    /// What comes next, within a time: each frame has as long.
    async fn next(&mut self, place: &'static Location<'static>, patience: Duration, what: &str) -> Arrival {
        let arrival = poll_fn(|context| self.poll_next(place, context));
        match timeout(patience, arrival).await {
            Ok(arrival) => arrival,
            Err(_) => fail(place, &format!("waited {patience:?} for {what}, and nothing came")),
        }
    }

    /// After the close frame.
    async fn finish(&mut self, place: &'static Location<'static>) {
        if let Arrival::Frame(frame) = self.next(place, PATIENCE, "the end of the connection").await {
            violation(place, &format!("{frame:?} after a close frame (RFC 6455 §5.5.1)"));
        }
    }

    /// What comes next. Where it is not whole, what has come of it is kept.
    fn poll_next(&mut self, place: &'static Location<'static>, context: &mut Context<'_>) -> Poll<Arrival> {
        loop {
            match frames::take(&mut self.buffer, self.codec.is_some()) {
                Err(fault) => violation(place, &fault),
                Ok(Err(missing)) => match ready!(self.wire.poll_receive(context, missing, &mut self.buffer)) {
                    Found::Bytes => {}
                    Found::End if !self.buffer.is_empty() => {
                        violation(place, "the connection ended in the middle of a frame");
                    }
                    Found::End => return Poll::Ready(Arrival::End(End::Finished)),
                    Found::Reset => return Poll::Ready(Arrival::End(End::Reset)),
                },
                Ok(Ok(incoming)) => {
                    if self.closed {
                        violation(place, "a frame after a close frame (RFC 6455 §5.5.1)");
                    }
                    let frame = self.frame(incoming).unwrap_or_else(|fault| violation(place, &fault));
                    self.closed = matches!(frame, Frame::Close(_));
                    return Poll::Ready(Arrival::Frame(frame));
                }
            }
        }
    }

    fn frame(&mut self, incoming: frames::Incoming) -> Result<Frame, String> {
        let payload = match &mut self.codec {
            Some(codec) if incoming.compressed => {
                let inflated = codec.inflate(&incoming.payload, usize::MAX);
                inflated
                    .map_err(|_| "a compressed message that can't be inflated (RFC 7692 §7.2.2)")?
                    .into()
            }
            _ => incoming.payload,
        };
        frames::frame(incoming.opcode, payload)
    }
}

fn fail(place: &Location<'_>, why: &str) -> ! {
    panic!("{place}: {why}")
}

fn violation(place: &Location<'_>, fault: &str) -> ! {
    panic!("{place}: the server broke the protocol: {fault}")
}

impl fmt::Debug for WebSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocket")
            .field("closed", &self.closed)
            .finish_non_exhaustive()
    }
}
