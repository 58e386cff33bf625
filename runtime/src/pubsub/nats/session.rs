//! What is done over one connection: the channels are followed, and the other nodes talked to.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::connection::{Connection, Subscription};
use super::gossip::{self, BEAT, Entry, LONGEST_NAME, Said};
use super::shared::Shared;
use crate::metrics;
use crate::wire::Text;

/// How often there is something to do for its time.
const TICK: Duration = Duration::from_millis(250);
/// For how long a channel stays subscribed to when its last member has left. It may come back.
const LINGER: Duration = Duration::from_secs(5);
/// How many channels do. With more, those end at once that leave last.
const LINGERING: usize = 4096;
/// A tick that is so late shows that the process was stopped.
const STOPPED: Duration = Duration::from_secs(2);
/// How often the log has a line for gaps, and for complaints.
const LOG: Duration = Duration::from_secs(5);

/// What the other nodes have been told, whatever the connection.
#[derive(Default)]
pub(super) struct Told {
    counts: HashMap<Text, usize>,
    beat: u64,
}

/// What another task wants of the link.
pub(super) struct Question {
    pub(super) request: u64,
    pub(super) channel: Text,
}

pub(super) struct Session<'a> {
    pub(super) shared: &'a Arc<Shared>,
    connection: &'a Connection,
    told: &'a mut Told,
    /// Ends with the session.
    tasks: JoinSet<()>,
    subscriptions: HashMap<Text, AbortHandle>,
    /// The channels without members that are still subscribed to, and since when.
    lingering: HashMap<Text, Instant>,
    nodes: Subscription,
    own: Subscription,
    clock: Clock,
}

struct Clock {
    tick: Instant,
    beat: Instant,
    log: Instant,
    is_even: bool,
}

pub(super) type Result<T = ()> = std::result::Result<T, String>;

