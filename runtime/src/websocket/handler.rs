//! The callbacks of a WebSocket connection.

use std::io;

use super::{Commands, Handoff, Resumed, Socket};
use crate::pubsub::{Gap, Message};
use crate::wire::{Close, Frame};

/// A WebSocket connection's state and callbacks.
///
/// One value lives for each connection, from `init` to `terminate`. Its callbacks are called strictly one after another,
/// and one that has begun is never cancelled. A panic in one ends this connection with 1011, and no other.
///
/// `init` is not part of the trait: it is any async function of extractors that gives a handler, named where the route
/// is declared. It runs before the upgrade, and refuses with any response.
///
/// ```
/// use nova::prelude::*;
///
/// struct Echo;
///
/// impl Echo {
///     async fn init() -> Self {
///         Echo
///     }
/// }
///
/// impl WebSocketHandler for Echo {
///     async fn handle(&mut self, frame: Frame, _socket: &Socket) -> Commands {
///         match frame {
///             Frame::Text(_) | Frame::Binary(_) => Commands::send(frame),
///             _ => Commands::none(),
///         }
///     }
/// }
///
/// let routes: Routes = Routes::new().group(Group::new("/").ws("/echo", Echo::init));
/// ```
///
/// # Messages of the handler's own
///
/// `M` is what timers and other tasks send to this connection with [`Socket::send_info`] and its kin. A handler that
/// only takes part in pub/sub leaves it out. Others name it once, and get it back typed. That `init` takes a `Socket` with
/// other messages than the handler's does not compile:
///
/// ```
/// use nova::prelude::*;
/// use std::time::Duration;
///
/// struct Clock { seconds: u64 }
///
/// #[derive(Clone)]
/// struct Tick;
///
/// impl Clock {
///     async fn init(socket: Socket<Tick>) -> Self {
///         socket.send_info_every(Duration::from_secs(1), Tick);
///         Clock { seconds: 0 }
///     }
/// }
///
/// impl WebSocketHandler<Tick> for Clock {
///     async fn handle(&mut self, _frame: Frame, _socket: &Socket<Tick>) -> Commands {
///         Commands::none()
///     }
///
///     async fn info(&mut self, info: Info<Tick>, _socket: &Socket<Tick>) -> Commands {
///         match info {
///             Info::Message(Tick) => {
///                 self.seconds += 1;
///                 Commands::send(self.seconds.to_string())
///             }
///             _ => Commands::none(),
///         }
///     }
/// }
///
/// let routes: Routes = Routes::new().group(Group::new("/").ws("/clock", Clock::init));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no WebSocket handler with messages of type `{M}`",
    note = "implement `WebSocketHandler` for it, or `WebSocketHandler<M>` when its socket is a `Socket<M>`"
)]
pub trait WebSocketHandler<M = NoMessage>: Send + Sized + 'static
where
    M: Send + 'static,
{
    /// How open connections go on in a process that replaces this one. By default they don't: they are closed with 1012.
    const HANDOFF: Handoff<Self, M> = Handoff::never();

    /// A frame from the client: text, binary, ping or pong.
    fn handle(&mut self, frame: Frame, socket: &Socket<M>) -> impl Future<Output = Commands> + Send;

    /// A message from the system: a broadcast to a channel that the connection is in, or a message of the handler's
    /// own. By default it does nothing.
    fn info(&mut self, info: Info<M>, socket: &Socket<M>) -> impl Future<Output = Commands> + Send {
        let _ = (info, socket);
        async { Commands::none() }
    }

    /// The connection has moved to this process, and goes on here: before any frame and any message. It is the place to
    /// make anew what did not travel. By default it does nothing.
    fn resumed(&mut self, resumed: Resumed<'_>, socket: &Socket<M>) -> impl Future<Output = Commands> + Send {
        let _ = (resumed, socket);
        async { Commands::none() }
    }

    /// The end, exactly once for every accepted connection, whatever ended it, in the process that it has moved to. By default it does nothing.
    fn terminate(self, reason: Reason, socket: &Socket<M>) -> impl Future<Output = ()> + Send {
        let _ = (reason, socket);
        async {}
    }
}

/// A message from the system.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Info<M = NoMessage> {
    /// A broadcast to a channel that the connection has joined.
    Broadcast(Message),
    /// A message of the handler's own: from a timer, or from another task.
    Message(M),
    /// Messages of another node did not come: only after [`Socket::report_gaps`].
    Gap(Gap),
}

/// The messages of a handler that has none of its own. There is no value of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoMessage {}

/// Why a connection ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum Reason {
    /// The client closed it, with what it said.
    Remote(Close),
    /// The handler stopped it or sent a close frame.
    Stop,
    /// Nothing was received for the idle timeout.
    Timeout,
    /// The client broke the protocol.
    BadFrame(&'static str),
    /// The client sent text that is not UTF-8.
    BadEncoding,
    /// The client sent a message over the size limit, or one in too many fragments.
    BadSize,
    /// A callback panicked or returned an error, or sent an illegal frame.
    Crash(String),
    /// The server is shutting down.
    Shutdown,
    /// The client reads too slowly, or the handler works too slowly, for what the connection is sent.
    Slow,
    /// The client was gone without a close frame.
    Closed,
    /// The socket failed, or did not take what was written within the write deadline.
    Error(io::Error),
}
