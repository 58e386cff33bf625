//! How a handler's connections move to another process.

use std::any::Any;
use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::NoMessage;
use crate::error::{Error, Result};
use crate::unwind::caught_now;

/// How a handler's open connections go on in the process that replaces this one: at a rebuild by `nova serve`, and at an
/// upgrade by `SIGUSR2`.
///
/// It is [`WebSocketHandler::HANDOFF`](crate::WebSocketHandler::HANDOFF), by default [`never`](Self::never). A handler whose
/// state is data travels as data:
///
/// ```
/// use nova::prelude::*;
/// use nova::Handoff;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Counter { seen: u64 }
///
/// impl WebSocketHandler for Counter {
///     const HANDOFF: Handoff<Self> = Handoff::serde();
///
///     async fn handle(&mut self, frame: Frame, _socket: &Socket) -> Commands {
///         match frame {
///             Frame::Text(_) => {
///                 self.seen += 1;
///                 Commands::send(self.seen.to_string())
///             }
///             _ => Commands::none(),
///         }
///     }
/// }
/// ```
///
/// The client notices nothing: its TCP connection stays open, and the next message is answered by the new code, with the state
/// as it was. With the connection go its channels and its id (of another node, where there are
/// several: the new process is one), what was read and not handled, a message of which a part has
/// come, what is still to be written, the broadcasts that wait, the idle timeout and what `init` has chosen. `init` and
/// `terminate` are not called; [`resumed`](crate::WebSocketHandler::resumed) is, before anything else. A broadcast during the
/// move reaches each member once.
///
/// What can't move is closed with 1012 (service restart), and the log says why: a connection whose handler does not travel, or
/// is busy in a callback for more than a second; one over TLS or HTTP/2; one whose route is gone, or whose state the new code
/// can't read. A task that the handler has started stays behind, and what it holds of the connection has ended.
#[must_use]
pub struct Handoff<H, M = NoMessage> {
    state: Option<StateFunctions<H>>,
    convert: Option<fn(Value) -> Result<H>>,
    messages: Option<MessageFunctions<M>>,
}

struct StateFunctions<H> {
    save: fn(&H) -> serde_json::Result<String>,
    resume: fn(&str) -> serde_json::Result<H>,
}

/// How messages of a handler's own travel: those in its mailbox, and those of its timers.
pub(super) struct MessageFunctions<M> {
    pub(super) save: fn(&M) -> serde_json::Result<String>,
    pub(super) resume: fn(&str) -> serde_json::Result<M>,
    pub(super) clone: fn(&M) -> M,
}

/// What a connection finds in the process that it has moved to.
#[derive(Clone, Copy)]
pub struct Resumed<'a> {
    pub(super) state: &'a (dyn Any + Send + Sync),
}

impl<H, M> Handoff<H, M> {
    /// The connections don't travel: they are closed with 1012.
    pub const fn never() -> Self {
        Self {
            state: None,
            convert: None,
            messages: None,
        }
    }

    /// The handler travels as JSON, by its `Serialize` and `Deserialize`. What is not data is skipped with `#[serde(skip)]` and
    /// made anew in [`resumed`](crate::WebSocketHandler::resumed).
    ///
    /// New code may read what old code has written when a field was removed, or added with `#[serde(default)]`; for more
    /// there is [`or_convert`](Self::or_convert).
    ///
    /// A connection whose handler has set timers, or has messages of its own waiting, moves only
    /// [`with_messages`](Self::with_messages).
    pub const fn serde() -> Self
    where
        H: Serialize + DeserializeOwned,
    {
        Self {
            state: Some(StateFunctions {
                save: save::<H>,
                resume: resume::<H>,
            }),
            convert: None,
            messages: None,
        }
    }

    /// Makes a handler of what an older one has left, where that can't be read as it is. An error closes the connection with
    /// 1012.
    ///
    /// ```
    /// # use nova::prelude::*;
    /// # use nova::Handoff;
    /// # use serde::{Deserialize, Serialize};
    /// #[derive(Serialize, Deserialize)]
    /// struct Player { name: String, score: u32 }
    ///
    /// /// Until last week a player was a name.
    /// fn from_name(old: serde_json::Value) -> nova::Result<Player> {
    ///     Ok(Player { name: serde_json::from_value(old)?, score: 0 })
    /// }
    ///
    /// impl WebSocketHandler for Player {
    ///     const HANDOFF: Handoff<Self> = Handoff::serde().or_convert(from_name);
    /// #   async fn handle(&mut self, _: Frame, _: &Socket) -> Commands { Commands::none() }
    /// }
    /// ```
    pub const fn or_convert(mut self, convert: fn(Value) -> Result<H>) -> Self {
        self.convert = Some(convert);
        self
    }

    /// Messages of the handler's own travel too: those that wait, and the timers with theirs. A timer that was to fire
    /// while the connection moved fires then. A [`Timer`](crate::Timer) does not travel: a moved timer can't be cancelled.
    pub const fn with_messages(mut self) -> Self
    where
        M: Serialize + DeserializeOwned + Clone,
    {
        self.messages = Some(MessageFunctions {
            save: save::<M>,
            resume: resume::<M>,
            clone: M::clone,
        });
        self
    }

