//! One subscriber's memberships, which end with it.

use std::sync::{Arc, Mutex, PoisonError};

use super::{Message, PubSub, SubscriberId};
use crate::wire::Text;

/// Where a member's messages go: the mailbox of a connection, or the queue of a subscription.
pub(crate) trait Deliver: Send + Sync {
    /// Queues a message. Never waits: when there is no room, the queue's policy is applied and this is `false`.
    fn deliver(&self, message: &Arc<Message>) -> bool;
}

/// A subscriber: its name, and the channels it is in.
pub(crate) struct Membership {
    pubsub: PubSub,
    id: SubscriberId,
    /// Also the order of joins and leaves of this one subscriber; nothing waits under it.
    channels: Mutex<Channels>,
}

#[derive(Default)]
struct Channels {
    /// Sorted: most are in one channel or a few.
    names: Vec<Text>,
    /// Nothing is joined any more.
    ended: bool,
}

impl Membership {
    pub(crate) fn new(pubsub: &PubSub) -> Self {
        Self {
            pubsub: pubsub.clone(),
            id: pubsub.next_id(),
            channels: Mutex::default(),
        }
    }

    pub(crate) fn id(&self) -> SubscriberId {
        self.id
    }

    pub(crate) fn pubsub(&self) -> &PubSub {
        &self.pubsub
    }

    /// Says whether it was not a member before. After the end it is `false`.
    pub(crate) fn join(&self, channel: Text, queue: Arc<dyn Deliver>) -> bool {
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        if channels.ended {
            return false;
        }
        let Err(place) = channels.names.binary_search(&channel) else {
            return false;
        };
        if channels.names.is_empty() {
            channels.names.reserve_exact(1);
        }
        // The channel's own name, which its members share.
        let name = self.pubsub.add(channel, self.id, queue);
        channels.names.insert(place, name);
        true
    }

    /// Says whether it was a member.
    pub(crate) fn leave(&self, channel: &str) -> bool {
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        let Ok(place) = channels.names.binary_search_by(|name| name.as_str().cmp(channel)) else {
            return false;
        };
        channels.names.remove(place);
        self.pubsub.remove(channel, self.id)
    }

    /// Leaves every channel, and joins none from now on.
    pub(crate) fn end(&self) {
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        channels.ended = true;
        for channel in std::mem::take(&mut channels.names) {
            self.pubsub.remove(&channel, self.id);
        }
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.end();
    }
}
