//! A connection's handle without a connection, for calling a handler directly.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use crate::pubsub::PubSub;
use crate::websocket::{self, Info, Mail, NoMessage, Socket};
use crate::wheel::Wheel;

/// What a handler's connection would receive.
pub struct Mailbox<M: Send + 'static = NoMessage> {
    mailbox: Arc<websocket::Mailbox<M>>,
    wheel: Wheel,
}

/// How long [`Mailbox::next`] waits.
const PATIENCE: Duration = Duration::from_secs(5);

/// A handle as a handler has it, and the mailbox behind it: what is broadcast to the handle's channels, or sent to it,
/// is found there.
///
/// ```
/// use nova::{Info, testing};
///
/// testing::run(async {
///     let (socket, mut mailbox) = testing::socket();
///     socket.join("lobby");
///     socket.broadcast("lobby", "message", "hello");
///     let Some(Info::Broadcast(message)) = mailbox.next().await else { panic!() };
///     assert_eq!(message.payload.as_text(), Some("hello"));
/// });
/// ```
pub fn socket() -> (Socket, Mailbox) {
    socket_of()
}

/// As [`socket`], for a handler with messages of its own.
pub fn socket_of<M: Send + 'static>() -> (Socket<M>, Mailbox<M>) {
    let wheel = Wheel::new();
    let socket = Socket::new(&PubSub::new(), &wheel, None);
    let mailbox = Arc::clone(socket.mailbox());
    mailbox.begin();
    (socket, Mailbox { mailbox, wheel })
}

impl<M: Send + 'static> Mailbox<M> {
    /// The next message: a broadcast, one that was sent, or one of a timer. `None` when none comes for five seconds.
    ///
    /// # Panics
    /// When the `Clone` of a repeating timer's message panics.
    pub async fn next(&mut self) -> Option<Info<M>> {
        let arrival = async {
            loop {
                let due = self.mailbox.take_due(self.mailbox.now());
                self.mailbox.heard();
                // There is no client to forward to.
                self.mailbox.lend_first(None);
                if let Some(info) = due
                    .unwrap_or_else(|panic| panic!("{panic}"))
                    .or_else(|| self.mailbox.try_next().and_then(info))
                {
                    return info;
                }
                poll_fn(|context| self.mailbox.poll(context)).await;
            }
        };
        tokio::select! {
            biased;
            info = arrival => Some(info),
            () = self.wheel.turn() => None,
            () = sleep(PATIENCE) => None,
        }
    }
}

/// What goes straight to the client is found with the rest: there is no client here to see it.
fn info<M>(mail: Mail<M>) -> Option<Info<M>> {
    match mail {
        Mail::Broadcast(message) | Mail::Forwarded(message) => Some(Info::Broadcast(Arc::unwrap_or_clone(message))),
        Mail::Message(message) => Some(Info::Message(message)),
        Mail::Gap(gap) => Some(Info::Gap(Arc::unwrap_or_clone(gap))),
        Mail::Rest(_) => None,
    }
}

impl<M: Send + 'static> fmt::Debug for Mailbox<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailbox").finish_non_exhaustive()
    }
}
