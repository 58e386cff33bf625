//! The wheel, turned by hand and by a paused clock.

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
    wheel.drain(NonZeroU32::MIN, Duration::ZERO).await;
    wheel.enter(&(Arc::clone(&late) as Arc<dyn Timed>));
    assert!(early.drained.load(Ordering::SeqCst) && late.drained.load(Ordering::SeqCst));
}

#[tokio::test(start_paused = true)]
async fn a_drain_takes_its_time_but_not_more_than_it_has() {
    for (rate, within, expected) in [(100, 60, 10), (100, 3, 3), (1_000_000, 60, 0)] {
        let wheel = Wheel::new();
        let entries: Vec<_> = (0..1000).map(|_| Entry::at(Duration::from_mins(1))).collect();
        for entry in &entries {
            wheel.enter(&(Arc::clone(entry) as Arc<dyn Timed>));
        }
        let told = || {
            entries
                .iter()
                .filter(|entry| entry.drained.load(Ordering::SeqCst))
                .count()
        };
        let began = Instant::now();
        let half = async {
            tokio::time::sleep(Duration::from_secs(expected) / 2).await;
            told()
        };
        let drain = wheel.drain(NonZeroU32::new(rate).unwrap(), Duration::from_secs(within));
        let ((), half) = tokio::join!(drain, half);
        assert_eq!(told(), 1000);
        let took = began.elapsed();
        assert!(
            took <= Duration::from_secs(expected) + Duration::from_millis(TICK),
            "{took:?}"
        );
        assert!(took.as_secs() + 1 >= expected, "{took:?}");
        assert!(expected == 0 || (450..=550).contains(&half), "{half} at half time");
    }
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
