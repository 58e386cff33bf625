//! What happened in the server, in order, for the test to read.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Instant;

use crate::PATIENCE;

/// Notes that handlers take and tests read. A clone is the same journal.
#[derive(Clone, Debug, Default)]
pub struct Journal(Arc<(Mutex<VecDeque<String>>, Condvar)>);

impl Journal {
    /// An empty journal.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a note.
    pub fn note(&self, text: impl Into<String>) {
        let (notes, noted) = &*self.0;
        notes.lock().unwrap().push_back(text.into());
        noted.notify_all();
    }

    /// Takes the next note, waiting for it.
    pub fn next(&self) -> String {
        let (notes, noted) = &*self.0;
        let waiting = noted
            .wait_timeout_while(notes.lock().unwrap(), PATIENCE, |notes| notes.is_empty())
            .unwrap();
        let mut notes = waiting.0;
        notes.pop_front().expect("nothing was noted")
    }

    /// Takes notes until one that contains `text`, and gives that.
    pub fn await_note(&self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let note = self.next();
            if note.contains(text) {
                return note;
            }
            assert!(Instant::now() < deadline, "{text:?} was not noted");
        }
    }

    /// Takes what is noted now.
    pub fn take(&self) -> Vec<String> {
        self.0.0.lock().unwrap().drain(..).collect()
    }
}
