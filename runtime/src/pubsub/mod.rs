//! Pub/sub: channels that connections and tasks join, and messages to all who are in one.
//!
//! A channel is a string. It is made by the first to join it and gone with the last member. A message reaches every
//! member at the time of the broadcast, the sender included, in the order in which one sender sent to one channel.
//!
//! Within one process no configuration is needed. A broadcast is in the queues of its members when it returns, where they
//! are at most 256; a task of the channel's takes it to more, and straight to the clients of those that
//! [`forward`](crate::Socket::forward), in the same order. For that task 4,096 messages and 4 MiB of them wait at most: a
//! broadcast beyond them reaches none of those members, and [`Outcome::missed`] says so.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use self::table::Table;
use crate::metrics::Broadcasts;
use crate::wire::Text;

mod channel;
mod fan_out;
mod member;
mod message;
mod subscription;
mod table;

pub(crate) use member::{Deliver, Membership};
pub use message::{Message, Payload};
pub use subscription::{Received, Subscription};

/// Publishes to channels and subscribes to them. Cheap to clone; also an extractor for controllers and `init`.
///
/// ```
/// # nova::testing::run(async {
/// use nova::{PubSub, Received};
///
/// let pubsub = PubSub::new();
/// let mut news = pubsub.subscribe("news");
/// pubsub.broadcast("news", "headline", "it works");
/// let Received::Message(message) = news.recv().await else { panic!() };
/// assert_eq!((&*message.event, message.payload.as_text()), ("headline", Some("it works")));
/// # });
/// ```
#[derive(Clone, Default)]
pub struct PubSub(Arc<Inner>);

#[derive(Default)]
struct Inner {
    last_id: AtomicU64,
    channels: Table,
    metrics: Broadcasts,
}

/// Names a subscriber: a connection or a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubscriberId(u64);

/// What became of a broadcast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outcome {
    /// How many members on this node have it in their queues, or are on the list of the task that takes it to them. What
    /// becomes of it there is decided later, by each queue: a member that is found slow then is still counted here.
    pub local: usize,
    /// How many members on this node will not: their queues are full, or so many broadcasts to this channel are on their
    /// way that it is overloaded.
    pub missed: usize,
    /// Whether it left the node.
    pub cluster: Cluster,
}

/// Whether a broadcast left the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cluster {
    /// There are no other nodes to reach, or it was not meant for them.
    Local,
}

impl PubSub {
    /// A pub/sub of its own, apart from that of any application.
    pub fn new() -> Self {
        Self::default()
    }

    /// Subscribes the calling task to a channel. The membership ends when the subscription is dropped.
    ///
    /// The subscription's queue holds 1,024 messages. When it is full a new message is dropped and counted, and
    /// [`recv`](Subscription::recv) reports how many were.
    pub fn subscribe(&self, channel: impl Into<Text>) -> Subscription {
        let subscription = Subscription::new(self);
        subscription.join(channel);
        subscription
    }

    /// Sends to every member of a channel, on every node.
    pub fn broadcast(&self, channel: impl Into<Text>, event: impl Into<Text>, payload: impl Into<Payload>) -> Outcome {
        self.local_broadcast(channel, event, payload)
    }

    /// Sends to every member of a channel but one, on every node.
    pub fn broadcast_from(
        &self,
        sender: SubscriberId,
        channel: impl Into<Text>,
        event: impl Into<Text>,
        payload: impl Into<Payload>,
    ) -> Outcome {
        self.local_broadcast_from(sender, channel, event, payload)
    }

    /// Sends to the members of a channel on this node.
    pub fn local_broadcast(
        &self,
        channel: impl Into<Text>,
        event: impl Into<Text>,
        payload: impl Into<Payload>,
    ) -> Outcome {
        self.deliver(Message::new(channel, None, event, payload), None)
    }

    /// Sends to the members of a channel on this node, but one.
    pub fn local_broadcast_from(
        &self,
        sender: SubscriberId,
        channel: impl Into<Text>,
        event: impl Into<Text>,
        payload: impl Into<Payload>,
    ) -> Outcome {
        self.deliver(Message::new(channel, Some(sender), event, payload), Some(sender))
    }

