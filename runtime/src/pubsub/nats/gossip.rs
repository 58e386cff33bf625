//! What nodes say to each other beside messages: that they are there, and who is in which channel.
//!
//! It is JSON: `[1, <node>, {"Hello": {…}}]`. Nodes say hello to all every two seconds. What changes in a node's channels it
//! tells all, in numbered steps; each of the others acknowledges each step, and says how far its own messages to those
//! channels have got. Who does not acknowledge is told everything again, alone.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::envelope::Place;
use crate::wire::Text;

const VERSION: u8 = 1;

/// How often nodes say that they are there.
pub(super) const BEAT: Duration = Duration::from_secs(2);
/// After this long without a word a node is taken for lost: three beats, and some time for the way.
pub(super) const LOST: Duration = Duration::from_secs(7);
/// For this long a lost node is remembered: if it comes back, it can be told what it missed.
pub(super) const FORGOTTEN: Duration = Duration::from_mins(10);
/// After this long without an acknowledgement a node is told everything again.
pub(super) const ACKNOWLEDGED: Duration = Duration::from_secs(3);
/// About how many bytes of names are in one message.
const PART: usize = 32 * 1024;
/// A channel with a longer name is delivered to, and neither counted nor found gaps in.
pub(super) const LONGEST_NAME: usize = 16 * 1024;

/// A channel and how many members it has: `None` when its node does not listen to it any more.
pub(super) type Entry = (Text, Option<usize>);

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Said {
    /// A node is there.
    Hello {
        name: String,
        /// How many have been said to all.
        beat: u64,
        /// Whether this is one of those, and not to one node alone.
        is_beat: bool,
        /// Whether it may have missed something, and wants to know how far the others have got.
        wants_marks: bool,
        /// The nodes that it knows, and the last step of each.
        known: Vec<(u64, u64)>,
    },
    /// A step: some of a node's channels have changed.
    Step { number: u64, entries: Vec<Entry> },
    /// All of a node's channels, in parts, as of a step.
    All {
        number: u64,
        part: usize,
        is_last: bool,
        entries: Vec<Entry>,
    },
    /// A step, or all of it, is known, and the sender's messages to those channels have got so far: stream and number.
    Acknowledged {
        number: u64,
        /// Whether that is all up to the step, and not the step alone.
        is_all: bool,
        places: Vec<(Text, u64, u64)>,
    },
    /// A node is about to go.
    Bye,
    /// Which members do you have in this channel?
    Ask { request: u64, channel: Text },
    /// These. `None` when there are too many to say.
    Answer {
        request: u64,
        is_last: bool,
        members: Option<Vec<u64>>,
    },
}

pub(super) fn write(node: u64, said: &Said) -> Bytes {
    // Numbers and texts: nothing in it can fail.
    serde_json::to_vec(&(VERSION, node, said)).unwrap_or_default().into()
}

/// Who says what. `None` when it can't be read.
pub(super) fn read(bytes: &[u8]) -> Option<(u64, Said)> {
    let (version, node, said): (u8, u64, serde_json::Value) = serde_json::from_slice(bytes).ok()?;
    let said = (version == VERSION).then_some(said)?;
    Some((node, serde_json::from_value(said).ok()?))
}

/// Entries in messages of a fair size.
pub(super) fn parts(entries: Vec<Entry>) -> Vec<Vec<Entry>> {
    let (mut parts, mut bytes) = (vec![Vec::new()], 0);
    for entry in entries {
        let size = entry.0.len() + 16;
        if bytes + size > PART && bytes > 0 {
            parts.push(Vec::new());
            bytes = 0;
        }
        bytes += size;
        if let Some(part) = parts.last_mut() {
            part.push(entry);
        }
    }
    parts
}

pub(super) fn places(places: Vec<(Text, Place)>) -> Vec<(Text, u64, u64)> {
    let places = places.into_iter();
    places
        .map(|(channel, place)| (channel, place.stream, place.number))
        .collect()
}

/// The other nodes.
#[derive(Default)]
pub(super) struct Peers(pub(super) HashMap<u64, Peer>);

