//! One subscriber's memberships, which end with it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

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
    fn forward(&self, messages: &[Arc<Message>], frames: &Bytes);

    /// Queues the news that messages of another node did not come, where the member has asked for it. Never waits. By
    /// default nobody asks.
    #[cfg_attr(not(feature = "nats"), expect(dead_code, reason = "there are no other nodes"))]
    fn report(&self, gap: &Arc<Gap>) {
        let _ = gap;
    }
}

/// A subscriber: its name, and the channels it is in.
pub(crate) struct Membership {
    pubsub: PubSub,
    number: Number,
    /// Sorted by name: most are in one channel or a few. `None` when nothing is joined any more.
    ///
    /// Also the order of joins and leaves of this one subscriber; nothing waits under it.
    channels: Mutex<Option<Seats>>,
}

type Seats = Vec<(Arc<Channel>, Seat)>;

impl Membership {
    pub(crate) fn new(pubsub: &PubSub) -> Self {
        Self {
            pubsub: pubsub.clone(),
            number: pubsub.next_number(),
            channels: Mutex::new(Some(Vec::new())),
        }
    }

    /// One that has moved here, with the number that it had.
    pub(crate) fn moved(pubsub: &PubSub, number: Number) -> Self {
        Self {
            pubsub: pubsub.clone(),
            number,
            channels: Mutex::new(Some(Vec::new())),
        }
    }

    /// The channels that it is in, and whether their broadcasts go straight to the client.
    pub(crate) fn channels(&self) -> Vec<(Text, bool)> {
        let seats = self.lock();
        let seats = seats.iter().flatten();
        seats
            .map(|(channel, seat)| (channel.name().clone(), matches!(seat, Seat::Forwarded(_))))
            .collect()
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
        let mut channels = self.lock();
        let Some(seats) = &mut *channels else {
            return false;
        };
        let Err(place) = find(seats, channel) else {
            return false;
        };
        if seats.len() >= CHANNELS {
            tracing::warn!(subscriber = %self.id(), "{channel:?} is not joined: a subscriber is in {CHANNELS} channels at most");
            return false;
        }
        if seats.is_empty() {
            seats.reserve_exact(1);
        }
        let seat = self.pubsub.0.channels.add(channel, self.number, queue, forwarded);
        seats.insert(place, seat);
        drop(channels);
        self.pubsub.changed(channel);
        true
    }

    /// Says whether it was a member.
    pub(crate) fn leave(&self, channel: &str) -> bool {
        let mut channels = self.lock();
        let Some(seats) = &mut *channels else {
            return false;
        };
        let Ok(place) = find(seats, channel) else {
            return false;
        };
        let (channel, seat) = seats.remove(place);
        self.pubsub.0.channels.remove(&channel, seat);
        drop(channels);
        self.pubsub.changed(channel.name());
        true
    }

    /// Leaves every channel, and joins none from now on.
    pub(crate) fn end(&self) {
        let seats = self.lock().take();
        for (channel, seat) in seats.into_iter().flatten() {
            self.pubsub.0.channels.remove(&channel, seat);
            self.pubsub.changed(channel.name());
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Seats>> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn find(seats: &[(Arc<Channel>, Seat)], name: &str) -> Result<usize, usize> {
    seats.binary_search_by(|(channel, _)| channel.name().as_str().cmp(name))
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.end();
    }
}
