//! Conversations by chance, over links by chance, held against a model: the handler's own notes, replayed.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::yield_now;

use super::stage::Stage;
use crate::Frame;
use crate::testing::{Instant, Link, Rng, TestApp, WebSocket, masked, run_paused, seeds, sleep};

/// How a conversation ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Close,
    Stop,
    Panic,
    BadFrame,
    HalfClose,
    Silence,
    Shutdown,
    Drop,
    Reset,
}

impl Ending {
    const ALL: [Self; 9] = [
        Self::Close,
        Self::Stop,
        Self::Panic,
        Self::BadFrame,
        Self::HalfClose,
        Self::Silence,
        Self::Shutdown,
        Self::Drop,
        Self::Reset,
    ];

    /// The code of the close frame, and the beginning of the reason.
    fn outcome(self) -> (Option<u16>, &'static str) {
        match self {
            Self::Close => (Some(1000), "terminate Remote("),
            Self::Stop => (Some(1000), "terminate Stop"),
            Self::Panic => (Some(1011), "terminate Crash("),
            Self::BadFrame => (Some(1002), "terminate BadFrame("),
            Self::Silence => (Some(1000), "terminate Timeout"),
            Self::Shutdown => (Some(1001), "terminate Shutdown"),
            Self::HalfClose | Self::Drop | Self::Reset => (None, "terminate Closed"),
        }
    }

    /// Whether all that the client has sent is handled before the end.
    fn is_heard_out(self) -> bool {
        !matches!(self, Self::Shutdown | Self::Drop | Self::Reset)
    }
}

/// What was said, by whom, and what became of it.
#[derive(Debug, PartialEq, Eq)]
struct Transcript {
    ending: Ending,
    /// As the handler notes it.
    sent: Vec<String>,
    received: Vec<Frame>,
    noted: Vec<String>,
    took: Duration,
}

/// Says something to the client's liking. Gives what the handler will note.
fn say(client: &mut WebSocket, rng: &mut Rng, number: usize) -> Vec<String> {
    let size = rng.below(300);
    let text = format!("{number}:{}", "é".repeat(size / 2));
    let frames = match rng.below(6) {
        0 | 1 => vec![Frame::text(text)],
        2 => vec![Frame::binary([&[0xFF], &rng.bytes(size)[..]].concat())],
        3 => vec![Frame::ping(number.to_string())],
        4 => vec![Frame::Pong(number.to_string().into())],
        _ => {
            // In fragments, which may cut a character, with a ping among them.
            let mask = [1, 2, 3, number.to_le_bytes()[0]];
            let ping = number.to_string();
            let (one, other) = text.as_bytes().split_at(rng.below(text.len() + 1));
            client.send_raw(masked(0x01, one, mask));
            client.send_raw(masked(0x89, ping.as_bytes(), mask));
            client.send_raw(masked(0x00, b"", mask));
            client.send_raw(masked(0x80, other, mask));
            return vec![format!("{:?}", Frame::ping(ping)), format!("{:?}", Frame::text(text))];
        }
    };
    let noted = frames.iter().map(|frame| format!("{frame:?}")).collect();
    for frame in frames {
        client.send(frame);
    }
    noted
}

async fn broadcast(app: &TestApp, mut rng: Rng, count: usize) {
    for number in 0..count {
        app.pubsub().broadcast("feed", "event", format!("b{number}"));
        if rng.once_in(2) {
            sleep(Duration::from_millis(rng.below(20) as u64)).await;
        }
    }
}

