//! A node that is replaced while others broadcast: its connections move, and miss nothing.

use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nova::PubSub;
use nova_tests::http::Connection;
use nova_tests::websocket::TEXT;
use nova_tests::{Process, Received, WebSocket};

use crate::kit::{Broker, PATIENCE, node, until, with_nats};

/// A node in processes that follow each other.
struct Upgraded {
    first: Process,
    /// The process that serves now, where it is not the first.
    current: Option<String>,
    _directory: tempfile::TempDir,
}

impl Upgraded {
    fn start(url: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let code = directory.path().join("code");
        std::fs::write(&code, "old").unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_movable"));
        command.current_dir(&directory).env("NOVA_TEST_CODE", code);
        for (name, value) in [
            ("NOVA_ENV", "prod"),
            ("NOVA_SERVER_PORT", "0"),
            ("NOVA_SESSION_KEY", "a key of 32 bytes and some which is not for use"),
            ("NOVA_PUBSUB_ADAPTER", "nats"),
            ("NOVA_PUBSUB_URL", url),
            ("NOVA_PUBSUB_NODE", "upgraded"),
        ] {
            command.env(name, value);
        }
        Self {
            first: Process::start(&mut command),
            current: None,
            _directory: directory,
        }
    }

    /// Has the next process take over, and gives how many connections moved.
    fn upgrade(&mut self) -> usize {
        match &self.current {
            None => self.first.signal("USR2"),
            Some(number) => kill("USR2", number),
        }
        let started = self.first.lines().await_note("has started as process");
        let number = started.rsplit(' ').next().unwrap().to_owned();
        let moved = self.first.lines().await_note("WebSockets have moved in");
        self.current = Some(number);
        let (before, _) = moved.split_once(" WebSockets").unwrap();
        before.rsplit(' ').next().unwrap().parse().unwrap()
    }
}

impl Drop for Upgraded {
    fn drop(&mut self) {
        if let Some(number) = &self.current {
            kill("KILL", number);
        }
    }
}

fn kill(signal: &str, number: &str) {
    // One that has ended is missed by the test itself.
    let _ = Command::new("kill").arg(format!("-{signal}")).arg(number).status();
}

const CLIENTS: usize = 20;
/// How far the sender is ahead of who has read least: fewer than may wait for one.
const AHEAD: u64 = 300;

/// Ends the sending also where the test fails.
struct End<'flag>(&'flag AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Broadcasts numbers until it is over, and gives how many.
fn send(sender: &PubSub, is_over: &AtomicBool, slowest: impl Fn() -> u64) -> u64 {
    let mut number = 0;
    while !is_over.load(Ordering::SeqCst) {
        if number < slowest() + AHEAD {
            sender.broadcast("news", "number", number.to_string());
            number += 1;
        }
        thread::sleep(Duration::from_micros(200));
    }
    sender.broadcast("news", "number", "end");
    number
}

#[test]
fn what_other_nodes_broadcast_while_connections_move_reaches_each_once_and_in_order() {
    with_nats(|| async {
        let broker = Broker::start();
        let sender = node("sender", &broker.url());
        let mut upgraded = Upgraded::start(&broker.url());
        let address = upgraded.first.address();
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let mut client = WebSocket::upgraded(Connection::open(address), "/actor", &[], []);
                let how = ["join", "forward"][number % 2];
                client.send(TEXT, format!("{how} news"));
                assert_eq!(client.receive(), Received::text("done"));
                client
            })
            .collect();
        until(&sender, "joined", PATIENCE, || sender.member_count("news") == CLIENTS).await;

        let (is_over, read) = (AtomicBool::new(false), [const { AtomicU64::new(0) }; CLIENTS]);
        let slowest = || read.iter().map(|read| read.load(Ordering::SeqCst)).min().unwrap();
        thread::scope(|scope| {
            let end = End(&is_over);
            let sending = scope.spawn(|| send(&sender, &is_over, slowest));
            for (mut client, read) in clients.into_iter().zip(&read) {
                scope.spawn(move || {
                    for number in 0_u64.. {
                        let text = client.receive_text();
                        if text == "end" {
                            break;
                        }
                        assert_eq!(text, number.to_string());
                        read.store(number + 1, Ordering::SeqCst);
                    }
                });
            }
            for _ in 0..4 {
                assert_eq!(upgraded.upgrade(), CLIENTS);
            }
            let (goal, deadline) = (slowest() + 2 * AHEAD, Instant::now() + PATIENCE);
            while slowest() < goal {
                assert!(Instant::now() < deadline, "nothing comes any more");
                thread::sleep(Duration::from_millis(5));
            }
            drop(end);
            let sent = sending.join().unwrap();
            while slowest() < sent {
                assert!(Instant::now() < deadline, "of {sent} {} have come", slowest());
                thread::sleep(Duration::from_millis(5));
            }
        });
        sender.close().await;
    });
}
