//! Numbers by lot, for what is not to happen all at once. Not for secrets.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

/// A number by lot.
pub(crate) fn draw() -> u64 {
    // The keys of a thread's first hasher come from the system, and no two have the same.
    RandomState::new().hash_one(std::process::id())
}

/// A time by lot, shorter than `time`.
pub(crate) fn within(time: Duration) -> Duration {
    let part = u32::try_from(draw() % 4096).unwrap_or(0);
    time / 4096 * part
}
