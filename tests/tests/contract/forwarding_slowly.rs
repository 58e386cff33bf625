//! Forwarded broadcasts and clients that read slowly: nothing is torn, nothing overtakes, and nobody else waits.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nova_tests::{PATIENCE, Received, WebSocket};

use crate::forwarding::{Scene, says};

/// How many messages one publication has, and how long each is: together less than a mailbox holds.
const MESSAGES: usize = 100;
const SIZE: usize = 8_000;
/// So many publications are more than the kernel and a mailbox hold.
const PUBLICATIONS: usize = 40;

/// A text that says which it is, and whose every byte can be checked.
fn text(sender: &str, number: usize, size: usize) -> String {
    let head = format!("{sender} {number} {size} ");
    let length = size.saturating_sub(head.len());
    let letters = "abcdefghijklmnopqrstuvwxyz".repeat(length / 26 + 2);
    head + &letters[number % 26..][..length]
}

/// Who sent a text, and its number; it must be whole.
fn check(text_received: &str) -> (String, usize) {
    let mut words = text_received.splitn(4, ' ');
    let sender = words.next().unwrap();
    let mut number = || words.next().and_then(|word| word.parse().ok()).expect("a whole text");
    let (number, size) = (number(), number());
    assert!(text_received == text(sender, number, size), "a text is torn");
    (sender.to_owned(), number)
}

/// Publishes once, which the fast member has when this returns.
fn publish(sender: &mut WebSocket, fast: &mut WebSocket, first: usize) {
    for number in first..first + MESSAGES {
        sender.text(&format!("all {}", text("p", number, SIZE)));
    }
    for number in first..first + MESSAGES {
        assert_eq!(check(&fast.receive_text()), ("p".to_owned(), number));
    }
}

#[test]
fn a_client_that_never_reads_is_slow_and_others_are_unharmed() {
    let scene = Scene::new();
    let stalled = scene.member("forward");
    let (mut fast, mut sender) = (scene.member("forward"), scene.member("none"));
    for publication in 0..PUBLICATIONS {
        publish(&mut sender, &mut fast, publication * MESSAGES);
    }
    assert_eq!(scene.journal.next(), "terminate Slow");
    assert_eq!(scene.server.get("/count").text(), "1");
    drop(stalled);
    assert!(scene.journal.take().is_empty());
}

#[test]
fn what_is_begun_is_ended_before_1013() {
    let scene = Scene::new();
    let mut slow = scene.member("forward");
    slow.text("wait");
    assert_eq!(scene.journal.next(), "waiting");
    let (mut fast, mut sender) = (scene.member("forward"), scene.member("none"));
    for publication in 0..PUBLICATIONS {
        publish(&mut sender, &mut fast, publication * MESSAGES);
    }
    // Its handler has been busy: what overflowed is found when that is over.
    scene.gate.open();
    let mut rest = slow.rest();
    assert_eq!(rest.pop(), Some(Received::close(1013)));
    for (number, received) in rest.into_iter().enumerate() {
        assert!(matches!(received, Received::Text(text) if check(&text) == ("p".to_owned(), number)));
    }
    assert_eq!(scene.journal.next(), "terminate Slow");
}

#[test]
fn a_slow_client_gets_whole_messages_in_order_whichever_are_dropped() {
    for manner in ["newest", "oldest"] {
        let scene = Scene::new();
        let mut slow = scene.member(manner);
        let (mut fast, mut sender) = (scene.member("forward"), scene.member("none"));
        for publication in 0..PUBLICATIONS {
            publish(&mut sender, &mut fast, publication * MESSAGES);
        }
        let sent = PUBLICATIONS * MESSAGES;
        let mut numbers = Vec::new();
        // It reads until nothing waits for it any more.
        let deadline = Instant::now() + PATIENCE;
        let mut waiting = 1;
        while waiting > 0 {
            assert!(Instant::now() < deadline, "something waits for ever");
            slow.text("queue");
            waiting = loop {
                match check(&slow.receive_text()) {
                    (sender, number) if sender == "p" => numbers.push(number),
                    (_, waiting) => break waiting,
                }
            };
        }
        assert!(numbers.is_sorted_by(|a, b| a < b));
        assert!(numbers.len() < sent, "some are dropped");
        match manner {
            "newest" => assert_eq!(numbers[..3], [0, 1, 2], "the first are there"),
            _ => assert_eq!(numbers.last(), Some(&(sent - 1)), "the last are there"),
        }
        publish(&mut sender, &mut fast, sent);
        for number in sent..sent + MESSAGES {
            assert_eq!(check(&slow.receive_text()), ("p".to_owned(), number));
        }
    }
}

