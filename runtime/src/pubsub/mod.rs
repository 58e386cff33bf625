//! Pub/sub: channels that connections and tasks join, and messages to all who are in one.
//!
//! A channel is a string. It is made by the first to join it and gone with the last member. A message reaches every
//! member at the time of the broadcast, the sender included, in the order in which one sender sent to one channel.
//!
//! Within one process no configuration is needed. A broadcast is in the queues of its members when it returns, where they
//! are at most 256; a task of the channel's takes it to more, and straight to the clients of those that
//! [`forward`](crate::Socket::forward), in the same order. For that task 4,096 messages and 4 MiB of them wait at most: a
//! broadcast beyond them reaches none of those members, and [`Outcome::missed`] says so.
//!
//! # Several nodes
//!
//! With the feature `nats` and two lines of settings the same calls reach other nodes:
//!
//! ```toml
//! [pubsub]
//! adapter = "nats"
//! url = "nats://broker-1:4222"     # or a list
//! ```
//!
//! Between nodes a message arrives once or not at all. It may be lost whenever a link breaks on its way: what the sender's
//! node had taken and its broker not confirmed (at most 4,096 messages or 4 MiB, and what waits: `queue_messages` and
//! `queue_bytes`), what a broker had not passed on, and what is sent while a link is down. Loss is not silent:
//!
//! - [`Outcome::cluster`] says whether a broadcast was taken by a link that is up. It never waits for one.
//! - Each node numbers what it sends to a channel, from when another node has said that it has members there. What is
//!   missing is found by the next message, or within seconds when there is none, and reported as a [`Gap`] to those who
//!   ask for that ([`Socket::report_gaps`](crate::Socket::report_gaps), [`Subscription::report_gaps`]), counted in
//!   [`Link`], and logged.
//! - What a node had taken when it was killed is lost with it, and nobody can count it.
//!
//! A link that is down is tried again after 0.1 to 1.5 seconds, and is back within 5 seconds of its broker. One that
//! is silent is found out within three `ping_interval`s. Members on this node are delivered to all the while. How it stands
//! is in [`PubSub::link`].
//!
//! A channel that has members is one subscription at the broker, however many they are; it costs a node about 6 KB, which
//! is the client's queue for it. When its last member leaves it stays for 5 seconds. A [`join`](crate::Socket::join)
//! returns before the broker knows of it, which it does some milliseconds later.

use std::fmt;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use self::adapter::Adapter;
use self::table::Table;
use crate::config::{Config, ConfigError};
use crate::metrics::Broadcasts;
use crate::wire::Text;

/// How often it is looked whether the link is up.
const LOOK: Duration = Duration::from_millis(5);

mod adapter;
mod channel;
mod fan_out;
#[cfg(feature = "nats")]
mod home;
mod member;
mod message;
mod moving;
#[cfg(feature = "nats")]
mod nats;
mod options;
mod subscription;
mod table;
mod tap;

pub use adapter::{Cluster, Gap, Link, Members, Unsent};
pub(crate) use member::{Deliver, Membership};
pub use message::{Message, Payload};
pub(crate) use moving::Beyond;
#[cfg(feature = "nats-sessions")]
pub(crate) use nats::{Broker, Reached};
pub use subscription::{Received, Subscription};
pub(crate) use tap::Tap;
use tap::Taps;

/// Publishes to channels and subscribes to them. Cheap to clone; also an extractor for controllers and `init`.
///
/// ```
/// # nova::testing::run(async {
/// use nova::{PubSub, Received};
///
/// let pubsub = PubSub::new();
/// let mut news = pubsub.subscribe("news");
/// pubsub.broadcast("news", "headline", "it works");
/// let Received::Message(message) = news.recv().await else { panic!() };
/// assert_eq!((&*message.event, message.payload.as_text()), ("headline", Some("it works")));
/// # });
/// ```
#[derive(Clone, Default)]
pub struct PubSub(Arc<Inner>);

#[derive(Default)]
struct Inner {
    last_number: AtomicU64,
    channels: Table,
    /// Drawn by lot at the start; 0 where there are no other nodes.
    node: u64,
    adapter: Option<Box<dyn Adapter>>,
    metrics: Broadcasts,
    taps: Taps,
    /// Where the members have moved to, when they have.
    has_moved: AtomicBool,
    beyond: Mutex<Option<mpsc::Sender<Beyond>>>,
}

/// By which a subscriber is known on its node.
pub(crate) type Number = NonZeroU64;

/// Names a subscriber: a connection or a task. No two have the same, on whatever node they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SubscriberId {
    node: u64,
    number: Number,
}

/// What became of a broadcast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outcome {
    /// How many members on this node have it in their queues, or are on the list of the task that takes it to them. What
    /// becomes of it there is decided later, by each queue: a member that is found slow then is still counted here.
    pub local: usize,
    /// How many members on this node will not: their queues are full, or so many broadcasts to this channel are on their
    /// way that it is overloaded.
    pub missed: usize,
    /// Whether it left the node.
    pub cluster: Cluster,
}

