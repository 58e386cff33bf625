//! What became of the builds so far.

use std::collections::VecDeque;
use std::path::PathBuf;

use super::super::line::{Closed, Entry, News};

/// The builds that are remembered.
const BUILDS: usize = 50;

/// The files that are remembered of each; a change of branch has thousands.
const FILES: usize = 20;

/// The last builds, the newest last.
#[derive(Debug, Default)]
pub(super) struct History(VecDeque<Entry>);

impl History {
    pub(super) fn add(&mut self, build: u64, files: &[PathBuf], outcome: &'static str, seconds: f64) {
        self.add_served(build, files, outcome, seconds, 0, Vec::new());
    }

    pub(super) fn add_served(
        &mut self,
        build: u64,
        files: &[PathBuf],
        outcome: &'static str,
        seconds: f64,
        moved: u64,
        closed: Vec<Closed>,
    ) {
        if self.0.len() == BUILDS {
            self.0.pop_front();
        }
        self.0.push_back(Entry {
            build,
            files: files.iter().take(FILES).cloned().collect(),
            outcome,
            seconds,
            moved,
            closed,
        });
    }

    pub(super) fn news(&self) -> News {
        News::History {
            builds: self.0.iter().cloned().collect(),
        }
    }
}