#[test]
fn a_timer_comes_between_frames_and_not_within() {
    let scene = Scene::new();
    let mut slow = scene.member("newest");
    let (mut fast, mut sender) = (scene.member("forward"), scene.member("none"));
    slow.text(&format!("timer {}", text("timer", 0, 30)));
    slow.text("wait");
    assert_eq!(scene.journal.next(), "waiting");
    for publication in 0..PUBLICATIONS {
        publish(&mut sender, &mut fast, publication * MESSAGES);
    }
    // One that was set later has fired: so is the other due, and a frame is begun that comes before it.
    fast.text("timer later");
    assert_eq!(fast.receive_text(), "later");
    scene.gate.open();
    slow.text(&format!("say {}", text("own", 0, 30)));
    let mut numbers = Vec::new();
    let (mut has_timer, mut has_own) = (false, false);
    while !(has_timer && has_own) {
        match check(&slow.receive_text()) {
            (sender, _) if sender == "timer" => has_timer = true,
            (sender, _) if sender == "own" => has_own = true,
            (_, number) => numbers.push(number),
        }
    }
    assert!(numbers.is_sorted_by(|a, b| a < b));
}

/// Numbers that look random, and are the same in each run.
struct Chance(u64);

impl Chance {
    fn next(&mut self, below: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % below
    }

    fn size(&mut self) -> usize {
        [20, 120, 130, 3000, 30_000, 66_000][self.next(6)]
    }
}

/// What a member has sent to itself and gets from others, in one round.
struct Listener {
    socket: WebSocket,
    name: String,
    said: usize,
    set: usize,
    /// The next number from each sender.
    next: Vec<usize>,
}

impl Listener {
    /// Sends some large messages and timers, and reads with pauses until it has everything.
    fn round(&mut self, chance: &mut Chance, targets: &[usize]) {
        let (mut said, mut set) = (self.said, self.set);
        for _ in 0..3 {
            let size = chance.size() * 3;
            self.socket.text(&format!("say {}", text(&self.name, self.said, size)));
            self.said += 1;
            self.socket.text(&format!("timer {}", text("timer", self.set, 50)));
            self.set += 1;
        }
        while self.next != targets || said < self.said || set < self.set {
            let received = self.socket.receive_text();
            let (sender, number) = check(&received);
            let next = match &*sender {
                "timer" => &mut set,
                name if name == self.name => &mut said,
                other => &mut self.next[other.parse::<usize>().unwrap()],
            };
            if sender == "timer" {
                // Timers that are due together come in any order.
                *next += 1;
            } else {
                assert_eq!(number, *next, "from {sender}");
                *next += 1;
            }
            if chance.next(8) == 0 {
                // A client that reads slowly.
                std::thread::sleep(Duration::from_micros(500 * chance.next(5) as u64));
            }
        }
    }
}

#[test]
fn whoever_sends_whatever_each_byte_comes_once_and_in_order() {
    const SENDERS: usize = 3;
    const ROUNDS: usize = 12;
    let scene = Scene::new();
    let mut senders: Vec<_> = (0..SENDERS).map(|_| scene.member("none")).collect();
    let manners = ["forward", "join", "forward", "forward", "join", "forward"];
    let mut listeners: Vec<_> = (manners.iter().enumerate())
        .map(|(number, manner)| Listener {
            socket: scene.member(manner),
            name: format!("own{number}"),
            said: 0,
            set: 0,
            next: vec![0; SENDERS],
        })
        .collect();
    let mut sent = vec![0; SENDERS];
    for round in 0..ROUNDS {
        let mut chance = Chance(round as u64 + 1);
        // Together less than a mailbox holds, so that nobody is too slow.
        let batches: Vec<Vec<_>> = (0..SENDERS)
            .map(|sender| {
                let mut bytes = 0;
                let sizes = std::iter::from_fn(|| Some(chance.size()));
                let sizes: Vec<_> = sizes
                    .take_while(|size| {
                        bytes += size;
                        bytes < 300_000
                    })
                    .collect();
                let first = sent[sender];
                sent[sender] += sizes.len();
                let texts = sizes.into_iter().enumerate();
                texts
                    .map(|(at, size)| text(&sender.to_string(), first + at, size))
                    .collect()
            })
            .collect();
        let targets = &sent;
        std::thread::scope(|scope| {
            for (socket, batch) in senders.iter_mut().zip(&batches) {
                scope.spawn(move || batch.iter().for_each(|text| socket.text(&format!("all {text}"))));
            }
            for (number, listener) in listeners.iter_mut().enumerate() {
                let mut chance = Chance((round * 100 + number) as u64);
                scope.spawn(move || listener.round(&mut chance, targets));
            }
        });
    }
    assert!(scene.journal.take().is_empty(), "nobody has ended");
}

