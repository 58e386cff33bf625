//! What the journey is made of: the command, a project, a running `nova serve`, an HTTP client and a browser.
//!
//! Everything fails by panicking, and everything that waits has a deadline.

pub(crate) mod browser;
pub(crate) mod command;
pub(crate) mod devtools;
pub(crate) mod http;
pub(crate) mod process;
pub(crate) mod project;
pub(crate) mod serve;

use std::time::{Duration, Instant};

pub(crate) use browser::{Browser, Page};
pub(crate) use command::Run;
pub(crate) use project::Project;
pub(crate) use serve::Serve;

/// How long anything may take that is expected to happen. It is not reached where the expectation is met, however many
/// tests build at the same time: they share what is built, so that one waits for another's whole build.
pub(crate) const PATIENCE: Duration = Duration::from_mins(8);

/// Waits until something is so that nobody tells about.
#[track_caller]
pub(crate) fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
