//! How long is waited for a client, how much is done at a time, and what of it is said in the log.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// The longest of all times: what is longer could not be added to the time of day.
const LONGEST: Duration = Duration::from_hours(365 * 24);
/// How often the log says the same at most.
const SELDOM: Duration = Duration::from_secs(5);

/// What holds for all connections of a server.
#[derive(Debug)]
pub(super) struct Limits {
    /// How long a request's head may take to come.
    pub(super) header_timeout: Duration,
    /// How long a connection may be without a request after it has had one.
    pub(super) idle_timeout: Duration,
    /// How long a client may take to read something of what is written to it.
    pub(super) write_timeout: Duration,
    /// How slowly a body may come.
    pub(super) body: Pace,
    /// How many requests may run at a time, and how many do.
    max_requests: usize,
    running: AtomicUsize,
    refused: std::sync::Mutex<Seldom>,
}

/// How slowly something may come: so long with nothing, and each byte earns a part of a second, up to as long again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    pub(super) patience: Duration,
    pub(super) rate: u32,
}

/// A request's place among those that run.
#[derive(Debug)]
pub(super) struct Running(Arc<Limits>);

/// Says seldom what happens often.
#[derive(Debug, Default)]
pub(super) struct Seldom {
    said: Option<Instant>,
    unsaid: usize,
}

/// A time that is configured.
pub(super) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds).min(LONGEST)
}

impl Limits {
    pub(super) fn new(times: [Duration; 3], body: Pace, max_requests: usize) -> Self {
        let [header_timeout, idle_timeout, write_timeout] = times;
        Self {
            header_timeout,
            idle_timeout,
            write_timeout,
            body,
            max_requests,
            running: AtomicUsize::new(0),
            refused: std::sync::Mutex::default(),
        }
    }

    /// Gives a request its place until that is dropped. `None` where as many run as may.
    pub(super) fn run(self: &Arc<Self>) -> Option<Running> {
        let running = Running(Arc::clone(self));
        if self.running.fetch_add(1, Ordering::Relaxed) < self.max_requests {
            return Some(running);
        }
        let mut refused = self.refused.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(times) = refused.say() {
            let most = self.max_requests;
            tracing::warn!(
                "{most} requests run, as server.max_requests allows: {times} refused since this was last said"
            );
        }
        None
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Seldom {
    /// How often it has happened since it was last said, if it is to be said now.
    pub(super) fn say(&mut self) -> Option<usize> {
        self.unsaid += 1;
        let now = Instant::now();
        if self.said.is_some_and(|said| now < said + SELDOM) {
            return None;
        }
        self.said = Some(now);
        Some(std::mem::take(&mut self.unsaid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happens_often_is_said_seldom_and_counted() {
        crate::testing::run_paused(async {
            let mut seldom = Seldom::default();
            assert_eq!(seldom.say(), Some(1));
            for _ in 0..10 {
                assert_eq!(seldom.say(), None);
            }
            tokio::time::advance(SELDOM).await;
            assert_eq!(seldom.say(), Some(11));
        });
    }

    #[test]
    fn as_many_run_as_may() {
        let pace = Pace {
            patience: Duration::ZERO,
            rate: 1,
        };
        let limits = Arc::new(Limits::new([Duration::ZERO; 3], pace, 2));
        crate::testing::run(async {
            let first = limits.run();
            let _second = limits.run().unwrap();
            assert!(limits.run().is_none());
            drop(first);
            assert!(limits.run().is_some());
        });
    }
}
