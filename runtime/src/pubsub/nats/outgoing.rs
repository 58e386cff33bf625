//! What is to go to other nodes, in order and within bounds.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;

use super::envelope::{self, Place};
use super::interests::Interests;
use super::subject::Subjects;
use crate::pubsub::Message;
use crate::pubsub::adapter::{Cluster, Unsent};
use crate::wire::Text;

/// The most marks that are sent at a time.
const MARKS: usize = 1000;

/// Messages that wait for the link. Numbers are given and messages queued under one lock, so the order is that of the
/// numbers.
pub(super) struct Outgoing {
    node: u64,
    max_messages: usize,
    max_bytes: usize,
    state: Mutex<State>,
    ready: Notify,
}

pub(super) struct State {
    /// Whether there is a link, and the size of the largest message that it takes.
    open: Option<usize>,
    queue: VecDeque<Item>,
    bytes: usize,
    pub(super) interests: Interests,
    pub(super) refused: Refused,
}

/// How many messages were not taken.
#[derive(Clone, Copy, Default)]
pub(super) struct Refused {
    pub(super) down: u64,
    pub(super) full: u64,
    pub(super) too_large: u64,
}

pub(super) struct Item {
    pub(super) subject: String,
    pub(super) payload: Bytes,
    /// The channel, of a mark.
    pub(super) marks: Option<Text>,
}

impl Outgoing {
    pub(super) fn new(node: u64, max_messages: usize, max_bytes: usize) -> Self {
        Self {
            node,
            max_messages,
            max_bytes,
            state: Mutex::new(State {
                open: None,
                queue: VecDeque::new(),
                bytes: 0,
                interests: Interests::default(),
                refused: Refused::default(),
            }),
            ready: Notify::new(),
        }
    }

    /// Held for some moves of memory, and never while anything is waited for.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a message. One that is refused has a number no less, so that it is missed where it does not come.
    pub(super) fn push(&self, subjects: &Subjects, message: &Message) -> Cluster {
        let subject = subjects.channel(&message.channel);
        let unplaced = envelope::message(self.node, message, subject.is_hashed);
        let mut state = self.lock();
        let place = state.interests.next(&message.channel);
        let size = unplaced.len();
        let Some(largest) = state.open else {
            state.refused.down += 1;
            return Cluster::NotSent(Unsent::Down);
        };
        if size > largest {
            state.refused.too_large += 1;
            return Cluster::NotSent(Unsent::TooLarge);
        }
        let is_full = state.queue.len() >= self.max_messages || state.bytes + size > self.max_bytes.max(size);
        if is_full {
            state.refused.full += 1;
            return Cluster::NotSent(Unsent::Full);
        }
        state.push(Item {
            subject: subject.subject,
            payload: unplaced.place(place),
            marks: None,
        });
        drop(state);
        self.ready.notify_one();
        Cluster::Queued
    }

    /// Queues marks for what has been quiet.
    pub(super) fn mark(&self, subjects: &Subjects) {
        let mut state = self.lock();
        if state.open.is_none() || state.queue.len() >= self.max_messages {
            return;
        }
        for (channel, place) in state.interests.take_quiet(MARKS) {
            let item = self.mark_of(subjects, channel, place);
            state.push(item);
        }
        drop(state);
        self.ready.notify_one();
    }

    fn mark_of(&self, subjects: &Subjects, channel: Text, place: Place) -> Item {
        let subject = subjects.channel(&channel);
        let named = subject.is_hashed.then_some(channel.as_str());
        Item {
            subject: subject.subject,
            payload: envelope::mark(self.node, named).place(place),
            marks: Some(channel),
        }
    }

    /// Waits until something waits. Cancel safe; one task waits at a time.
    pub(super) async fn ready(&self) {
        while self.lock().queue.is_empty() {
            self.ready.notified().await;
        }
    }