#[test]
fn a_client_that_goes_within_a_broadcast_leaves_nothing_behind() {
    let scene = Scene::new();
    let mut sender = scene.member("none");
    for _ in 0..10 {
        let gone = scene.member("forward");
        let mut half = scene.member("forward");
        for number in 0..MESSAGES {
            sender.text(&format!("all {}", text("p", number, SIZE)));
        }
        // Unread bytes make it a reset; and one that sends no more.
        drop(gone);
        half.finish();
        drop(half);
    }
    for _ in 0..20 {
        assert!(scene.journal.next().starts_with("terminate"));
    }
    assert_eq!(scene.server.get("/count").text(), "0");
    sender.text("close");
    assert_eq!(sender.rest(), [Received::Close(Some(4000), "enough".to_owned())]);
    assert_eq!(scene.journal.next(), "terminate Stop");
    assert!(scene.journal.take().is_empty(), "each was told once");
}

#[test]
fn whatever_is_dropped_nothing_is_torn_and_nothing_overtakes() {
    const SENDERS: usize = 2;
    const MANNERS: [&str; 5] = ["newest", "oldest", "newest", "oldest", "newest"];
    let scene = Scene::new();
    let mut senders: Vec<_> = (0..SENDERS).map(|_| scene.member("none")).collect();
    let mut listeners: Vec<_> = MANNERS.iter().map(|manner| scene.member(manner)).collect();
    // Set for each listener that has had something of what comes last.
    let done = [const { AtomicBool::new(false) }; MANNERS.len()];
    std::thread::scope(|scope| {
        for (name, socket) in senders.iter_mut().enumerate() {
            let done = &done;
            scope.spawn(move || {
                let mut chance = Chance(name as u64 + 1);
                let mut number = 0;
                let mut send = |name: &str, size| {
                    socket.text(&format!("all {}", text(name, number, size)));
                    number += 1;
                    says(socket, "sent");
                };
                for _ in 0..1000 {
                    send(&name.to_string(), chance.size());
                }
                // What has a chance to be dropped is sent until it is not.
                let deadline = Instant::now() + PATIENCE;
                while !done.iter().all(|done| done.load(Ordering::Relaxed)) {
                    assert!(Instant::now() < deadline, "somebody never gets anything new");
                    send(&format!("last{name}"), 100);
                }
            });
        }
        for (number, socket) in listeners.iter_mut().enumerate() {
            let done = &done[number];
            scope.spawn(move || {
                let mut chance = Chance(100 + number as u64);
                let (mut said, mut heard) = (0, 0);
                let mut next = [0; SENDERS];
                let mut lasts = [false; SENDERS];
                while heard < said || !lasts.iter().all(|last| *last) {
                    if chance.next(40) == 0 && said < 100 {
                        socket.text(&format!("say {}", text("own", said, 3 * chance.size())));
                        said += 1;
                    }
                    let (sender, number) = check(&socket.receive_text());
                    if sender == "own" {
                        assert_eq!(number, heard);
                        heard += 1;
                        continue;
                    }
                    let last = sender.strip_prefix("last");
                    let sender: usize = last.unwrap_or(&sender).parse().unwrap();
                    assert!(number >= next[sender], "{number} after {}", next[sender]);
                    next[sender] = number + 1;
                    lasts[sender] |= last.is_some();
                    if last.is_none() && chance.next(4) == 0 {
                        // A client that reads slowly.
                        std::thread::sleep(Duration::from_micros(1000 * chance.next(4) as u64));
                    }
                }
                done.store(true, Ordering::Relaxed);
            });
        }
    });
}
