//! A connection's handle without a connection, for calling a handler directly.

use std::fmt;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::pubsub::PubSub;
use crate::websocket::{Arrival, Inbox, Info, NoMessage, Socket};

/// What a handler's connection would receive.
pub struct Mailbox<M: Send + 'static = NoMessage>(Inbox<M>);

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
    let (socket, inbox) = Socket::new(&PubSub::new());
    (socket, Mailbox(inbox))
}

impl<M: Send + 'static> Mailbox<M> {
    /// The next message: a broadcast, one that was sent, or one of a timer. `None` when none comes for five seconds.
    pub async fn next(&mut self) -> Option<Info<M>> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(info) = self.0.take_due(Instant::now()) {
                return Some(info);
            }
            let due = self.0.next_due().map_or(deadline, |due| due.min(deadline));
            tokio::select! {
                arrival = self.0.next() => if let Arrival::Info(info) = arrival {
                    return Some(info);
                },
                () = sleep_until(due) => if Instant::now() >= deadline {
                    return None;
                },
            }
        }
    }
}

impl<M: Send + 'static> fmt::Debug for Mailbox<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailbox").finish_non_exhaustive()
    }
}
