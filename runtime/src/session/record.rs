//! What a session holds, and what a request changes of it.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// A message for the next page that asks for it: see [`Session::flash`](crate::Session::flash).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flash {
    /// What it is, as `info` or `error`: for its looks.
    pub kind: String,
    /// What it says.
    pub text: String,
}

/// What a session holds, as a [`Store`](super::Store) keeps it. It serialises with serde; what it holds is nobody's
/// business but the application's.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Each value as JSON.
    pub(super) values: BTreeMap<String, String>,
    pub(super) flashes: Vec<Flash>,
    /// In seconds since 1970, as the next.
    pub(super) created: u64,
    /// When it was last saved.
    pub(super) saved: u64,
}

/// What one request changes of a session.
///
/// A store applies it to what it holds by then, so that of two requests that change a session at a time neither undoes what
/// the other did to other keys.
#[derive(Clone, Serialize, Deserialize)]
pub struct Changes {
    /// `None` removes.
    pub(super) values: BTreeMap<String, Option<String>>,
    pub(super) read: Vec<Flash>,
    pub(super) flashes: Vec<Flash>,
    pub(super) saved: u64,
}

impl Record {
    pub(super) fn new(now: u64) -> Self {
        Self {
            values: BTreeMap::new(),
            flashes: Vec::new(),
            created: now,
            saved: now,
        }
    }

    /// Changes it. Of two that change the same key, the later wins.
    pub fn apply(&mut self, changes: &Changes) {
        for (key, value) in &changes.values {
            match value {
                Some(value) => self.values.insert(key.clone(), value.clone()),
                None => self.values.remove(key),
            };
        }
        self.flashes.retain(|flash| !changes.read.contains(flash));
        self.flashes.extend_from_slice(&changes.flashes);
        self.saved = self.saved.max(changes.saved);
    }

    /// About how many bytes it has.
    pub(super) fn size(&self) -> usize {
        let values = self.values.iter().map(|(key, value)| key.len() + value.len());
        let flashes = self.flashes.iter().map(|flash| flash.kind.len() + flash.text.len());
        values.sum::<usize>() + flashes.sum::<usize>()
    }
}

impl Changes {
    pub(super) fn none(now: u64) -> Self {
        Self {
            values: BTreeMap::new(),
            read: Vec::new(),
            flashes: Vec::new(),
            saved: now,
        }
    }
}

/// In seconds since 1970.
pub(super) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

/// Not what it holds: that may be secret.
impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record").finish_non_exhaustive()
    }
}

/// Likewise.
impl fmt::Debug for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Changes").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(key: &str, value: Option<&str>) -> Changes {
        let mut changes = Changes::none(2);
        changes.values.insert(key.to_owned(), value.map(str::to_owned));
        changes
    }

    #[test]
    fn changes_of_two_requests_to_two_keys_are_both_kept() {
        let mut record = Record::new(1);
        record.apply(&change("a", Some("1")));
        record.apply(&change("b", Some("2")));
        assert_eq!(record.values.len(), 2);
        record.apply(&change("a", None));
        assert_eq!(record.values.keys().collect::<Vec<_>>(), ["b"]);
        assert_eq!((record.created, record.saved), (1, 2));
    }

    #[test]
    fn a_read_flash_is_gone_and_one_that_came_meanwhile_is_not() {
        let flash = |text: &str| Flash {
            kind: "info".into(),
            text: text.into(),
        };
        let mut record = Record::new(1);
        record.flashes = vec![flash("read"), flash("new")];
        let mut changes = Changes::none(2);
        changes.read = vec![flash("read")];
        changes.flashes = vec![flash("next")];
        record.apply(&changes);
        record.flashes.sort_by(|a, b| a.text.cmp(&b.text));
        assert_eq!(record.flashes, [flash("new"), flash("next")]);
    }
}
