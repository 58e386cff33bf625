//! Nodes, brokers, wires between them, and those who count what comes.

pub(crate) mod listener;
pub(crate) mod wire;

use std::time::{Duration, Instant};

use nova::PubSub;
use nova_tests::{Project, broker};
use tokio::time::sleep;

pub(crate) use listener::{Listener, Sender};
pub(crate) use nova_tests::{Broker, PATIENCE};
pub(crate) use wire::{Link, Wire};

/// Runs a test that needs a broker, if there is one to be had.
pub(crate) fn with_nats<F: Future<Output = ()>>(test: impl FnOnce() -> F) {
    if broker::is_there() {
        run(test());
    }
}

pub(crate) fn run(test: impl Future<Output = ()>) {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(test);
    runtime.shutdown_timeout(Duration::from_secs(1));
}

/// The settings of a node.
pub(crate) fn project(name: &str, url: &str, more: &[(&str, &str)]) -> Project {
    let mut project = Project::new()
        .variable("NOVA_PUBSUB_ADAPTER", "nats")
        .variable("NOVA_PUBSUB_NODE", name)
        .variable("NOVA_PUBSUB_URL", url)
        .variable("NOVA_PUBSUB_PING_INTERVAL", "1");
    for (key, value) in more {
        project = project.variable(&format!("NOVA_PUBSUB_{key}"), value);
    }
    project
}

/// A node, whether there is a broker or not.
pub(crate) fn node_with(name: &str, url: &str, more: &[(&str, &str)]) -> PubSub {
    PubSub::connect(&project(name, url, more).config().unwrap()).unwrap()
}

pub(crate) fn node(name: &str, url: &str) -> PubSub {
    node_with(name, url, &[])
}

/// Nodes at one broker, which have heard of each other.
pub(crate) async fn nodes<const N: usize>(urls: [&str; N]) -> [PubSub; N] {
    let mut number = 0;
    let nodes = urls.map(|url| {
        number += 1;
        node(&format!("node-{number}"), url)
    });
    settle(&nodes).await;
    nodes
}

/// Waits until these nodes know of each other, and of all memberships.
pub(crate) async fn settle(nodes: &[PubSub]) {
    for node in nodes {
        until(node, "settled", PATIENCE, || {
            let link = node.link().unwrap();
            link.is_settled && link.nodes.len() == nodes.len() - 1
        })
        .await;
    }
}

pub(crate) fn is_up(node: &PubSub) -> bool {
    node.link().unwrap().is_up
}

pub(crate) async fn until_up(node: &PubSub, patience: Duration) {
    until(node, "up", patience, || is_up(node)).await;
}

pub(crate) async fn until_down(node: &PubSub) {
    until(node, "down", PATIENCE, || !is_up(node)).await;
}

/// Waits for a condition.
pub(crate) async fn until(node: &PubSub, what: &str, patience: Duration, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + patience;
    while !condition() {
        assert!(
            Instant::now() < deadline,
            "not {what} within {patience:?}: {:#?}",
            node.link()
        );
        sleep(Duration::from_millis(5)).await;
    }
}
