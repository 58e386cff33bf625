//! What joins a node to others: the seam between local pub/sub and a link to a broker.

use std::pin::Pin;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Message, SubscriberId};
use crate::wire::Text;

/// A link to other nodes. Local delivery does not pass through it, and nothing but what is a future waits.
pub(crate) trait Adapter: Send + Sync {
    /// Begins to link, on the async runtime that this is called in. A second call does nothing.
    fn start(&self);

    /// Sends a message to the members on other nodes.
    fn publish(&self, message: &Message) -> Cluster;

    /// The members of a channel on this node have changed.
    fn changed(&self, channel: &Text);

    /// How many members a channel has on other nodes, as these have last said.
    fn count(&self, channel: &str) -> usize;

    /// Asks the other nodes for the members of a channel.
    fn members<'a>(&'a self, channel: &'a str, patience: Duration) -> Waiting<'a, Members>;

    /// The channels that have members on this node.
    fn channels(&self) -> Vec<Text>;

    /// Listens to channels whose members are about to come from another process.
    fn expect(&self, channels: Vec<Text>);

    /// Keeps what other nodes send, until [`release`](Self::release): the members are about to move to another process, or to
    /// come from one.
    fn hold(&self);

    /// How far it has heard the other nodes, as its kind in the other process understands it.
    fn heard(&self) -> String;

    /// Delivers what was kept, and from now on what comes. Where another process has moved its members here, from where that
    /// had heard.
    fn release(&self, heard: Option<&str>);

    /// How the link stands.
    fn link(&self) -> Link;

    /// Sends what is on its way, and takes leave of the other nodes.
    fn close(&self) -> Waiting<'_, ()>;

    /// Begins to do so, and does not wait for it.
    fn stop(&self);
}

pub(crate) type Waiting<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Whether a broadcast left the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cluster {
    /// There are no other nodes to reach, or it was not meant for them.
    Local,
    /// The link to the other nodes is up and has taken it. When the link breaks in the next moment it may be lost: then
    /// [`Link::lost`] counts it, and members on other nodes are told of a [`Gap`].
    Queued,
    /// It did not leave the node, and will not. Members on other nodes are told of a [`Gap`] once there is a link again.
    NotSent(Unsent),
}

/// Why a broadcast did not leave the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unsent {
    /// The link is down.
    Down,
    /// So many messages wait for the link that there is no room for more.
    Full,
    /// It is larger than the broker takes.
    TooLarge,
}

/// The news that messages of another node to a channel did not come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Gap {
    /// The channel that they were sent to.
    pub channel: Text,
    /// How many. `None` where that can't be told, because the other node was out of reach for so long that it no longer
    /// counted them.
    pub count: Option<u64>,
}

/// The members of a channel, from [`PubSub::members`](crate::PubSub::members).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Members {
    /// Their ids, on all nodes that have answered.
    pub ids: Vec<SubscriberId>,
    /// The names of the nodes that have not answered in time, or not in full: their members are not among the ids.
    pub unanswered: Vec<String>,
}

/// How the link to the other nodes stands, from [`PubSub::link`](crate::PubSub::link). Counts are since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Link {
    /// The name of this node.
    pub node: String,
    /// Whether there is a connection to a broker.
    pub is_up: bool,
    /// For how long it has been so.
    pub since: Duration,
    /// The broker that is, or was last, connected to, without passwords.
    pub broker: Option<String>,
    /// Why the link went down, or could not come up, the last time.
    pub last_error: Option<String>,
    /// How many connections have been made: those after the first are reconnects.
    pub connections: u64,
    /// The names of the other nodes that have been heard of in the last moments.
    pub nodes: Vec<String>,
    /// How many channels are subscribed to at the broker.
    pub subscriptions: usize,
    /// Whether all other nodes know of all memberships on this one: from then on what they send is counted, and a gap in
    /// it is found.
    pub is_settled: bool,
    /// How many messages wait to be sent.
    pub queued: usize,
    /// How many messages the broker has confirmed.
    pub published: u64,
    /// How many messages have come from other nodes.
    pub received: u64,
    /// How many broadcasts were not sent because the link was down.
    pub refused_down: u64,
    /// How many were not sent because too many waited.
    pub refused_full: u64,
    /// How many were not sent because they were too large.
    pub refused_too_large: u64,
    /// How many had been taken when the link broke, and were not confirmed: most of them are lost.
    pub lost: u64,
    /// How many gaps were found in what other nodes send.
    pub gaps: u64,
    /// How many messages were missing in those whose size is known.
    pub missed: u64,
    /// How many messages came twice or after they had been counted as missing, and were left out.
    pub duplicates: u64,
    /// How many messages could not be read: another version sent them, or something else that uses the same subjects.
    pub unreadable: u64,
    /// How many messages the broker's client dropped because they came faster than they could be delivered. They are also
    /// among the missed.
    pub overrun: u64,
}