    /// Takes some of what waits.
    pub(super) fn take(&self, most: usize, most_bytes: usize) -> Vec<Item> {
        let mut state = self.lock();
        let (mut items, mut bytes) = (Vec::new(), 0);
        while items.len() < most && (bytes < most_bytes) {
            let Some(item) = state.queue.pop_front() else {
                break;
            };
            bytes += item.payload.len();
            items.push(item);
        }
        state.bytes -= bytes;
        if state.queue.is_empty() {
            state.queue = VecDeque::new();
        }
        items
    }

    /// From now on messages of up to so many bytes are taken.
    pub(super) fn open(&self, largest: usize) {
        self.lock().open = Some(largest);
    }

    /// From now on nothing is taken.
    pub(super) fn shut(&self) {
        self.lock().open = None;
    }

    /// Drops what waits, and says how many messages those are. Marks come again.
    pub(super) fn clear(&self) -> u64 {
        let mut state = self.lock();
        let queue = std::mem::take(&mut state.queue);
        state.bytes = 0;
        let mut messages = 0;
        for item in queue {
            match item.marks {
                Some(channel) => state.interests.unmark(channel),
                None => messages += 1,
            }
        }
        messages
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.lock().queue.len()
    }
}

impl State {
    fn push(&mut self, item: Item) {
        self.bytes += item.payload.len();
        self.queue.push_back(item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outgoing() -> (Outgoing, Subjects) {
        (Outgoing::new(1, 2, 1000), Subjects::new("nova"))
    }

    fn push(of: &(Outgoing, Subjects), size: usize) -> Cluster {
        of.0.push(&of.1, &Message::new("c", None, "e", vec![0; size]))
    }

    #[test]
    fn what_is_refused_is_numbered_and_counted() {
        let of = outgoing();
        of.0.lock().interests.set(2, &"c".into(), 1);
        assert_eq!(push(&of, 1), Cluster::NotSent(Unsent::Down));
        of.0.open(500);
        assert_eq!(push(&of, 501), Cluster::NotSent(Unsent::TooLarge));
        assert_eq!([push(&of, 1), push(&of, 1)], [Cluster::Queued; 2]);
        assert_eq!(push(&of, 1), Cluster::NotSent(Unsent::Full));
        let items = of.0.take(10, 10_000);
        let numbers: Vec<_> = items
            .into_iter()
            .map(|item| envelope::read(item.payload, &"c".into()).unwrap().place.number)
            .collect();
        assert_eq!(numbers, [3, 4]);
        assert_eq!(push(&of, 1), Cluster::Queued);
        let state = of.0.lock();
        let refused = (state.refused.down, state.refused.full, state.refused.too_large);
        assert_eq!(
            (refused, state.interests.place(&"c".into()).unwrap().number),
            ((1, 1, 1), 6)
        );
    }

    #[test]
    fn bytes_are_bounded_and_freed() {
        let of = (Outgoing::new(1, 100, 300), Subjects::new("nova"));
        of.0.open(10_000);
        assert_eq!(push(&of, 200), Cluster::Queued);
        assert_eq!(push(&of, 200), Cluster::NotSent(Unsent::Full));
        assert_eq!(of.0.take(10, 1).len(), 1);
        assert_eq!(push(&of, 5000), Cluster::Queued, "one may be of any size");
        assert_eq!(push(&of, 1), Cluster::NotSent(Unsent::Full));
        assert_eq!((of.0.clear(), of.0.len(), of.0.lock().bytes), (1, 0, 0));
    }

    #[test]
    fn marks_that_are_dropped_come_again() {
        let of = outgoing();
        of.0.open(500);
        of.0.lock().interests.set(2, &"c".into(), 1);
        push(&of, 1);
        of.0.mark(&of.1);
        of.0.mark(&of.1);
        assert_eq!((of.0.len(), of.0.clear()), (2, 1));
        of.0.mark(&of.1);
        assert_eq!(of.0.len(), 1);
    }
}
