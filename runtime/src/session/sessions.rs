//! The sessions of an application: found by their cookies, loaded from their store, and saved there.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use tokio::sync::OnceCell;
#[cfg(unix)]
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::id::Id;
#[cfg(unix)]
use super::memory::{MemoryStore, Told};
use super::options::{SessionOptions, Terms};
use super::record::{self, Changes, Record};
use super::state::State;
use super::store::{self, Store};
use super::{Inner, Session, cookie};
use crate::config::Config;
use crate::error::{Error, Result};

/// What the process that takes over is given of the sessions.
#[cfg(unix)]
pub(crate) struct Carried {
    /// The key that they are signed with, where nobody has chosen one.
    pub(crate) key: Option<String>,
    /// Those in memory, the last used first.
    pub(crate) sessions: Vec<Told>,
    /// What happens to them from then on. Nothing is told any more when this is dropped.
    pub(crate) changes: Option<mpsc::Receiver<Told>>,
}

/// How long a store may take for one call.
const PATIENCE: Duration = Duration::from_secs(5);

/// The sessions of an application.
pub(crate) struct Sessions {
    store: StoreOf,
    pub(super) terms: Terms,
}

/// A store of any type.
pub(crate) struct StoreOf(Box<dyn store::Erased>);

impl StoreOf {
    pub(crate) fn new(store: impl Store) -> Self {
        Self(Box::new(store))
    }
}

impl Sessions {
    pub(crate) fn new(mut store: StoreOf, config: &Config) -> Result<Self> {
        let options: SessionOptions = config.section("session")?;
        let terms = options.terms(config.environment())?;
        store.0.configure(config)?;
        Ok(Self { store, terms })
    }

    /// What another process is to go on with.
    #[cfg(unix)]
    pub(crate) fn carry(&self) -> Carried {
        let (sessions, changes) = self.store.0.memory().map(MemoryStore::carry).unzip();
        Carried {
            key: self.terms.keys.lot(),
            sessions: sessions.unwrap_or_default(),
            changes,
        }
    }

    /// Goes on with the key of the process before this one. Before the first request.
    #[cfg(unix)]
    pub(crate) fn take_key(&self, key: &str) {
        self.terms.keys.inherit(key);
    }

    /// Does what was done in the process before this one.
    #[cfg(unix)]
    pub(crate) fn take(&self, told: Told) {
        if let Some(memory) = self.store.0.memory() {
            memory.hear(told);
        }
    }

    /// The session of a request, which is not loaded yet.
    pub(crate) fn begin(self: &Arc<Self>, headers: &HeaderMap) -> Session {
        Session(Arc::new(Inner {
            sessions: Arc::clone(self),
            candidates: cookie::candidates(headers, &self.terms.cookie),
            state: OnceCell::new(),
        }))
    }

    pub(super) async fn load(&self, candidates: &[Box<str>]) -> Result<State> {
        let now = record::now();
        for verified in candidates.iter().filter_map(|value| self.terms.keys.verify(value)) {
            let Some(record) = self.in_time(self.store.0.load(verified.id.as_str())).await? else {
                continue;
            };
            if self.terms.lifetime(record.created, now).is_some() {
                return Ok(State::loaded(verified, record, now, self.terms.max_size));
            }
        }
        State::new(now, self.terms.max_size)
    }

    /// Saves what was done. Gives the cookie to set, if any.
    pub(super) async fn save(&self, pending: Pending) -> Result<Option<HeaderValue>> {
        let Pending { id, ended, work } = pending;
        // As it is by now: others may have changed it since it was loaded here, or ended it.
        let moved = match (&ended, &work) {
            (Some(ended), Work::Move(..)) => self.in_time(self.store.0.load(ended.as_str())).await?,
            _ => None,
        };
        if let Some(ended) = &ended {
            // First: an id that was to end must not outlive an error in what follows.
            self.in_time(self.store.0.delete(ended.as_str())).await?;
        }
        let lifetime = match work {
            Work::Nothing if ended.is_some() => {
                return Ok(cookie::set(&self.terms.cookie, "", 0, self.terms.secure));
            }
            Work::Nothing => return Ok(None),
            Work::Create(record, lifetime) => {
                self.in_time(self.store.0.create(id.as_str(), record, lifetime)).await?;
                lifetime
            }
            Work::Move(changes, lifetime) => {
                // What was ended is not brought back: there is then nothing but what this request has done.
                let now = record::now();
                let mut record = moved.unwrap_or_else(|| Record::new(now));
                record.apply(&changes);
                self.in_time(self.store.0.create(id.as_str(), record, lifetime)).await?;
                lifetime
            }
            Work::Update(changes, lifetime) => {
                let update = self.store.0.update(id.as_str(), &changes, lifetime);
                if !self.in_time(update).await? {
                    tracing::debug!("a session has ended while a request was changing it");
                    return Ok(None);
                }
                lifetime
            }
        };
        let value = self.terms.keys.sign(&id);
        Ok(cookie::set(
            &self.terms.cookie,
            &value,
            lifetime.as_secs(),
            self.terms.secure,
        ))
    }

    async fn in_time<T>(&self, call: impl Future<Output = Result<T>>) -> Result<T> {
        let waited = timeout(PATIENCE, call).await;
        waited.unwrap_or_else(|_| Err(Error::new("the session store did not answer in time")))
    }
}

/// What is to be saved.
pub(super) struct Pending {
    pub(super) id: Id,
    pub(super) ended: Option<Id>,
    pub(super) work: Work,
}

pub(super) enum Work {
    Nothing,
    Create(Record, Duration),
    /// With what is there under the id that ends.
    Move(Changes, Duration),
    Update(Changes, Duration),
}
