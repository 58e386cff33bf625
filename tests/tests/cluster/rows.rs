//! What pub/sub guarantees, by the same tests for one node and for two.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use nova::{Cluster, Message, Payload, PubSub, Received, Subscription};
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::kit::{Broker, PATIENCE, nodes, run, settle, until, with_nats};

/// Two places to be: on one node, or on two.
struct Places {
    here: PubSub,
    there: PubSub,
    is_one: bool,
}

impl Places {
    /// Waits until both know all memberships.
    async fn settle(&self) {
        if !self.is_one {
            settle(&[self.here.clone(), self.there.clone()]).await;
        }
    }

    async fn until(&self, what: &str, condition: impl Fn() -> bool) {
        until(&self.here, what, PATIENCE, condition).await;
    }
}

macro_rules! rows {
    ($($name:ident)*) => {
        mod local {
            $(#[test]
            fn $name() {
                super::on_one_node(super::$name);
            })*
        }

        mod nats {
            $(#[test]
            fn $name() {
                super::on_two_nodes(super::$name);
            })*
        }
    };
}

rows! {
    a_broadcast_reaches_every_member_on_every_node_the_sender_included
    broadcast_from_leaves_out_the_sender_and_no_other
    local_broadcasts_stay
    members_are_listed_with_their_nodes_and_counted
    ids_are_never_the_same
    a_message_carries_channel_sender_event_and_payload
    any_channel_will_do
    joining_twice_is_one_membership_and_leave_says_whether_it_was_one
    a_membership_ends_with_its_owner
    messages_of_one_sender_to_one_channel_arrive_in_order
    a_payload_of_any_size_arrives
}

fn on_one_node<F: Future<Output = ()>>(row: impl FnOnce(Places) -> F) {
    run(async {
        let here = PubSub::new();
        let there = here.clone();
        let is_one = true;
        row(Places { here, there, is_one }).await;
    });
}

fn on_two_nodes<F: Future<Output = ()>>(row: impl FnOnce(Places) -> F) {
    with_nats(|| async {
        let broker = Broker::start();
        let [here, there] = nodes([&broker.url(), &broker.url()]).await;
        let is_one = false;
        row(Places { here, there, is_one }).await;
    });
}

async fn next(subscription: &mut Subscription) -> Message {
    match timeout(PATIENCE, subscription.recv()).await {
        Ok(Received::Message(message)) => message,
        other => panic!("{other:?}"),
    }
}

async fn next_text(subscription: &mut Subscription) -> String {
    next(subscription).await.payload.as_text().unwrap().to_owned()
}

async fn a_broadcast_reaches_every_member_on_every_node_the_sender_included(places: Places) {
    let mut members = [&places.here, &places.here, &places.there].map(|place| place.subscribe("a"));
    let mut other = places.there.subscribe("b");
    places.settle().await;
    let outcome = places.here.broadcast("a", "e", "hello");
    assert_eq!(outcome.local, if places.is_one { 3 } else { 2 });
    assert_eq!(outcome.cluster == Cluster::Local, places.is_one);
    for member in &mut members {
        assert_eq!(next_text(member).await, "hello");
    }
    places.there.broadcast("b", "e", "other");
    assert_eq!(next_text(&mut other).await, "other", "and no other channel");
}

async fn broadcast_from_leaves_out_the_sender_and_no_other(places: Places) {
    let mut members = [&places.here, &places.here, &places.there].map(|place| place.subscribe("a"));
    places.settle().await;
    let sender = members[0].id();
    places.here.broadcast_from(sender, "a", "e", "one");
    places.here.broadcast("a", "e", "two");
    assert_eq!(next_text(&mut members[0]).await, "two");
    for member in &mut members[1..] {
        let message = next(member).await;
        assert_eq!((message.sender, message.payload.as_text()), (Some(sender), Some("one")));
        assert_eq!(next_text(member).await, "two");
    }
}

async fn local_broadcasts_stay(places: Places) {
    let mut here = places.here.subscribe("a");
    let mut there = places.there.subscribe("a");
    places.settle().await;
    for outcome in [
        places.here.local_broadcast("a", "e", "one"),
        places.here.local_broadcast_from(here.id(), "a", "e", "two"),
    ] {
        assert_eq!(outcome.cluster, Cluster::Local);
    }
    places.here.broadcast("a", "e", "three");
    assert_eq!(next_text(&mut here).await, "one");
    assert_eq!(next_text(&mut here).await, "three");
    if places.is_one {
        assert_eq!(
            [next_text(&mut there).await, next_text(&mut there).await],
            ["one", "two"]
        );
    }
    assert_eq!(next_text(&mut there).await, "three");
}

async fn members_are_listed_with_their_nodes_and_counted(places: Places) {
    let members = [&places.here, &places.there, &places.there].map(|place| place.subscribe("a"));
    places.settle().await;
    let ids: HashSet<_> = members.iter().map(Subscription::id).collect();
    for place in [&places.here, &places.there] {
        let listed = place.members("a", PATIENCE).await;
        assert_eq!(listed.unanswered, Vec::<String>::new());
        assert_eq!(listed.ids.len(), 3);
        assert_eq!(listed.ids.into_iter().collect::<HashSet<_>>(), ids);
        assert_eq!(place.member_count("a"), 3);
        assert!(place.members("unknown", PATIENCE).await.ids.is_empty());
        assert_eq!(
            (place.member_count("unknown"), place.local_members("unknown").len()),
            (0, 0)
        );
    }
    assert_eq!(places.here.local_members("a").len(), if places.is_one { 3 } else { 1 });
    drop(members);
    places.until("empty", || places.here.member_count("a") == 0).await;
}

