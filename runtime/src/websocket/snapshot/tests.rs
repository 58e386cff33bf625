//! What waits in a mailbox, saved and resumed in another.

use std::sync::Arc;

use bytes::Bytes;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::pubsub::{Deliver as _, PubSub};
use crate::testing::run;
use crate::websocket::Handoff;
use crate::wheel::Wheel;

/// One thing that comes to a mailbox.
#[derive(Clone, Debug)]
enum Coming {
    Own(String),
    Broadcast(String, Vec<u8>, bool),
    Forwarded(String),
    Once(u64, String),
    Every(u64, String),
}

fn coming() -> impl Strategy<Value = Coming> {
    let text = || "[a-zé\\\\\"\n]{0,20}";
    prop_oneof![
        text().prop_map(Coming::Own),
        (text(), vec(any::<u8>(), 0..40), any::<bool>())
            .prop_map(|(event, payload, is_named)| Coming::Broadcast(event, payload, is_named)),
        text().prop_map(Coming::Forwarded),
        (0..100_000_u64, text()).prop_map(|(millis, text)| Coming::Once(millis, text)),
        (1..100_000_u64, text()).prop_map(|(millis, text)| Coming::Every(millis, text)),
    ]
}

/// Has all of it come.
fn bring(mailbox: &Arc<Mailbox<String>>, comings: &[Coming]) {
    let sender = PubSub::new().subscribe("somewhere").id();
    for coming in comings {
        match coming {
            Coming::Own(text) => mailbox.send(text.clone()).unwrap(),
            Coming::Broadcast(event, payload, is_named) => {
                let sender = is_named.then_some(sender);
                let message = Message::new("channel", sender, event.clone(), payload.clone());
                assert!(mailbox.deliver(&Arc::new(message)));
            }
            Coming::Forwarded(text) => {
                let message = Message::new("channel", None, "event", text.clone());
                mailbox.forward(&[Arc::new(message)], &Bytes::from_static(b"frames"));
            }
            Coming::Once(millis, text) => {
                mailbox.send_after(Duration::from_millis(*millis), text.clone());
            }
            Coming::Every(millis, text) => {
                mailbox.send_every(Duration::from_millis(*millis), text.clone());
            }
        }
    }
}

/// What there is, in words, and when the timers are due.
fn described(load: &Load<String>) -> (Vec<String>, Vec<(String, Option<Duration>)>) {
    let mail = load.mail.iter().map(|mail| match mail {
        Mail::Broadcast(message) => format!("broadcast {message:?}"),
        Mail::Message(text) => format!("own {text:?}"),
        Mail::Forwarded(message) => format!("forwarded {message:?}"),
        Mail::Rest(bytes) => format!("rest {bytes:?}"),
        Mail::Gap(gap) => format!("gap {gap:?}"),
    });
    let timers = load.timers.iter().map(|Entry { what, .. }| match what {
        Due::Once(text) => (text.clone(), None),
        Due::Every(period, text, clone) => (clone(text), Some(*period)),
    });
    (mail.collect(), timers.collect())
}

fn whole(mailbox: &Mailbox<String>) -> Load<String> {
    mailbox.take_everything()
}

proptest! {
    #[test]
    fn what_waits_in_a_mailbox_is_the_same_in_another_process(
        comings in vec(coming(), 0..30), rest in option::of(vec(any::<u8>(), 1..40)), gap in option::of(1_u64..9),
    ) {
        run(async {
            let handoff = const { &Handoff::<(), String>::never().with_messages() };
            let old = Arc::new(Mailbox::new(&Wheel::with_a_past()));
            bring(&old, &comings);
            let mut load = whole(&old);
            if gap.is_some() {
                let channel = "channel".into();
                load.mail.push_back(Mail::Gap(Arc::new(Gap { channel, count: gap })));
            }
            if let Some(rest) = rest {
                load.mail.push_front(Mail::Rest(Box::new(rest.into())));
            }
            let dues: Vec<_> = load.timers.iter().map(|timer| old.due_in(timer.due)).collect();
            let expected = described(&load);
            let saved = SavedLoad::save(&load, &old, || handoff.messages()).unwrap();
            let json = serde_json::to_string(&saved).unwrap();
            // What comes to the new one before is behind.
            let new = Arc::new(Mailbox::new(&Wheel::new()));
            let saved: SavedLoad = serde_json::from_str(&json).unwrap();
            let load = saved.resume(&new, || handoff.messages()).unwrap();
            new.send("later".to_owned()).unwrap();
            let bytes = load.mail.iter().map(Mail::size).sum::<usize>();
            new.reload(load);
            assert_eq!(new.bytes(), bytes);
            let load = whole(&new);
            for (before, timer) in dues.iter().zip(&load.timers) {
                let after = new.due_in(timer.due);
                assert!(after <= *before && before.saturating_sub(after) < Duration::from_secs(5), "{before:?} {after:?}");
            }
            let (mut mail, timers) = described(&load);
            assert_eq!(mail.pop().unwrap(), "own \"later\"");
            assert_eq!((mail, timers), expected);
        });
    }

    #[test]
    fn what_is_not_a_snapshot_is_refused(json in ".{0,60}") {
        prop_assert!(serde_json::from_str::<Snapshot>(&json).is_err());
    }
}

#[test]
fn messages_that_do_not_travel_are_a_reason_and_broadcasts_are_none() {
    run(async {
        let handoff = const { &Handoff::<(), String>::never() };
        let mailbox = Arc::new(Mailbox::new(&Wheel::new()));
        bring(&mailbox, &[Coming::Broadcast("event".to_owned(), vec![1], true)]);
        let load = whole(&mailbox);
        assert!(SavedLoad::save(&load, &mailbox, || handoff.messages()).is_ok());
        for coming in [Coming::Own("a".to_owned()), Coming::Once(1, "a".to_owned())] {
            bring(&mailbox, &[coming]);
            let load = whole(&mailbox);
            let refused = SavedLoad::save(&load, &mailbox, || handoff.messages()).unwrap_err();
            assert!(refused.contains("do not travel"), "{refused}");
        }
    });
}
