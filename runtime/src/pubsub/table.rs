//! The channels that there are, by name.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use tokio::task::yield_now;

use super::Number;
use super::channel::{Channel, Flow, Pending, Seat};
use super::member::Deliver;
use crate::wire::Text;

/// Channels of different parts are found, made and ended without waiting for each other.
const PARTS: usize = 64;
/// How many of them are held or let go before other tasks have their turn.
const IN_A_TURN: usize = 1024;

/// A broadcast holds a part for as long as it takes to find a channel. Where a channel's lock is taken under a part's, it
/// is in this order.
pub(super) struct Table {
    parts: [RwLock<HashMap<Text, Arc<Channel>>>; PARTS],
    hasher: RandomState,
    /// That of every channel which is made. Read and written where a part is locked.
    flow: AtomicU8,
}

type Part = HashMap<Text, Arc<Channel>>;

impl Default for Table {
    fn default() -> Self {
        Self {
            parts: std::array::from_fn(|_| RwLock::default()),
            hasher: RandomState::new(),
            flow: AtomicU8::new(OPEN),
        }
    }
}

impl Table {
    pub(super) fn find(&self, name: &str) -> Option<Arc<Channel>> {
        self.read(name).get(name).cloned()
    }

    /// Adds a member to a channel, which is made for its first.
    pub(super) fn add(
        &self,
        name: &Text,
        id: Number,
        queue: &Arc<dyn Deliver>,
        forwarded: bool,
    ) -> (Arc<Channel>, Seat) {
        loop {
            let channel = self.find(name).unwrap_or_else(|| self.make(name));
            // One that is gone has just been ended: there is another, or none.
            if let Some(seat) = channel.add(id, Arc::clone(queue), forwarded) {
                return (channel, seat);
            }
        }
    }

    fn make(&self, name: &Text) -> Arc<Channel> {
        let mut part = self.write(name);
        let channel = part
            .entry(name.clone())
            .or_insert_with(|| Arc::new(Channel::new(name.clone(), self.flow())));
        Arc::clone(channel)
    }

    fn flow(&self) -> Flow {
        match self.flow.load(Ordering::SeqCst) {
            OPEN => Flow::Open,
            HELD => Flow::Held,
            _ => Flow::Both,
        }
    }

    /// Holds every channel, those that come later too. Gives those that are about to take to their members what was sent
    /// before.
    pub(super) async fn hold(&self) -> Vec<Arc<Channel>> {
        self.flow.store(HELD, Ordering::SeqCst);
        let mut busy = Vec::new();
        let mut turn = Turn::default();
        for part in &self.parts {
            // One that is made now is held already.
            let held = channels(part);
            turn.pass(held.len()).await;
            busy.extend(held.into_iter().filter(|channel| channel.hold()));
        }
        busy
    }

    /// Lets every channel go, and those that come later. Gives those for which a task is to be started.
    pub(super) async fn release(&self, flow: Flow, mut beyond: impl FnMut(&Pending)) -> Vec<Arc<Channel>> {
        self.flow.store(flow as u8, Ordering::SeqCst);
        let mut busy = Vec::new();
        let mut turn = Turn::default();
        for part in &self.parts {
            let held = channels(part);
            turn.pass(held.len()).await;
            busy.extend(held.into_iter().filter(|channel| channel.release(flow, &mut beyond)));
        }
        busy
    }

    /// Removes a member, and the channel with its last.
    pub(super) fn remove(&self, channel: &Channel, seat: Seat) {
        if channel.remove(seat) {
            self.end(channel);
        }
    }

    /// Takes a channel out, if it is still without members. It may have had some meanwhile; and others that saw it empty
    /// may have ended it, so that the name is another channel's now.
    fn end(&self, channel: &Channel) {
        let mut part = self.write(channel.name());
        if channel.end() {
            part.remove(channel.name());
        }
    }

    /// The names of all channels.
    #[cfg(feature = "nats")]
    pub(super) fn names(&self) -> Vec<Text> {
        let parts = self.parts.iter();
        let names = parts.map(|part| {
            let part = part.read().unwrap_or_else(PoisonError::into_inner);
            part.keys().cloned().collect::<Vec<_>>()
        });
        names.flatten().collect()
    }

    /// All channels, each with the number of its members.
    pub(super) fn counts(&self) -> Vec<(Text, usize)> {
        let mut counts = Vec::new();
        for part in &self.parts {
            let part = part.read().unwrap_or_else(PoisonError::into_inner);
            counts.extend(part.iter().map(|(name, channel)| (name.clone(), channel.lock().len())));
        }
        counts
    }