async fn ids_are_never_the_same(places: Places) {
    let ids: HashSet<_> = (0..100)
        .flat_map(|_| [&places.here, &places.there].map(|place| place.subscribe("a").id()))
        .collect();
    let texts: HashSet<_> = ids.iter().map(ToString::to_string).collect();
    assert_eq!((ids.len(), texts.len()), (200, 200));
}

async fn a_message_carries_channel_sender_event_and_payload(places: Places) {
    let sender = places.here.subscribe("elsewhere").id();
    let mut member = places.there.subscribe("a");
    places.settle().await;
    let payloads = [
        Payload::from(""),
        Payload::from("text \0 ☃"),
        Payload::from(vec![]),
        Payload::from(vec![0, 159, 146, 150]),
        Payload::from(json!({"a": [1, null]})),
    ];
    for (event, payload) in ["", "e", "e f\r\n", "é", "MSG"].into_iter().zip(payloads) {
        places.here.broadcast_from(sender, "a", event, payload.clone());
        let message = next(&mut member).await;
        assert_eq!(
            (&*message.channel, message.sender, &*message.event),
            ("a", Some(sender), event)
        );
        assert_eq!(message.payload, payload);
    }
    places.here.broadcast("a", "e", "p");
    assert_eq!(next(&mut member).await.sender, None);
}

async fn any_channel_will_do(places: Places) {
    let long = "long ".repeat(2_000);
    let longer = format!("{long}!");
    let channels = [
        "", ".", "a.b", "a.*", "*", ">", " ", "a b", "\r\n", "☃", "A", "a", "=2e", &long, &longer,
    ];
    let mut members = channels.map(|channel| places.there.subscribe(channel));
    places.settle().await;
    for channel in channels {
        places.here.broadcast(channel, "e", channel);
    }
    for (channel, member) in channels.into_iter().zip(&mut members) {
        let message = next(member).await;
        assert_eq!((&*message.channel, message.payload.as_text()), (channel, Some(channel)));
    }
    for channel in channels {
        assert_eq!(places.here.member_count(channel), 1, "{channel:?}");
    }
    assert!(members.iter_mut().all(|member| member.try_recv().is_none()));
}

async fn joining_twice_is_one_membership_and_leave_says_whether_it_was_one(places: Places) {
    let mut member = places.there.subscribe("a");
    assert!(!member.join("a") && member.join("b"));
    places.settle().await;
    assert_eq!(places.here.member_count("a"), 1);
    places.here.broadcast("a", "e", "one");
    assert_eq!(next_text(&mut member).await, "one");
    assert!(member.leave("a") && !member.leave("a") && !member.leave("c"));
    places.settle().await;
    places.here.broadcast("a", "e", "two");
    places.here.broadcast("b", "e", "three");
    assert_eq!(next_text(&mut member).await, "three");
}

async fn a_membership_ends_with_its_owner(places: Places) {
    let members = [&places.here, &places.there].map(|place| place.subscribe("a"));
    places.settle().await;
    let task = tokio::spawn(async move {
        let [_here, there] = members;
        drop(there);
        std::future::pending::<()>().await;
    });
    places.until("one", || places.here.member_count("a") == 1).await;
    task.abort();
    places.until("none", || places.there.member_count("a") == 0).await;
    assert_eq!(places.here.broadcast("a", "e", "p").local, 0);
}

async fn messages_of_one_sender_to_one_channel_arrive_in_order(places: Places) {
    const EACH: u32 = 2_000;
    const CHANNELS: [&str; 2] = ["a", "b"];
    /// How many may be on their way to a member, for which fewer wait than it may miss some of.
    const AHEAD: u32 = 400;
    let members = CHANNELS.map(|channel| [&places.here, &places.there].map(|place| place.subscribe(channel)));
    places.settle().await;
    let mut tasks = JoinSet::new();
    let read = Arc::new([const { AtomicU32::new(0) }; 2 * CHANNELS.len()]);
    for (nth, mut member) in members.into_iter().flatten().enumerate() {
        let read = Arc::clone(&read);
        tasks.spawn(async move {
            let mut last = HashMap::new();
            for count in 1..=EACH * 2 {
                let message = next(&mut member).await;
                let number: u32 = message.payload.as_text().unwrap().parse().unwrap();
                let before = last.insert(message.event.to_string(), number);
                assert!(
                    before.map_or(number == 0, |before| number == before + 1),
                    "{before:?}, {number}"
                );
                read[nth].store(count, Ordering::Release);
            }
        });
    }
    for (place, name) in [(places.here.clone(), "here"), (places.there.clone(), "there")] {
        let read = Arc::clone(&read);
        tasks.spawn(async move {
            for number in 0..EACH {
                for channel in CHANNELS {
                    place.broadcast(channel, name, number.to_string());
                }
                // The other sends as many.
                while read
                    .iter()
                    .any(|read| read.load(Ordering::Acquire) + AHEAD < 2 * number)
                {
                    sleep(Duration::from_millis(1)).await;
                }
            }
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
}

async fn a_payload_of_any_size_arrives(places: Places) {
    let mut member = places.there.subscribe("a");
    places.settle().await;
    for size in [0, 1, 1_000, 65_536, 1_000_000] {
        let payload = Payload::from(vec![7_u8; size]);
        places.here.broadcast("a", "e", payload.clone());
        assert_eq!(next(&mut member).await.payload, payload);
    }
}