impl PubSub {
    /// A pub/sub of its own, apart from that of any application.
    pub fn new() -> Self {
        Self::default()
    }

    /// The pub/sub that the section `[pubsub]` of the settings asks for: by default one of its own, otherwise one that is
    /// linked to other nodes from now on. An application has one already; this is for other programs that take part.
    ///
    /// The link comes up when it can: a broker that is away is no error, and nothing is waited for. What is broadcast before
    /// stays on this node and says so ([`Unsent::Down`]): a program that sends something at once waits until it is
    /// [`linked`](Self::linked). The link ends with the last clone, or at [`close`](Self::close).
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use nova::{Config, Environment, PubSub};
    /// # async fn tell() -> nova::Result<()> {
    /// let pubsub = PubSub::connect(&Config::load(Environment::current())?)?;
    /// if !pubsub.linked(Duration::from_secs(5)).await {
    ///     return Err(nova::Error::new("the broker can't be reached"));
    /// }
    /// pubsub.broadcast("deployments", "deployed", "by hand");
    /// pubsub.close().await;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// When a setting is wrong, or needs a feature that is not enabled.
    ///
    /// # Panics
    /// When a link is asked for outside an async runtime.
    pub fn connect(config: &Config) -> Result<Self, ConfigError> {
        let pubsub = Self::with_settings(config)?;
        pubsub.start();
        Ok(pubsub)
    }

    /// As [`connect`](Self::connect), but the link waits for [`start`](Self::start).
    pub(crate) fn with_settings(config: &Config) -> Result<Self, ConfigError> {
        let options: options::PubSubOptions = config.section("pubsub")?;
        match options.adapter {
            options::AdapterName::Local => Ok(Self::new()),
            #[cfg(feature = "nats")]
            options::AdapterName::Nats => Ok(home::linked(&options, config.root())),
        }
    }

    /// Begins to link, if that is asked for.
    pub(crate) fn start(&self) {
        if let Some(adapter) = &self.0.adapter {
            adapter.start();
        }
    }

    /// Subscribes the calling task to a channel. The membership ends when the subscription is dropped.
    ///
    /// The subscription's queue holds 1,024 messages. When it is full a new message is dropped and counted, and
    /// [`recv`](Subscription::recv) reports how many were.
    pub fn subscribe(&self, channel: impl Into<Text>) -> Subscription {
        let subscription = Subscription::new(self);
        subscription.join(channel);
        subscription
    }

    /// Sends to every member of a channel, on every node.
    ///
    /// Members on this node have it when this returns, or soon after; [`Outcome::cluster`] says whether it is on its way
    /// to the others. It never waits for a broker.
    pub fn broadcast(&self, channel: impl Into<Text>, event: impl Into<Text>, payload: impl Into<Payload>) -> Outcome {
        self.send(Message::new(channel, None, event, payload), None)
    }

    /// Sends to every member of a channel but one, on every node.
    pub fn broadcast_from(
        &self,
        sender: SubscriberId,
        channel: impl Into<Text>,
        event: impl Into<Text>,
        payload: impl Into<Payload>,
    ) -> Outcome {
        let message = Message::new(channel, Some(sender), event, payload);
        self.send(message, self.number_of(sender))
    }

    /// Sends to the members of a channel on this node.
    pub fn local_broadcast(
        &self,
        channel: impl Into<Text>,
        event: impl Into<Text>,
        payload: impl Into<Payload>,
    ) -> Outcome {
        self.deliver(Message::new(channel, None, event, payload), None)
    }

    /// Sends to the members of a channel on this node, but one.
    pub fn local_broadcast_from(
        &self,
        sender: SubscriberId,
        channel: impl Into<Text>,
        event: impl Into<Text>,
        payload: impl Into<Payload>,
    ) -> Outcome {
        let message = Message::new(channel, Some(sender), event, payload);
        self.deliver(message, self.number_of(sender))
    }

    /// The members of a channel, on every node. None for a channel that nobody has joined.
    ///
    /// The other nodes are asked, and have as long as `patience` to answer; with one node it returns at once. Where the
    /// number is enough, [`member_count`](Self::member_count) asks nobody. A node that has more than 10,000 members in the
    /// channel lists none of them. Cancel safe.
    ///
    /// ```
    /// # nova::testing::run(async {
    /// use nova::PubSub;
    /// use std::time::Duration;
    ///
    /// let pubsub = PubSub::new();
    /// let news = pubsub.subscribe("news");
    /// let members = pubsub.members("news", Duration::from_secs(1)).await;
    /// assert_eq!(members.ids, [news.id()]);
    /// assert!(members.unanswered.is_empty());
    /// # });
    /// ```
    pub async fn members(&self, channel: &str, patience: Duration) -> Members {
        let mut members = match &self.0.adapter {
            Some(adapter) => adapter.members(channel, patience).await,
            None => Members::default(),
        };
        members.ids.extend(self.local_members(channel));
        members
    }

