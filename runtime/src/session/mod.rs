//! Sessions: what an application remembers of a visitor from one request to the next.
//!
//! An application that wants them says where they are kept, and takes [`Session`] as an argument wherever a request is
//! answered: in controllers, security functions, status pages and a WebSocket's `init`.
//!
//! ```
//! use nova::prelude::*;
//! use nova::session::MemoryStore;
//!
//! #[derive(serde::Deserialize)]
//! struct Login { name: String }
//!
//! async fn log_in(session: Session, Form(login): Form<Login>) -> nova::Result<Reply> {
//!     session.rotate()?;
//!     session.insert("user", &login.name)?;
//!     session.flash("info", "Welcome back.")?;
//!     Ok(Reply::redirect("/").with_status(303))
//! }
//!
//! async fn log_out(session: Session) -> nova::Result<Reply> {
//!     session.destroy()?;
//!     Ok(Reply::redirect("/").with_status(303))
//! }
//!
//! async fn home(session: Session) -> Reply {
//!     Reply::json(json!({ "user": session.get::<String>("user"), "messages": session.flashes() }))
//! }
//!
//! async fn member(session: Session) -> Access {
//!     match session.get::<String>("user") {
//!         Some(user) => Access::allow_with(user),
//!         None => Access::redirect("/"),
//!     }
//! }
//!
//! fn routes() -> Routes {
//!     Routes::new()
//!         .group(Group::new("/").get("/", home).post("/login", log_in).post("/logout", log_out))
//!         .group(Group::new("/members").security(member).get("/", async |AuthData(user): AuthData<String>| user))
//! }
//!
//! # let app: nova::App<()> =
//! nova::App::new(routes).sessions(MemoryStore::new())
//! # ;
//! ```
//!
//! # The cookie
//!
//! The browser has a random id of 144 bits from the system's generator, signed with `session.key` (HMAC-SHA256), in a cookie
//! that is `HttpOnly`, `SameSite=Lax`, `Path=/`, in `prod` `Secure`, and lasts as long as the session. A cookie that was not
//! signed here never reaches the store; whatever a client sends, it has then no session, and that is no error. An id that
//! the store does not know is never used again.
//!
//! The key is a secret of 32 bytes or more. In `dev` and `test` one is made at start where none is set; everywhere else its
//! absence is an error at start. Another key makes an end of all sessions, unless the old one stays for a while: of a list
//! the first signs, and all are good, for form tokens too. Who comes with a cookie that an old key has signed is given one
//! of the first. Where there are several nodes, the new key is first added behind the old one everywhere, and then put first.
//!
//! ```toml
//! [session]
//! key = ["the new key, of 32 bytes or more", "the one that it takes the place of"]
//! ```
//!
//! With the name `__Host-session` (`session.cookie`), over TLS, no other host below the same domain can set the cookie.
//! Cookies do not tell ports apart: two applications on one host need two names.
//!
//! # When it is loaded, and saved
//!
//! A request that does not ask for its session costs the store nothing. One that does has it loaded once, and saved once,
//! when the response is ready, whatever its status is, and only if it was changed; so a new session to which nothing was done
//! leaves no cookie. A session that can't be loaded or saved is a 500, or
//! what the store says that it is.
//!
//! A handler that keeps its `Session` after that can read what it had; a change is then an error. That holds for WebSocket
//! handlers: `init` can change the session, and what comes after can't.
//!
//! Of two requests that change one session at a time, each keeps its changes; of the same key the one that is saved last
//! wins. What another request has ended, by [`rotate`](Session::rotate) or [`destroy`](Session::destroy), is not brought
//! back: changes under the old id are dropped, and one that gives it a new id keeps its own changes alone.
//!
//! # When it ends
//!
//! A session ends when it was not used for `session.idle_timeout` (14 days), and however much it is used after
//! `session.max_age` (90 days). To use it is to ask for it; at most every sixteenth of the idle time that is written
//! down.
//!
//! # A new program
//!
//! Where a new process takes over from the old one, at a save under `nova serve` and at SIGUSR2, it goes on with the sessions
//! of a [`MemoryStore`], and with a key that was made at start: nobody is logged out. They go over the socket of the
//! hand-over, and are on no disk. That is for the 16 MiB that were used last, and for as many as are told within 2 s; the
//! log says how many were left behind. What a request that still runs in the old process does to a session is told to the
//! new one; what is done in the new one is not told back.

