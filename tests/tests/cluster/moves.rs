//! A node that is replaced while others broadcast: its connections move, and miss nothing.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nova_tests::http::Connection;
use nova_tests::websocket::TEXT;
use nova_tests::{Process, Received, WebSocket};

use crate::kit::{Broker, node, until, with_nats};

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

#[test]
fn what_other_nodes_broadcast_while_connections_move_reaches_each_once_and_in_order() {
    with_nats(|| async {
        let broker = Broker::start();
        let sender = node("sender", &broker.url());
        let mut upgraded = Upgraded::start(&broker.url());
        let address = upgraded.first.address();
        let mut clients: Vec<_> = (0..20)
            .map(|number| {
                let mut client = WebSocket::upgraded(Connection::open(address), "/actor", &[], []);
                let how = ["join", "forward"][number % 2];
                client.send(TEXT, format!("{how} news"));
                assert_eq!(client.receive(), Received::text("done"));
                client
            })
            .collect();
        until(&sender, "joined", Duration::from_secs(10), || {
            sender.member_count("news") == 20
        })
        .await;

        let ends = Arc::new(AtomicBool::new(false));
        let sending = {
            let (sender, ends) = (sender.clone(), Arc::clone(&ends));
            std::thread::spawn(move || {
                let mut number = 0_u64;
                while !ends.load(Ordering::SeqCst) {
                    sender.broadcast("news", "number", number.to_string());
                    number += 1;
                    std::thread::sleep(Duration::from_micros(200));
                }
                number
            })
        };
        let moved: Vec<_> = (0..4).map(|_| upgraded.upgrade()).collect();
        assert_eq!(moved, [20; 4]);
        std::thread::sleep(Duration::from_millis(300));
        ends.store(true, Ordering::SeqCst);
        let sent = sending.join().unwrap();
        for client in &mut clients {
            for number in 0..sent {
                assert_eq!(client.receive(), Received::Text(number.to_string()));
            }
        }
        sender.close().await;
    });
}
