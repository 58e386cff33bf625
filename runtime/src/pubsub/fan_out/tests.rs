//! Who gets what from the task of a channel, in which order, and what a broadcast says of it.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::runtime::{Builder, Runtime};

use super::*;
use crate::pubsub::channel::AT_ONCE;
use crate::pubsub::{Deliver, Membership, Outcome, PubSub, SubscriberId};
use crate::wire::Text;

/// As a channel's: more are refused.
const PENDING: usize = 4096;
const MIB: usize = 1024 * 1024;

/// A member that notes what it gets.
struct Member {
    membership: Membership,
    notes: Arc<Notes>,
}

#[derive(Default)]
struct Notes {
    got: Mutex<Vec<String>>,
    /// How many writes the frames came in.
    writes: AtomicUsize,
}

impl Deliver for Notes {
    fn deliver(&self, message: &Arc<Message>) -> bool {
        self.note(message);
        true
    }

    fn forward(&self, messages: &[Arc<Message>], frames: &Bytes) {
        let mut expected = Vec::new();
        for message in messages {
            wire::encode(&Frame::from(message.payload.clone()), &mut expected).unwrap();
            self.note(message);
        }
        assert!(*frames == expected, "the frames are those of the messages");
        self.writes.fetch_add(1, Ordering::Relaxed);
    }
}

impl Notes {
    fn note(&self, message: &Message) {
        let text = message.payload.as_text().unwrap_or_default();
        self.got.lock().unwrap().push(text.chars().take(8).collect());
    }
}

impl Member {
    fn new(pubsub: &PubSub) -> Self {
        Self {
            membership: Membership::new(pubsub),
            notes: Arc::default(),
        }
    }

    fn told(pubsub: &PubSub) -> Self {
        let member = Self::new(pubsub);
        assert!(member.join(false));
        member
    }

    fn forwarded(pubsub: &PubSub) -> Self {
        let member = Self::new(pubsub);
        assert!(member.join(true));
        member
    }

    fn join(&self, forwarded: bool) -> bool {
        let queue = Arc::clone(&self.notes) as Arc<dyn Deliver>;
        self.membership.join(&Text::from("a"), &queue, forwarded)
    }

    fn id(&self) -> SubscriberId {
        self.membership.id()
    }

    fn got(&self) -> Vec<String> {
        self.notes.got.lock().unwrap().clone()
    }
}

fn members(count: usize, member: impl Fn() -> Member) -> Vec<Member> {
    (0..count).map(|_| member()).collect()
}

fn send(pubsub: &PubSub, text: &str) -> (usize, usize) {
    counts(pubsub.broadcast("a", "event", text))
}

fn counts(outcome: Outcome) -> (usize, usize) {
    (outcome.local, outcome.missed)
}

/// Lets the task of the channel come to its end.
async fn settle(pubsub: &PubSub) {
    while pubsub
        .0
        .channels
        .find("a")
        .is_some_and(|channel| channel.lock().has_task)
    {
        yield_now().await;
    }
}

fn runtime() -> Runtime {
    Builder::new_current_thread().build().unwrap()
}

#[test]
fn many_are_told_everything_in_order_and_forwarded_in_one_write() {
    runtime().block_on(async {
        let pubsub = PubSub::new();
        let told = members(AT_ONCE + 1, || Member::told(&pubsub));
        let forwarded = members(2 * PART, || Member::forwarded(&pubsub));
        let texts: Vec<_> = (0..8).map(|number| number.to_string()).collect();
        for text in &texts {
            assert_eq!(send(&pubsub, text), (told.len() + forwarded.len(), 0));
        }
        assert!(told[0].got().is_empty(), "who broadcasts does not go through so many");
        settle(&pubsub).await;
        for member in told.iter().chain(&forwarded) {
            assert_eq!(member.got(), texts);
        }
        for member in &forwarded {
            assert_eq!(member.notes.writes.load(Ordering::Relaxed), 1);
        }
    });
}

#[test]
fn order_is_kept_when_the_told_become_many_and_few_again() {
    runtime().block_on(async {
        let pubsub = PubSub::new();
        let few = members(AT_ONCE, || Member::told(&pubsub));
        send(&pubsub, "at once");
        assert_eq!(few[0].got(), ["at once"]);
        let one_more = Member::told(&pubsub);
        send(&pubsub, "by the task");
        drop(one_more);
        send(&pubsub, "behind it");
        assert_eq!(few[0].got(), ["at once"], "few again, and not overtaken");
        settle(&pubsub).await;
        send(&pubsub, "at once again");
        for member in &few {
            let expected = ["at once", "by the t", "behind i", "at once "];
            assert_eq!(member.got(), expected);
        }
    });
}

#[test]
fn what_is_too_much_reaches_none_of_those_that_wait_for_the_task() {
    runtime().block_on(async {
        let pubsub = PubSub::new();
        let few = members(3, || Member::told(&pubsub));
        let forwarded = members(5, || Member::forwarded(&pubsub));
        for _ in 0..PENDING {
            assert_eq!(send(&pubsub, "kept"), (8, 0));
        }
        assert_eq!(send(&pubsub, "refused"), (3, 5));
        let from = pubsub.broadcast_from(forwarded[0].id(), "a", "event", "refused");
        assert_eq!(counts(from), (3, 4), "the one left out has missed nothing");
        settle(&pubsub).await;
        assert_eq!(send(&pubsub, "again"), (8, 0));
        settle(&pubsub).await;
        assert_eq!(few[0].got().len(), PENDING + 3);
        for member in &forwarded {
            let got = member.got();
            assert_eq!(
                (got.len(), &*got[PENDING - 1], &*got[PENDING]),
                (PENDING + 1, "kept", "again")
            );
        }
    });
}

