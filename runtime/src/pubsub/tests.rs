//! Pub/sub as an application calls it.

use super::*;

#[test]
fn channels_come_with_the_first_member_and_go_with_the_last() {
    let pubsub = PubSub::new();
    assert!(pubsub.local_members("a").is_empty());
    let first = pubsub.subscribe("a");
    let second = pubsub.subscribe("a");
    assert_eq!((pubsub.local_members("a").len(), pubsub.member_count("a")), (2, 2));
    assert!(!first.join("a"), "joining twice is one membership");
    assert!(first.leave("a"));
    assert!(!first.leave("a"), "leave says whether it was a member");
    drop(second);
    assert!(pubsub.local_members("a").is_empty());
    assert_eq!(pubsub.0.channels.len(), 0);
}

#[test]
fn a_broadcast_reaches_members_and_counts_them() {
    let pubsub = PubSub::new();
    let mut one = pubsub.subscribe("a");
    let mut other = pubsub.subscribe("b");
    let outcome = pubsub.broadcast("a", "event", "payload");
    assert_eq!((outcome.local, outcome.cluster), (1, Cluster::Local));
    assert!(matches!(one.try_recv(), Some(Received::Message(message)) if message.payload.as_text() == Some("payload")));
    assert!(other.try_recv().is_none());
    assert_eq!(pubsub.broadcast("nobody", "event", "payload").local, 0);
}

#[test]
fn broadcast_from_leaves_the_sender_out() {
    let pubsub = PubSub::new();
    let mut sender = pubsub.subscribe("a");
    let mut other = pubsub.subscribe("a");
    assert_eq!(pubsub.broadcast_from(sender.id(), "a", "e", "p").local, 1);
    assert!(sender.try_recv().is_none());
    assert!(matches!(other.try_recv(), Some(Received::Message(message)) if message.sender == Some(sender.id())));
}

#[test]
fn a_name_is_two_numbers_and_no_more_where_it_is_optional() {
    assert_eq!(size_of::<Option<SubscriberId>>(), 16);
}

#[test]
fn one_senders_messages_keep_their_order() {
    let pubsub = PubSub::new();
    let mut member = pubsub.subscribe("a");
    for number in 0..100 {
        pubsub.broadcast("a", "n", number.to_string());
    }
    for number in 0..100 {
        assert!(
            matches!(member.try_recv(), Some(Received::Message(m)) if m.payload.as_text() == Some(&number.to_string()))
        );
    }
}

#[test]
fn a_full_queue_drops_counts_and_reports() {
    let pubsub = PubSub::new();
    let mut member = pubsub.subscribe("a");
    for number in 0..1030 {
        pubsub.broadcast("a", "n", number.to_string());
    }
    assert!(matches!(member.try_recv(), Some(Received::Missed(6))));
    for _ in 0..1024 {
        assert!(matches!(member.try_recv(), Some(Received::Message(_))));
    }
    assert!(member.try_recv().is_none());
    pubsub.broadcast("a", "n", "again");
    assert!(matches!(member.try_recv(), Some(Received::Message(_))));
}
