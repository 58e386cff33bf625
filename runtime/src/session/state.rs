//! A session as one request has it: what was loaded, and what the request does with it.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::id::{Id, Verified};
use super::record::{Changes, Flash, Record};
use crate::error::{Error, Result};

/// An id that ends.
pub(super) struct Ended {
    pub(super) id: Id,
    /// Whether what it stands for goes on under another.
    pub(super) is_moved: bool,
}

pub(super) struct State {
    pub(super) id: Id,
    /// Whether the store has it under this id.
    pub(super) is_stored: bool,
    /// As it was loaded.
    pub(super) record: Record,
    pub(super) changes: Changes,
    /// Whether there is something to save.
    pub(super) is_changed: bool,
    /// The id that it had before, which ends.
    pub(super) ended: Option<Ended>,
    /// The response has begun: it is too late for changes.
    pub(super) is_over: bool,
    max_size: usize,
}

impl State {
    pub(super) fn new(now: u64, max_size: usize) -> Result<Self> {
        Ok(Self {
            id: Id::new()?,
            is_stored: false,
            record: Record::new(now),
            changes: Changes::none(now),
            is_changed: false,
            ended: None,
            is_over: false,
            max_size,
        })
    }

    pub(super) fn loaded(Verified { id, by_old_key }: Verified, record: Record, now: u64, max_size: usize) -> Self {
        Self {
            id,
            is_stored: true,
            record,
            changes: Changes::none(now),
            // Then its cookie is to be signed anew.
            is_changed: by_old_key,
            ended: None,
            is_over: false,
            max_size,
        }
    }

    pub(super) fn get<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        let json = match self.changes.values.get(key) {
            Some(changed) => changed.as_ref()?,
            None => self.record.values.get(key)?,
        };
        let value = serde_json::from_str(json).ok();
        if value.is_none() {
            // Not what it is: that may be secret.
            tracing::warn!("`{key}` of a session is no `{}`", std::any::type_name::<T>());
        }
        value
    }

    pub(super) fn insert(&mut self, key: &str, value: &impl Serialize) -> Result<()> {
        let json = serde_json::to_string(value)?;
        self.change(|changes| {
            changes.values.insert(key.to_owned(), Some(json));
        })
    }

    pub(super) fn remove(&mut self, key: &str) -> Result<()> {
        let is_there = match self.changes.values.get(key) {
            Some(changed) => changed.is_some(),
            None => self.record.values.contains_key(key),
        };
        if !is_there {
            return Ok(());
        }
        self.change(|changes| {
            changes.values.insert(key.to_owned(), None);
        })
    }

    pub(super) fn flash(&mut self, flash: Flash) -> Result<()> {
        self.change(|changes| changes.flashes.push(flash))
    }

    /// Those of earlier requests, once.
    pub(super) fn flashes(&mut self) -> Vec<Flash> {
        if self.is_over || !self.changes.read.is_empty() || self.record.flashes.is_empty() {
            return Vec::new();
        }
        self.changes.read.clone_from(&self.record.flashes);
        self.is_changed = true;
        self.record.flashes.clone()
    }

    pub(super) fn rotate(&mut self) -> Result<()> {
        self.begin_change()?;
        self.end_id(Id::new()?);
        self.is_changed = true;
        Ok(())
    }

    pub(super) fn destroy(&mut self, now: u64) -> Result<()> {
        self.begin_change()?;
        self.end_id(Id::new()?);
        self.record = Record::new(now);
        self.changes = Changes::none(now);
        self.is_changed = false;
        if let Some(ended) = &mut self.ended {
            ended.is_moved = false;
        }
        Ok(())
    }

    /// Has it saved, even with nothing in it.
    pub(super) fn keep(&mut self) -> Result<()> {
        self.begin_change()?;
        self.is_changed |= !self.is_stored;
        Ok(())
    }

    /// What it holds with the changes of this request.
    pub(super) fn changed(&self) -> Record {
        let mut record = self.record.clone();
        record.apply(&self.changes);
        record
    }

    fn end_id(&mut self, next: Id) {
        let id = std::mem::replace(&mut self.id, next);
        if std::mem::take(&mut self.is_stored) {
            self.ended = Some(Ended { id, is_moved: true });
        }
    }

    fn change(&mut self, change: impl FnOnce(&mut Changes)) -> Result<()> {
        self.begin_change()?;
        let before = self.changes.clone();
        change(&mut self.changes);
        let size = self.changed().size();
        if size > self.max_size {
            self.changes = before;
            return Err(Error::new(format!(
                "a session may have {} bytes (session.max_size), and this one would have {size}",
                self.max_size
            )));
        }
        self.is_changed = true;
        Ok(())
    }

    fn begin_change(&self) -> Result<()> {
        match self.is_over {
            false => Ok(()),
            true => Err(Error::new(
                "the response has begun: it is too late to change the session",
            )),
        }
    }
}
