//! What `init` answers: a handler, with what the connection should be like, or a refusal.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};

use super::{Compression, WebSocketHandler};
use crate::error::Error;
use crate::reply::Reply;

/// A handler, with what its connection should be like. A plain handler is accepted with the defaults.
///
/// ```
/// use nova::prelude::*;
/// use nova::Accept;
/// use std::time::Duration;
/// # struct Game;
/// # impl WebSocketHandler for Game {
/// #     async fn handle(&mut self, _: Frame, _: &Socket) -> Commands { Commands::none() }
/// # }
///
/// async fn init() -> Accept<Game> {
///     Accept::new(Game).protocol("game.v2").idle_timeout(Duration::from_secs(300))
/// }
/// ```
#[derive(Debug)]
#[must_use]
pub struct Accept<H> {
    pub(crate) handler: H,
    pub(crate) terms: Terms,
}

/// What a connection should be like, where it is not the configured default.
#[derive(Debug, Default)]
pub(crate) struct Terms {
    pub(crate) protocol: Option<String>,
    pub(crate) headers: HeaderMap,
    pub(crate) idle_timeout: Option<Duration>,
    pub(crate) ping_interval: Option<Duration>,
    pub(crate) max_message_size: Option<usize>,
    pub(crate) max_queue_size: Option<usize>,
    pub(crate) overflow: Overflow,
    pub(crate) compress: Compress,
}

/// Whether messages are compressed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Compress {
    /// As `websocket.compress` has it.
    #[default]
    AsConfigured,
    Never,
    Like(Compression),
}

/// What becomes of a broadcast for which a connection's mailbox has no room: it holds 1,024 messages, and broadcasts up to
/// [`Accept::max_queue_size`].
///
/// It is full when the client does not read, or when the handler does not keep up. Messages of the handler's own are never
/// dropped: their sender gets them back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Overflow {
    /// The connection is closed with 1013, and its handler is told [`Reason::Slow`](crate::Reason::Slow).
    #[default]
    Close,
    /// The new one is dropped.
    DropNewest,
    /// The oldest broadcasts are dropped, until the new one fits.
    DropOldest,
}

/// A refused handshake: 400 by default, or any response.
///
/// `?` turns a [`Reply`] and a [`nova::Error`](crate::Error) into it. An error is what it is anywhere: the fallback is
/// told, or it is a 500.
#[derive(Debug)]
pub struct Rejection(Response);

/// The ways to accept, which keep the implementations of [`IntoAccept`] apart.
pub(crate) mod how {
    /// With the defaults.
    #[derive(Debug)]
    pub struct Plainly;
    /// With terms.
    #[derive(Debug)]
    pub struct OnTerms;
    /// Perhaps.
    #[derive(Debug)]
    pub struct Perhaps<How>(std::marker::PhantomData<How>);
}

/// What `init` may return: a handler, an [`Accept`], or a `Result` of either.
#[diagnostic::on_unimplemented(
    message = "`init` can't return `{Self}`",
    note = "it returns a type that implements `WebSocketHandler`, an `Accept` of one, or a `Result` of these",
    note = "a handler whose socket is a `Socket<M>` implements `WebSocketHandler<M>`: here `M` is `{M}`"
)]
pub trait IntoAccept<H, M, How> {
    /// The acceptance, or the response that refuses.
    ///
    /// # Errors
    /// The refusal.
    #[expect(
        clippy::result_large_err,
        reason = "a response, which axum returns by value everywhere"
    )]
    fn into_accept(self) -> Result<Accept<H>, Response>;
}

impl<H> Accept<H> {
    /// Accepts with the defaults.
    pub fn new(handler: H) -> Self {
        Self {
            handler,
            terms: Terms::default(),
        }
    }

    /// Chooses a sub-protocol (RFC 6455 §1.9). One that the client did not offer is not sent, and logged.
    pub fn protocol(mut self, protocol: impl Into<String>) -> Self {
        self.terms.protocol = Some(protocol.into());
        self
    }

