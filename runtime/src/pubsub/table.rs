//! The channels that there are, by name.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::Number;
use super::channel::{Channel, Seat};
use super::member::Deliver;
use crate::wire::Text;

/// Channels of different parts are found, made and ended without waiting for each other.
const PARTS: usize = 64;

/// A broadcast holds a part for as long as it takes to find a channel. Where a channel's lock is taken under a part's, it
/// is in this order.
pub(super) struct Table {
    parts: [RwLock<HashMap<Text, Arc<Channel>>>; PARTS],
    hasher: RandomState,
}

type Part = HashMap<Text, Arc<Channel>>;

impl Default for Table {
    fn default() -> Self {
        Self {
            parts: std::array::from_fn(|_| RwLock::default()),
            hasher: RandomState::new(),
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
            .or_insert_with(|| Arc::new(Channel::new(name.clone())));
        Arc::clone(channel)
    }

    /// Removes a member, and the channel with its last.
    pub(super) fn remove(&self, channel: &Channel, seat: Seat) {
        if !channel.remove(seat) {
            return;
        }
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
