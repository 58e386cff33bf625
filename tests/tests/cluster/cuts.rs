//! Wires that are cut, slow, or closed.

use std::time::Duration;

use nova::{Cluster, PubSub};
use tokio::time::sleep;

use crate::kit::{
    Broker, Link, Listener, PATIENCE, Sender, Wire, node, nodes, settle, until, until_down, until_up, with_nats,
};

/// For how long wires are cut.
fn cut() -> Duration {
    let seconds = std::env::var("NOVA_TEST_CUT").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.unwrap_or(4))
}

/// One node behind a wire, and one that is not.
struct Pair {
    _broker: Broker,
    link: Link,
    near: PubSub,
    far: PubSub,
}

async fn pair() -> Pair {
    let broker = Broker::start();
    let link = Link::to(broker.port()).await;
    let (near, far) = (node("near", &broker.url()), node("far", &link.url()));
    Pair {
        _broker: broker,
        link,
        near,
        far,
    }
}

/// Both send while the wire of one is cut for a while; then all that was sent is accounted for at both.
async fn survives(wire: Wire) {
    let pair = pair().await;
    let nodes = [pair.near.clone(), pair.far.clone()];
    let listeners =
        [0, 1].map(|at| [("near", at), ("far", at)].map(|(channel, at)| Listener::new(&nodes[at], channel)));
    settle(&nodes).await;
    let senders = [Sender::start(&pair.near, "near"), Sender::start(&pair.far, "far")];
    senders[0].send_more(100).await;
    pair.link.set(wire);
    // Found out by what is not answered: two intervals of one second, and the one before.
    until_down(&pair.far).await;
    sleep(cut()).await;
    pair.link.set(Wire::Whole);
    until_up(&pair.far, PATIENCE).await;
    for sender in &senders {
        sender.send_more(100).await;
    }
    let [near, far] = senders;
    let (near, far) = (near.stop().await, far.stop().await);
    for (node, [from_near, from_far]) in nodes.iter().zip(&listeners) {
        from_near.accounts_for(node, near.sent).await;
        from_far.accounts_for(node, far.sent).await;
    }
    let [[near_here, far_there], [near_there, far_here]] =
        listeners.each_ref().map(|pair| pair.each_ref().map(Listener::count));
    assert_eq!((near_here.missed, far_here.missed), (0, 0), "local delivery goes on");
    assert!(
        near_there.missed > 0 && far_there.missed > 0,
        "{near_there:?} {far_there:?}"
    );
    assert!(far.refused > 0 && near.refused == 0, "{near:?} {far:?}");
    settle(&nodes).await;
    assert_eq!(
        (nodes[0].member_count("far"), nodes[1].member_count("near")),
        (2, 2),
        "{:#?}",
        nodes.each_ref().map(PubSub::link)
    );
}

#[test]
fn a_wire_that_is_cut_in_both_directions() {
    with_nats(|| survives(Wire::Cut));
}

#[test]
fn a_wire_that_is_cut_on_the_way_to_the_broker() {
    with_nats(|| survives(Wire::CutUp));
}

#[test]
fn a_wire_that_is_cut_on_the_way_from_the_broker() {
    with_nats(|| survives(Wire::CutDown));
}

#[test]
fn a_cut_between_brokers_is_found_out_by_the_nodes() {
    with_nats(|| async {
        let [first] = <[Broker; 1]>::try_from(Broker::cluster(1)).unwrap();
        let wire = Link::to(first.cluster_port()).await;
        let second = Broker::beside(&wire.url());
        let nodes = nodes([&first.url(), &second.url()]).await;
        let listener = Listener::new(&nodes[1], "c");
        let quiet = Listener::new(&nodes[1], "quiet");
        settle(&nodes).await;
        let sender = Sender::start(&nodes[0], "c");
        sender.send_more(100).await;
        wire.set(Wire::Cut);
        wire.close();
        sleep(cut()).await;
        // Nobody says anything of these afterwards, and neither link was ever down.
        for number in 0..10 {
            let outcome = nodes[0].broadcast("quiet", "number", number.to_string());
            assert_eq!(outcome.cluster, Cluster::Queued);
        }
        sleep(Duration::from_secs(1)).await;
        wire.set(Wire::Whole);
        let before = listener.count().received;
        until(&nodes[1], "reached", PATIENCE, || {
            listener.count().received > before + 100
        })
        .await;
        let sent = sender.stop().await;
        assert!(listener.accounts_for(&nodes[1], sent.sent).await.missed > 0);
        assert_eq!(quiet.accounts_for(&nodes[1], 10).await.missed, 10);
        assert_eq!(nodes.each_ref().map(|node| node.link().unwrap().connections), [1, 1]);
    });
}

#[test]
fn a_connection_that_is_closed_is_made_again() {
    with_nats(|| async {
        let pair = pair().await;
        let listener = Listener::new(&pair.far, "c");
        let nodes = [pair.near.clone(), pair.far.clone()];
        settle(&nodes).await;
        let sender = Sender::start(&pair.near, "c");
        for times in 1..=5 {
            sender.send_more(50).await;
            pair.link.close();
            until(&pair.far, "connected again", PATIENCE, || {
                let link = pair.far.link().unwrap();
                link.is_up && link.connections == times + 1
            })
            .await;
        }
        sender.send_more(50).await;
        let sent = sender.stop().await;
        listener.accounts_for(&pair.far, sent.sent).await;
    });
}

#[test]
fn a_slow_wire_loses_nothing() {
    with_nats(|| async {
        let pair = pair().await;
        let listeners = [("near", &pair.far), ("far", &pair.near)].map(|(channel, node)| Listener::new(node, channel));
        settle(&[pair.near.clone(), pair.far.clone()]).await;
        pair.link.set(Wire::Slow(Duration::from_millis(50)));
        let senders = [Sender::start(&pair.near, "near"), Sender::start(&pair.far, "far")];
        for sender in &senders {
            sender.send_more(500).await;
        }
        let [near, far] = senders;
        let (near, far) = (near.stop().await, far.stop().await);
        assert_eq!((near.refused, far.refused), (0, 0));
        let counts = [
            listeners[0].accounts_for(&pair.far, near.sent).await,
            listeners[1].accounts_for(&pair.near, far.sent).await,
        ];
        assert_eq!(counts.map(|count| count.missed), [0, 0]);
        assert_eq!(pair.far.link().unwrap().connections, 1);
    });
}

#[test]
fn coming_and_going_does_not_storm_the_broker() {
    with_nats(|| async {
        let pair = pair().await;
        settle(&[pair.near.clone(), pair.far.clone()]).await;
        let before = pair.link.subscribed();
        for _ in 0..2_000 {
            drop(pair.far.subscribe("c"));
            tokio::task::yield_now().await;
        }
        let member = pair.far.subscribe("c");
        until(&pair.near, "joined", PATIENCE, || pair.near.member_count("c") == 1).await;
        assert_eq!(pair.link.subscribed() - before, 1);
        let others: Vec<_> = (0..100).map(|_| pair.far.subscribe("c")).collect();
        until(&pair.near, "all there", PATIENCE, || pair.near.member_count("c") == 101).await;
        assert_eq!(
            (pair.link.subscribed() - before, pair.far.link().unwrap().subscriptions),
            (1, 1)
        );
        drop((member, others));
        until(&pair.far, "not subscribed", PATIENCE, || {
            pair.far.link().unwrap().subscriptions == 0
        })
        .await;
        until(&pair.near, "empty", PATIENCE, || pair.near.member_count("c") == 0).await;
    });
}