/// Another node.
pub(super) struct Peer {
    pub(super) name: String,
    pub(super) heard: Instant,
    pub(super) is_lost: bool,
    /// Its last beat.
    beat: u64,
    /// The last of its steps that is known here.
    pub(super) step: u64,
    /// What has come of all its channels, part by part.
    parts: Vec<Entry>,
    next_part: usize,
    /// The last of this node's steps that it knows, and since when it has been behind.
    pub(super) acknowledged: u64,
    pub(super) behind_since: Option<Instant>,
}

/// What a hello says of a node.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Greeted {
    New,
    /// It was lost.
    Back,
    /// Something that it said was not heard.
    Gap,
    AsBefore,
}

impl Peers {
    /// A node says hello.
    pub(super) fn hello(&mut self, node: u64, name: &str, beat: u64, is_beat: bool, now: Instant) -> Greeted {
        let Some(peer) = self.0.get_mut(&node) else {
            self.0.insert(node, Peer::new(name.to_owned(), beat, now));
            return Greeted::New;
        };
        // What is said to one may overtake what is said to all.
        let is_gap = is_beat && beat > peer.beat + 1;
        if is_beat {
            peer.beat = peer.beat.max(beat);
        }
        peer.heard = now;
        match (std::mem::take(&mut peer.is_lost), is_gap) {
            (true, _) => Greeted::Back,
            (false, true) => Greeted::Gap,
            (false, false) => Greeted::AsBefore,
        }
    }

    /// Those that are there.
    pub(super) fn present(&self) -> impl Iterator<Item = (u64, &Peer)> {
        let peers = self.0.iter().filter(|(_, peer)| !peer.is_lost);
        peers.map(|(node, peer)| (*node, peer))
    }

    /// Takes those for lost that have not been heard, and gives them.
    pub(super) fn lose(&mut self, now: Instant) -> Vec<(u64, String)> {
        let silent = self
            .0
            .iter_mut()
            .filter(|(_, peer)| !peer.is_lost && now - peer.heard > LOST);
        silent
            .map(|(node, peer)| {
                peer.is_lost = true;
                (*node, peer.name.clone())
            })
            .collect()
    }

    /// Forgets those that have been lost for long, and gives them.
    pub(super) fn forget(&mut self, now: Instant) -> Vec<u64> {
        let gone = self.0.iter().filter(|(_, peer)| now - peer.heard > FORGOTTEN);
        let gone: Vec<_> = gone.map(|(node, _)| *node).collect();
        for node in &gone {
            self.0.remove(node);
        }
        gone
    }

    /// This node has not listened for a while: nobody is silent because of that, and who is behind is told soon.
    pub(super) fn listen_again(&mut self, now: Instant) {
        for peer in self.0.values_mut().filter(|peer| !peer.is_lost) {
            peer.heard = now;
            peer.behind_since = now.checked_sub(ACKNOWLEDGED);
        }
    }

    /// Those that have been behind for too long, at this step. They are counted as told now.
    pub(super) fn behind(&mut self, step: u64, now: Instant) -> Vec<u64> {
        let mut behind = Vec::new();
        for (node, peer) in self.0.iter_mut().filter(|(_, peer)| !peer.is_lost) {
            if peer.acknowledged >= step {
                peer.behind_since = None;
            } else if now - *peer.behind_since.get_or_insert(now) > ACKNOWLEDGED {
                peer.behind_since = Some(now);
                behind.push(*node);
            }
        }
        behind
    }

    /// Whether all that are there know of all steps.
    pub(super) fn all_know(&self, step: u64) -> bool {
        self.present().all(|(_, peer)| peer.acknowledged >= step)
    }
}

impl Peer {
    fn new(name: String, beat: u64, now: Instant) -> Self {
        Self {
            name,
            heard: now,
            is_lost: false,
            beat,
            step: 0,
            parts: Vec::new(),
            next_part: 0,
            acknowledged: 0,
            behind_since: None,
        }
    }

    /// Its next step. `false` when one before it is missing: then it is told anew.
    pub(super) fn takes_step(&mut self, number: u64) -> bool {
        let is_next = number == self.step + 1;
        self.step += u64::from(is_next);
        is_next
    }

    /// A part of all its channels, as of a step. Gives all of them with the last. What is said to this node alone may be
    /// overtaken by a step that is told to all: then it is out of date, and is told again.
    pub(super) fn takes_part(
        &mut self,
        number: u64,
        part: usize,
        is_last: bool,
        entries: Vec<Entry>,
    ) -> Option<Vec<Entry>> {
        if number < self.step {
            return None;
        }
        if part == 0 {
            self.parts = Vec::new();
            self.next_part = 0;
        }
        if part != self.next_part {
            return None;
        }
        self.next_part += 1;
        self.parts.extend(entries);
        is_last.then(|| {
            self.next_part = 0;
            self.step = number;
            std::mem::take(&mut self.parts)
        })
    }

