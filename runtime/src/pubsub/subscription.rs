//! A task's subscription: a bounded stream that says what it missed.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use tokio::sync::mpsc;

use super::member::{Deliver, Membership};
use super::{Message, PubSub, SubscriberId};
use crate::wire::Text;

/// How many messages wait for a task that does not read.
const CAPACITY: usize = 1024;

/// Messages for a task, from [`PubSub::subscribe`]. Dropping it leaves every channel.
pub struct Subscription {
    membership: Membership,
    queue: Arc<Queue>,
    messages: mpsc::Receiver<Arc<Message>>,
}

struct Queue {
    messages: mpsc::Sender<Arc<Message>>,
    missed: AtomicU64,
}

/// What a subscription receives.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Received {
    /// A message.
    Message(Message),
    /// So many messages were dropped since the last report, because the queue was full.
    Missed(u64),
}

impl Subscription {
    pub(super) fn new(pubsub: &PubSub) -> Self {
        let (sender, messages) = mpsc::channel(CAPACITY);
        Self {
            membership: Membership::new(pubsub),
            queue: Arc::new(Queue {
                messages: sender,
                missed: AtomicU64::new(0),
            }),
            messages,
        }
    }

    /// The subscriber's id, as [`PubSub::members`] lists it.
    pub fn id(&self) -> SubscriberId {
        self.membership.id()
    }

    /// Joins one more channel. Says whether it was not a member before.
    pub fn join(&self, channel: impl Into<Text>) -> bool {
        let queue = Arc::clone(&self.queue) as Arc<dyn Deliver>;
        self.membership.join(&channel.into(), &queue, false)
    }

    /// Leaves a channel. Says whether it was a member.
    pub fn leave(&self, channel: &str) -> bool {
        self.membership.leave(channel)
    }

    /// Waits for the next message, or for the news that some were missed.
    ///
    /// The news comes first, however many messages are queued: what was dropped came after those. Cancel safe.
    pub async fn recv(&mut self) -> Received {
        if let Some(received) = self.try_recv() {
            return received;
        }
        match self.messages.recv().await {
            Some(message) => Received::Message(Message::clone(&message)),
            // The sender is in `self`, so the channel is open; without a message there is nothing to return.
            None => std::future::pending().await,
        }
    }

    /// What is there now.
    pub fn try_recv(&mut self) -> Option<Received> {
        match self.queue.missed.swap(0, Ordering::Relaxed) {
            0 => self
                .messages
                .try_recv()
                .ok()
                .map(|message| Received::Message(Message::clone(&message))),
            missed => Some(Received::Missed(missed)),
        }
    }
}

impl Deliver for Queue {
    fn deliver(&self, message: &Arc<Message>) -> bool {
        let queued = self.messages.try_send(Arc::clone(message)).is_ok();
        if !queued {
            self.missed.fetch_add(1, Ordering::Relaxed);
        }
        queued
    }

    fn forward(&self, messages: &[Arc<Message>], _frames: &Bytes) {
        // A task has no client: it is told.
        for message in messages {
            self.deliver(message);
        }
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("id", &self.id())
            .finish_non_exhaustive()
    }
}
