//! A coarse clock for connections: deadlines that cost nothing until they come.
//!
//! A connection is in one slot of the wheel, that of the earliest moment at which something of it may be due. When the
//! clock comes there the connection is *visited*: asked, without being woken, when it wants to be visited next. So
//! received bytes only move a time stamp, and a connection that is silent for its whole idle timeout costs one visit.
//!
//! A deadline is never early, and at most one tick late. All times are counted from the wheel's beginning.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::yield_now;
use tokio::time::{Instant, sleep_until};

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

    /// Tells every connection that the end has begun, those that come later too.
    pub(crate) async fn drain(&self) {
        self.0.draining.store(true, Ordering::SeqCst);
        self.tell_all(|entry| entry.drain()).await;
    }

    /// Asks every connection to move, those that come later too, until [`stay`](Self::stay).
    pub(crate) async fn move_out(&self, mover: &Mover) {
        self.0.mover.begin(mover.clone());
        self.0.moving.store(true, Ordering::SeqCst);
        self.tell_all(|entry| entry.move_out(mover)).await;
    }

    /// Nobody is asked to move any more.
    pub(crate) fn stay(&self) {
        self.0.moving.store(false, Ordering::SeqCst);
        self.0.mover.end();
    }

    /// Who moves connections now.
    pub(crate) fn mover(&self) -> Option<Mover> {
        self.0.mover.get()
    }

    async fn tell_all(&self, tell: impl Fn(&dyn Timed)) {
        for slot in 0..SLOTS {
            let entries: Vec<_> = self.lock(slot).clone();
            for batch in entries.chunks(BATCH) {
                for entry in batch {
                    tell(&**entry);
                }
                yield_now().await;
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
mod tests {
    use std::sync::{OnceLock, Weak};

    use super::*;

    /// Wants to be visited at some time, and notes when it was.
    struct Entry {
        place: Place,
        due: Mutex<Option<Duration>>,
        visits: Mutex<Vec<Duration>>,
        drained: AtomicBool,
    }

    impl Entry {
        fn at(due: Duration) -> Arc<Self> {
            Arc::new(Self {
                place: Place::nowhere(),
                due: Mutex::new(Some(due)),
                visits: Mutex::default(),
                drained: AtomicBool::new(false),
            })
        }
    }

    impl Timed for Entry {
        fn place(&self) -> &Place {
            &self.place
        }

        fn due(&self) -> Option<Duration> {
            *self.due.lock().unwrap()
        }

        fn visit(&self, now: Duration) {
            let mut due = self.due.lock().unwrap();
            if due.is_some_and(|due| due <= now) {
                *due = None;
            }
            self.visits.lock().unwrap().push(now);
        }

        fn drain(&self) {
            self.drained.store(true, Ordering::SeqCst);
        }
    }

    async fn turn_to(wheel: &Wheel, time: Duration) {
        while wheel.now() < time {
            wheel.next_tick().await;
        }
    }

    #[tokio::test]
    async fn a_visit_is_never_early_and_at_most_a_tick_late() {
        let wheel = Wheel::new();
        let entries: Vec<_> = [1, 15, 16, 17, 1000, 64_000, 200_000]
            .map(Duration::from_millis)
            .map(Entry::at)
            .into();
        for entry in &entries {
            wheel.enter(&(Arc::clone(entry) as Arc<dyn Timed>));
        }
        let dues: Vec<_> = entries.iter().map(|entry| entry.due().unwrap()).collect();
        turn_to(&wheel, Duration::from_secs(201)).await;
        for (entry, due) in entries.iter().zip(dues) {
            let last = *entry.visits.lock().unwrap().last().unwrap();
            assert!(
                (due..=due + Duration::from_millis(2 * TICK)).contains(&last),
                "{due:?} at {last:?}"
            );
        }
        let on_the_way = entries.last().unwrap().visits.lock().unwrap().len();
        assert_eq!(on_the_way, 4, "one visit for each turn of the wheel, and the last");
    }

    #[tokio::test]
    async fn one_that_hurries_is_visited_earlier_and_one_that_leaves_never() {
        let wheel = Wheel::new();
        let (hurried, left) = (Entry::at(Duration::from_mins(1)), Entry::at(Duration::from_secs(1)));
        for entry in [&hurried, &left] {
            wheel.enter(&(Arc::clone(entry) as Arc<dyn Timed>));
        }
        *hurried.due.lock().unwrap() = Some(Duration::from_millis(100));
        wheel.hurry(&*hurried);
        wheel.leave(&*left);
        turn_to(&wheel, Duration::from_secs(2)).await;
        assert_eq!(hurried.visits.lock().unwrap().len(), 1);
        assert!(left.visits.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_drain_reaches_all_and_those_that_come_later() {
        let wheel = Wheel::new();
        let (early, late) = (Entry::at(Duration::from_secs(1)), Entry::at(Duration::from_secs(1)));
        wheel.enter(&(Arc::clone(&early) as Arc<dyn Timed>));
        wheel.drain().await;
        wheel.enter(&(Arc::clone(&late) as Arc<dyn Timed>));
        assert!(early.drained.load(Ordering::SeqCst) && late.drained.load(Ordering::SeqCst));
    }

    #[tokio::test]
    async fn one_that_is_moved_while_the_drain_begins_is_told_too() {
        let wheel = Wheel::new();
        let entry = Entry::at(Duration::from_mins(1));
        wheel.enter(&(Arc::clone(&entry) as Arc<dyn Timed>));
        // The drain has passed the slot to which it is moved, and not yet come to the one that it leaves.
        wheel.0.draining.store(true, Ordering::SeqCst);
        *entry.due.lock().unwrap() = Some(Duration::from_millis(100));
        wheel.hurry(&*entry);
        assert!(entry.drained.load(Ordering::SeqCst));
    }

    #[test]
    fn one_that_two_put_in_at_a_time_is_in_it_once() {
        /// Is put in by somebody else as soon as it has said when it is due.
        struct Twice {
            place: Place,
            wheel: Wheel,
            this: OnceLock<Weak<Twice>>,
            asked: AtomicBool,
        }

        impl Timed for Twice {
            fn place(&self) -> &Place {
                &self.place
            }

            fn due(&self) -> Option<Duration> {
                if !self.asked.swap(true, Ordering::SeqCst) {
                    let this = self.this.get().and_then(Weak::upgrade).unwrap();
                    self.wheel.enter(&(this as Arc<dyn Timed>));
                }
                Some(Duration::from_mins(1))
            }

            fn visit(&self, _now: Duration) {}

            fn drain(&self) {}
        }

        let wheel = Wheel::new();
        let entry = Arc::new(Twice {
            place: Place::nowhere(),
            wheel: wheel.clone(),
            this: OnceLock::new(),
            asked: AtomicBool::new(false),
        });
        entry.this.set(Arc::downgrade(&entry)).unwrap();
        wheel.enter(&(Arc::clone(&entry) as Arc<dyn Timed>));
        assert_eq!(Arc::strong_count(&entry), 2, "the test's own, and the wheel's");
        wheel.leave(&*entry);
        assert_eq!(Arc::strong_count(&entry), 1);
    }

    #[test]
    fn one_that_ends_while_it_is_moved_is_not_kept() {
        /// Ends as soon as it has said when it is due.
        struct Ending(Place, AtomicBool);

        impl Timed for Ending {
            fn place(&self) -> &Place {
                &self.0
            }

            fn due(&self) -> Option<Duration> {
                let ended = self.1.swap(true, Ordering::SeqCst);
                (!ended).then_some(Duration::from_mins(1))
            }

            fn visit(&self, _now: Duration) {}

            fn drain(&self) {}
        }

        let wheel = Wheel::new();
        let entry: Arc<dyn Timed> = Arc::new(Ending(Place::nowhere(), AtomicBool::new(false)));
        wheel.enter(&entry);
        assert_eq!(Arc::strong_count(&entry), 1);
    }

    const CONNECTIONS: u64 = 1_000_000;
    const MINUTE: Duration = Duration::from_mins(1);

    /// Is silent, but for the answers to its pings where it is sent any.
    struct Silent {
        place: Place,
        visits: Arc<AtomicU64>,
        /// In milliseconds.
        received: AtomicU64,
        ping: Option<Ping>,
    }

    struct Ping {
        interval: Duration,
        sent: AtomicU64,
    }

    /// How long an answer to a ping takes.
    const ROUND_TRIP: u64 = 80;

    impl Timed for Silent {
        fn place(&self) -> &Place {
            &self.place
        }

        fn due(&self) -> Option<Duration> {
            let load = |time: &AtomicU64| Duration::from_millis(time.load(Ordering::Relaxed));
            let received = load(&self.received);
            let idle = received + if self.ping.is_some() { 3 * MINUTE } else { MINUTE };
            let ping = self
                .ping
                .as_ref()
                .map(|ping| received.max(load(&ping.sent)) + ping.interval);
            Some(ping.map_or(idle, |ping| ping.min(idle)))
        }

        fn visit(&self, now: Duration) {
            self.visits.fetch_add(1, Ordering::Relaxed);
            let now = u64::try_from(now.as_millis()).unwrap();
            match &self.ping {
                Some(ping) => {
                    ping.sent.store(now, Ordering::Relaxed);
                    self.received.store(now + ROUND_TRIP, Ordering::Relaxed);
                }
                // It is closed, and another comes in its place.
                None => self.received.store(now, Ordering::Relaxed),
            }
        }

        fn drain(&self) {}
    }

    /// How often a million connections that came within a minute are visited in the minute after the next.
    async fn visits_in_a_minute(ping_interval: Option<Duration>) -> u64 {
        let wheel = Wheel::new();
        let visits = Arc::new(AtomicU64::new(0));
        for number in 0..CONNECTIONS {
            let entry: Arc<dyn Timed> = Arc::new(Silent {
                place: Place::nowhere(),
                visits: Arc::clone(&visits),
                received: AtomicU64::new(number * 60 / 1000),
                ping: ping_interval.map(|interval| Ping {
                    interval,
                    sent: AtomicU64::new(0),
                }),
            });
            wheel.enter(&entry);
        }
        turn_to(&wheel, 2 * MINUTE).await;
        let before = visits.load(Ordering::Relaxed);
        turn_to(&wheel, 3 * MINUTE).await;
        let entered = wheel.0.slots.iter().map(|slot| slot.lock().unwrap().len() as u64);
        assert_eq!(entered.sum::<u64>(), CONNECTIONS);
        visits.load(Ordering::Relaxed) - before
    }

    #[tokio::test]
    async fn a_million_silent_connections_cost_one_visit_each_per_timeout() {
        let visits = visits_in_a_minute(None).await;
        assert!(visits <= 17_000 * 60, "{visits} visits in 60 s");
        assert!(visits >= CONNECTIONS * 9 / 10, "{visits} visits in 60 s");
    }

    #[tokio::test]
    async fn a_million_connections_that_are_pinged_cost_one_visit_each_per_ping() {
        let visits = visits_in_a_minute(Some(MINUTE)).await;
        assert!(visits <= 17_000 * 60, "{visits} visits in 60 s");
        assert!(visits >= CONNECTIONS * 9 / 10, "{visits} visits in 60 s");
    }
}
