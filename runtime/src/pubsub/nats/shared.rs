//! What the link's task shares with those who broadcast, join and ask.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::Instant;

use super::connection::Notes;
use super::envelope;
use super::gossip::Peers;
use super::held::Held;
use super::outgoing::Outgoing;
use super::subject::Subjects;
use super::tracks::{Missed, Tracks, Verdict};
use crate::metrics;
use crate::pubsub::adapter::{Gap, Link};
use crate::pubsub::home::Home;
use crate::wire::Text;

pub(super) struct Shared {
    pub(super) node: u64,
    pub(super) name: String,
    pub(super) subjects: Subjects,
    pub(super) home: Home,
    pub(super) outgoing: Outgoing,
    changes: Mutex<Changes>,
    changed: Notify,
    /// Of the channels that are subscribed to.
    pub(super) tracks: Mutex<HashMap<Text, Tracks>>,
    /// What has come and is kept, and what is not heard at all. Held while something that came is delivered.
    pub(super) held: Mutex<Held>,
    peers: Mutex<Peers>,
    pub(super) questions: Mutex<HashMap<u64, mpsc::Sender<Answer>>>,
    pub(super) tally: Tally,
    pub(super) notes: Arc<Notes>,
    standing: Mutex<Standing>,
    pub(super) phase: watch::Sender<Phase>,
}

/// What a node has answered: some of its members, or `None` that it has too many; and whether that is all.
pub(super) struct Answer {
    pub(super) node: u64,
    pub(super) members: Option<Vec<u64>>,
    pub(super) is_last: bool,
}

/// The channels whose members on this node have changed. They are looked up when their turn comes, so that many changes of
/// one channel are one.
#[derive(Default)]
struct Changes {
    /// Still to be subscribed to, or not any more.
    new: HashSet<Text>,
    /// Still to be told to the other nodes.
    untold: HashSet<Text>,
    is_telling: bool,
    /// The last of this node's steps.
    step: u64,
}

#[derive(Default)]
pub(super) struct Tally {
    pub(super) published: AtomicU64,
    pub(super) received: AtomicU64,
    pub(super) lost: AtomicU64,
    gaps: AtomicU64,
    missed: AtomicU64,
    duplicates: AtomicU64,
    unreadable: AtomicU64,
}

struct Standing {
    is_up: bool,
    since: Instant,
    broker: Option<String>,
    last_error: Option<String>,
    connections: u64,
    subscriptions: usize,
    /// The gap that was found last, and whether it was logged.
    last_gap: Option<Text>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Running,
    /// What waits is sent, and nothing is taken any more.
    Closing,
    Ended,
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn add(counter: &AtomicU64, number: u64) {
    counter.fetch_add(number, Ordering::Relaxed);
}

impl Shared {
    pub(super) fn new(node: u64, name: String, subjects: Subjects, home: Home, outgoing: Outgoing) -> Self {
        Self {
            node,
            name,
            subjects,
            home,
            outgoing,
            changes: Mutex::default(),
            changed: Notify::new(),
            tracks: Mutex::default(),
            held: Mutex::default(),
            peers: Mutex::default(),
            questions: Mutex::default(),
            tally: Tally::default(),
            notes: Arc::default(),
            standing: Mutex::new(Standing {
                is_up: false,
                since: Instant::now(),
                broker: None,
                last_error: None,
                connections: 0,
                subscriptions: 0,
                last_gap: None,
            }),
            phase: watch::Sender::new(Phase::Running),
        }
    }

    /// The other nodes. Nothing waits under this lock, as under all here.
    pub(super) fn peers(&self) -> MutexGuard<'_, Peers> {
        lock(&self.peers)
    }

    /// The members of a channel on this node have changed.
    pub(super) fn change(&self, channel: &Text) {
        let is_first = {
            let mut changes = lock(&self.changes);
            let was_empty = changes.new.is_empty();
            changes.new.insert(channel.clone());
            was_empty
        };
        if is_first {
            self.changed.notify_one();
        }
    }

    /// All of these may have changed.
    pub(super) fn change_all(&self, channels: impl IntoIterator<Item = Text>) {
        lock(&self.changes).new.extend(channels);
        self.changed.notify_one();
    }

    /// Waits for changes. Cancel safe; one task waits at a time.
    pub(super) async fn changed(&self) {
        while lock(&self.changes).new.is_empty() {
            self.changed.notified().await;
        }
    }

    /// Takes the changes, which are still to be told.
    pub(super) fn take_changes(&self) -> HashSet<Text> {
        let mut changes = lock(&self.changes);
        let new = std::mem::take(&mut changes.new);
        changes.untold.extend(new.iter().cloned());
        new
    }

    /// A change that nobody has told this of.
    pub(super) fn untold(&self, channel: Text) {
        lock(&self.changes).untold.insert(channel);
    }

    /// Takes what is to be told; [`told`](Self::told) says that it was.
    pub(super) fn take_untold(&self) -> HashSet<Text> {
        let mut changes = lock(&self.changes);
        changes.is_telling = true;
        std::mem::take(&mut changes.untold)
    }

    /// It will have been told in so many steps: gives the number of the first.
    pub(super) fn told(&self, steps: u64) -> u64 {
        let mut changes = lock(&self.changes);
        changes.is_telling = false;
        changes.step += steps;
        changes.step + 1 - steps
    }

    /// The last step of this node.
    pub(super) fn step(&self) -> u64 {
        lock(&self.changes).step
    }

    /// Begins to listen to a channel.
    pub(super) fn track(&self, channel: &Text) {
        lock(&self.tracks).entry(channel.clone()).or_default();
    }

    /// Listens no more.
    pub(super) fn untrack(&self, channel: &Text) {
        lock(&self.tracks).remove(channel);
    }