    /// How many members a channel has on every node. What other nodes have is as they said last: a second ago, or when the
    /// link to them broke.
    pub fn member_count(&self, channel: &str) -> usize {
        let remote = self.0.adapter.as_ref().map_or(0, |adapter| adapter.count(channel));
        self.local_count(channel) + remote
    }

    /// The members of a channel on this node.
    pub fn local_members(&self, channel: &str) -> Vec<SubscriberId> {
        let channel = self.0.channels.find(channel);
        channel.map_or_else(Vec::new, |channel| {
            channel.lock().ids().map(|number| self.name_of(number)).collect()
        })
    }

    /// How the link to the other nodes stands; `None` where the settings ask for none.
    pub fn link(&self) -> Option<Link> {
        self.0.adapter.as_ref().map(|adapter| adapter.link())
    }

    /// Waits until the link to the other nodes is up, for so long at most, and says whether it is; at once, and `true`, where
    /// the settings ask for none. From then on broadcasts leave this node, as long as it stays up.
    ///
    /// Cancel safe.
    pub async fn linked(&self, within: Duration) -> bool {
        let is_up = || self.link().is_none_or(|link| link.is_up);
        let coming_up = async {
            while !is_up() {
                sleep(LOOK).await;
            }
        };
        // Asked once more, for a link that has come up in the last moment.
        timeout(within, coming_up).await.is_ok() || is_up()
    }

    /// Sends what is on its way to other nodes, takes leave of them, and ends the link: for at most two seconds. Local
    /// delivery goes on. An application does it at its end.
    pub async fn close(&self) {
        self.end_beyond();
        if let Some(adapter) = &self.0.adapter {
            adapter.close().await;
        }
    }

    fn send(&self, message: Message, except: Option<Number>) -> Outcome {
        // Before it is delivered, which takes it.
        let cluster = match &self.0.adapter {
            Some(adapter) => adapter.publish(&message),
            None => Cluster::Local,
        };
        let mut outcome = self.deliver(message, except);
        outcome.cluster = cluster;
        outcome
    }

    /// As [`broadcast`](Self::broadcast), by a member.
    pub(crate) fn send_as(&self, membership: &Membership, message: Message, but_itself: bool) -> Outcome {
        self.send(message, but_itself.then(|| membership.number()))
    }

    fn local_count(&self, channel: &str) -> usize {
        let channel = self.0.channels.find(channel);
        channel.map_or(0, |channel| channel.lock().len())
    }

    /// The members of a channel on this node have changed.
    fn changed(&self, channel: &Text) {
        if let Some(adapter) = &self.0.adapter {
            adapter.changed(channel);
        }
    }

    /// Delivers to all members on this node but `except`.
    pub(crate) fn deliver(&self, message: Message, except: Option<Number>) -> Outcome {
        self.deliver_here(message, except, true)
    }

    /// The same; also to those that have moved to another process, where that does not hear of it otherwise.
    fn deliver_here(&self, message: Message, except: Option<Number>, goes_beyond: bool) -> Outcome {
        let mut outcome = Outcome {
            local: 0,
            missed: 0,
            cluster: Cluster::Local,
        };
        self.0.taps.see(&message);
        if let Some(channel) = self.0.channels.find(&message.channel) {
            let sent = channel.send(message, except, fan_out::can_start);
            (outcome.local, outcome.missed) = (sent.to, sent.missed);
            if sent.needs_task {
                fan_out::start(channel);
            }
            if let Some(message) = sent.beyond.filter(|_| goes_beyond) {
                outcome.missed += usize::from(!self.send_beyond(message, except));
            }
        } else if goes_beyond && self.0.has_moved.load(Ordering::SeqCst) {
            outcome.missed += usize::from(!self.send_beyond(Arc::new(message), except));
        }
        self.0.metrics.sent(outcome.local, outcome.missed);
        outcome
    }

    /// The channels that have members on this node, each with their number.
    pub(crate) fn channels(&self) -> Vec<(Text, usize)> {
        self.0.channels.counts()
    }

    /// How many channels have members on this node.
    pub(crate) fn channel_count(&self) -> usize {
        self.0.channels.len()
    }

    /// Listens to what is sent to a channel on this node, without being in it.
    pub(crate) fn tap(&self, channel: Text) -> Tap {
        Tap::new(self, channel)
    }

    fn next_number(&self) -> Number {
        let last = self.0.last_number.fetch_add(1, Ordering::Relaxed);
        Number::MIN.saturating_add(last)
    }

    fn name_of(&self, number: Number) -> SubscriberId {
        SubscriberId {
            node: self.0.node,
            number,
        }
    }

    /// `None` for a subscriber on another node.
    fn number_of(&self, id: SubscriberId) -> Option<Number> {
        (id.node == self.0.node).then_some(id.number)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(adapter) = &self.adapter {
            adapter.stop();
        }
    }
}

impl fmt::Debug for PubSub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PubSub")
            .field("channels", &self.0.channels.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Display for SubscriberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.node {
            0 => self.number.fmt(f),
            node => write!(f, "{node:016x}-{}", self.number),
        }
    }
}

#[cfg(test)]
mod tests;
