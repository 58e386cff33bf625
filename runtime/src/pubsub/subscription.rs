//! A task's subscription: a bounded stream that says what it missed.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;
use tokio::sync::mpsc;

use super::member::{Deliver, Membership};
use super::{Gap, Message, PubSub, SubscriberId};
use crate::wire::Text;

/// How many messages wait for a task that does not read.
const CAPACITY: usize = 1024;

/// Messages for a task, from [`PubSub::subscribe`]. Dropping it leaves every channel.
pub struct Subscription {
    membership: Membership,
    queue: Arc<Queue>,
    messages: mpsc::Receiver<Item>,
}

struct Queue {
    messages: mpsc::Sender<Item>,
    missed: AtomicU64,
    reports_gaps: AtomicBool,
}

enum Item {
    Message(Arc<Message>),
    Gap(Arc<Gap>),
}

/// What a subscription receives.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Received {
    /// A message.
    Message(Message),
    /// So many messages were dropped since the last report, because the queue was full.
    Missed(u64),
    /// Messages of another node did not come: only after [`Subscription::report_gaps`].
    Gap(Gap),
}

impl Subscription {
    pub(super) fn new(pubsub: &PubSub) -> Self {
        let (sender, messages) = mpsc::channel(CAPACITY);
        Self {
            membership: Membership::new(pubsub),
            queue: Arc::new(Queue {
                messages: sender,
                missed: AtomicU64::new(0),
                reports_gaps: AtomicBool::new(false),
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

    /// From now on [`Received::Gap`] says when messages of another node did not come: not later than what that node sent
    /// after them.
    pub fn report_gaps(&self) {
        self.queue.reports_gaps.store(true, Ordering::Relaxed);
    }

    /// Waits for the next message, or for the news that some were missed.
    ///
    /// The news comes first, however many messages are queued: what was dropped came after those. Cancel safe.
    pub async fn recv(&mut self) -> Received {
        if let Some(received) = self.try_recv() {
            return received;
        }
        match self.messages.recv().await {
            Some(item) => item.into(),
            // The sender is in `self`, so the channel is open; without a message there is nothing to return.
            None => std::future::pending().await,
        }
    }

    /// What is there now.
    pub fn try_recv(&mut self) -> Option<Received> {
        match self.queue.missed.swap(0, Ordering::Relaxed) {
            0 => self.messages.try_recv().ok().map(Received::from),
            missed => Some(Received::Missed(missed)),
        }
    }
}

impl Deliver for Queue {
    fn deliver(&self, message: &Arc<Message>) -> bool {
        let queued = self.messages.try_send(Item::Message(Arc::clone(message))).is_ok();
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

    fn report(&self, gap: &Arc<Gap>) {
        let reports = self.reports_gaps.load(Ordering::Relaxed);
        if reports && self.messages.try_send(Item::Gap(Arc::clone(gap))).is_err() {
            // There is no room to tell it apart.
            self.missed.fetch_add(gap.count.unwrap_or(1), Ordering::Relaxed);
        }
    }
}

impl From<Item> for Received {
    fn from(item: Item) -> Self {
        match item {
            Item::Message(message) => Self::Message(Message::clone(&message)),
            Item::Gap(gap) => Self::Gap(Gap::clone(&gap)),
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
