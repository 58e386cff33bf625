//! A coarse clock for connections: deadlines that cost nothing until they come.
//!
//! A connection is in one slot of the wheel, that of the earliest moment at which something of it may be due. When the
//! clock comes there the connection is *visited*: asked, without being woken, when it wants to be visited next. So
//! received bytes only move a time stamp, and a connection that is silent for its whole idle timeout costs one visit.
//!
//! A deadline is never early, and at most one tick late. All times are counted from the wheel's beginning.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::yield_now;
use tokio::time::{Instant, sleep_until};

use crate::lot;
use crate::moving::{Mover, UnderWay};

/// The length of a tick, in milliseconds.
pub(crate) const TICK: u64 = 16;
/// The number of slots: what is due later than 65 s from now is visited once on the way.
const SLOTS: u64 = 4096;
/// The first tick of a wheel with a past, of more than an hour.
const LATER: u64 = 1 << 18;
/// How many connections are visited before other tasks have their turn.
const BATCH: usize = 512;

/// What the wheel visits.
pub(crate) trait Timed: Send + Sync {
    /// Where the wheel keeps it: the wheel's own note.
    fn place(&self) -> &Place;

    /// When it wants to be visited; `None` is never again.
    fn due(&self) -> Option<Duration>;

    /// Does what is due.
    fn visit(&self, now: Duration);

    /// The end of the server has begun.
    fn drain(&self);

    /// It is to move to another process. Asked again, it does nothing.
    fn move_out(&self, mover: &Mover) {
        let _ = mover;
    }
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
    /// The tick that it began with.
    first: u64,
    /// In ticks.
    now: AtomicU64,
    slots: Box<[Mutex<Slot>]>,
    draining: AtomicBool,
    /// Whether connections are asked to move, and by whom.
    moving: AtomicBool,
    mover: UnderWay,
}

type Slot = Vec<Arc<dyn Timed>>;

impl Wheel {
    pub(crate) fn new() -> Self {
        Self::beginning_with(0)
    }

    /// One whose time does not begin now: connections that come from another process have been silent for a while.
    pub(crate) fn with_a_past() -> Self {
        Self::beginning_with(LATER)
    }

    fn beginning_with(first: u64) -> Self {
        Self(Arc::new(Inner {
            began: Instant::now(),
            first,
            now: AtomicU64::new(first),
            slots: (0..SLOTS).map(|_| Mutex::default()).collect(),
            draining: AtomicBool::new(false),
            moving: AtomicBool::new(false),
            mover: UnderWay::default(),
        }))
    }

    /// The time of the last tick: that of the clock or a little before. Reading it asks no clock.
    pub(crate) fn now(&self) -> Duration {
        Duration::from_millis(self.tick() * TICK)
    }

    /// The time of the clock.
    pub(crate) fn exactly_now(&self) -> Duration {
        Duration::from_millis(self.0.first * TICK) + self.0.began.elapsed()
    }

    fn tick(&self) -> u64 {
        self.0.now.load(Ordering::SeqCst)
    }

    /// Enters a connection, or moves it to where it wants to be. One that comes when the drain has begun is told at once.
    pub(crate) fn enter(&self, entry: &Arc<dyn Timed>) {
        self.take(&**entry);
        self.insert(Arc::clone(entry));
        // After it was inserted: the drain sees it, or it sees the drain.
        if self.0.draining.load(Ordering::SeqCst) {
            entry.drain();
        }
        if self.0.moving.load(Ordering::SeqCst)
            && let Some(mover) = self.mover()
        {
            entry.move_out(&mover);
        }
    }

    /// Visits a connection as early as it wants now, which is earlier than it did.
    pub(crate) fn hurry(&self, entry: &dyn Timed) {
        // One that is not in the wheel is being moved: who moves it asks it again.
        if let Some(moved) = self.take(entry) {
            self.enter(&moved);
        }
    }

    /// Takes a connection out.
    pub(crate) fn leave(&self, entry: &dyn Timed) {
        self.take(entry);
    }

