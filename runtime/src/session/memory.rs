//! Sessions in the process's memory.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::time::Instant;

use super::{Changes, Record, Store};
use crate::error::Result;

/// How many sessions it holds by default.
const CAPACITY: usize = 100_000;
/// How many of the longest unused are looked at for expired ones whenever one is added.
const SWEEP: usize = 4;
/// How many bytes of sessions another process is given.
#[cfg(unix)]
const CARRIED_BYTES: usize = 16 * 1024 * 1024;
/// What each has besides what it holds, about.
#[cfg(unix)]
const OVERHEAD: usize = 128;
/// How many changes wait for the other process.
#[cfg(unix)]
const CHANGES: usize = 1024;

/// Sessions in the process's memory, for one node. They end with the process, unless another
/// [takes over](crate::session#a-new-program).
///
/// It holds 100,000 sessions, or as many as [`with_capacity`](Self::with_capacity) says; when it is full, the one that was
/// not used for the longest time goes for each that comes. One that has expired is dropped when it is asked for, and each
/// session that is added has the four longest unused ones looked at: there is no task.
pub struct MemoryStore {
    capacity: usize,
    /// Held for some moves of memory only.
    sessions: Mutex<Sessions>,
}

struct Sessions {
    by_key: HashMap<Box<str>, Slot>,
    /// The keys by when they were last used.
    by_use: BTreeMap<u64, Box<str>>,
    /// Counts the uses, from here up.
    uses: u64,
    /// Counts those that came from another process, from here down: they were used before all of this one.
    uses_before: u64,
    /// Where it is told what happens, to the process that takes over.
    told: Option<mpsc::Sender<Told>>,
}

/// What has happened to a session, as another process is told.
#[derive(Serialize, Deserialize)]
pub(crate) struct Told {
    key: Box<str>,
    what: What,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum What {
    /// It is there, for so many milliseconds.
    Is(Record, u64),
    /// It was changed, and is there for so many milliseconds.
    Changed(Changes, u64),
    Deleted,
}

struct Slot {
    record: Record,
    expires: Instant,
    used: u64,
}

impl Default for Sessions {
    fn default() -> Self {
        Self {
            by_key: HashMap::new(),
            by_use: BTreeMap::new(),
            uses: u64::MAX / 2,
            uses_before: u64::MAX / 2,
            told: None,
        }
    }
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

    /// What it holds, the last used first, and from then on what happens to it.
    #[cfg(unix)]
    pub(super) fn carry(&self) -> (Vec<Told>, mpsc::Receiver<Told>) {
        let (told, changes) = mpsc::channel(CHANGES);
        let mut sessions = self.sessions();
        sessions.told = Some(told);
        let (now, mut bytes) = (Instant::now(), 0);
        let slots = sessions.by_use.values().rev();
        let slots = slots.filter_map(|key| Some((key, sessions.by_key.get(key)?)));
        let carried = slots
            .filter(|(_, slot)| slot.expires > now)
            .take_while(|(_, slot)| {
                bytes += slot.record.size() + OVERHEAD;
                bytes <= CARRIED_BYTES
            })
            .map(|(key, slot)| Told {
                key: key.clone(),
                what: What::Is(slot.record.clone(), milliseconds(slot.expires - now)),
            })
            .collect::<Vec<_>>();
        let left = sessions.by_key.len() - carried.len();
        if left > 0 {
            tracing::warn!("{left} sessions are too many to be taken over, or have expired");
        }
        (carried, changes)
    }

    /// Does what was done in another process.
    #[cfg(unix)]
    pub(super) fn hear(&self, Told { key, what }: Told) {
        let mut sessions = self.sessions();
        let expires = |left| expiry(Duration::from_millis(left));
        match what {
            What::Is(record, left) if sessions.by_key.len() < self.capacity => {
                sessions.uses_before -= 1;
                let used = sessions.uses_before;
                sessions.remove(&key);
                sessions.put(&key, record, expires(left), used);
            }
            What::Is(..) => {}
            What::Changed(changes, left) => {
                if let Some(slot) = sessions.find(&key) {
                    slot.record.apply(&changes);
                    slot.expires = expires(left);
                }
            }
            What::Deleted => sessions.remove(&key),
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
        sessions.tell(key, || What::Is(record.clone(), milliseconds(lifetime)));
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
        sessions.tell(key, || What::Changed(changes.clone(), milliseconds(lifetime)));
        Ok(true)
    }

    async fn delete(&self, key: &str) -> Result<()> {
        let mut sessions = self.sessions();
        sessions.remove(key);
        sessions.tell(key, || What::Deleted);
        Ok(())
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
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
        self.put(key, record, expires, self.uses);
    }

    fn put(&mut self, key: &str, record: Record, expires: Instant, used: u64) {
        self.by_use.insert(used, key.into());
        self.by_key.insert(key.into(), Slot { record, expires, used });
    }

    /// Tells the process that takes over, where there is one.
    fn tell(&mut self, key: &str, what: impl FnOnce() -> What) {
        let Some(told) = &self.told else { return };
        let key = key.into();
        match told.try_send(Told { key, what: what() }) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => {
                tracing::warn!("a change of a session does not reach the process that takes over");
            }
            Err(TrySendError::Closed(_)) => self.told = None,
        }
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

/// Neither its key nor what it holds.
impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Told").finish_non_exhaustive()
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

    #[cfg(unix)]
    #[test]
    fn another_process_goes_on_with_what_there_was_and_what_happens_then() {
        run_paused(async {
            let (old, new) = (MemoryStore::new(), MemoryStore::with_capacity(3));
            for key in ["a", "b", "c", "d"] {
                create(&old, key, HOUR).await;
            }
            create(&old, "expired", Duration::ZERO).await;
            assert!(has(&old, "a").await);
            let (carried, mut changes) = old.carry();
            old.delete("d").await.unwrap();
            create(&old, "e", HOUR).await;
            let mut change = Changes::none(7);
            change.values.insert("x".to_owned(), Some("1".to_owned()));
            assert!(old.update("a", &change, 2 * HOUR).await.unwrap());
            let line = serde_json::to_string(&carried).unwrap();
            for told in serde_json::from_str::<Vec<Told>>(&line).unwrap() {
                new.hear(told);
            }
            // Those that were used last are those for which there is room.
            assert!(has(&new, "a").await && has(&new, "d").await && has(&new, "c").await && !has(&new, "b").await);
            while let Ok(told) = changes.try_recv() {
                new.hear(told);
            }
            assert!(!has(&new, "d").await && has(&new, "e").await);
            assert_eq!(new.load("a").await.unwrap().unwrap().values["x"], "1");
            tokio::time::advance(HOUR + HOUR / 2).await;
            assert!(has(&new, "a").await && !has(&new, "c").await);
            // Nobody listens any more.
            drop(changes);
            create(&old, "f", HOUR).await;
            assert!(old.sessions().told.is_none());
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
