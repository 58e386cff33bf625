//! Frames that go straight to the client, beside what the connection writes itself.

use std::io::{self, Read as _};
use std::net::TcpListener;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::*;
use crate::pubsub::{Deliver as _, Message, Payload};
use crate::websocket::NoMessage;
use crate::wire::{self, Frame};

const SIZE: usize = 16 * 1024;

/// A mailbox that may write to a client, and that client.
struct Scene {
    mailbox: Mailbox<NoMessage>,
    client: std::net::TcpStream,
    /// What has been broadcast, as frames.
    expected: Vec<u8>,
    count: u8,
}

impl Scene {
    async fn new(overflow: Overflow) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let (stream, _) = listener.accept().unwrap();
        stream.set_nonblocking(true).unwrap();
        let stream = TcpStream::from_std(stream).unwrap();
        stream.writable().await.unwrap();
        let mailbox = Mailbox::new(&Wheel::new());
        mailbox.lock().queue.bound(queue::MAX_BYTES, overflow);
        mailbox.lend_first(Some(Arc::new(stream)));
        Self {
            mailbox,
            client,
            expected: Vec::new(),
            count: 0,
        }
    }

    /// Broadcasts bytes that differ from all before.
    fn forward(&mut self) {
        let payload = Payload::from(vec![self.count; SIZE]);
        self.count = self.count.wrapping_add(1);
        let mut frames = Vec::new();
        wire::encode(&Frame::from(payload.clone()), &mut frames).unwrap();
        self.expected.extend_from_slice(&frames);
        let message = Arc::new(Message::new("channel", None, "event", payload));
        self.mailbox.forward(&[message], &frames.into());
    }

    /// Broadcasts until the client's kernel takes no more.
    fn fill(&mut self) {
        while self.mailbox.len() == 0 {
            self.forward();
        }
    }

    fn has_come(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.client.read_exact(&mut bytes).unwrap();
        bytes
    }

    async fn is_writable(&self) {
        let stream = self.mailbox.lock().direct.clone().unwrap();
        stream.writable().await.unwrap();
    }

    fn has_nothing_more(&self) {
        self.client.set_nonblocking(true).unwrap();
        let more = (&self.client).read(&mut [0]);
        assert_eq!(more.unwrap_err().kind(), io::ErrorKind::WouldBlock);
        self.client.set_nonblocking(false).unwrap();
    }
}

fn encoded(mail: Option<Mail<NoMessage>>) -> Vec<u8> {
    match mail {
        Some(Mail::Rest(rest)) => rest.to_vec(),
        Some(Mail::Forwarded(message)) => {
            let mut frame = Vec::new();
            wire::encode(&Frame::from(message.payload.clone()), &mut frame).unwrap();
            frame
        }
        _ => panic!("nothing for the client"),
    }
}

#[test]
fn a_broadcast_is_with_the_client_at_once() {
    crate::testing::run(async {
        let mut scene = Scene::new(Overflow::Close).await;
        scene.forward();
        assert_eq!(scene.mailbox.len(), 0);
        let expected = scene.expected.clone();
        assert!(scene.has_come(expected.len()) == expected);
    });
}

#[test]
fn nobody_overtakes_what_the_connection_has_in_hand() {
    crate::testing::run(async {
        let mut scene = Scene::new(Overflow::Close).await;
        scene.fill();
        let queued = scene.mailbox.len();
        // What is the connection's now is not written yet; there is room again, and nothing in the queue.
        let mut in_hand: Vec<u8> = (0..queued).flat_map(|_| encoded(scene.mailbox.try_next())).collect();
        assert_eq!(scene.mailbox.len(), 0);
        let written = scene.expected.len() - in_hand.len();
        let mut came = scene.has_come(written);
        scene.is_writable().await;
        scene.forward();
        assert_eq!(scene.mailbox.len(), 1, "it waits until the connection has written");
        scene.has_nothing_more();
        in_hand.extend(encoded(scene.mailbox.try_next()));
        came.extend(in_hand);
        assert!(came == scene.expected);
        // When it has, the next goes straight to the client again.
        scene.is_writable().await;
        scene.mailbox.lend();
        scene.expected.clear();
        scene.forward();
        let expected = scene.expected.clone();
        assert!(scene.has_come(expected.len()) == expected);
    });
}

#[test]
fn what_is_begun_comes_before_what_the_connection_writes() {
    crate::testing::run(async {
        let mut scene = Scene::new(Overflow::Close).await;
        // Sometimes the kernel takes whole frames and no part of the next.
        loop {
            scene.fill();
            let rest = scene.mailbox.take_back();
            let queued = scene.mailbox.len();
            let written: usize = scene.expected.len() - rest.as_ref().map_or(0, Bytes::len) - queued * (SIZE + 4);
            if let Some(rest) = rest {
                let mut came = scene.has_come(written);
                came.extend(rest);
                assert!(came == scene.expected[..came.len()]);
                return;
            }
            let _ = scene.has_come(written);
            while scene.mailbox.try_next().is_some() {}
            scene.expected.clear();
            scene.mailbox.lend();
        }
    });
}

