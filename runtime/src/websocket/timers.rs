//! What a connection is to do later.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The timers of a handler, and the pings of its connection. All times are the wheel's.
pub(super) struct Timers<M> {
    last_id: u64,
    set: Vec<Entry<M>>,
    /// The repeating timer that is taken out while its message is made. One that is cancelled meanwhile is not put back.
    firing: Option<u64>,
    ping: Option<Ping>,
}

pub(super) struct Entry<M> {
    pub(super) id: u64,
    pub(super) due: Duration,
    pub(super) what: Due<M>,
}

pub(super) enum Due<M> {
    Once(M),
    Every(Duration, M, fn(&M) -> M),
}

/// A ping is due when neither was anything received for the interval, nor a ping sent.
#[derive(Clone, Copy)]
struct Ping {
    interval: Duration,
    sent: Duration,
}

/// A timer that was set, by which it can be cancelled. Dropping it does not cancel the timer.
#[derive(Clone)]
pub struct Timer {
    mailbox: Arc<dyn Cancel>,
    id: u64,
}

pub(super) trait Cancel: Send + Sync {
    fn cancel(&self, id: u64) -> bool;
}

impl<M> Default for Timers<M> {
    fn default() -> Self {
        Self {
            last_id: 0,
            set: Vec::new(),
            firing: None,
            ping: None,
        }
    }
}

impl<M> Timers<M> {
    /// Sets a timer, and gives its number.
    pub(super) fn set(&mut self, due: Duration, what: Due<M>) -> u64 {
        self.last_id += 1;
        let id = self.last_id;
        self.set.push(Entry { id, due, what });
        id
    }

    /// Cancels a timer. Says whether it was still set, and gives back what there is of it: to drop it runs code of the
    /// application's.
    pub(super) fn cancel(&mut self, id: u64) -> (bool, Option<Entry<M>>) {
        let place = self.set.iter().position(|entry| entry.id == id);
        let entry = place.map(|place| self.set.remove(place));
        let was_firing = self.firing.take_if(|firing| *firing == id).is_some();
        (was_firing || entry.is_some(), entry)
    }

    /// Takes the earliest timer that is due. One that repeats may be put back.
    pub(super) fn take_due(&mut self, now: Duration) -> Option<Entry<M>> {
        let earliest = (0..self.set.len()).min_by_key(|&index| self.set[index].due);
        let earliest = earliest.filter(|&index| self.set[index].due <= now)?;
        let entry = self.set.swap_remove(earliest);
        if let Due::Every(..) = entry.what {
            self.firing = Some(entry.id);
        }
        Some(entry)
    }

    /// Puts a repeating timer back, or gives it back where it was cancelled meanwhile.
    pub(super) fn put_back(&mut self, entry: Entry<M>) -> Option<Entry<M>> {
        if self.firing.take() != Some(entry.id) {
            return Some(entry);
        }
        self.set.push(entry);
        None
    }

    /// Takes all that is set, to be put back.
    pub(super) fn take_all(&mut self) -> Vec<Entry<M>> {
        std::mem::take(&mut self.set)
    }

    pub(super) fn put_all_back(&mut self, entries: Vec<Entry<M>>) {
        for mut entry in entries {
            if entry.id == 0 {
                // From another process, where it had another number.
                self.last_id += 1;
                entry.id = self.last_id;
            }
            self.set.push(entry);
        }
    }

    pub(super) fn ping_interval(&self) -> Option<Duration> {
        self.ping.map(|ping| ping.interval)
    }

    /// Has a ping sent after every interval in which nothing was received.
    pub(super) fn ping_every(&mut self, interval: Duration) {
        let sent = Duration::ZERO;
        self.ping = Some(Ping { interval, sent });
    }

    /// Says whether a ping is to be sent now, where something was last received at that time.
    pub(super) fn take_ping(&mut self, received: Duration, now: Duration) -> bool {
        let due = self.ping.as_mut().filter(|ping| ping.due(received) <= now);
        due.map(|ping| ping.sent = now).is_some()
    }

    /// When the next of them is due.
    pub(super) fn next_due(&self, received: Duration) -> Option<Duration> {
        let timers = self.set.iter().map(|entry| entry.due);
        timers.chain(self.ping.map(|ping| ping.due(received))).min()
    }
}

impl Ping {
    fn due(&self, received: Duration) -> Duration {
        received.max(self.sent).saturating_add(self.interval)
    }
}

impl Timer {
    pub(super) fn new(mailbox: Arc<dyn Cancel>, id: u64) -> Self {
        Self { mailbox, id }
    }

    /// Cancels the timer. Says whether it was still set: `false` when it has fired, unless it repeats.
    pub fn cancel(&self) -> bool {
        self.mailbox.cancel(self.id)
    }
}

impl fmt::Debug for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Timer").field(&self.id).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_ping_is_due_when_nothing_was_received_or_sent_for_its_interval() {
        let mut timers = Timers::<()>::default();
        assert!(!timers.take_ping(Duration::ZERO, 100 * SECOND), "nobody wants any");
        timers.ping_every(10 * SECOND);
        assert_eq!(timers.next_due(5 * SECOND), Some(15 * SECOND));
        assert!(!timers.take_ping(5 * SECOND, 14 * SECOND));
        assert!(timers.take_ping(5 * SECOND, 15 * SECOND));
        // No answer, then one.
        assert_eq!(timers.next_due(5 * SECOND), Some(25 * SECOND));
        assert!(!timers.take_ping(5 * SECOND, 20 * SECOND));
        assert!(timers.take_ping(5 * SECOND, 26 * SECOND));
        assert_eq!(timers.next_due(27 * SECOND), Some(37 * SECOND));
    }

    #[test]
    fn the_next_is_the_earliest_of_timers_and_pings() {
        let mut timers = Timers::default();
        timers.ping_every(10 * SECOND);
        timers.set(12 * SECOND, Due::Once("later"));
        let id = timers.set(7 * SECOND, Due::Once("soon"));
        assert_eq!(timers.next_due(Duration::ZERO), Some(7 * SECOND));
        assert!(timers.cancel(id).0 && !timers.cancel(id).0);
        assert_eq!(timers.next_due(Duration::ZERO), Some(10 * SECOND));
        assert!(timers.take_due(11 * SECOND).is_none());
        assert!(matches!(
            timers.take_due(12 * SECOND),
            Some(Entry {
                what: Due::Once("later"),
                ..
            })
        ));
    }
}