    /// Adds a header to the response of the handshake, such as a cookie.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.terms.headers.append(name, value);
        self
    }

    /// Closes the connection when nothing is received for so long, in place of `websocket.idle_timeout` (60 s).
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.terms.idle_timeout = Some(timeout);
        self
    }

    /// How many bytes of broadcasts may wait for the connection, in place of `websocket.max_queue_size` (262,144). When so
    /// many wait, [`Overflow`] decides what becomes of the next; so one message of any size has room where none waits.
    ///
    /// Each is counted with its channel's and its event's name and 256 bytes for what is around them, as if no other
    /// connection shared it: [`Socket::queue_bytes`](crate::Socket::queue_bytes) is what it is measured by.
    pub fn max_queue_size(mut self, bytes: usize) -> Self {
        self.terms.max_queue_size = Some(bytes);
        self
    }

    /// Sends an empty ping (RFC 6455 §5.5.2) whenever nothing was received for so long, in place of
    /// `websocket.ping_interval`; zero is never, which is the default.
    ///
    /// Every client answers it, and the answer is received like anything else. So with an interval below the idle timeout
    /// a silent client stays connected, and one that has vanished is closed with [`Reason::Timeout`](crate::Reason) when
    /// the idle timeout is over; and whatever stands between the two keeps its path open. To a client that sends as often
    /// anyway no ping is sent.
    ///
    /// ```
    /// use nova::Accept;
    /// use std::time::Duration;
    /// # fn init<H>(handler: H) -> Accept<H> {
    ///
    /// // Gone for 45 s is gone: pinged after 20 s and after 40 s.
    /// Accept::new(handler).ping_every(Duration::from_secs(20)).idle_timeout(Duration::from_secs(45))
    /// # }
    /// ```
    pub fn ping_every(mut self, interval: Duration) -> Self {
        self.terms.ping_interval = Some(interval);
        self
    }

    /// Chooses what becomes of broadcasts that a slow client or a slow handler leaves no room for.
    pub fn overflow(mut self, policy: Overflow) -> Self {
        self.terms.overflow = policy;
        self
    }

    /// Compresses messages, where the client can and this program is built with the feature `deflate`: without it the
    /// log says so, and messages are sent as they are.
    pub fn compress(mut self, compression: Compression) -> Self {
        self.terms.compress = Compress::Like(compression);
        self
    }

    /// Compresses no messages, whatever `websocket.compress` says: for what is secret, and for what is compressed already.
    pub fn uncompressed(mut self) -> Self {
        self.terms.compress = Compress::Never;
        self
    }

    /// The most bytes that one message may have, in place of `websocket.max_message_size` (1,000,000).
    pub fn max_message_size(mut self, bytes: usize) -> Self {
        self.terms.max_message_size = Some(bytes);
        self
    }
}

impl Rejection {
    /// 400 Bad Request, with its status page.
    pub fn new() -> Self {
        Reply::status(StatusCode::BAD_REQUEST).into()
    }

    /// This response: a reply, such as `Reply::status(403)`, or anything that axum can respond with.
    pub fn with(response: impl IntoResponse) -> Self {
        Self(response.into_response())
    }
}

impl Default for Rejection {
    fn default() -> Self {
        Self::new()
    }
}

impl From<Reply> for Rejection {
    fn from(reply: Reply) -> Self {
        Self::with(reply)
    }
}

impl<E: Into<Error>> From<E> for Rejection {
    fn from(error: E) -> Self {
        Self::with(error.into())
    }
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        self.0
    }
}

impl<H: WebSocketHandler<M>, M: Send + 'static> IntoAccept<H, M, how::Plainly> for H {
    fn into_accept(self) -> Result<Accept<H>, Response> {
        Ok(Accept::new(self))
    }
}

impl<H: WebSocketHandler<M>, M: Send + 'static> IntoAccept<H, M, how::OnTerms> for Accept<H> {
    fn into_accept(self) -> Result<Self, Response> {
        Ok(self)
    }
}

impl<A: IntoAccept<H, M, How>, H, M, How, E: IntoResponse> IntoAccept<H, M, how::Perhaps<How>> for Result<A, E> {
    fn into_accept(self) -> Result<Accept<H>, Response> {
        self.map_err(IntoResponse::into_response)?.into_accept()
    }
}