    /// The state as JSON, or why there is none.
    pub(super) fn save(&self, handler: &H) -> Result<String, String> {
        let Some(functions) = &self.state else {
            return Err(format!("{} does not travel", name::<H>()));
        };
        match caught_now(|| (functions.save)(handler)) {
            Ok(Ok(state)) => Ok(state),
            Ok(Err(error)) => {
                tracing::debug!("the state of {} can't be written: {error}", name::<H>());
                Err(format!("the state of {} can't be written", name::<H>()))
            }
            Err(panic) => Err(format!("the state of {} can't be written: it {panic}", name::<H>())),
        }
    }

    /// The handler with this state, or why there is none.
    pub(super) fn resume(&self, state: &str) -> Result<H, String> {
        let Some(functions) = &self.state else {
            return Err(format!("{} does not travel", name::<H>()));
        };
        let resumed = caught_now(|| match ((functions.resume)(state), self.convert) {
            (Err(error), Some(convert)) => {
                let why = difference(&error);
                let converted = serde_json::from_str(state).map_err(Error::from).and_then(convert);
                converted.map_err(|error| (error, format!("{why}, and it can't be converted")))
            }
            (resumed, _) => resumed.map_err(|error| {
                let why = difference(&error);
                (error.into(), why)
            }),
        });
        match resumed {
            Ok(Ok(handler)) => Ok(handler),
            Ok(Err((error, why))) => {
                tracing::debug!("the state of {} can't be read: {error}", name::<H>());
                Err(format!("the state of {} can't be read: {why}", name::<H>()))
            }
            Err(panic) => Err(format!("the state of {} can't be read: it {panic}", name::<H>())),
        }
    }

    pub(super) fn messages(&self) -> Result<&MessageFunctions<M>, String> {
        self.messages.as_ref().ok_or_else(|| {
            format!(
                "messages of {} do not travel, and it has a timer or some that wait",
                name::<H>()
            )
        })
    }
}

/// What a handler's type is known by, in two builds of a program.
pub(super) fn type_name<H>() -> &'static str {
    std::any::type_name::<H>()
}

/// The same, for people.
fn name<H>() -> &'static str {
    let path = type_name::<H>();
    let path = path.split_once('<').map_or(path, |(path, _)| path);
    path.rsplit("::").next().unwrap_or(path)
}

/// Why a state is none of this type, without what is in it: that is the application's, and each connection's is another.
fn difference(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let (text, _place) = text.split_once(" at line ").unwrap_or((&text, ""));
    match text.starts_with("missing field") || text.starts_with("unknown field") {
        true => text.to_owned(),
        false => "it has another shape".to_owned(),
    }
}

fn save<T: Serialize>(value: &T) -> serde_json::Result<String> {
    serde_json::to_string(value)
}

fn resume<T: DeserializeOwned>(json: &str) -> serde_json::Result<T> {
    serde_json::from_str(json)
}

impl Resumed<'_> {
    /// The application's state, as [`App::state`](crate::App::state) was given it. `None` where it is of another type.
    pub fn state<S: 'static>(&self) -> Option<&S> {
        self.state.downcast_ref()
    }
}

impl<H, M> fmt::Debug for Handoff<H, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handoff")
            .field("travels", &self.state.is_some())
            .field("with_messages", &self.messages.is_some())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Resumed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resumed").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Player {
        name: String,
        #[serde(default)]
        score: u128,
    }

    fn from_name(old: Value) -> Result<Player> {
        let name = serde_json::from_value(old)?;
        Ok(Player { name, score: 7 })
    }

    fn panics(_: Value) -> Result<Player> {
        panic!("too old")
    }

    #[test]
    fn a_state_is_read_as_it_was_written_or_converted_or_refused_with_a_reason() {
        let plain = Handoff::<Player>::serde();
        let player = Player {
            name: "Ada".to_owned(),
            score: u128::MAX,
        };
        let saved = plain.save(&player).unwrap();
        assert_eq!(plain.resume(&saved), Ok(player));
        assert_eq!(plain.resume(r#"{"name":"Ada"}"#).unwrap().score, 0);
        let refused = plain.resume("\"Ada\"").unwrap_err();
        assert_eq!(refused, "the state of Player can't be read: it has another shape");
        let refused = plain.resume("{}").unwrap_err();
        assert_eq!(refused, "the state of Player can't be read: missing field `name`");
        let converting = Handoff::<Player>::serde().or_convert(from_name);
        assert_eq!(converting.resume("\"Ada\"").unwrap().score, 7);
        assert!(converting.resume("8").is_err());
        let refused = Handoff::<Player>::serde().or_convert(panics).resume("8").unwrap_err();
        assert!(refused.contains("too old"), "{refused}");
        assert_eq!(
            Handoff::<Player>::never().save(&Player {
                name: String::new(),
                score: 0
            }),
            Err("Player does not travel".to_owned())
        );
    }
}
