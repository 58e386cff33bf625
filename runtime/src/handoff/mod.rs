//! Live WebSockets handed from one process to another, which goes on with them in new code.
//!
//! The old process, the *giver*, holds everything for a moment: it accepts nothing, broadcasts wait, and each connection
//! stops between two callbacks. What there is of a connection goes over a Unix socket as one JSON object, with its TCP stream
//! as a descriptor beside it. The new process, the *taker*, makes each of them ready, and says so. Then the giver lets
//! go, by one word, and the taker answers that it has heard it. Until it has that answer the giver has everything still, and
//! whatever happens to the taker, it goes on; and a taker that can't give it serves nothing. See `docs/protocol.md`.

mod giving;
mod taking;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub(crate) use giving::{Giver, Outcome, forward, give};
pub(crate) use taking::{Taker, take};

use crate::pubsub::{Message, Number};
use crate::session::Told;
use crate::wire::Text;

/// The version of what is said. Two processes that don't speak the same move nothing.
const VERSION: u32 = 2;
/// How long the taker may take to begin: a program starts, and may have much to prepare.
const START_WITHIN: Duration = Duration::from_mins(1);
/// How long the giver may take to begin.
const BEGIN_WITHIN: Duration = Duration::from_secs(2);
/// How long a connection may be busy with a callback. Those that are for longer are left behind.
const STOP_WITHIN: Duration = Duration::from_secs(1);
/// How long the other nodes may take to know what the taker listens to, before the connections are asked to stop.
const SETTLE_WITHIN: Duration = Duration::from_secs(1);
/// How long the sessions may take. What is not told by then is left behind.
const SESSIONS_WITHIN: Duration = Duration::from_secs(2);
/// How long all of it may take, from the moment at which connections are asked to stop.
const MOVE_WITHIN: Duration = Duration::from_secs(5);
/// How long the taker may take to say that it has heard the last word.
const HEAR_WITHIN: Duration = Duration::from_secs(1);
/// The longest line: a connection of which there is more can't move.
const LONGEST: usize = 64 * 1024 * 1024;
/// The longest answer.
const LONGEST_ANSWER: usize = 1024 * 1024;

/// What the giver says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "snake_case")]
enum FromGiver {
    /// It will give its connections. Subscribers are numbered from here on, and other nodes are heard in these channels.
    Begin { numbers_after: u64, channels: Vec<Text> },
    /// The key that sessions are signed with, where nobody has chosen one.
    SessionKey { key: String },
    /// A session, or what has happened to one.
    Session { told: Told },
    /// A connection, with its stream beside it.
    Connection { id: u32, snapshot: String },
    /// What was broadcast in the giver since the connections stopped, and what is when they have moved.
    Broadcast { message: Message, except: Option<Number> },
    /// That were all, so many connections; and how far the other nodes were heard, where there are any.
    End { connections: u32, heard: Option<String> },
    /// They are the taker's.
    Commit,
}

/// What the taker says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "snake_case")]
enum FromTaker {
    /// It could begin.
    Hello { version: u32 },
    /// It hears the other nodes: the giver may stop its connections.
    Ready,
    /// It can't go on with a connection, for this reason.
    Refused { id: u32, reason: String },
    /// It can go on with all the others.
    Prepared,
    /// It has heard that they are its own, and goes on with them.
    Taken,
}