/// One conversation, as the generator has it.
async fn converse(mut rng: Rng, ending: Ending) -> Transcript {
    let begun = Instant::now();
    let stage = Stage {
        dawdling: Some((Arc::new(Mutex::new(rng.fork())), Duration::from_millis(5))),
        compresses: cfg!(feature = "deflate") && rng.once_in(3),
        ..Stage::default()
    };
    let app = stage.app().await;
    let mut link = Link::random(&mut rng);
    if ending == Ending::Shutdown {
        // A client has a last second to take what is begun: this one makes use of it.
        link = link.jitter(Duration::ZERO);
    }
    let handshake = app.websocket("/").link(link);
    let mut client = handshake.extensions("permessage-deflate").await;
    client.send("join feed");
    let mut received = vec![client.receive().await];
    let mut sent = vec![format!("{:?}", Frame::text("join feed"))];
    let (many, few) = (rng.below(40), rng.fork());
    let talk = async {
        for number in 0..rng.below(40) {
            sent.extend(say(&mut client, &mut rng, number));
            match rng.below(4) {
                0 => sleep(Duration::from_millis(rng.below(30) as u64)).await,
                1 => yield_now().await,
                2 => received.extend(std::iter::from_fn(|| client.try_receive())),
                _ => {}
            }
        }
    };
    // Together, unless the talk is to be cut off.
    tokio::join!(talk, broadcast(&app, few, many));
    match ending {
        Ending::Close => client.send(Frame::close(1000, "bye")),
        Ending::Stop => client.send("stop"),
        Ending::Panic => client.send("panic"),
        Ending::BadFrame => client.send_raw([0xFF, 0xFF]),
        Ending::HalfClose => client.half_close(),
        Ending::Silence | Ending::Shutdown | Ending::Drop | Ending::Reset => {}
    }
    match ending {
        Ending::Stop => sent.push(format!("{:?}", Frame::text("stop"))),
        Ending::Panic => sent.push(format!("{:?}", Frame::text("panic"))),
        _ => {}
    }
    match ending {
        Ending::Drop => drop(client),
        Ending::Reset => client.reset(),
        Ending::Shutdown => {
            let ((), rest) = tokio::join!(app.shut_down(), client.rest());
            received.extend(rest);
        }
        Ending::Silence => {
            // It reads all the time, and says nothing.
            while !matches!(received.last(), Some(Frame::Close(_))) {
                received.push(client.receive_within(Duration::from_secs(70)).await);
            }
        }
        _ => received.extend(client.rest().await),
    }
    sleep(Duration::from_secs(2)).await;
    Transcript {
        ending,
        sent,
        received: match ending {
            Ending::Shutdown => super::closing::without_hint(received),
            _ => received,
        },
        noted: stage.noted(),
        took: begun.elapsed(),
    }
}

/// What a client receives from a handler that notes this.
fn replay(noted: &[String]) -> Vec<String> {
    let mut frames = Vec::new();
    for note in noted {
        if note == r#"Text("join feed")"# {
            frames.push(r#"Text("done")"#.to_owned());
        } else if note == r#"Text("stop")"# || note == r#"Text("panic")"# || note.starts_with("Pong(") {
        } else if let Some(payload) = note.strip_prefix("Ping(") {
            frames.push(format!("Pong({payload}"));
        } else if let Some(text) = note.strip_prefix("info ") {
            frames.push(format!("{:?}", Frame::text(text)));
        } else if note.starts_with("Text(") || note.starts_with("Binary(") {
            frames.push(note.clone());
        }
    }
    frames
}

fn judge(transcript: &Transcript) {
    let Transcript {
        ending,
        sent,
        received,
        noted,
        ..
    } = transcript;
    let (code, reason) = ending.outcome();
    let (last, noted) = noted.split_last().unwrap();
    assert!(last.starts_with(reason), "{last}");
    assert!(
        !noted.iter().any(|note| note.starts_with("terminate")),
        "once: {noted:?}"
    );
    assert!(!noted.iter().any(|note| note.contains("cancelled")), "{noted:?}");

    let (infos, handled): (Vec<_>, Vec<_>) = noted.iter().cloned().partition(|note| note.starts_with("info "));
    assert!(sent.starts_with(&handled), "sent {sent:#?}\nhandled {handled:#?}");
    assert!(
        !ending.is_heard_out() || handled == *sent,
        "sent {sent:#?}\nhandled {handled:#?}"
    );
    let in_order: Vec<_> = (0..infos.len()).map(|number| format!("info b{number}")).collect();
    assert_eq!(infos, in_order);

    let mut received: Vec<_> = received.iter().map(|frame| format!("{frame:?}")).collect();
    if let Some(code) = code {
        assert_eq!(received.pop(), Some(format!("{:?}", Frame::close(code, ""))));
    }
    let mut expected = replay(noted);
    // A ping is answered before the handler sees it, and the end may come in between.
    let unheard = sent.get(handled.len()).filter(|unheard| unheard.starts_with("Ping("));
    if received.len() > expected.len() {
        expected.extend(replay(unheard.cloned().as_slice()));
    }
    match ending {
        Ending::Drop | Ending::Reset => assert!(expected.starts_with(&received), "{received:#?} of {expected:#?}"),
        _ => {
            let same = received.iter().zip(&expected).take_while(|(one, other)| one == other);
            let at = same.count();
            assert!(
                received.len() == at && expected.len() == at,
                "{ending:?}: received {:#?}\nin place of {:#?}",
                &received[at..],
                &expected[at..]
            );
        }
    }
}

#[test]
fn what_is_said_is_heard_in_order_and_ends_once() {
    seeds(200, async |mut rng| {
        let ending = rng.pick(&Ending::ALL);
        judge(&converse(rng, ending).await);
    });
}

#[test]
fn a_seed_says_all() {
    for (seed, ending) in (0..).zip(Ending::ALL.into_iter().cycle()).take(45) {
        let run = || run_paused(converse(Rng::new(seed), ending));
        assert_eq!(run(), run(), "seed {seed}");
    }
}