    pub(super) fn len(&self) -> usize {
        let lengths = self.parts.iter().map(|part| part.read().map_or(0, |part| part.len()));
        lengths.sum()
    }

    fn part(&self, name: &str) -> &RwLock<Part> {
        #[expect(clippy::cast_possible_truncation, reason = "a part of the hash is enough")]
        let hash = self.hasher.hash_one(name) as usize;
        &self.parts[hash % PARTS]
    }

    fn read(&self, name: &str) -> RwLockReadGuard<'_, Part> {
        self.part(name).read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, name: &str) -> RwLockWriteGuard<'_, Part> {
        self.part(name).write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who goes through many channels gives way after some of them: not after each part, as most hold few, and on a busy worker a
/// turn is long in coming.
#[derive(Default)]
struct Turn(usize);

impl Turn {
    async fn pass(&mut self, channels: usize) {
        self.0 += channels;
        if self.0 >= IN_A_TURN {
            self.0 = 0;
            yield_now().await;
        }
    }
}

const OPEN: u8 = Flow::Open as u8;
const HELD: u8 = Flow::Held as u8;

fn channels(part: &RwLock<Part>) -> Vec<Arc<Channel>> {
    let part = part.read().unwrap_or_else(PoisonError::into_inner);
    part.values().cloned().collect()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::{Duration, Instant};

    use bytes::Bytes;

    use super::*;
    use crate::pubsub::{Membership, Message, PubSub};

    struct Nowhere;

    impl Deliver for Nowhere {
        fn deliver(&self, _message: &Arc<Message>) -> bool {
            true
        }

        fn forward(&self, _messages: &[Arc<Message>], _frames: &Bytes) {}
    }

    #[test]
    fn a_channel_ends_once_and_takes_no_other_of_its_name_along() {
        let table = Table::default();
        let queue = Arc::new(Nowhere) as Arc<dyn Deliver>;
        let name = Text::from("a");
        let join = |id| table.add(&name, Number::new(id).unwrap(), &queue, false);
        let (first, seat) = join(1);
        assert!(
            first.remove(seat),
            "the last has left, and the channel is not ended yet"
        );
        let (same, seat) = join(2);
        assert!(Arc::ptr_eq(&first, &same));
        table.remove(&same, seat);
        assert!(table.find("a").is_none());
        let (second, _) = join(3);
        table.end(&first);
        let found = table.find("a");
        assert!(found.is_some_and(|found| Arc::ptr_eq(&found, &second)));
    }

    /// Counts what comes from itself.
    struct Own {
        number: usize,
        got: AtomicUsize,
    }

    impl Deliver for Own {
        fn deliver(&self, message: &Arc<Message>) -> bool {
            let is_own = message.payload.as_text() == Some(&self.number.to_string());
            self.got.fetch_add(usize::from(is_own), Ordering::SeqCst);
            true
        }

        fn forward(&self, messages: &[Arc<Message>], _frames: &Bytes) {
            for message in messages {
                self.deliver(message);
            }
        }
    }

    #[test]
    fn no_membership_is_lost_and_no_channel_left_behind_by_many_who_come_and_go() {
        const THREADS: usize = 8;
        const ROUNDS: usize = 3000;
        let pubsub = PubSub::new();
        std::thread::scope(|scope| {
            for number in 0..THREADS {
                let pubsub = &pubsub;
                scope.spawn(move || {
                    let own = Arc::new(Own {
                        number,
                        got: AtomicUsize::new(0),
                    });
                    let queue = Arc::clone(&own) as Arc<dyn Deliver>;
                    let membership = Membership::new(pubsub);
                    for round in 0..ROUNDS {
                        let name = ["a", "b"][round / 7 % 2];
                        assert!(membership.join(&name.into(), &queue, (round + number) % 3 == 0));
                        let outcome = pubsub.broadcast(name, "event", number.to_string());
                        assert!(outcome.local > 0 && outcome.missed == 0);
                        // Another thread may be the one that takes it there.
                        let deadline = Instant::now() + Duration::from_secs(10);
                        while own.got.load(Ordering::SeqCst) <= round {
                            assert!(Instant::now() < deadline, "a member was not found");
                            std::thread::yield_now();
                        }
                        assert!(membership.leave(name));
                    }
                });
            }
        });
        assert_eq!(pubsub.0.channels.len(), 0);
    }
}
