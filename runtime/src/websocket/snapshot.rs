//! A connection as it travels between two processes.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::connection::Limits;
use super::handoff::MessageFunctions;
use super::mailbox::{Bounds, Load, Mailbox};
use super::queue::Mail;
use super::timers::{Due, Entry};
use crate::pubsub::{Gap, Message, Number};
use crate::unwind::{Panic, caught_now};
use crate::wire::{Decoder, SavedCodec, Text, base64};

/// All of a connection but its stream.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Snapshot {
    /// The route that it was opened on, and the type of its handler.
    pub(crate) host: Option<String>,
    pub(crate) path: String,
    pub(crate) handler: String,
    pub(super) number: Number,
    /// And whether broadcasts go straight to the client.
    pub(super) channels: Vec<(Text, bool)>,
    pub(super) reports_gaps: bool,
    /// The handler, as JSON.
    pub(super) state: String,
    /// Read, and not decoded.
    #[serde(with = "base64")]
    pub(super) unread: Vec<u8>,
    /// Encoded, and not written.
    #[serde(with = "base64")]
    pub(super) unwritten: Vec<u8>,
    pub(super) decoder: Decoder,
    pub(super) codec: Option<SavedCodec>,
    pub(super) receives: bool,
    pub(super) limits: Limits,
    pub(super) bounds: Bounds,
    pub(super) silent_for: Duration,
    pub(super) load: SavedLoad,
}

/// What waits in a mailbox.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct SavedLoad {
    mail: Vec<SavedMail>,
    timers: Vec<SavedTimer>,
}

#[derive(Debug, Serialize, Deserialize)]
enum SavedMail {
    Broadcast(Message),
    /// As JSON.
    Message(String),
    Forwarded(Message),
    Rest(#[serde(with = "base64")] Vec<u8>),
    Gap(Gap),
}

#[derive(Debug, Serialize, Deserialize)]
struct SavedTimer {
    due_in: Duration,
    every: Option<Duration>,
    message: String,
}

impl SavedLoad {
    /// What waits, or why it can't travel.
    pub(super) fn save<'a, M: Send + 'static>(
        load: &Load<M>,
        mailbox: &Mailbox<M>,
        functions: impl Fn() -> Result<&'a MessageFunctions<M>, String>,
    ) -> Result<Self, String> {
        let message = |message: &M| {
            let save = functions()?.save;
            said(caught_now(|| save(message)), "written")
        };
        let mail = load.mail.iter().map(|mail| {
            Ok(match mail {
                Mail::Broadcast(message) => SavedMail::Broadcast(Message::clone(message)),
                Mail::Forwarded(message) => SavedMail::Forwarded(Message::clone(message)),
                Mail::Rest(rest) => SavedMail::Rest(rest.to_vec()),
                Mail::Gap(gap) => SavedMail::Gap(Gap::clone(gap)),
                Mail::Message(own) => SavedMail::Message(message(own)?),
            })
        });
        let timers = load.timers.iter().map(|Entry { due, what, .. }| {
            let (every, own) = match what {
                Due::Once(own) => (None, own),
                Due::Every(period, own, _) => (Some(*period), own),
            };
            Ok(SavedTimer {
                due_in: mailbox.due_in(*due),
                every,
                message: message(own)?,
            })
        });
        Ok(Self {
            mail: mail.collect::<Result<_, String>>()?,
            timers: timers.collect::<Result<_, String>>()?,
        })
    }

    /// The same in the other process, or why it can't be read.
    pub(super) fn resume<'a, M: Send + 'static>(
        self,
        mailbox: &Mailbox<M>,
        functions: impl Fn() -> Result<&'a MessageFunctions<M>, String>,
    ) -> Result<Load<M>, String> {
        let message = |message: &str| {
            let resume = functions()?.resume;
            said(caught_now(|| resume(message)), "read")
        };
        let mail = self.mail.into_iter().map(|mail| {
            Ok(match mail {
                SavedMail::Broadcast(message) => Mail::Broadcast(message.into()),
                SavedMail::Forwarded(message) => Mail::Forwarded(message.into()),
                SavedMail::Rest(rest) => Mail::Rest(Box::new(rest.into())),
                SavedMail::Gap(gap) => Mail::Gap(gap.into()),
                SavedMail::Message(own) => Mail::Message(message(&own)?),
            })
        });
        let timers = self.timers.into_iter().map(|timer| {
            let own = message(&timer.message)?;
            Ok(Entry {
                // It is given one.
                id: 0,
                due: mailbox.due_after(timer.due_in),
                what: match timer.every {
                    None => Due::Once(own),
                    Some(period) => Due::Every(period, own, functions()?.clone),
                },
            })
        });
        Ok(Load {
            mail: mail.collect::<Result<_, String>>()?,
            timers: timers.collect::<Result<_, String>>()?,
        })
    }
}

/// What became of a message of a handler's own, which is the application's code.
fn said<T>(message: Result<serde_json::Result<T>, Panic>, what: &str) -> Result<T, String> {
    match message {
        Ok(Ok(message)) => Ok(message),
        Ok(Err(error)) => {
            tracing::debug!("a message can't be {what}: {error}");
            Err(format!("a message can't be {what}"))
        }
        Err(panic) => Err(format!("a message can't be {what}: it {panic}")),
    }
}

#[cfg(test)]
mod tests;
