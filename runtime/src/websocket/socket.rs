//! A handler's handle on its connection.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::handler::NoMessage;
use super::mailbox::{Mailbox, NotSent};
use super::timers::Timer;
use super::watch::{Look, Watched};
use crate::pubsub::{Deliver, Membership, Message, Number, Outcome, Payload, PubSub, SubscriberId};
use crate::wheel::Wheel;
use crate::wire::Text;

/// A handle on a connection, for its handler and for tasks that the handler starts.
///
/// Cheap to clone. A clone that outlives the connection joins no channel and sends nothing to it; it can still broadcast.
///
/// `init` takes it as an argument, beside what extractors there are; the other callbacks are lent it.
pub struct Socket<M = NoMessage>(Arc<Inner<M>>);

struct Inner<M> {
    membership: Membership,
    mailbox: Arc<Mailbox<M>>,
}

impl<M: Send + 'static> Socket<M> {
    pub(crate) fn new(pubsub: &PubSub, wheel: &Wheel, watched: Option<Arc<Watched>>) -> Self {
        Self::of(Membership::new(pubsub), wheel, watched)
    }

    /// That of a connection that has moved here, with the number that it had.
    pub(crate) fn moved(pubsub: &PubSub, wheel: &Wheel, number: Number, watched: Option<Arc<Watched>>) -> Self {
        Self::of(Membership::moved(pubsub, number), wheel, watched)
    }

    fn of(membership: Membership, wheel: &Wheel, watched: Option<Arc<Watched>>) -> Self {
        let inner = Arc::new(Inner {
            membership,
            mailbox: Arc::new(Mailbox::new(wheel).watched_by(watched)),
        });
        if let Some(watched) = inner.mailbox.watched() {
            let look: Arc<dyn Look> = Arc::<Inner<M>>::clone(&inner);
            watched.look_at(Arc::downgrade(&look));
        }
        Self(inner)
    }

    pub(crate) fn membership(&self) -> &Membership {
        &self.0.membership
    }

    pub(crate) fn mailbox(&self) -> &Arc<Mailbox<M>> {
        &self.0.mailbox
    }

    /// The connection's name among subscribers, as [`PubSub::members`] lists it.
    pub fn id(&self) -> SubscriberId {
        self.0.membership.id()
    }

    /// The application's pub/sub.
    pub fn pubsub(&self) -> &PubSub {
        self.0.membership.pubsub()
    }

    /// Joins a channel: from now on its broadcasts arrive at `info`. Says whether the connection was not in it before.
    ///
    /// This is the way to take where the handler has something to do with a broadcast: to choose, to count, to answer, or
    /// to send each client something of its own. Where all clients are sent the same, [`forward`](Self::forward) costs
    /// less.
    ///
    /// The membership ends with the connection; a handshake that `init` refuses leaves none behind. A connection is in
    /// 10,000 channels at most: in one more it is not joined, and the log says so.
    pub fn join(&self, channel: impl Into<Text>) -> bool {
        self.enter(&channel.into(), false)
    }

    /// Joins a channel whose broadcasts go straight to the client, each as the frame of its payload's kind: text and JSON
    /// as text, bytes as binary. `info` is not called. Says whether the connection was not in the channel before, in
    /// either way: who changes from one to the other leaves first.
    ///
    /// This is the way to take where many clients are sent the same, such as prices, scores or what is said in a large
    /// room. A broadcast is encoded once, and whoever broadcasts has the same bytes written to each client; those that
    /// wait together are one write. The handler and its task are not woken, so a handler that is busy holds nothing back.
    ///
    /// - Messages of one sender to one channel arrive in the order sent. Frames that the handler sends itself come before
    ///   or after a broadcast, in no set order, and never within.
    /// - What a client does not take at once waits in the connection's mailbox, under the same
    ///   [`Overflow`](crate::Overflow) policy; no other client waits for it.
    /// - Sending does not postpone the idle timeout: only what is received does.
    /// - What was broadcast before [`leave`](Self::leave) and is on its way may still arrive.
    /// - On a connection that compresses, and on one that is not plain TCP, frames are made for that connection alone, by
    ///   its own task. Everything else holds there too.
    ///
    /// ```
    /// # use nova::prelude::*;
    /// struct Ticker;
    ///
    /// impl Ticker {
    ///     async fn init(socket: Socket, Path(symbol): Path<String>) -> Self {
    ///         socket.forward(symbol);
    ///         Self
    ///     }
    /// }
    ///
    /// impl WebSocketHandler for Ticker {
    ///     async fn handle(&mut self, _frame: Frame, _socket: &Socket) -> Commands {
    ///         Commands::none()
    ///     }
    /// }
    /// ```
    pub fn forward(&self, channel: impl Into<Text>) -> bool {
        self.0.mailbox.will_forward();
        self.enter(&channel.into(), true)
    }

    fn enter(&self, channel: &Text, forwarded: bool) -> bool {
        let queue = Arc::clone(&self.0.mailbox) as Arc<dyn Deliver>;
        self.0.membership.join(channel, &queue, forwarded)
    }

    /// From now on [`Info::Gap`](crate::Info::Gap) tells `info` when messages of another node did not come, in any of the
    /// connection's channels: not later than what that node sent after them. Otherwise they are only counted and logged.
    ///
    /// It is for a handler that can make up for them, as by reading what it missed from a database.
    pub fn report_gaps(&self) {
        self.0.mailbox.report_gaps();
    }

    /// Leaves a channel. Says whether the connection was in it.
    ///
    /// What is broadcast from now on does not arrive; what is on its way may.
    pub fn leave(&self, channel: &str) -> bool {
        self.0.membership.leave(channel)
    }

    /// Sends to every member of a channel on every node, this connection included when it is one.
    pub fn broadcast(&self, channel: impl Into<Text>, event: impl Into<Text>, payload: impl Into<Payload>) -> Outcome {
        let message = Message::new(channel, Some(self.id()), event, payload);
        self.pubsub().send_as(&self.0.membership, message, false)
    }

    /// Sends to every other member of a channel on every node.
    pub fn broadcast_from(
        &self,
        channel: impl Into<Text>,
        event: impl Into<Text>,
        payload: impl Into<Payload>,
    ) -> Outcome {
        let message = Message::new(channel, Some(self.id()), event, payload);
        self.pubsub().send_as(&self.0.membership, message, true)
    }

    /// Sends to the members of a channel on this node, this connection included when it is one.
    pub fn local_broadcast(
        &self,
        channel: impl Into<Text>,
        event: impl Into<Text>,
        payload: impl Into<Payload>,
    ) -> Outcome {
        let message = Message::new(channel, Some(self.id()), event, payload);
        self.pubsub().deliver(message, None)
    }

    /// Sends to the other members of a channel on this node.
    pub fn local_broadcast_from(
        &self,
        channel: impl Into<Text>,
        event: impl Into<Text>,
        payload: impl Into<Payload>,
    ) -> Outcome {
        let message = Message::new(channel, Some(self.id()), event, payload);
        self.pubsub().deliver(message, Some(self.0.membership.number()))
    }

    /// Sends a message to this connection's `info`. One that `init` sends arrives before any frame from the client.
    ///
    /// # Errors
    /// Gives the message back when the connection has ended or its mailbox, of 1,024 messages, is full.
    pub fn send_info(&self, message: M) -> Result<(), NotSent<M>> {
        self.0.mailbox.send(message)
    }

    /// Sends a message to this connection's `info` after a delay, unless the connection ends before.
    pub fn send_info_after(&self, delay: Duration, message: M) -> Timer {
        self.0.mailbox.send_after(delay, message)
    }

    /// Sends a message to this connection's `info` at every `period`, until the connection ends. Periods that a busy
    /// connection misses are not made up for. The shortest is a millisecond.
    pub fn send_info_every(&self, period: Duration, message: M) -> Timer
    where
        M: Clone,
    {
        self.0.mailbox.send_every(period, message)
    }

    /// The end of the connection, for all who still hold a handle.
    pub(crate) fn end(&self) {
        self.0.membership.end();
        self.0.mailbox.end();
    }

    /// How many messages wait for this connection's `info`: 1,024 at most.
    ///
    /// They wait while the handler is busy with an earlier one, and while the client does not read what it is sent.
    /// Whoever produces for this connection alone can slow down by it before the mailbox is full.
    pub fn queue_len(&self) -> usize {
        self.0.mailbox.len()
    }

    /// How many bytes the broadcasts among them take, as [`Accept::max_queue_size`](crate::Accept::max_queue_size) counts
    /// them.
    pub fn queue_bytes(&self) -> usize {
        self.0.mailbox.bytes()
    }
}

impl<M: Send + 'static> Look for Inner<M> {
    fn id(&self) -> SubscriberId {
        self.membership.id()
    }

    fn queue(&self) -> (usize, usize) {
        (self.mailbox.len(), self.mailbox.bytes())
    }

    fn channels(&self) -> Vec<Text> {
        self.membership.channels().into_iter().map(|(name, _)| name).collect()
    }
}

impl<M> Clone for Socket<M> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<M> fmt::Debug for Socket<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket")
            .field("id", &self.0.membership.id())
            .finish_non_exhaustive()
    }
}
