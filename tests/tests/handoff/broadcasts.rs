//! A broadcast reaches every member exactly once, and in the order of its sender, whatever moves meanwhile.

use std::collections::{HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nova_tests::http::Connection;
use nova_tests::{PATIENCE, WebSocket};

use crate::kit::{Stage, ask, tell};

const CHANNELS: [&str; 3] = ["a", "b", "c"];
/// How many messages of a sender are on their way at most.
const WINDOW: usize = 16;
/// The first of the senders are sockets, which move; the others send requests.
const SOCKETS: usize = 4;

/// What all know of each other.
struct Traffic<'a> {
    stage: &'a Stage,
    over: AtomicBool,
    /// How many messages each sender has sent.
    sent: Vec<AtomicUsize>,
    /// A pause between two messages, where the members could not keep up otherwise.
    pause: Duration,
}

/// Ends the traffic also where the test fails, so that nobody goes on for ever.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

impl<'a> Traffic<'a> {
    fn new(stage: &'a Stage, senders: usize, pause: Duration) -> Self {
        Self {
            stage,
            over: AtomicBool::new(false),
            sent: (0..senders).map(|_| AtomicUsize::new(0)).collect(),
            pause,
        }
    }

    /// Each sender has one channel.
    fn channel(sender: usize) -> &'static str {
        CHANNELS[sender % CHANNELS.len()]
    }

    /// Sends until all is over. `send` sends one.
    fn run(&self, sender: usize, mut send: impl FnMut(String)) {
        while !self.over.load(Ordering::Acquire) {
            let number = self.sent[sender].load(Ordering::Relaxed);
            send(format!("{sender}:{number}"));
            self.sent[sender].store(number + 1, Ordering::Release);
            thread::sleep(self.pause);
        }
    }

    /// Sends over a WebSocket that is moved with the others, `WINDOW` messages ahead of the answers.
    fn run_socket(&self, sender: usize, mut socket: WebSocket) {
        let channel = Self::channel(sender);
        let mut unanswered = 0;
        self.run(sender, |message| {
            socket.text(&format!("say {channel} {message}"));
            unanswered += 1;
            if unanswered == WINDOW {
                assert_eq!(socket.receive_text(), "done");
                unanswered -= 1;
            }
        });
        for _ in 0..unanswered {
            assert_eq!(socket.receive_text(), "done");
        }
    }

    /// Sends over HTTP, with a connection for each message.
    fn run_requests(&self, sender: usize) {
        let target = format!("/say/{}", Self::channel(sender));
        self.run(sender, |message| {
            let headers = [("connection", "close")];
            let response = self.stage.connect().request("POST", &target, &headers, &message);
            assert_eq!(response.status, 200);
        });
    }

    /// Sends over HTTP, with one connection for as long as it lasts.
    fn run_kept_alive(&self, sender: usize) {
        let target = format!("/say/{}", Self::channel(sender));
        let mut connection = self.stage.connect();
        self.run(sender, |message| {
            loop {
                let response = post(&mut connection, &target, &message);
                let ends = response.as_ref().is_none_or(|response| {
                    assert_eq!(response.status, 200);
                    response.header("connection") == Some("close")
                });
                if ends {
                    connection = self.stage.connect();
                }
                // The server may close it between two requests; one that meets the close was not read, and is sent again.
                if response.is_some() {
                    return;
                }
            }
        });
    }

    /// Waits until every sender has sent so many more.
    fn await_more(&self, more: usize) {
        let before: Vec<_> = self.sent.iter().map(|sent| sent.load(Ordering::Acquire)).collect();
        let deadline = Instant::now() + PATIENCE;
        for (sent, before) in self.sent.iter().zip(before) {
            while sent.load(Ordering::Acquire) < before + more {
                assert!(Instant::now() < deadline, "a sender stands still");
                thread::sleep(Duration::from_millis(1));
            }
        }
    }
}

fn post(connection: &mut Connection, target: &str, message: &str) -> Option<nova_tests::http::Response> {
    let length = message.len();
    let request = format!("POST {target} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n\r\n{message}");
    connection.try_send(request).ok()?;
    connection.try_response("POST")
}

/// What a member has received of each sender.
#[derive(Default)]
struct Received(HashMap<usize, HashSet<usize>>);

impl Received {
    fn note(&mut self, message: &str) {
        let (sender, number) = message.split_once(':').unwrap_or_else(|| panic!("{message:?}"));
        let (sender, number) = (sender.parse().unwrap(), number.parse().unwrap());
        let numbers = self.0.entry(sender).or_default();
        // Two requests are two senders, which two processes may answer: of these each comes once, in whatever order.
        if sender < SOCKETS {
            assert_eq!(number, numbers.len(), "of sender {sender} at a member");
        }
        assert!(numbers.insert(number), "{message} came twice");
    }

