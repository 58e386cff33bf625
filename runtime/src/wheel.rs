//! A coarse clock for connections: deadlines that cost nothing until they come.
//!
//! A connection is in one slot of the wheel, that of the earliest moment at which something of it may be due. When the
//! clock comes there the connection is *visited*: asked, without being woken, when it wants to be visited next. So
//! received bytes only move a time stamp, and a connection that is silent for its whole idle timeout costs one visit.
//!
//! A deadline is never early, and at most one tick late.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::yield_now;
use tokio::time::{Instant, sleep_until};

/// The length of a tick.
const TICK: Duration = Duration::from_millis(16);
/// The number of slots: deadlines further away than 65 s are visited once on the way. A power of two.
const SLOTS: u32 = 4096;
/// How many connections are visited before other tasks have their turn.
const BATCH: usize = 512;

/// A moment, in ticks since the wheel began. It runs for 2 years.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Tick(u32);

/// What the wheel visits.
pub(crate) trait Timed: Send + Sync {
    /// Where the wheel keeps it: the wheel's own note.
    fn place(&self) -> &Place;

    /// Does what is due. Says when to come again; `None` is never.
    fn visit(&self, now: Tick) -> Option<Tick>;

    /// The end of the server has begun.
    fn drain(&self);
}

/// The slot and the index of an entry, while it is in the wheel. Written only under that slot's lock.
#[derive(Debug)]
pub(crate) struct Place(AtomicU64);

const NOWHERE: u64 = u64::MAX;

/// The wheel of one server. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Wheel(Arc<Inner>);

struct Inner {
    began: Instant,
    now: AtomicU32,
    slots: Box<[Mutex<Slot>]>,
    draining: AtomicBool,
}

type Slot = Vec<Arc<dyn Timed>>;

impl Wheel {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Inner {
            began: Instant::now(),
            now: AtomicU32::new(0),
            slots: (0..SLOTS).map(|_| Mutex::default()).collect(),
            draining: AtomicBool::new(false),
        }))
    }

    /// The time of the last tick. Reading it asks no clock.
    pub(crate) fn now(&self) -> Tick {
        Tick(self.0.now.load(Ordering::SeqCst))
    }

    /// The first tick that is at least this far away: the time since the last one is added.
    pub(crate) fn after(&self, delay: Duration) -> Tick {
        let due = self.0.began.elapsed().saturating_add(delay);
        Tick(ticks(due).saturating_add(1))
    }

    /// Enters a connection, to be visited at `due`. One that comes when the drain has begun is told at once.
    pub(crate) fn enter(&self, entry: Arc<dyn Timed>, due: Tick) {
        let late = Arc::clone(&entry);
        self.insert(entry, due);
        // After it was inserted: the drain sees it, or it sees the drain.
        if self.0.draining.load(Ordering::SeqCst) {
            late.drain();
        }
    }

    /// Visits a connection earlier than it asked for.
    pub(crate) fn move_to(&self, entry: &dyn Timed, due: Tick) {
        // One that is not in the wheel is being visited, or has left.
        if let Some(entry) = self.take(entry) {
            self.enter(entry, due);
        }
    }

    /// Takes a connection out.
    pub(crate) fn leave(&self, entry: &dyn Timed) {
        self.take(entry);
    }

    fn insert(&self, mut entry: Arc<dyn Timed>, due: Tick) {
        loop {
            let now = self.now().0;
            // What is due now or before is for the next tick; what is beyond the last slot is asked again there.
            let target = due.0.clamp(now.saturating_add(1), now.saturating_add(SLOTS - 1));
            let slot = target % SLOTS;
            let note = Arc::clone(&entry);
            let mut entries = self.lock(slot);
            entry.place().set(slot, entries.len());
            entries.push(entry);
            drop(entries);
            // The clock may have passed the slot before the entry was in it: then it would wait for a whole turn.
            if self.now().0 < target {
                return;
            }
            match self.take(&*note) {
                Some(taken) => entry = taken,
                None => return,
            }
        }
    }

    fn take(&self, entry: &dyn Timed) -> Option<Arc<dyn Timed>> {
        loop {
            let (slot, _) = entry.place().get()?;
            let mut entries = self.lock(slot);
            // It may have been moved before the lock was held.
            let Some((still, index)) = entry.place().get().filter(|(still, _)| *still == slot) else {
                continue;
            };
            let taken = entries.swap_remove(index);
            taken.place().clear();
            if let Some(moved) = entries.get(index) {
                moved.place().set(still, index);
            }
            return Some(taken);
        }
    }

    fn lock(&self, slot: u32) -> std::sync::MutexGuard<'_, Slot> {
        self.0.slots[slot as usize]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Turns the wheel, for ever. Cancel safe: nothing in it is lost.
    pub(crate) async fn turn(&self) {
        loop {
            let next = self.now().0.saturating_add(1);
            sleep_until(self.0.began + TICK * next).await;
            // A process that was stopped for a while visits all that it has passed.
            let target = ticks(self.0.began.elapsed());
            while self.now().0 < target {
                self.tick().await;
            }
        }
    }

    async fn tick(&self) {
        let now = Tick(self.now().0.saturating_add(1));
        self.0.now.store(now.0, Ordering::SeqCst);
        let slot = now.0 % SLOTS;
        let mut visited = 0;
        // One by one: what is entered meanwhile is for later slots, and nothing is held while a connection is visited.
        while let Some(entry) = self.pop(slot) {
            if let Some(next) = entry.visit(now) {
                self.enter(entry, next);
            }
            visited += 1;
            if visited % BATCH == 0 {
                yield_now().await;
            }
        }
    }

    fn pop(&self, slot: u32) -> Option<Arc<dyn Timed>> {
        let entry = self.lock(slot).pop()?;
        entry.place().clear();
        Some(entry)
    }

    /// Tells every connection that the end has begun, those that come later too.
    pub(crate) async fn drain(&self) {
        self.0.draining.store(true, Ordering::SeqCst);
        for slot in 0..SLOTS {
            let entries: Vec<_> = self.lock(slot).clone();
            for batch in entries.chunks(BATCH) {
                for entry in batch {
                    entry.drain();
                }
                yield_now().await;
            }
        }
    }
}

fn ticks(time: Duration) -> u32 {
    u32::try_from(time.as_millis() / TICK.as_millis()).unwrap_or(u32::MAX)
}

impl Tick {
    /// The tick a delay later: for delays that are counted from a tick, such as an idle timeout.
    pub(crate) fn plus(self, delay: Duration) -> Self {
        Self(self.0.saturating_add(ticks(delay)).saturating_add(1))
    }

    pub(crate) fn as_u32(self) -> u32 {
        self.0
    }

    pub(crate) fn from_u32(tick: u32) -> Self {
        Self(tick)
    }
}

impl Place {
    pub(crate) fn nowhere() -> Self {
        Self(AtomicU64::new(NOWHERE))
    }

    fn get(&self) -> Option<(u32, usize)> {
        let place = self.0.load(Ordering::Acquire);
        #[expect(clippy::cast_possible_truncation, reason = "two halves")]
        let halves = ((place >> 32) as u32, place as u32 as usize);
        (place != NOWHERE).then_some(halves)
    }

    fn set(&self, slot: u32, index: usize) {
        self.0
            .store(u64::from(slot) << 32 | index as u64 & 0xFFFF_FFFF, Ordering::Release);
    }

    fn clear(&self) {
        self.0.store(NOWHERE, Ordering::Release);
    }
}