    fn insert(&self, mut entry: Arc<dyn Timed>) {
        while let Some(due) = entry.due() {
            let now = self.tick();
            // What is due now or before is for the next tick; what is beyond the last slot is asked again there.
            let target = ticks_until(due).clamp(now + 1, now + SLOTS - 1);
            let slot = target % SLOTS;
            let note = Arc::clone(&entry);
            let mut entries = self.lock(slot);
            if !entry.place().claim(slot, entries.len()) {
                // Somebody else has just put it in, and asks it afterwards, as is done here.
                return;
            }
            entries.push(entry);
            drop(entries);
            // Meanwhile the clock may have passed the slot, or the entry may want to be earlier, or may have ended: each saw
            // it nowhere.
            let is_late = self.tick() >= target || note.due().is_none_or(|earlier| earlier < due);
            if !is_late {
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
            let Some((_, index)) = entry.place().get().filter(|(still, _)| *still == slot) else {
                continue;
            };
            let taken = entries.swap_remove(index);
            taken.place().clear();
            if let Some(moved) = entries.get(index) {
                moved.place().set(slot, index);
            }
            return Some(taken);
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "a slot's number")]
    fn lock(&self, slot: u64) -> MutexGuard<'_, Slot> {
        self.0.slots[slot as usize]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Turns the wheel, for ever. Cancel safe: nothing in it is lost.
    pub(crate) async fn turn(&self) {
        loop {
            sleep_until(self.0.began + Duration::from_millis((self.tick() + 1 - self.0.first) * TICK)).await;
            // A process that was stopped for a while visits all that it has passed.
            while Duration::from_millis((self.tick() + 1) * TICK) <= self.exactly_now() {
                self.next_tick().await;
            }
        }
    }

    async fn next_tick(&self) {
        let now = self.tick() + 1;
        self.0.now.store(now, Ordering::SeqCst);
        let mut visited = 0;
        // One by one: what is entered meanwhile is for later slots, and no lock is held while a connection is visited.
        while let Some(entry) = self.pop(now % SLOTS) {
            entry.visit(Duration::from_millis(now * TICK));
            self.enter(&entry);
            visited += 1;
            if visited % BATCH == 0 {
                yield_now().await;
            }
        }
    }

    fn pop(&self, slot: u64) -> Option<Arc<dyn Timed>> {
        let mut entries = self.lock(slot);
        let entry = entries.pop()?;
        entry.place().clear();
        Some(entry)
    }

    /// Tells every connection that the end has begun, those that come later too: about so many a second, in no order, but
    /// all of them within that time. Those that come, or are visited, meanwhile are told at once.
    pub(crate) async fn drain(&self, rate: NonZeroU32, within: Duration) {
        self.0.draining.store(true, Ordering::SeqCst);
        let mut entries: Vec<_> = (0..SLOTS).flat_map(|slot| self.lock(slot).clone()).collect();
        entries.sort_by_cached_key(|_| lot::draw());
        let all = u32::try_from(entries.len()).unwrap_or(u32::MAX);
        let spread = within.min(Duration::from_secs(1) * all / rate.get());
        let began = Instant::now();
        for (number, entry) in (0..).zip(entries) {
            let due = began + spread * number / all;
            if number % 16 == 0 && due > Instant::now() {
                sleep_until(due + lot::within(Duration::from_millis(TICK))).await;
            }
            entry.drain();
        }
    }

    /// Asks every connection to move, those that come later too, until [`stay`](Self::stay).
    pub(crate) async fn move_out(&self, mover: &Mover) {
        self.0.mover.begin(mover.clone());
        self.0.moving.store(true, Ordering::SeqCst);
        self.tell_all(|entry| entry.move_out(mover)).await;
    }

    /// Nobody is asked to move any more. Where the others have moved, those that were asked and are late still find out.
    pub(crate) fn stay(&self, have_moved: bool) {
        self.0.moving.store(false, Ordering::SeqCst);
        if !have_moved {
            self.0.mover.end();
        }
    }

    /// Who moves connections now.
    pub(crate) fn mover(&self) -> Option<Mover> {
        self.0.mover.get()
    }

    async fn tell_all(&self, tell: impl Fn(&dyn Timed)) {
        let mut told = 0;
        for slot in 0..SLOTS {
            let entries: Vec<_> = self.lock(slot).clone();
            for entry in entries {
                tell(&*entry);
                told += 1;
                // Not for each slot: most are empty, and who waits for a turn on a busy worker waits long.
                if told % BATCH == 0 {
                    yield_now().await;
                }
            }
        }
    }
}

/// The first tick that is not before `due`.
fn ticks_until(due: Duration) -> u64 {
    u64::try_from(due.as_nanos().div_ceil(u128::from(TICK) * 1_000_000)).unwrap_or(u64::MAX / 2)
}

impl Place {
    pub(crate) fn nowhere() -> Self {
        Self(AtomicU64::new(NOWHERE))
    }

    fn get(&self) -> Option<(u64, usize)> {
        let place = self.0.load(Ordering::Acquire);
        #[expect(clippy::cast_possible_truncation, reason = "the lower half")]
        let halves = (place >> 32, place as u32 as usize);
        (place != NOWHERE).then_some(halves)
    }

    /// Notes where it is put, unless it is somewhere: says whether it was nowhere.
    fn claim(&self, slot: u64, index: usize) -> bool {
        let place = Self::pack(slot, index);
        let claimed = self
            .0
            .compare_exchange(NOWHERE, place, Ordering::AcqRel, Ordering::Acquire);
        claimed.is_ok()
    }

    fn set(&self, slot: u64, index: usize) {
        self.0.store(Self::pack(slot, index), Ordering::Release);
    }

    fn pack(slot: u64, index: usize) -> u64 {
        slot << 32 | index as u64 & 0xFFFF_FFFF
    }

    fn clear(&self) {
        self.0.store(NOWHERE, Ordering::Release);
    }
}

#[cfg(test)]
mod tests;
