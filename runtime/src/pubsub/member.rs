//! One subscriber's memberships, which end with it.

use std::sync::{Arc, Mutex, PoisonError};

use super::channel::{Channel, Seat};
use super::{Gap, Message, Number, PubSub, SubscriberId};
use crate::wire::Text;

/// The most channels that one subscriber is in, which the memory of a node has to bear.
const CHANNELS: usize = 10_000;

/// Where a member's messages go: the mailbox of a connection, or the queue of a subscription.
pub(crate) trait Deliver: Send + Sync {
    /// Queues a message. Never waits: when there is no room, the queue's policy is applied and this is `false`.
    fn deliver(&self, message: &Arc<Message>) -> bool;

    /// Takes messages straight to the client, whose frames are these. Never waits: what the kernel does not take is queued.
    fn forward(&self, messages: &[Arc<Message>], frames: &[u8]);

    /// Queues the news that messages of another node did not come, where the member has asked for it. Never waits.
    fn report(&self, gap: &Arc<Gap>);
}

/// A subscriber: its name, and the channels it is in.
pub(crate) struct Membership {
    pubsub: PubSub,
    number: Number,
    /// Also the order of joins and leaves of this one subscriber; nothing waits under it.
    channels: Mutex<Channels>,
}

#[derive(Default)]
struct Channels {
    /// Sorted by name: most are in one channel or a few.
    seats: Vec<(Arc<Channel>, Seat)>,
    /// Nothing is joined any more.
    ended: bool,
}

impl Membership {
    pub(crate) fn new(pubsub: &PubSub) -> Self {
        Self {
            pubsub: pubsub.clone(),
            number: pubsub.next_number(),
            channels: Mutex::default(),
        }
    }

    pub(crate) fn id(&self) -> SubscriberId {
        self.pubsub.name_of(self.number)
    }

    /// By which it is known among the members on this node.
    pub(crate) fn number(&self) -> Number {
        self.number
    }

    pub(crate) fn pubsub(&self) -> &PubSub {
        &self.pubsub
    }

    /// Says whether it was not a member before. After the end it is `false`.
    pub(crate) fn join(&self, channel: &Text, queue: &Arc<dyn Deliver>, forwarded: bool) -> bool {
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        if channels.ended {
            return false;
        }
        let Err(place) = channels.find(channel) else {
            return false;
        };
        if channels.seats.len() >= CHANNELS {
            tracing::warn!(subscriber = %self.id(), "{channel:?} is not joined: a subscriber is in {CHANNELS} channels at most");
            return false;
        }
        if channels.seats.is_empty() {
            channels.seats.reserve_exact(1);
        }
        let seat = self.pubsub.0.channels.add(channel, self.number, queue, forwarded);
        channels.seats.insert(place, seat);
        drop(channels);
        self.pubsub.changed(channel);
        true
    }

    /// Says whether it was a member.
    pub(crate) fn leave(&self, channel: &str) -> bool {
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        let Ok(place) = channels.find(channel) else {
            return false;
        };
        let (channel, seat) = channels.seats.remove(place);
        self.pubsub.0.channels.remove(&channel, seat);
        drop(channels);
        self.pubsub.changed(channel.name());
        true
    }

    /// Leaves every channel, and joins none from now on.
    pub(crate) fn end(&self) {
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        channels.ended = true;
        for (channel, seat) in std::mem::take(&mut channels.seats) {
            self.pubsub.0.channels.remove(&channel, seat);
            self.pubsub.changed(channel.name());
        }
    }
}

impl Channels {
    fn find(&self, name: &str) -> Result<usize, usize> {
        self.seats
            .binary_search_by(|(channel, _)| channel.name().as_str().cmp(name))
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.end();
    }
}
