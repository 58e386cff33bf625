//! The application's latest requests.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use http::{Method, StatusCode};

/// How many are remembered.
pub(super) const CAPACITY: usize = 200;

/// The latest requests, in the order in which they were answered.
#[derive(Default)]
pub(super) struct Requests {
    total: AtomicU64,
    /// Held for some moves of memory.
    latest: Mutex<VecDeque<Answered>>,
}

/// A request that was answered.
#[derive(Clone)]
pub(super) struct Answered {
    /// Which it was since the start, from 1.
    pub(super) number: u64,
    pub(super) at: SystemTime,
    pub(super) peer: Option<SocketAddr>,
    pub(super) method: Method,
    /// Without its query, which may have secrets.
    pub(super) path: String,
    /// The route's path, and its controller; `None` where no route answered.
    pub(super) route: Option<Arc<str>>,
    pub(super) controller: Option<&'static str>,
    pub(super) status: StatusCode,
    /// How long it took to the head of the response.
    pub(super) time: Duration,
}

impl Requests {
    /// How many there were since the start.
    pub(super) fn total(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }

    /// Notes one, with the next number.
    pub(super) fn note(&self, mut answered: Answered) {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        answered.number = self.total.fetch_add(1, Ordering::Relaxed) + 1;
        if latest.len() >= CAPACITY {
            latest.pop_front();
        }
        latest.push_back(answered);
    }

    /// Those after the one with this number that are still remembered.
    pub(super) fn after(&self, number: u64) -> Vec<Answered> {
        let latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        latest
            .iter()
            .filter(|answered| answered.number > number)
            .cloned()
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_are_remembered_and_all_are_counted() {
        let requests = Requests::default();
        for number in 0..CAPACITY + 5 {
            requests.note(Answered {
                number: 0,
                at: SystemTime::now(),
                peer: None,
                method: Method::GET,
                path: format!("/{number}"),
                route: None,
                controller: None,
                status: StatusCode::OK,
                time: Duration::ZERO,
            });
        }
        assert_eq!(requests.total(), CAPACITY as u64 + 5);
        let latest = requests.after(0);
        assert_eq!((latest.len(), latest[0].path.as_str()), (CAPACITY, "/5"));
        assert_eq!(requests.after(requests.total() - 1).len(), 1);
    }
}
