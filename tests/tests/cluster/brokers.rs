//! Brokers that are away, die and come back; nodes that are killed and stopped.

use std::time::{Duration, Instant};

use nova::{Cluster, Received, Unsent};
use nova_tests::Process;

use crate::kit::{
    Broker, Link, Listener, PATIENCE, Sender, Wire, is_up, node, node_with, nodes, project, settle, until, until_down,
    until_up, with_nats,
};

/// A node in a process of its own.
fn process(name: &str, url: &str) -> (Process, nova_tests::Project) {
    let project = project(name, url, &[]);
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_node"));
    command.current_dir(project.path());
    for (key, value) in [
        ("NOVA_PUBSUB_ADAPTER", "nats"),
        ("NOVA_PUBSUB_NODE", name),
        ("NOVA_PUBSUB_URL", url),
        ("NOVA_PUBSUB_PING_INTERVAL", "1"),
    ] {
        command.env(key, value);
    }
    let process = Process::start(&mut command);
    process.lines().await_note("begun");
    (process, project)
}

/// Asks a process what has come to it: how many messages, and how many were missed.
fn count(process: &mut Process) -> (u64, u64) {
    process.say("count");
    let line = process.lines().await_note("count ");
    let mut words = line.split(' ').skip(1);
    let mut number = || words.next().unwrap().parse().unwrap();
    let count = (number(), number());
    assert_eq!(words.next(), Some("false"), "the size of a gap is not known");
    count
}