    fn of(&self, sender: usize) -> usize {
        self.0.get(&sender).map_or(0, HashSet::len)
    }
}

/// A member that reads until it has all, which it learns of when all senders have ended.
fn read(traffic: &Traffic<'_>, member: usize, socket: &mut WebSocket) {
    let mut received = Received::default();
    let channel = Traffic::channel(member);
    let senders = (0..traffic.sent.len()).filter(|sender| Traffic::channel(*sender) == channel);
    let senders: Vec<_> = senders.collect();
    let mut has_ended = false;
    loop {
        if has_ended {
            let missing: Vec<_> = senders
                .iter()
                .map(|sender| {
                    (
                        sender,
                        received.of(*sender),
                        traffic.sent[*sender].load(Ordering::Acquire),
                    )
                })
                .filter(|(_, received, sent)| received != sent)
                .collect();
            if missing.is_empty() {
                break;
            }
            // It may be on its way still.
            let next = catch_unwind(AssertUnwindSafe(|| socket.receive_text()));
            let next =
                next.unwrap_or_else(|_| panic!("member {member} misses some (sender, received, sent): {missing:?}"));
            received.note(&next);
            continue;
        }
        match &*socket.receive_text() {
            "end" => has_ended = true,
            message => received.note(message),
        }
    }
    // Whatever came twice is before the answer.
    let last = ask(socket, "last");
    assert!(last.ends_with("last"), "{last:?} came beyond what was sent to {member}");
}

/// How often the whole is repeated.
fn rounds() -> usize {
    std::env::var("NOVA_TEST_ROUNDS").map_or(1, |rounds| rounds.parse().unwrap())
}

/// What takes part, and how often everything moves.
struct Cast {
    /// Members that are told, and members that are forwarded to.
    told: usize,
    forwarded: usize,
    moves: usize,
    pause: Duration,
}

impl Cast {
    fn play(&self) {
        let stage = Stage::new();
        let mut old = stage.old();
        let members = (0..self.told + self.forwarded).map(|member| {
            let mut socket = stage.open("/actor");
            let how = if member < self.told { "join" } else { "forward" };
            tell(&mut socket, &format!("{how} {}", Traffic::channel(member)));
            socket
        });
        let members: Vec<_> = members.collect();
        let sockets: Vec<_> = (0..SOCKETS).map(|_| stage.open("/actor")).collect();
        let traffic = &Traffic::new(&stage, sockets.len() + 4, self.pause);
        thread::scope(|scope| {
            let end = End(&traffic.over);
            let readers: Vec<_> = (0..)
                .zip(members)
                .map(|(member, mut socket)| scope.spawn(move || read(traffic, member, &mut socket)))
                .collect();
            let mut senders = Vec::new();
            for (sender, socket) in (0..).zip(sockets) {
                senders.push(scope.spawn(move || traffic.run_socket(sender, socket)));
            }
            for sender in [4, 5] {
                senders.push(scope.spawn(move || traffic.run_requests(sender)));
            }
            for sender in [6, 7] {
                senders.push(scope.spawn(move || traffic.run_kept_alive(sender)));
            }
            let mut ended = Vec::new();
            for _ in 0..self.moves {
                traffic.await_more(3);
                let new = stage.replace_all(&mut old);
                ended.push(std::mem::replace(&mut old, new));
            }
            traffic.await_more(3);
            drop(end);
            for sender in senders {
                sender.join().unwrap();
            }
            for channel in CHANNELS {
                let target = format!("/say/{channel}");
                assert_eq!(stage.connect().request("POST", &target, &[], "end").status, 200);
            }
            for reader in readers {
                reader.join().unwrap();
            }
            for process in ended {
                process.end();
            }
        });
    }
}

#[test]
fn a_broadcast_reaches_every_member_once_and_in_order_through_several_moves() {
    for _ in 0..rounds() {
        let cast = Cast {
            told: 6,
            forwarded: 6,
            moves: 5,
            pause: Duration::ZERO,
        };
        cast.play();
    }
}

#[test]
fn a_broadcast_to_more_members_than_are_told_at_once_reaches_each_once_and_in_order() {
    for _ in 0..rounds() {
        let cast = Cast {
            told: 3 * 270,
            forwarded: 30,
            moves: 3,
            pause: Duration::from_millis(10),
        };
        cast.play();
    }
}