    /// It knows a step of this node's, or all up to it.
    pub(super) fn acknowledges(&mut self, number: u64, is_all: bool) {
        if is_all || number == self.acknowledged + 1 {
            self.acknowledged = self.acknowledged.max(number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_read_and_the_rest_is_not() {
        let entries = vec![("a b".into(), Some(3)), (String::new().into(), None)];
        let bytes = write(u64::MAX, &Said::Step { number: 7, entries });
        let Some((u64::MAX, Said::Step { number: 7, entries })) = read(&bytes) else {
            panic!("{bytes:?}");
        };
        assert_eq!(entries, [("a b".into(), Some(3)), ("".into(), None)]);
        for other in ["", "[]", "[2,1,\"Bye\"]", "[1,1,\"Later\"]", "{}"] {
            assert!(read(other.as_bytes()).is_none(), "{other}");
        }
        assert!(matches!(read(b"[1,1,\"Bye\"]"), Some((1, Said::Bye))));
    }

    #[test]
    fn steps_are_taken_in_order_and_all_of_it_at_any_time() {
        let mut peer = Peer::new("a".into(), 1, Instant::now());
        assert!(peer.takes_step(1) && peer.takes_step(2));
        assert!(!peer.takes_step(4) && !peer.takes_step(2));
        let entry = |name: &str| vec![(Text::from(name), Some(1))];
        assert_eq!(peer.takes_part(9, 0, false, entry("a")), None);
        assert_eq!(peer.takes_part(9, 2, true, entry("c")), None, "one is missing");
        assert_eq!(peer.takes_part(9, 0, false, entry("a")), None);
        let all = peer.takes_part(9, 1, true, entry("b")).unwrap();
        assert_eq!(all, [entry("a"), entry("b")].concat());
        assert!(peer.takes_step(10));
        assert_eq!(peer.takes_part(9, 0, true, entry("a")), None, "it is out of date");
    }

    #[test]
    fn acknowledgements_leave_nothing_out() {
        let mut peer = Peer::new("a".into(), 1, Instant::now());
        for (number, is_all, acknowledged) in [(1, false, 1), (3, false, 1), (3, true, 3), (2, true, 3), (4, false, 4)]
        {
            peer.acknowledges(number, is_all);
            assert_eq!(peer.acknowledged, acknowledged);
        }
    }

    #[test]
    fn a_node_is_lost_found_and_forgotten() {
        let (mut peers, start) = (Peers::default(), Instant::now());
        let mut hello = |beat, is_beat| peers.hello(1, "a", beat, is_beat, start);
        assert_eq!(hello(5, false), Greeted::New);
        assert_eq!(
            [5, 6, 7].map(|beat| hello(beat, true)),
            [Greeted::AsBefore, Greeted::AsBefore, Greeted::AsBefore]
        );
        assert_eq!(hello(8, false), Greeted::AsBefore);
        assert_eq!([9, 10].map(|beat| hello(beat, true)), [Greeted::Gap, Greeted::AsBefore]);
        assert!(peers.lose(start + LOST).is_empty());
        assert_eq!(peers.lose(start + LOST * 2), [(1, "a".to_owned())]);
        assert_eq!(peers.present().count(), 0);
        assert_eq!(peers.hello(1, "a", 11, true, start), Greeted::Back);
        assert_eq!(peers.behind(1, start).len(), 0);
        assert_eq!(peers.behind(1, start + ACKNOWLEDGED * 2), [1]);
        assert_eq!(peers.behind(1, start + ACKNOWLEDGED * 2).len(), 0);
        assert_eq!(peers.forget(start + FORGOTTEN * 2), [1]);
    }

    #[test]
    fn parts_are_of_a_fair_size() {
        let long = Text::from("x".repeat(20_000));
        let parts = parts(vec![(long.clone(), None), (long, None), ("a".into(), None)]);
        assert_eq!(parts.iter().map(Vec::len).collect::<Vec<_>>(), [1, 2]);
    }
}