mod cookie;
mod id;
mod memory;
#[cfg(feature = "nats-sessions")]
mod nats;
mod options;
mod record;
mod sessions;
mod state;
mod store;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::response::Response;
use http::request::Parts;
use http::{HeaderValue, header};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::OnceCell;

pub use memory::MemoryStore;
#[cfg(unix)]
pub(crate) use memory::Told;
#[cfg(feature = "nats-sessions")]
pub use nats::NatsStore;
pub(crate) use options::SessionOptions;
pub use record::{Changes, Flash, Record};
#[cfg(unix)]
pub(crate) use sessions::Carried;
use sessions::{Pending, Work};
pub(crate) use sessions::{Sessions, StoreOf};
use state::State;
pub use store::Store;

use crate::error::{Error, Result};

/// A visitor's session: an extractor. See [the module](self).
///
/// Where [`App::sessions`](crate::App::sessions) was not called, and when the store fails, it is a 500.
///
/// Clones are the same session.
#[derive(Clone)]
pub struct Session(Arc<Inner>);

struct Inner {
    sessions: Arc<Sessions>,
    /// What the request's cookies say, in which nothing is to be trusted yet.
    candidates: Vec<Box<str>>,
    /// Set when it is first asked for. The lock is held for some moves of memory only.
    state: OnceCell<Mutex<State>>,
}