    /// A node has begun to count what it sends to a channel.
    pub(super) fn begin(&self, node: u64, channel: &Text, place: envelope::Place) {
        let mut tracks = lock(&self.tracks);
        let missed = tracks.get_mut(channel).map(|tracks| tracks.start(node, place));
        drop(tracks);
        self.report(channel, missed.unwrap_or(Missed::Nothing));
    }

    /// A node is gone.
    pub(super) fn forget(&self, node: u64) {
        for tracks in lock(&self.tracks).values_mut() {
            tracks.forget(node);
        }
        self.outgoing.lock().interests.forget(node);
    }

    /// Something came on the subject of a channel. Called in the order in which it came.
    pub(super) fn receive(&self, channel: &Text, bytes: Bytes) {
        let mut held = lock(&self.held);
        if let Some(bytes) = held.keep(channel, bytes) {
            self.take(channel, bytes, held.ignored);
        }
    }

    /// Delivers something that came.
    pub(super) fn take(&self, channel: &Text, bytes: Bytes, ignored: Option<u64>) {
        let Some(envelope) = envelope::read(bytes, channel) else {
            add(&self.tally.unreadable, 1);
            return;
        };
        let is_elsewhere = envelope.channel.is_some_and(|named| named != *channel);
        if envelope.node == self.node || Some(envelope.node) == ignored || is_elsewhere {
            return;
        }
        let (node, place) = (envelope.node, envelope.place);
        let mut all_tracks = lock(&self.tracks);
        let tracks = all_tracks.get_mut(channel);
        let Some(message) = envelope.message else {
            let missed = tracks.map(|tracks| tracks.mark(node, place));
            drop(all_tracks);
            return self.report(channel, missed.unwrap_or(Missed::Nothing));
        };
        let verdict = tracks.map_or(Verdict::New(Missed::Nothing), |tracks| tracks.message(node, place));
        drop(all_tracks);
        match verdict {
            Verdict::Old => add(&self.tally.duplicates, 1),
            Verdict::New(missed) => {
                add(&self.tally.received, 1);
                self.report(channel, missed);
                self.home.deliver(message);
            }
        }
    }

    fn report(&self, channel: &Text, missed: Missed) {
        let count = match missed {
            Missed::Nothing => return,
            Missed::Some(count) => Some(count),
            Missed::Unknown => None,
        };
        add(&self.tally.gaps, 1);
        add(&self.tally.missed, count.unwrap_or(0));
        lock(&self.standing).last_gap = Some(channel.clone());
        self.home.report(Gap {
            channel: channel.clone(),
            count,
        });
    }

    /// The channel of the last gap, once: for the log, which is not to have a line for each.
    pub(super) fn take_gap(&self) -> Option<(Text, u64, u64)> {
        let channel = lock(&self.standing).last_gap.take()?;
        let gaps = self.tally.gaps.load(Ordering::Relaxed);
        Some((channel, gaps, self.tally.missed.load(Ordering::Relaxed)))
    }

    pub(super) fn up(&self, broker: String) {
        tracing::info!("linked to other nodes by {broker}");
        let mut standing = lock(&self.standing);
        standing.is_up = true;
        standing.since = Instant::now();
        standing.broker = Some(broker);
        standing.connections += 1;
        drop(standing);
        metrics::link(&self.link());
    }

    pub(super) fn down(&self, reason: String) {
        let mut standing = lock(&self.standing);
        if std::mem::take(&mut standing.is_up) {
            standing.since = Instant::now();
            tracing::warn!("the link to other nodes is down: {reason}");
        } else if standing.last_error.as_ref() != Some(&reason) {
            tracing::warn!("no link to other nodes: {reason}");
        }
        standing.subscriptions = 0;
        standing.last_error = Some(reason);
        drop(standing);
        metrics::link(&self.link());
    }

    pub(super) fn subscriptions(&self, number: usize) {
        lock(&self.standing).subscriptions = number;
    }

    pub(super) fn is_up(&self) -> bool {
        lock(&self.standing).is_up
    }

    pub(super) fn link(&self) -> Link {
        let nodes_know = {
            let changes = lock(&self.changes);
            let nothing_new = changes.new.is_empty() && changes.untold.is_empty() && !changes.is_telling;
            nothing_new && self.peers().all_know(changes.step)
        };
        let peers = self.peers();
        let mut nodes: Vec<_> = peers.present().map(|(_, peer)| peer.name.clone()).collect();
        drop(peers);
        nodes.sort();
        let refused = self.outgoing.lock().refused;
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let standing = lock(&self.standing);
        Link {
            node: self.name.clone(),
            is_up: standing.is_up,
            since: standing.since.elapsed(),
            broker: standing.broker.clone(),
            last_error: standing.last_error.clone(),
            connections: standing.connections,
            nodes,
            subscriptions: standing.subscriptions,
            is_settled: standing.is_up && nodes_know,
            queued: self.outgoing.len(),
            published: count(&self.tally.published),
            received: count(&self.tally.received),
            refused_down: refused.down,
            refused_full: refused.full,
            refused_too_large: refused.too_large,
            lost: count(&self.tally.lost),
            gaps: count(&self.tally.gaps),
            missed: count(&self.tally.missed),
            duplicates: count(&self.tally.duplicates),
            unreadable: count(&self.tally.unreadable),
            overrun: count(&self.notes.overrun),
        }
    }

    /// Waits until the link is to end. Cancel safe.
    pub(super) async fn ending(&self) {
        let mut phase = self.phase.subscribe();
        // It fails only without a sender, which `self` holds.
        let _ = phase.wait_for(|phase| *phase != Phase::Running).await;
    }
}