#[test]
fn many_told_miss_what_is_too_much_as_well() {
    runtime().block_on(async {
        let pubsub = PubSub::new();
        let told = members(AT_ONCE + 1, || Member::told(&pubsub));
        let large = "x".repeat(MIB);
        for _ in 0..4 {
            assert_eq!(send(&pubsub, &large), (told.len(), 0));
        }
        assert_eq!(send(&pubsub, "refused"), (0, told.len()));
        settle(&pubsub).await;
        let larger = "y".repeat(5 * MIB);
        assert_eq!(send(&pubsub, &larger), (told.len(), 0), "alone it may be larger");
        assert_eq!(send(&pubsub, "refused"), (0, told.len()));
        settle(&pubsub).await;
        assert_eq!(
            told[0].got(),
            ["xxxxxxxx", "xxxxxxxx", "xxxxxxxx", "xxxxxxxx", "yyyyyyyy"]
        );
    });
}

#[test]
fn the_sender_is_left_out_of_what_the_task_delivers() {
    runtime().block_on(async {
        let pubsub = PubSub::new();
        let told = members(AT_ONCE + 1, || Member::told(&pubsub));
        let forwarded = members(2, || Member::forwarded(&pubsub));
        for sender in [&told[3], &forwarded[1]] {
            let outcome = pubsub.broadcast_from(sender.id(), "a", "event", "others");
            assert_eq!(outcome.local, told.len() + forwarded.len() - 1);
            send(&pubsub, "all");
            settle(&pubsub).await;
        }
        for sender in [&told[3], &forwarded[1]] {
            assert_eq!(sender.got().iter().filter(|text| *text == "others").count(), 1);
            assert_eq!(sender.got().len(), 3);
        }
        assert_eq!(told[0].got(), ["others", "all", "others", "all"]);
        assert_eq!(forwarded[0].got(), ["others", "all", "others", "all"]);
    });
}

#[test]
fn what_is_pending_is_for_those_who_were_there_and_still_are() {
    runtime().block_on(async {
        let pubsub = PubSub::new();
        let stays = Member::forwarded(&pubsub);
        let leaves = Member::forwarded(&pubsub);
        let returns = Member::forwarded(&pubsub);
        send(&pubsub, "before");
        let comes = Member::forwarded(&pubsub);
        let many = members(AT_ONCE + 1, || Member::told(&pubsub));
        leaves.membership.leave("a");
        returns.membership.leave("a");
        assert!(returns.join(true));
        send(&pubsub, "after");
        settle(&pubsub).await;
        assert_eq!(stays.got(), ["before", "after"]);
        assert!(leaves.got().is_empty());
        for member in many.iter().chain([&comes, &returns]) {
            assert_eq!(member.got(), ["after"]);
        }
    });
}

#[test]
fn a_broadcast_without_a_runtime_has_done_everything_when_it_returns() {
    let pubsub = PubSub::new();
    let told = members(AT_ONCE + 1, || Member::told(&pubsub));
    let forwarded = members(PART + 1, || Member::forwarded(&pubsub));
    assert_eq!(send(&pubsub, "text"), (told.len() + forwarded.len(), 0));
    for member in told.iter().chain(&forwarded) {
        assert_eq!(member.got(), ["text"]);
    }
}

#[test]
fn a_channel_outlives_the_runtime_of_its_task() {
    let pubsub = PubSub::new();
    let member = Member::forwarded(&pubsub);
    runtime().block_on(async { send(&pubsub, "first") });
    assert!(member.got().is_empty(), "the runtime has ended before its task began");
    runtime().block_on(async {
        send(&pubsub, "second");
        settle(&pubsub).await;
    });
    assert_eq!(member.got(), ["first", "second"]);
}

#[test]
fn others_have_their_turn_while_many_are_told() {
    const COUNT: usize = 10_000;
    runtime().block_on(async {
        let pubsub = PubSub::new();
        let members = members(COUNT, || Member::forwarded(&pubsub));
        let turns = Arc::new(AtomicUsize::new(0));
        let other = tokio::spawn({
            let turns = Arc::clone(&turns);
            async move {
                loop {
                    turns.fetch_add(1, Ordering::Relaxed);
                    yield_now().await;
                }
            }
        });
        let turns_for = async |text: &str| {
            let before = turns.load(Ordering::Relaxed);
            send(&pubsub, text);
            settle(&pubsub).await;
            turns.load(Ordering::Relaxed) - before
        };
        assert!(turns_for("small").await >= COUNT / PART);
        // Much is written to few before others have their turn.
        let large = "x".repeat(BATCH_BYTES);
        assert!(turns_for(&large).await >= COUNT / (PART_BYTES / BATCH_BYTES));
        assert_eq!(members[COUNT - 1].got().len(), 2);
        other.abort();
    });
}