#[test]
fn what_is_begun_is_never_dropped() {
    crate::testing::run(async {
        for overflow in [Overflow::DropNewest, Overflow::DropOldest] {
            let mut scene = Scene::new(overflow).await;
            scene.fill();
            let begun = scene.expected.len();
            let first = scene.mailbox.len();
            for _ in 0..2 * queue::MAX_BYTES / SIZE {
                scene.forward();
            }
            assert!(scene.mailbox.bytes() < queue::MAX_BYTES + 2 * SIZE);
            let mut left = Vec::new();
            if let Some(rest) = scene.mailbox.take_back() {
                left.extend(rest);
                let written = begun - left.len() - (first - 1) * (SIZE + 4);
                assert_eq!((written + left.len()) % (SIZE + 4), 0, "the rest ends with a frame");
            }
            // Whole frames follow.
            while let Some(mail) = scene.mailbox.try_next() {
                assert_eq!(encoded(Some(mail)).len(), SIZE + 4);
            }
        }
    });
}

#[test]
fn a_stream_that_fails_is_the_connections_to_find_out() {
    crate::testing::run(async {
        let mut scene = Scene::new(Overflow::Close).await;
        drop(std::mem::replace(
            &mut scene.client,
            TcpListener::bind("127.0.0.1:0")
                .and_then(|listener| std::net::TcpStream::connect(listener.local_addr()?))
                .unwrap(),
        ));
        while scene.mailbox.len() == 0 {
            scene.forward();
            tokio::task::yield_now().await;
        }
        assert!(scene.mailbox.poll(&mut Context::from_waker(Waker::noop())).is_ready());
    });
}

#[test]
fn nothing_is_kept_of_a_stream_after_the_end() {
    crate::testing::run(async {
        let scene = Scene::new(Overflow::Close).await;
        let stream = scene.mailbox.lock().direct.clone().unwrap();
        scene.mailbox.end();
        scene.mailbox.lend();
        scene.mailbox.lend_first(Some(Arc::clone(&stream)));
        assert_eq!(Arc::strong_count(&stream), 1);
        assert!(!scene.mailbox.lock().is_lent);
        scene.mailbox.will_forward();
        assert!(!scene.mailbox.lock().signals.forwards);
    });
}

/// Notes whether its mailbox could be asked something when it was dropped: what an application puts into a message may.
struct Asks {
    mailbox: std::sync::Weak<Mailbox<Asks>>,
    is_locked: Arc<AtomicBool>,
    /// Cancelled when it is cloned.
    timer: Arc<Mutex<Option<Timer>>>,
}

impl Clone for Asks {
    fn clone(&self) -> Self {
        let timer = self.timer.lock().unwrap().take();
        assert!(timer.is_none_or(|timer| timer.cancel()));
        Self {
            mailbox: self.mailbox.clone(),
            is_locked: Arc::clone(&self.is_locked),
            timer: Arc::clone(&self.timer),
        }
    }
}

impl Drop for Asks {
    fn drop(&mut self) {
        let mailbox = self.mailbox.upgrade();
        let is_locked = mailbox.is_some_and(|mailbox| mailbox.state.try_lock().is_err());
        self.is_locked.fetch_or(is_locked, Ordering::Relaxed);
    }
}

#[test]
fn a_timers_message_is_dropped_where_no_lock_is_held() {
    const PERIOD: Duration = Duration::from_millis(1);
    let mailbox = Arc::new(Mailbox::new(&Wheel::new()));
    let is_locked = Arc::new(AtomicBool::new(false));
    let to_cancel = Arc::new(Mutex::new(None));
    let message = || Asks {
        mailbox: Arc::downgrade(&mailbox),
        is_locked: Arc::clone(&is_locked),
        timer: Arc::clone(&to_cancel),
    };
    assert!(mailbox.send_after(PERIOD, message()).cancel());
    let repeating = mailbox.send_every(PERIOD, message());
    assert!(mailbox.take_due(Duration::from_mins(1)).unwrap().is_some());
    assert!(repeating.cancel() && !repeating.cancel());
    assert!(!is_locked.load(Ordering::Relaxed), "one that is cancelled");
    *to_cancel.lock().unwrap() = Some(mailbox.send_every(PERIOD, message()));
    assert!(mailbox.take_due(Duration::from_mins(1)).unwrap().is_some());
    assert!(mailbox.take_due(Duration::from_mins(2)).unwrap().is_none());
    assert!(
        !is_locked.load(Ordering::Relaxed),
        "one that is cancelled while it fires"
    );
}

#[test]
fn what_overflows_before_init_has_decided_ends_only_what_is_to_be_closed() {
    for overflow in [Overflow::Close, Overflow::DropNewest, Overflow::DropOldest] {
        let mailbox = Mailbox::<NoMessage>::new(&Wheel::new());
        let message = Arc::new(Message::new("channel", None, "event", vec![0; SIZE]));
        let taken = (0..100).filter(|_| mailbox.deliver(&message)).count();
        assert!((1..100).contains(&taken), "there is a bound from the beginning");
        mailbox.keep_to(Bounds {
            overflow,
            ..Bounds::default()
        });
        assert_eq!(
            mailbox.lock().signals.overflowed,
            overflow == Overflow::Close,
            "{overflow:?}"
        );
    }
}