    /// The members of a channel, on every node. Empty for a channel that nobody has joined.
    pub fn members(&self, channel: &str) -> Vec<SubscriberId> {
        self.local_members(channel)
    }

    /// The members of a channel on this node.
    pub fn local_members(&self, channel: &str) -> Vec<SubscriberId> {
        let channel = self.0.channels.find(channel);
        channel.map_or_else(Vec::new, |channel| channel.lock().ids().collect())
    }

    /// Delivers to all members on this node but `except`.
    pub(crate) fn deliver(&self, message: Message, except: Option<SubscriberId>) -> Outcome {
        let mut outcome = Outcome {
            local: 0,
            missed: 0,
            cluster: Cluster::Local,
        };
        if let Some(channel) = self.0.channels.find(&message.channel) {
            let sent = channel.send(message, except, fan_out::can_start);
            (outcome.local, outcome.missed) = (sent.to, sent.missed);
            if sent.needs_task {
                fan_out::start(channel);
            }
        }
        self.0.metrics.sent(outcome.local, outcome.missed);
        outcome
    }

    fn next_id(&self) -> SubscriberId {
        SubscriberId(self.0.last_id.fetch_add(1, Ordering::Relaxed) + 1)
    }
}

impl fmt::Debug for PubSub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PubSub")
            .field("channels", &self.0.channels.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Display for SubscriberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_come_with_the_first_member_and_go_with_the_last() {
        let pubsub = PubSub::new();
        assert!(pubsub.members("a").is_empty());
        let first = pubsub.subscribe("a");
        let second = pubsub.subscribe("a");
        assert_eq!(pubsub.members("a").len(), 2);
        assert!(!first.join("a"), "joining twice is one membership");
        assert!(first.leave("a"));
        assert!(!first.leave("a"), "leave says whether it was a member");
        drop(second);
        assert!(pubsub.members("a").is_empty());
        assert_eq!(pubsub.0.channels.len(), 0);
    }

    #[test]
    fn a_broadcast_reaches_members_and_counts_them() {
        let pubsub = PubSub::new();
        let mut one = pubsub.subscribe("a");
        let mut other = pubsub.subscribe("b");
        let outcome = pubsub.broadcast("a", "event", "payload");
        assert_eq!((outcome.local, outcome.cluster), (1, Cluster::Local));
        assert!(
            matches!(one.try_recv(), Some(Received::Message(message)) if message.payload.as_text() == Some("payload"))
        );
        assert!(other.try_recv().is_none());
        assert_eq!(pubsub.broadcast("nobody", "event", "payload").local, 0);
    }

    #[test]
    fn broadcast_from_leaves_the_sender_out() {
        let pubsub = PubSub::new();
        let mut sender = pubsub.subscribe("a");
        let mut other = pubsub.subscribe("a");
        assert_eq!(pubsub.broadcast_from(sender.id(), "a", "e", "p").local, 1);
        assert!(sender.try_recv().is_none());
        assert!(matches!(other.try_recv(), Some(Received::Message(message)) if message.sender == Some(sender.id())));
    }

    #[test]
    fn one_senders_messages_keep_their_order() {
        let pubsub = PubSub::new();
        let mut member = pubsub.subscribe("a");
        for number in 0..100 {
            pubsub.broadcast("a", "n", number.to_string());
        }
        for number in 0..100 {
            assert!(
                matches!(member.try_recv(), Some(Received::Message(m)) if m.payload.as_text() == Some(&number.to_string()))
            );
        }
    }

    #[test]
    fn a_full_queue_drops_counts_and_reports() {
        let pubsub = PubSub::new();
        let mut member = pubsub.subscribe("a");
        for number in 0..1030 {
            pubsub.broadcast("a", "n", number.to_string());
        }
        assert!(matches!(member.try_recv(), Some(Received::Missed(6))));
        for _ in 0..1024 {
            assert!(matches!(member.try_recv(), Some(Received::Message(_))));
        }
        assert!(member.try_recv().is_none());
        pubsub.broadcast("a", "n", "again");
        assert!(matches!(member.try_recv(), Some(Received::Message(_))));
    }
}
