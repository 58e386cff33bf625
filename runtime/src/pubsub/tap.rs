//! Listeners beside the members: a developer who looks at a channel is not in it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Message, PubSub};
use crate::wire::Text;

/// How many messages a listener has that it did not take yet. When there are more the oldest are dropped, and counted.
const CAPACITY: usize = 100;

/// All listeners of a pub/sub.
#[derive(Default)]
pub(super) struct Taps {
    /// Whether there are any: all that a broadcast asks where nobody listens.
    any: AtomicBool,
    /// Held for some moves of memory.
    heard: Mutex<Vec<Arc<Heard>>>,
}

/// A listener to one channel. It ends with its drop.
pub(crate) struct Tap {
    pubsub: PubSub,
    heard: Arc<Heard>,
}

struct Heard {
    channel: Text,
    messages: Mutex<Messages>,
}

#[derive(Default)]
struct Messages {
    waiting: VecDeque<Message>,
    missed: u64,
}

impl Taps {
    pub(super) fn see(&self, message: &Message) {
        if self.any.load(Ordering::Relaxed) {
            self.tell(message);
        }
    }

    #[cold]
    fn tell(&self, message: &Message) {
        for heard in self.lock().iter().filter(|heard| heard.channel == message.channel) {
            let mut messages = heard.lock();
            if messages.waiting.len() >= CAPACITY {
                messages.waiting.pop_front();
                messages.missed += 1;
            }
            messages.waiting.push_back(message.clone());
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Heard>>> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Heard {
    fn lock(&self) -> MutexGuard<'_, Messages> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tap {
    pub(super) fn new(pubsub: &PubSub, channel: Text) -> Self {
        let heard = Arc::new(Heard {
            channel,
            messages: Mutex::default(),
        });
        let taps = &pubsub.0.taps;
        let mut all = taps.lock();
        all.push(Arc::clone(&heard));
        taps.any.store(true, Ordering::Relaxed);
        drop(all);
        Self {
            pubsub: pubsub.clone(),
            heard,
        }
    }

    /// The channel that is listened to.
    pub(crate) fn channel(&self) -> &Text {
        &self.heard.channel
    }

    /// What was sent since the last call, in the order sent, and how many messages before that were dropped.
    pub(crate) fn take(&self) -> (VecDeque<Message>, u64) {
        let Messages { waiting, missed } = std::mem::take(&mut *self.heard.lock());
        (waiting, missed)
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        let taps = &self.pubsub.0.taps;
        let mut all = taps.lock();
        all.retain(|heard| !Arc::ptr_eq(heard, &self.heard));
        taps.any.store(!all.is_empty(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_hears_one_channel_and_is_not_in_it() {
        let pubsub = PubSub::new();
        let tap = pubsub.tap("a".into());
        assert!(pubsub.channels().is_empty());
        assert_eq!(pubsub.broadcast("a", "e", "one").local, 0);
        pubsub.broadcast("b", "e", "other");
        let (messages, missed) = tap.take();
        let texts: Vec<_> = messages.iter().map(|message| message.payload.as_text()).collect();
        assert_eq!((texts, missed), (vec![Some("one")], 0));
        drop(tap);
        assert!(!pubsub.0.taps.any.load(Ordering::Relaxed));
    }

    #[test]
    fn what_is_not_taken_is_dropped_from_the_oldest_and_counted() {
        let pubsub = PubSub::new();
        let tap = pubsub.tap("a".into());
        for number in 0..CAPACITY + 3 {
            pubsub.broadcast("a", "e", number.to_string());
        }
        let (messages, missed) = tap.take();
        assert_eq!((messages.len(), missed), (CAPACITY, 3));
        assert_eq!(messages[0].payload.as_text(), Some("3"));
        assert_eq!(tap.take().1, 0);
    }
}