impl<'a> Session<'a> {
    /// Subscribes to everything, and waits until the broker has it.
    pub(super) async fn begin(
        shared: &'a Arc<Shared>,
        connection: &'a Connection,
        told: &'a mut Told,
    ) -> Result<Session<'a>> {
        let nodes = connection.subscribe(shared.subjects.nodes()).await?;
        let own = connection.subscribe(shared.subjects.node(shared.node)).await?;
        let now = Instant::now();
        let mut session = Self {
            shared,
            connection,
            told,
            tasks: JoinSet::new(),
            subscriptions: HashMap::new(),
            lingering: HashMap::new(),
            nodes,
            own,
            clock: Clock {
                tick: now,
                beat: now,
                log: now,
                is_even: false,
            },
        };
        let known = session.told.counts.keys().cloned();
        shared.change_all(shared.home.channels().into_iter().chain(known));
        session.follow().await?;
        connection.confirm().await?;
        shared.peers().listen_again(now);
        Ok(session)
    }

    /// Works until the connection breaks.
    pub(super) async fn run(&mut self, questions: &mut mpsc::Receiver<Question>) -> Result<Infallible> {
        // Whoever has been there before has not heard of this node for a while, and this node not of them.
        self.hello_to_all(true).await?;
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let over = || "the connection is over".to_owned();
        loop {
            tokio::select! {
                () = self.shared.changed() => self.follow().await?,
                said = self.nodes.next() => self.hear(&said.ok_or_else(over)?).await?,
                said = self.own.next() => self.hear(&said.ok_or_else(over)?).await?,
                _ = tick.tick() => self.tick().await?,
                Some(question) = questions.recv() => {
                    let Question { request, channel } = question;
                    self.tell_all(&Said::Ask { request, channel }).await?;
                }
            }
        }
    }

    async fn tell_all(&self, said: &Said) -> Result {
        let bytes = gossip::write(self.shared.node, said);
        self.connection.publish(self.shared.subjects.nodes(), bytes).await
    }

    pub(super) async fn tell(&self, node: u64, said: &Said) -> Result {
        let bytes = gossip::write(self.shared.node, said);
        self.connection.publish(self.shared.subjects.node(node), bytes).await
    }

    pub(super) fn hello(&self, is_beat: bool, wants_marks: bool) -> Said {
        let peers = self.shared.peers();
        Said::Hello {
            name: self.shared.name.clone(),
            beat: self.told.beat,
            is_beat,
            wants_marks,
            known: peers.0.iter().map(|(node, peer)| (*node, peer.step)).collect(),
        }
    }

    async fn hello_to_all(&mut self, wants_marks: bool) -> Result {
        self.told.beat += 1;
        self.clock.beat = Instant::now();
        let hello = self.hello(true, wants_marks);
        self.tell_all(&hello).await
    }

    /// Subscribes to the channels that have members now, and lets go of those that have none.
    async fn follow(&mut self) -> Result {
        for channel in self.shared.take_changes() {
            if self.shared.wants(&channel) {
                self.lingering.remove(&channel);
                self.subscribe(channel).await?;
            } else if self.subscriptions.contains_key(&channel) {
                match self.lingering.len() < LINGERING {
                    true => drop(self.lingering.insert(channel, Instant::now())),
                    false => self.unsubscribe(&channel),
                }
            }
        }
        self.shared.subscriptions(self.subscriptions.len());
        Ok(())
    }

    async fn subscribe(&mut self, channel: Text) -> Result {
        if self.subscriptions.contains_key(&channel) {
            return Ok(());
        }
        self.shared.track(&channel);
        let subject = self.shared.subjects.channel(&channel).subject;
        let mut subscription = self.connection.subscribe(subject).await?;
        let (shared, name) = (Arc::clone(self.shared), channel.clone());
        let task = self.tasks.spawn(async move {
            while let Some(bytes) = subscription.next().await {
                shared.receive(&name, bytes);
            }
        });
        self.subscriptions.insert(channel, task);
        Ok(())
    }

    fn unsubscribe(&mut self, channel: &Text) {
        if let Some(task) = self.subscriptions.remove(channel) {
            task.abort();
        }
        self.lingering.remove(channel);
        self.shared.untrack(channel);
        self.shared.untold(channel.clone());
    }

    async fn tick(&mut self) -> Result {
        let now = Instant::now();
        let was_stopped = now - std::mem::replace(&mut self.clock.tick, now) > STOPPED;
        while self.tasks.try_join_next().is_some() {}
        let ended = self.lingering.iter().filter(|(_, since)| now - **since > LINGER);
        let ended: Vec<_> = ended.map(|(channel, _)| channel.clone()).collect();
        for channel in ended {
            self.lingering.remove(&channel);
            if !self.shared.wants(&channel) {
                self.unsubscribe(&channel);
            }
        }
        self.shared.subscriptions(self.subscriptions.len());
        metrics::link(&self.shared.link());
        self.tell_changes().await?;
        self.clock.is_even = !self.clock.is_even;
        if self.clock.is_even {
            self.shared.outgoing.mark(&self.shared.subjects);
        }
        self.watch_nodes(now, was_stopped).await?;
        if now - self.clock.beat >= BEAT {
            self.hello_to_all(was_stopped).await?;
        }
        if now - self.clock.log >= LOG {
            self.clock.log = now;
            self.log();
        }
        Ok(())
    }

    /// Tells the other nodes what has changed.
    async fn tell_changes(&mut self) -> Result {
        let mut entries: Vec<Entry> = Vec::new();
        for channel in self.shared.take_untold() {
            if channel.len() > LONGEST_NAME {
                continue;
            }
            if !self.subscriptions.contains_key(&channel) {
                if self.told.counts.remove(&channel).is_some() {
                    entries.push((channel, None));
                }
                continue;
            }
            let count = self.shared.home.count(&channel);
            if self.told.counts.insert(channel.clone(), count) != Some(count) {
                entries.push((channel, Some(count)));
            }
        }
        let parts = match entries.is_empty() {
            true => Vec::new(),
            false => gossip::parts(entries),
        };
        let first = self.shared.told(parts.len() as u64);
        for (number, entries) in (first..).zip(parts) {
            self.tell_all(&Said::Step { number, entries }).await?;
        }
        Ok(())
    }

    /// Tells one node everything.
    pub(super) async fn tell_everything(&self, node: u64) -> Result {
        let counts = self.told.counts.iter();
        let entries = counts.map(|(channel, count)| (channel.clone(), Some(*count))).collect();
        let number = self.shared.step();
        let parts = gossip::parts(entries);
        let last = parts.len() - 1;
        for (part, entries) in parts.into_iter().enumerate() {
            let is_last = part == last;
            let all = Said::All {
                number,
                part,
                is_last,
                entries,
            };
            self.tell(node, &all).await?;
        }
        Ok(())
    }

    async fn watch_nodes(&mut self, now: Instant, was_stopped: bool) -> Result {
        let step = self.shared.step();
        let (lost, forgotten, behind) = {
            let mut peers = self.shared.peers();
            if was_stopped {
                peers.listen_again(now);
            }
            (peers.lose(now), peers.forget(now), peers.behind(step, now))
        };
        for (node, name) in lost {
            tracing::warn!("node {name} is not heard of any more");
            self.shared.outgoing.lock().interests.lose(node);
        }
        for node in forgotten {
            self.shared.forget(node);
        }
        for node in behind {
            self.tell_everything(node).await?;
        }
        Ok(())
    }

    fn log(&self) {
        if let Some((channel, gaps, missed)) = self.shared.take_gap() {
            tracing::warn!(
                "messages of other nodes were missed, the last of them to {channel:?}: {missed} in {gaps} gaps so far"
            );
        }
        if let Some(complaint) = self.shared.notes.take_complaint() {
            tracing::warn!("the broker says: {complaint}");
        }
    }

    /// Takes leave of the other nodes.
    pub(super) async fn leave(&self) -> Result {
        self.tell_all(&Said::Bye).await?;
        self.connection.confirm().await
    }
}
