//! Where sessions are kept.

use std::any::Any;
use std::pin::Pin;
use std::time::Duration;

use super::{Changes, MemoryStore, Record};
use crate::config::Config;
use crate::error::Result;

/// Where sessions are kept between requests: [`MemoryStore`](super::MemoryStore), or your own, over a database that several
/// nodes share.
///
/// A key is text of letters, digits, `-` and `_`. Only keys that this application has made are asked for: the cookie's
/// signature is checked before. Each call has five seconds; one that takes longer is dropped, and the request is a 500.
/// So is one that fails, unless the error is a [`Problem`](crate::Problem), which is then the response: 503 where the sessions
/// can't be reached for now.
#[diagnostic::on_unimplemented(
    message = "`{Self}` keeps no sessions",
    note = "`nova::session::MemoryStore` does, or a type that implements `nova::session::Store`"
)]
pub trait Store: Send + Sync + 'static {
    /// Tells the store the application's settings, once, before anything else. It does nothing unless it is implemented.
    ///
    /// # Errors
    /// An error here is an error at start.
    fn configure(&mut self, config: &Config) -> Result<()> {
        let _ = config;
        Ok(())
    }

    /// The session of this key, when there is one that has not expired.
    fn load(&self, key: &str) -> impl Future<Output = Result<Option<Record>>> + Send;

    /// Keeps a new session, for so long.
    fn create(&self, key: &str, record: Record, lifetime: Duration) -> impl Future<Output = Result<()>> + Send;

    /// Changes the session of this key, with [`Record::apply`], and keeps it for so long from now. Says whether there was
    /// one: what another request has deleted meanwhile, as at logout, must not come back.
    ///
    /// Between reading and writing nobody else may write: take a lock, a transaction, or a revision to compare.
    fn update(&self, key: &str, changes: &Changes, lifetime: Duration) -> impl Future<Output = Result<bool>> + Send;

    /// Deletes the session of this key, where there is one.
    fn delete(&self, key: &str) -> impl Future<Output = Result<()>> + Send;
}

type Waiting<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

/// A store with its type forgotten.
pub(super) trait Erased: Send + Sync {
    fn configure(&mut self, config: &Config) -> Result<()>;
    /// Where it is in this process's memory.
    fn memory(&self) -> Option<&MemoryStore>;
    fn load<'a>(&'a self, key: &'a str) -> Waiting<'a, Option<Record>>;
    fn create<'a>(&'a self, key: &'a str, record: Record, lifetime: Duration) -> Waiting<'a, ()>;
    fn update<'a>(&'a self, key: &'a str, changes: &'a Changes, lifetime: Duration) -> Waiting<'a, bool>;
    fn delete<'a>(&'a self, key: &'a str) -> Waiting<'a, ()>;
}

impl<T: Store> Erased for T {
    fn configure(&mut self, config: &Config) -> Result<()> {
        Store::configure(self, config)
    }

    fn memory(&self) -> Option<&MemoryStore> {
        (self as &dyn Any).downcast_ref()
    }

    fn load<'a>(&'a self, key: &'a str) -> Waiting<'a, Option<Record>> {
        Box::pin(Store::load(self, key))
    }

    fn create<'a>(&'a self, key: &'a str, record: Record, lifetime: Duration) -> Waiting<'a, ()> {
        Box::pin(Store::create(self, key, record, lifetime))
    }

    fn update<'a>(&'a self, key: &'a str, changes: &'a Changes, lifetime: Duration) -> Waiting<'a, bool> {
        Box::pin(Store::update(self, key, changes, lifetime))
    }

    fn delete<'a>(&'a self, key: &'a str) -> Waiting<'a, ()> {
        Box::pin(Store::delete(self, key))
    }
}
