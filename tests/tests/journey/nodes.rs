//! An application on two nodes, as `nova new --nats` begins it and its README says to try it.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use nova_tests::{Broker, broker};
use tungstenite::{Error, Message};

use crate::kit::serve::Client;
use crate::kit::{PATIENCE, Project};

/// Says things on one node until one of them is heard on the other.
#[track_caller]
fn finds(one: &mut Client, other: &mut Client, text: &str) {
    let deadline = Instant::now() + PATIENCE;
    other
        .get_ref()
        .0
        .set_read_timeout(Some(Duration::from_millis(100)))
        .unwrap();
    while Instant::now() < deadline {
        one.send(Message::text(text)).unwrap();
        loop {
            match other.read() {
                Ok(message) if message == Message::text(text) => return,
                Ok(_) => {}
                Err(Error::Io(error)) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => break,
                Err(error) => panic!("{error}"),
            }
        }
    }
    panic!("{text:?} was not heard on the other node");
}

#[test]
fn a_chat_crosses_from_one_node_to_the_other_and_outlives_the_broker() {
    if !broker::is_there() {
        return;
    }
    let project = Project::new_with("two_nodes", &["--nats"]);
    project.cargo("fmt --check").succeeded();
    project.cargo("clippy --all-targets -- -D warnings").succeeded();
    let tests = project.cargo("test").succeeded();
    let test = "test ws::chat::tests::a_message_reaches_the_whole_room ... ok";
    assert!(tests.stdout.contains(test), "{}", tests.stdout);

    let mut broker = Broker::start();
    let url = broker.url();
    let nodes = [(); 2].map(|()| project.serve_with(&[("NOVA_PUBSUB_URL", &url)]));
    let [mut one, mut other] = nodes.each_ref().map(|node| node.websocket("/chat/lobby"));
    finds(&mut one, &mut other, "from one to the other");
    finds(&mut other, &mut one, "and back");

    broker.kill();
    let mut neighbour = nodes[0].websocket("/chat/lobby");
    finds(&mut one, &mut neighbour, "without a broker");
    broker.restart();
    finds(&mut one, &mut other, "with it again");
}