async fn accounts_for(process: &mut Process, sent: u64) -> (u64, u64) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let (received, missed) = count(process);
        if received + missed >= sent {
            assert_eq!(received + missed, sent, "{received} received, {missed} missed");
            return (received, missed);
        }
        assert!(
            Instant::now() < deadline,
            "{received} received, {missed} missed of {sent}"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[test]
fn a_broker_that_is_away_at_the_start_is_found_when_it_comes() {
    with_nats(|| async {
        let mut broker = Broker::start();
        broker.kill();
        let nodes = ["a", "b"].map(|name| node(name, &broker.url()));
        let mut here = nodes[0].subscribe("c");
        let there = Listener::new(&nodes[1], "c");
        let outcome = nodes[0].broadcast("c", "e", "0");
        assert_eq!((outcome.local, outcome.cluster), (1, Cluster::NotSent(Unsent::Down)));
        assert!(here.try_recv().is_some());
        until(&nodes[0], "an error", PATIENCE, || {
            nodes[0].link().unwrap().last_error.is_some()
        })
        .await;
        let members = nodes[0].members("c", Duration::from_millis(100)).await;
        assert_eq!(members.ids, [here.id()], "nobody else has been heard of");
        broker.restart();
        for node in &nodes {
            until_up(node, PATIENCE).await;
        }
        settle(&nodes).await;
        assert_eq!(nodes[0].broadcast("c", "e", "1").cluster, Cluster::Queued);
        let count = there.accounts_for(&nodes[1], 1).await;
        assert_eq!(count.missed, 0, "what was sent before it was known is no gap");
        let link = nodes[0].link().unwrap();
        assert_eq!((link.refused_down, link.connections, link.lost), (1, 1, 0));
    });
}

#[test]
fn a_broker_that_is_killed_and_restarted_under_load_costs_what_is_counted() {
    with_nats(|| async {
        let mut broker = Broker::start();
        let nodes = nodes([&broker.url(), &broker.url()]).await;
        let (here, there) = (Listener::new(&nodes[0], "c"), Listener::new(&nodes[1], "c"));
        // It says nothing after the broker's death: what is lost at the end has to be found, too.
        let quiet = Listener::new(&nodes[1], "quiet");
        settle(&nodes).await;
        let sender = Sender::start(&nodes[0], "c");
        let short = Sender::start(&nodes[0], "quiet");
        sender.send_more(200).await;
        broker.kill();
        until_down(&nodes[0]).await;
        sender.send_more(200).await;
        let short = short.stop().await;
        broker.restart();
        for node in &nodes {
            until_up(node, PATIENCE).await;
        }
        sender.send_more(200).await;
        let sent = sender.stop().await;
        let count = there.accounts_for(&nodes[1], sent.sent).await;
        assert!(
            count.missed >= sent.refused && count.received >= 200,
            "{count:?}, {sent:?}"
        );
        quiet.accounts_for(&nodes[1], short.sent).await;
        let local = here.accounts_for(&nodes[0], sent.sent).await;
        assert_eq!(
            (local.missed, sent.local as u64),
            (0, sent.sent),
            "local delivery goes on"
        );
        let link = nodes[0].link().unwrap();
        assert_eq!(link.refused_down, sent.refused + short.refused);
        // What the broker has confirmed may be lost behind it; what it has not may have come.
        assert_eq!(link.published + link.lost, sent.queued + short.queued);
        let found = nodes[1].link().unwrap();
        assert!(found.gaps > 0 && found.missed >= link.refused_down, "{found:?}");
    });
}

#[test]
fn two_of_three_brokers_may_die() {
    with_nats(|| async {
        let mut brokers = Broker::cluster(3);
        let urls: Vec<_> = brokers.iter().map(Broker::url).collect();
        let urls = urls.join(",");
        let nodes = nodes([&urls, &urls, &urls]).await;
        let listeners = [0, 1, 2].map(|at| Listener::new(&nodes[at], "c"));
        settle(&nodes).await;
        let sender = Sender::start(&nodes[0], "c");
        sender.send_more(100).await;
        // The one that the sender is not connected to stays last.
        let connected = nodes[0].link().unwrap().broker;
        let last = brokers
            .iter()
            .position(|broker| Some(broker.url()) != connected)
            .unwrap();
        let survivor = brokers.remove(last);
        for broker in &mut brokers {
            broker.kill();
        }
        for node in &nodes {
            let on_survivor = || {
                let link = node.link().unwrap();
                link.is_up && link.broker == Some(survivor.url())
            };
            until(node, "at the last broker", PATIENCE, on_survivor).await;
        }
        sender.send_more(200).await;
        let sent = sender.stop().await;
        for (node, listener) in nodes.iter().zip(&listeners) {
            let count = listener.accounts_for(node, sent.sent).await;
            assert!(count.received >= 200, "{count:?}");
        }
        settle(&nodes).await;
        assert_eq!(nodes[0].member_count("c"), 3);
    });
}

#[test]
fn a_node_that_is_killed_is_missed_and_nothing_else_is() {
    with_nats(|| async {
        let broker = Broker::start();
        let nodes = nodes([&broker.url(), &broker.url()]).await;
        let listener = Listener::new(&nodes[0], "c");
        let others = Listener::new(&nodes[1], "d");
        let (mut process, _project) = process("doomed", &broker.url());
        process.say("join d");
        process.say("send c");
        until(&nodes[0], "joined", PATIENCE, || nodes[0].member_count("d") == 2).await;
        until(&nodes[0], "sent to", PATIENCE, || listener.count().received > 100).await;
        let sender = Sender::start(&nodes[0], "d");
        sender.send_more(100).await;
        process.signal("KILL");
        process.end();
        // Long enough for the other to answer, and not so long that this one is given up.
        let asked = nodes[0].members("d", Duration::from_secs(3)).await;
        assert_eq!((asked.ids.len(), asked.unanswered), (1, vec!["doomed".to_owned()]));
        until(&nodes[0], "without it", PATIENCE, || {
            nodes[0].link().unwrap().nodes == ["node-2"]
        })
        .await;
        assert_eq!(nodes[0].member_count("d"), 1);
        let sent = sender.stop().await;
        assert_eq!(others.accounts_for(&nodes[1], sent.sent).await.missed, 0);
        assert_eq!((listener.count().missed, listener.count().disordered), (0, 0));
        // It comes back as another.
        let (mut process, _project) = self::process("doomed", &broker.url());
        process.say("join d");
        until(&nodes[0], "joined again", PATIENCE, || nodes[0].member_count("d") == 2).await;
        process.say("send c");
        let before = listener.count().received;
        until(&nodes[0], "sent to again", PATIENCE, || {
            listener.count().received > before + 50
        })
        .await;
        assert_eq!(listener.count().missed, 0, "a new node is no gap");
        // It takes leave this time.
        process.close_stdin();
        process.lines().await_note("closed");
        until(&nodes[0], "without it", PATIENCE, || {
            nodes[0].link().unwrap().nodes == ["node-2"]
        })
        .await;
    });
}

#[test]
fn a_node_that_is_stopped_for_a_while_catches_up_or_counts() {
    with_nats(|| async {
        let broker = Broker::start();
        let sending = node("sender", &broker.url());
        let (mut process, _project) = process("sleeper", &broker.url());
        process.say("join c");
        until(&sending, "joined", PATIENCE, || sending.member_count("c") == 1).await;
        let sender = Sender::start(&sending, "c");
        sender.send_more(100).await;
        process.signal("STOP");
        until(&sending, "without it", PATIENCE, || {
            sending.link().unwrap().nodes.is_empty()
        })
        .await;
        assert_eq!(sending.member_count("c"), 0);
        process.signal("CONT");
        until(&sending, "with it", PATIENCE, || sending.member_count("c") == 1).await;
        sender.send_more(100).await;
        let sent = sender.stop().await;
        accounts_for(&mut process, sent.sent).await;
        assert_eq!(sent.refused, 0, "the sender's link was up all the time");
    });
}

#[test]
fn what_waits_for_a_wire_that_is_cut_is_bounded() {
    with_nats(|| async {
        let broker = Broker::start();
        let link = Link::to(broker.port()).await;
        let bounds = [("QUEUE_MESSAGES", "50"), ("QUEUE_BYTES", "100000")];
        let here = node_with("here", &link.url(), &bounds);
        let there = node("there", &broker.url());
        let listener = Listener::new(&there, "c");
        settle(&[here.clone(), there.clone()]).await;
        link.set(Wire::CutUp);
        // More than fits into the window and the kernel's buffers.
        let mut sent = 0_u64;
        let deadline = Instant::now() + PATIENCE;
        loop {
            assert!(Instant::now() < deadline, "the queue has no end");
            let outcome = here.broadcast("c", "e", format!("{sent:050000}"));
            sent += 1;
            match outcome.cluster {
                Cluster::Queued => {}
                Cluster::NotSent(Unsent::Full) => break,
                other => panic!("{other:?} after {sent}"),
            }
            tokio::task::yield_now().await;
        }
        assert!(here.link().unwrap().queued <= 50);
        until_down(&here).await;
        let lost = here.link().unwrap();
        assert_eq!(
            (lost.queued, lost.refused_full, lost.published + lost.lost),
            (0, 1, sent - 1)
        );
        link.set(Wire::Whole);
        until_up(&here, PATIENCE).await;
        let count = listener.accounts_for(&there, sent).await;
        assert!(count.missed > 0, "{count:?}");
        assert!(is_up(&there));
    });
}

#[test]
fn a_program_that_sends_at_once_waits_for_the_link() {
    with_nats(|| async {
        let mut broker = Broker::start();
        let there = node("there", &broker.url());
        assert!(there.linked(PATIENCE).await);
        let mut subscription = there.subscribe("c");
        // On a wire that is not there yet: the link can't be up sooner than it is asked for.
        let link = Link::to(broker.port()).await;
        link.set(Wire::Cut);
        let here = node("here", &link.url());
        assert_eq!(here.broadcast("c", "e", "0").cluster, Cluster::NotSent(Unsent::Down));
        link.set(Wire::Whole);
        assert!(here.linked(PATIENCE).await);
        assert_eq!(here.broadcast("c", "e", "1").cluster, Cluster::Queued);
        let message = tokio::time::timeout(PATIENCE, subscription.recv()).await.unwrap();
        assert!(matches!(message, Received::Message(message) if message.payload.as_text() == Some("1")));
        broker.kill();
        let away = node("away", &broker.url());
        assert!(!away.linked(Duration::from_millis(50)).await);
        // One that has no link to wait for.
        assert!(nova::PubSub::new().linked(Duration::ZERO).await);
    });
}
