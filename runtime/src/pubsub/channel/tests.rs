//! Joins, leaves and broadcasts in any order, beside a model that is too simple to be wrong.

use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use tokio::task::yield_now;

use super::*;
use crate::pubsub::{Membership, PubSub};

const CHANNELS: [&str; 3] = ["a", "b", "c"];
/// The first of them come and go alone; the others together, so that there are more than are told at once.
const SINGLES: usize = 6;
const MEMBERS: usize = SINGLES + AT_ONCE;

#[derive(Clone, Debug)]
enum Act {
    Join {
        member: usize,
        channel: usize,
        forwarded: bool,
    },
    Leave {
        member: usize,
        channel: usize,
    },
    /// All the others, if they are not in it.
    Crowd {
        channel: usize,
        joins: bool,
        forwarded: bool,
    },
    Broadcast {
        channel: usize,
        except: Option<usize>,
    },
    /// So many turns for the tasks.
    Yield(usize),
}

fn act() -> impl Strategy<Value = Act> {
    let (member, channel) = (0..SINGLES, 0..CHANNELS.len());
    let forwarded = any::<bool>();
    prop_oneof![
        4 => (member.clone(), channel.clone(), forwarded)
            .prop_map(|(member, channel, forwarded)| Act::Join { member, channel, forwarded }),
        3 => (member.clone(), channel.clone()).prop_map(|(member, channel)| Act::Leave { member, channel }),
        1 => (channel.clone(), any::<bool>(), forwarded)
            .prop_map(|(channel, joins, forwarded)| Act::Crowd { channel, joins, forwarded }),
        6 => (channel, proptest::option::of(0..SINGLES + 2))
            .prop_map(|(channel, except)| Act::Broadcast { channel, except }),
        3 => (0..6_usize).prop_map(Act::Yield),
    ]
}

/// What a member got: the channel, the message's number, and whether it was forwarded.
type Got = (usize, u64, bool);

#[derive(Default)]
struct Notes(Mutex<Vec<Got>>);

impl Notes {
    fn note(&self, message: &Message, forwarded: bool) {
        let channel = CHANNELS.iter().position(|name| message.channel == *name).unwrap();
        let number = message.payload.as_text().unwrap().parse().unwrap();
        self.0.lock().unwrap().push((channel, number, forwarded));
    }
}

impl Deliver for Notes {
    fn deliver(&self, message: &Arc<Message>) -> bool {
        self.note(message, false);
        true
    }

    fn forward(&self, messages: &[Arc<Message>], _frames: &Bytes) {
        for message in messages {
            self.note(message, true);
        }
    }
}

/// The real thing, and beside it who is in which channel, in which way, and what each must or may have got.
struct Model {
    pubsub: PubSub,
    members: Vec<(Membership, Arc<Notes>)>,
    seats: BTreeMap<(usize, usize), bool>,
    sent: u64,
    must: Vec<Vec<Got>>,
    /// Was on its way when the member left.
    may: Vec<Vec<Got>>,
}

impl Model {
    fn new() -> Self {
        let pubsub = PubSub::new();
        let members = (0..MEMBERS).map(|_| (Membership::new(&pubsub), Arc::default()));
        Self {
            members: members.collect(),
            pubsub,
            seats: BTreeMap::new(),
            sent: 0,
            must: vec![Vec::new(); MEMBERS],
            may: vec![Vec::new(); MEMBERS],
        }
    }

    fn join(&mut self, member: usize, channel: usize, forwarded: bool) {
        let (membership, notes) = &self.members[member];
        let queue = Arc::clone(notes) as Arc<dyn Deliver>;
        let joined = membership.join(&CHANNELS[channel].into(), &queue, forwarded);
        assert_eq!(joined, !self.seats.contains_key(&(channel, member)));
        self.seats.entry((channel, member)).or_insert(forwarded);
    }

    fn leave(&mut self, member: usize, channel: usize) {
        let (membership, notes) = &self.members[member];
        let left = membership.leave(CHANNELS[channel]);
        assert_eq!(left, self.seats.remove(&(channel, member)).is_some());
        let got = notes.0.lock().unwrap();
        let (must, may) = (&mut self.must[member], &mut self.may[member]);
        may.extend(must.extract_if(.., |note| note.0 == channel && !got.contains(note)));
    }

    fn broadcast(&mut self, channel: usize, except: Option<usize>) {
        self.sent += 1;
        let (name, text) = (CHANNELS[channel], self.sent.to_string());
        let outcome = match except {
            Some(except) => self
                .pubsub
                .broadcast_from(self.members[except].0.id(), name, "event", text),
            None => self.pubsub.broadcast(name, "event", text),
        };
        let mut count = 0;
        for (&(_, member), &forwarded) in self.seats.range((channel, 0)..(channel + 1, 0)) {
            if except != Some(member) {
                count += 1;
                self.must[member].push((channel, self.sent, forwarded));
            }
        }
        assert_eq!((outcome.local, outcome.missed), (count, 0));
        let mut ids = self.pubsub.local_members(name);
        ids.sort();
        let seats = self.seats.range((channel, 0)..(channel + 1, 0));
        assert_eq!(
            ids,
            seats
                .map(|(&(_, member), _)| self.members[member].0.id())
                .collect::<Vec<_>>()
        );
    }

    async fn act(&mut self, act: Act) {
        match act {
            Act::Join {
                member,
                channel,
                forwarded,
            } => self.join(member, channel, forwarded),
            Act::Leave { member, channel } => self.leave(member, channel),
            Act::Crowd {
                channel,
                joins,
                forwarded,
            } => {
                for member in SINGLES..MEMBERS {
                    match joins {
                        true => self.join(member, channel, forwarded),
                        false => self.leave(member, channel),
                    }
                }
            }
            Act::Broadcast { channel, except } => self.broadcast(channel, except),
            Act::Yield(times) => {
                for _ in 0..times {
                    yield_now().await;
                }
            }
        }
    }

    async fn check(&self) {
        while CHANNELS.iter().any(|name| {
            self.pubsub
                .0
                .channels
                .find(name)
                .is_some_and(|channel| channel.lock().has_task)
        }) {
            yield_now().await;
        }
        for (member, (_, notes)) in self.members.iter().enumerate() {
            let got = notes.0.lock().unwrap();
            for channel in 0..CHANNELS.len() {
                let of_channel = |notes: &[Got]| {
                    notes
                        .iter()
                        .copied()
                        .filter(|note| note.0 == channel)
                        .collect::<Vec<_>>()
                };
                let got = of_channel(&got);
                assert!(got.is_sorted_by(|a, b| a.1 < b.1), "in order, and each once: {got:?}");
                let may = of_channel(&self.may[member]);
                let got: Vec<_> = got.into_iter().filter(|note| !may.contains(note)).collect();
                assert_eq!(
                    got,
                    of_channel(&self.must[member]),
                    "member {member}, channel {channel}"
                );
            }
        }
        let used: std::collections::BTreeSet<_> = self.seats.keys().map(|(channel, _)| channel).collect();
        assert_eq!(
            self.pubsub.0.channels.len(),
            used.len(),
            "channels go with their last member"
        );
    }
}

proptest! {
    #[test]
    fn everybody_gets_what_a_naive_model_says(acts in vec(act(), 1..80)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut model = Model::new();
            for act in acts {
                model.act(act).await;
            }
            model.check().await;
        });
    }
}
