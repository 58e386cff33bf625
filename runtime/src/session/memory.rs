//! Sessions in the process's memory.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::{Changes, Record, Store};
use crate::error::Result;

/// How many sessions it holds by default.
const CAPACITY: usize = 100_000;
/// How many of the longest unused are looked at for expired ones whenever one is added.
const SWEEP: usize = 4;

/// Sessions in the process's memory, for one node. They end with the process, so also when a new program takes over.
///
/// It holds 100,000 sessions, or as many as [`with_capacity`](Self::with_capacity) says; when it is full, the one that was
/// not used for the longest time goes for each that comes. One that has expired is dropped when it is asked for, and each
/// session that is added has the four longest unused ones looked at: there is no task.
pub struct MemoryStore {
    capacity: usize,
    /// Held for some moves of memory only.
    sessions: Mutex<Sessions>,
}

#[derive(Default)]
struct Sessions {
    by_key: HashMap<Box<str>, Slot>,
    /// The keys by when they were last used.
    by_use: BTreeMap<u64, Box<str>>,
    /// Counts the uses.
    uses: u64,
}

struct Slot {
    record: Record,
    expires: Instant,
    used: u64,
}

impl MemoryStore {
    /// A store for 100,000 sessions.
    pub fn new() -> Self {
        Self::with_capacity(CAPACITY)
    }

    /// A store for so many sessions; at least one.
    pub fn with_capacity(sessions: usize) -> Self {
        Self {
            capacity: sessions.max(1),
            sessions: Mutex::default(),
        }
    }

    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl Store for MemoryStore {
    async fn load(&self, key: &str) -> Result<Option<Record>> {
        Ok(self.sessions().find(key).map(|slot| slot.record.clone()))
    }

    async fn create(&self, key: &str, record: Record, lifetime: Duration) -> Result<()> {
        let mut sessions = self.sessions();
        sessions.remove(key);
        sessions.sweep();
        while sessions.by_key.len() >= self.capacity && sessions.drop_longest_unused() {}
        sessions.add(key, record, expiry(lifetime));
        Ok(())
    }

    async fn update(&self, key: &str, changes: &Changes, lifetime: Duration) -> Result<bool> {
        let mut sessions = self.sessions();
        let Some(slot) = sessions.find(key) else {
            return Ok(false);
        };
        slot.record.apply(changes);
        slot.expires = expiry(lifetime);
        Ok(true)
    }

    async fn delete(&self, key: &str) -> Result<()> {
        self.sessions().remove(key);
        Ok(())
    }
}

/// The end of a lifetime from now. One that no clock can tell is of some thirty years.
fn expiry(lifetime: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(lifetime)
        .unwrap_or_else(|| now + Duration::from_secs(1_000_000_000))
}

impl Sessions {
    /// The session of this key, which is used now.
    fn find(&mut self, key: &str) -> Option<&mut Slot> {
        if self.by_key.get(key)?.expires <= Instant::now() {
            self.remove(key);
            return None;
        }
        self.uses += 1;
        let slot = self.by_key.get_mut(key)?;
        if let Some(key) = self.by_use.remove(&slot.used) {
            self.by_use.insert(self.uses, key);
        }
        slot.used = self.uses;
        Some(slot)
    }

    fn add(&mut self, key: &str, record: Record, expires: Instant) {
        self.uses += 1;
        let used = self.uses;
        self.by_use.insert(used, key.into());
        self.by_key.insert(key.into(), Slot { record, expires, used });
    }

    fn remove(&mut self, key: &str) {
        if let Some(slot) = self.by_key.remove(key) {
            self.by_use.remove(&slot.used);
        }
    }

    /// Says whether there was one.
    fn drop_longest_unused(&mut self) -> bool {
        let longest = self.by_use.pop_first();
        longest.is_some_and(|(_, key)| self.by_key.remove(&key).is_some())
    }

    fn sweep(&mut self) {
        let now = Instant::now();
        let is_over = |key: &str| self.by_key.get(key).is_some_and(|slot| slot.expires <= now);
        let oldest = self.by_use.values().take(SWEEP);
        let over: Vec<_> = oldest.filter(|key| is_over(key)).cloned().collect();
        for key in over {
            self.remove(&key);
        }
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore")
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::Record;
    use super::*;
    use crate::testing::run_paused;

    const HOUR: Duration = Duration::from_hours(1);

    async fn create(store: &MemoryStore, key: &str, lifetime: Duration) {
        store.create(key, Record::new(1), lifetime).await.unwrap();
    }

    async fn has(store: &MemoryStore, key: &str) -> bool {
        store.load(key).await.unwrap().is_some()
    }

    #[test]
    fn a_full_store_drops_the_longest_unused() {
        run_paused(async {
            let store = MemoryStore::with_capacity(2);
            create(&store, "a", HOUR).await;
            create(&store, "b", HOUR).await;
            assert!(has(&store, "a").await);
            create(&store, "c", HOUR).await;
            assert!(has(&store, "a").await && has(&store, "c").await && !has(&store, "b").await);
            let sessions = store.sessions();
            assert_eq!((sessions.by_key.len(), sessions.by_use.len()), (2, 2));
        });
    }

    #[test]
    fn one_that_has_expired_is_not_found_and_is_swept() {
        run_paused(async {
            let store = MemoryStore::new();
            for key in ["a", "b", "c"] {
                create(&store, key, HOUR).await;
            }
            tokio::time::advance(HOUR / 2).await;
            assert!(store.update("b", &Changes::none(2), HOUR).await.unwrap());
            tokio::time::advance(HOUR / 2).await;
            assert!(!has(&store, "a").await);
            assert!(has(&store, "b").await);
            create(&store, "d", HOUR).await;
            let sessions = store.sessions();
            assert_eq!(sessions.by_key.len(), 2, "c was swept");
            assert_eq!(sessions.by_use.len(), 2);
        });
    }

    #[test]
    fn what_was_deleted_is_not_brought_back() {
        run_paused(async {
            let store = MemoryStore::new();
            create(&store, "a", HOUR).await;
            store.delete("a").await.unwrap();
            assert!(!store.update("a", &Changes::none(2), HOUR).await.unwrap());
            assert!(!has(&store, "a").await);
        });
    }

    #[test]
    fn any_lifetime_has_an_end() {
        run_paused(async {
            let store = MemoryStore::new();
            create(&store, "a", Duration::MAX).await;
            assert!(has(&store, "a").await);
        });
    }
}
