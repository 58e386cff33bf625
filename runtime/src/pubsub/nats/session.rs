//! What is done over one connection: the channels are followed, and the other nodes talked to.

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::connection::{Connection, Subscription};
use super::envelope::Place;
use super::gossip::{self, BEAT, Entry, Greeted, LONGEST_NAME, Peer, Said};
use super::shared::{Answer, Shared};
use crate::metrics;
use crate::wire::Text;

/// How often there is something to do for its time.
const TICK: Duration = Duration::from_millis(250);
/// For how long a channel stays subscribed to when its last member has left. It may come back.
const LINGER: Duration = Duration::from_secs(5);
/// How many channels do. With more, those end at once that leave last.
const LINGERING: usize = 4096;
/// A node that has more members in a channel does not list them.
pub(super) const LISTED: usize = 10_000;
/// How many of them are in one answer.
const LISTED_AT_ONCE: usize = 1000;
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
    shared: &'a Arc<Shared>,
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

type Result<T = ()> = std::result::Result<T, String>;

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

    async fn tell(&self, node: u64, said: &Said) -> Result {
        let bytes = gossip::write(self.shared.node, said);
        self.connection.publish(self.shared.subjects.node(node), bytes).await
    }

    fn hello(&self, is_beat: bool, wants_marks: bool) -> Said {
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
            let has_members = self.shared.home.count(&channel) > 0;
            if has_members {
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
            if self.shared.home.count(&channel) == 0 {
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
    async fn tell_everything(&self, node: u64) -> Result {
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

    async fn hear(&mut self, bytes: &[u8]) -> Result {
        let Some((node, said)) = gossip::read(bytes) else {
            tracing::debug!("a node said something that can't be read");
            return Ok(());
        };
        if node == self.shared.node {
            return Ok(());
        }
        match said {
            Said::Hello {
                name,
                beat,
                is_beat,
                wants_marks,
                known,
            } => {
                let greeted = {
                    let mut peers = self.shared.peers();
                    peers.hello(node, &name, beat, is_beat, Instant::now())
                };
                self.greet(node, &name, greeted, wants_marks, &known).await
            }
            Said::Step { number, entries } => self.step(node, number, entries).await,
            Said::All {
                number,
                part,
                is_last,
                entries,
            } => self.everything(node, (number, part, is_last), entries).await,
            Said::Acknowledged { number, is_all, places } => {
                for (channel, stream, number) in places {
                    self.shared.begin(node, &channel, Place { stream, number });
                }
                self.with_peer(node, |peer| peer.acknowledges(number, is_all));
                Ok(())
            }
            Said::Bye => {
                if let Some(peer) = self.shared.peers().0.remove(&node) {
                    tracing::info!("node {} has left", peer.name);
                }
                self.shared.forget(node);
                Ok(())
            }
            Said::Ask { request, channel } => self.answer(node, request, &channel).await,
            Said::Answer {
                request,
                is_last,
                members,
            } => {
                let questions = self.shared.questions.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(question) = questions.get(&request) {
                    // Whoever asked has room for all that can be answered, or has gone.
                    let _ = question.try_send(Answer { node, members, is_last });
                }
                Ok(())
            }
        }
    }

    /// `None` where a node speaks that has not said hello.
    fn with_peer<T>(&self, node: u64, change: impl FnOnce(&mut Peer) -> T) -> Option<T> {
        let mut peers = self.shared.peers();
        let peer = peers.0.get_mut(&node)?;
        peer.heard = Instant::now();
        Some(change(peer))
    }

    async fn greet(&self, node: u64, name: &str, greeted: Greeted, wants_marks: bool, known: &[(u64, u64)]) -> Result {
        let step = self.shared.step();
        let knows = known.iter().find(|(known, _)| *known == self.shared.node);
        let acknowledged = self.with_peer(node, |peer| {
            if knows.is_none() {
                peer.acknowledged = 0;
            }
            peer.acknowledged
        });
        let is_behind = acknowledged.is_some_and(|acknowledged| acknowledged < step);
        let is_back = matches!(greeted, Greeted::New | Greeted::Back);
        if is_back {
            let again = if greeted == Greeted::Back { " again" } else { "" };
            tracing::info!("node {name} is there{again}");
        }
        // What did not come from there may not have come there either.
        if wants_marks || matches!(greeted, Greeted::Back | Greeted::Gap) {
            self.shared.outgoing.lock().interests.resume(node);
        }
        if is_back || greeted == Greeted::Gap {
            let hello = self.hello(false, greeted != Greeted::New);
            self.tell(node, &hello).await?;
        }
        if is_behind && (is_back || wants_marks) {
            self.tell_everything(node).await?;
        }
        Ok(())
    }

    /// What another node has members in. It is answered with where this one stands.
    async fn step(&self, node: u64, number: u64, entries: Vec<Entry>) -> Result {
        if self.with_peer(node, |peer| peer.takes_step(number)) != Some(true) {
            return Ok(());
        }
        let places = self.note(node, entries);
        self.acknowledge(node, number, false, places).await
    }

    async fn everything(&self, node: u64, (number, part, is_last): (u64, usize, bool), entries: Vec<Entry>) -> Result {
        let all = self.with_peer(node, |peer| {
            let all = peer.takes_part(part, is_last, entries)?;
            peer.step = peer.step.max(number);
            Some(all)
        });
        let Some(all) = all.flatten() else {
            return Ok(());
        };
        let channels: HashSet<_> = all.iter().map(|(channel, _)| channel.clone()).collect();
        self.shared.outgoing.lock().interests.keep(node, &channels);
        let places = self.note(node, all);
        self.acknowledge(node, number, true, places).await
    }

    fn note(&self, node: u64, entries: Vec<Entry>) -> Vec<(Text, Place)> {
        let mut state = self.shared.outgoing.lock();
        let places = entries.into_iter().filter_map(|(channel, count)| {
            let Some(count) = count else {
                state.interests.unset(node, &channel);
                return None;
            };
            let place = state.interests.set(node, &channel, count);
            (place.stream > 0).then_some((channel, place))
        });
        places.collect()
    }

    async fn acknowledge(&self, node: u64, number: u64, is_all: bool, places: Vec<(Text, Place)>) -> Result {
        let mut places = gossip::places(places).into_iter().peekable();
        loop {
            let some: Vec<_> = places.by_ref().take(500).collect();
            let is_last = places.peek().is_none();
            let said = Said::Acknowledged {
                // What is not the last acknowledges nothing yet.
                number: if is_last { number } else { 0 },
                is_all,
                places: some,
            };
            self.tell(node, &said).await?;
            if is_last {
                return Ok(());
            }
        }
    }

    async fn answer(&self, node: u64, request: u64, channel: &str) -> Result {
        let members = self.shared.home.members(channel);
        if members.len() > LISTED {
            let said = Said::Answer {
                request,
                is_last: true,
                members: None,
            };
            return self.tell(node, &said).await;
        }
        let mut members = members.into_iter().map(std::num::NonZeroU64::get).peekable();
        loop {
            let some = members.by_ref().take(LISTED_AT_ONCE).collect();
            let is_last = members.peek().is_none();
            let said = Said::Answer {
                request,
                is_last,
                members: Some(some),
            };
            self.tell(node, &said).await?;
            if is_last {
                return Ok(());
            }
        }
    }

    /// Takes leave of the other nodes.
    pub(super) async fn leave(&self) -> Result {
        self.tell_all(&Said::Bye).await?;
        self.connection.confirm().await
    }
}