impl Session {
    /// The value of this key. `None` when there is none, and also when it is no `T`, as after an update of the program that
    /// gives it another type; the log says so.
    ///
    /// ```
    /// # use nova::prelude::*;
    /// async fn count(session: Session) -> nova::Result<String> {
    ///     let visits = session.get::<u32>("visits").unwrap_or(0) + 1;
    ///     session.insert("visits", &visits)?;
    ///     Ok(format!("{visits}"))
    /// }
    /// ```
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        self.state()?.get(key)
    }

    /// Sets the value of this key.
    ///
    /// # Errors
    /// When it can't be JSON, when the session would have more than `session.max_size` bytes (16 KiB), and when the response
    /// has begun. Then nothing is changed.
    pub fn insert(&self, key: &str, value: &(impl Serialize + ?Sized)) -> Result<()> {
        self.state_to_change()?.insert(key, &value)
    }

    /// Removes the value of this key, if there is one.
    ///
    /// # Errors
    /// When the response has begun.
    pub fn remove(&self, key: &str) -> Result<()> {
        self.state_to_change()?.remove(key)
    }

    /// Leaves a message for the next request that reads [`flashes`](Self::flashes): as the page to which this one redirects.
    ///
    /// # Errors
    /// As [`insert`](Self::insert).
    pub fn flash(&self, kind: impl Into<String>, text: impl Into<String>) -> Result<()> {
        self.state_to_change()?.flash(Flash {
            kind: kind.into(),
            text: text.into(),
        })
    }

    /// The messages that earlier requests have left, which are then gone. A view has them
    /// [by itself](crate::Reply::view), as `flashes`.
    pub fn flashes(&self) -> Vec<Flash> {
        self.state().map(|mut state| state.flashes()).unwrap_or_default()
    }

    /// Gives the session a new id, with all it holds. The old one is worth nothing from then on, nor are form tokens made for
    /// it.
    ///
    /// To be called whenever somebody logs in or gets other rights: else who has planted an id in a browser would be logged in
    /// along with its user (session fixation).
    ///
    /// # Errors
    /// When the response has begun, or the system has no random bytes.
    pub fn rotate(&self) -> Result<()> {
        self.state_to_change()?.rotate()
    }

    /// Ends the session, with all it holds, and removes the cookie. What is inserted after that begins a new one.
    ///
    /// # Errors
    /// When the response has begun, or the system has no random bytes.
    pub fn destroy(&self) -> Result<()> {
        self.state_to_change()?.destroy(record::now())
    }

    /// Loads it, when that has not been done. When this is dropped before it is done, it is as if it had not been called.
    pub(crate) async fn load(&self) -> Result<()> {
        let inner = &*self.0;
        let load = async || inner.sessions.load(&inner.candidates).await.map(Mutex::new);
        inner.state.get_or_try_init(load).await.map(drop)
    }

    /// Saves what was done, and sets the cookie. It is then too late for changes.
    pub(crate) async fn finish(&self, response: &mut Response) -> Result<()> {
        let Some(pending) = self.pending() else { return Ok(()) };
        if let Some(cookie) = self.0.sessions.save(pending).await? {
            let headers = response.headers_mut();
            headers.append(header::SET_COOKIE, cookie);
            // A cache that others use must not keep it.
            headers
                .entry(header::CACHE_CONTROL)
                .or_insert(HeaderValue::from_static("private"));
        }
        Ok(())
    }

    /// Whether the request has come with something that could be a session's cookie.
    pub(crate) fn is_claimed(&self) -> bool {
        !self.0.candidates.is_empty()
    }

    /// Has it saved, so that a form's token is good when the form comes back.
    pub(crate) fn keep(&self) -> Result<()> {
        self.state_to_change()?.keep()
    }

    /// What a form's token is made of, for the id that it has now.
    pub(crate) fn form_secret(&self) -> Option<[u8; 32]> {
        let state = self.state()?;
        Some(self.0.sessions.terms.keys.form_secret(&state.id))
    }

    /// Whether this is what a form's token is made of.
    pub(crate) fn is_form_secret(&self, secret: &[u8; 32]) -> bool {
        let key = &self.0.sessions.terms.keys;
        self.state()
            .is_some_and(|state| state.is_stored && key.is_form_secret(&state.id, secret))
    }

    fn pending(&self) -> Option<Pending> {
        let mut state = self.state()?;
        let (now, terms) = (record::now(), &self.0.sessions.terms);
        state.is_over = true;
        let lifetime = terms.lifetime(state.record.created, now).unwrap_or_default();
        let is_to_be_renewed = state.is_stored && terms.is_to_be_renewed(state.record.saved, now);
        let work = match (state.is_changed, state.is_stored) {
            (true, false) if state.ended.as_ref().is_some_and(|ended| ended.is_moved) => {
                Work::Move(state.changes.clone(), lifetime)
            }
            (true, false) => Work::Create(state.changed(), lifetime),
            (true, true) => Work::Update(state.changes.clone(), lifetime),
            (false, _) if is_to_be_renewed => Work::Update(state.changes.clone(), lifetime),
            (false, _) => Work::Nothing,
        };
        Some(Pending {
            id: state.id.clone(),
            ended: state.ended.take().map(|ended| ended.id),
            work,
        })
    }

    fn state(&self) -> Option<MutexGuard<'_, State>> {
        let state = self.0.state.get()?;
        Some(state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn state_to_change(&self) -> Result<MutexGuard<'_, State>> {
        self.state().ok_or_else(|| Error::new("the session was not loaded"))
    }
}

/// Fills a slice with bytes from the system's generator.
pub(crate) fn random(bytes: &mut [u8]) -> Result<()> {
    id::fill(bytes)
}

impl<S: Send + Sync> FromRequestParts<S> for Session {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Error> {
        taken(parts).await?.ok_or_else(|| {
            Error::new(
                "this application has no sessions: add `.sessions(nova::session::MemoryStore::new())` to its `App`",
            )
        })
    }
}

/// `None` where the application has no sessions: for a table that is mounted in several. Whoever comes for the first time
/// has one, which is empty.
impl<S: Send + Sync> OptionalFromRequestParts<S> for Session {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Option<Self>, Error> {
        taken(parts).await
    }
}

async fn taken(parts: &Parts) -> Result<Option<Session>> {
    let session = parts.extensions.get::<Session>().cloned();
    if let Some(session) = &session {
        session.load().await?;
    }
    Ok(session)
}

/// Neither its id nor what it holds.
impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}
