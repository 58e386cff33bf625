//! Whatever becomes of the other process: who has not handed over goes on with everything, and who has not taken over serves
//! nothing.

use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use nova_tests::http::Connection;
use nova_tests::websocket::{BINARY, header};
use nova_tests::{Received, WebSocket, in_one_of_a_few};
use serde_json::json;

use crate::fakes::Fake;
use crate::kit::{Application, Stage, ask, order, tell};

/// An application with members of a channel, of whom each has a state.
struct Scene {
    stage: Stage,
    old: Application,
    members: Vec<WebSocket>,
    /// One that is open before anything is held.
    sender: Connection,
    said: usize,
}

impl Scene {
    fn new() -> Self {
        let stage = Stage::new();
        let old = stage.old();
        let members = ["join", "forward"].map(|how| {
            let mut member = stage.open("/actor");
            tell(&mut member, &format!("{how} room"));
            member
        });
        let mut sender = stage.connect();
        assert_eq!(sender.request("GET", "/code", &[], "").text(), "old");
        Self {
            members: members.into(),
            sender,
            said: 0,
            old,
            stage,
        }
    }

    /// Broadcasts, also while everything is held.
    fn broadcast(&mut self) {
        self.said += 1;
        let said = format!("broadcast {}", self.said);
        let response = self.sender.request("POST", "/say/room", &[], &said);
        assert_eq!(response.text(), "2", "members");
    }

    /// Each member has had what was broadcast since it was asked last, and nothing else, and has its state.
    fn expect_all(&mut self, code: &str, broadcasts: usize, seen: usize) {
        for member in &mut self.members {
            for number in self.said - broadcasts + 1..=self.said {
                assert_eq!(member.receive_text(), format!("broadcast {number}"));
            }
            assert_eq!(ask(member, "here?"), format!("{code} {seen} here?"));
        }
    }

    /// Everything moves in the end.
    fn expect_a_move(mut self, seen: usize) {
        let new = self.stage.replace_all(&mut self.old);
        self.expect_all("new", 0, seen);
        self.old.end();
        drop(new);
    }
}

/// What a taker does that comes to nothing.
type Play = fn(&mut Scene, UnixStream);

/// Plays, and everything goes on as it was.
fn fail(plays: &[(&str, Play)]) {
    let mut scene = Scene::new();
    for (seen, (reason, play)) in (2..).zip(plays) {
        let socket = scene.old.giving();
        let said = scene.said;
        play(&mut scene, socket);
        let kept = scene.old.kept();
        assert!(kept.contains(reason), "{kept:?} in place of {reason:?}");
        let broadcasts = scene.said - said;
        scene.expect_all("old", broadcasts, seen);
        assert_eq!(scene.stage.get("/code").text(), "old");
    }
    scene.expect_a_move(plays.len() + 2);
}

const ENDED: &str = "has ended before it had taken over";

/// A taker to which everything has been given.
fn given(socket: UnixStream) -> Fake {
    let mut fake = Fake::taker(socket);
    let end = fake.hear_up_to("end");
    assert_eq!(end["connections"], 2);
    fake
}

#[test]
fn a_taker_that_ends_at_any_point_leaves_everything_where_it_is() {
    fail(&[
        (ENDED, |_, socket| drop(socket)),
        ("", |_, socket| drop(Fake::hello(socket))),
        (ENDED, |scene, socket| {
            let mut fake = Fake::hello(socket);
            fake.hear_up_to("begin");
            scene.broadcast();
        }),
        ("", |_, socket| drop(Fake::taker(socket))),
        ("", |scene, socket| {
            let mut fake = Fake::taker(socket);
            fake.hear_up_to("connection");
            scene.broadcast();
        }),
        (ENDED, |scene, socket| {
            let fake = given(socket);
            scene.broadcast();
            drop(fake);
        }),
        (ENDED, |scene, socket| {
            let mut fake = given(socket);
            for id in 0..2 {
                fake.say_all(&json!({ "say": "refused", "id": id, "reason": "no" }));
            }
            scene.broadcast();
        }),
        ("", |scene, socket| {
            let mut fake = given(socket);
            scene.broadcast();
            fake.say("prepared");
        }),
        (ENDED, |scene, socket| {
            let mut fake = given(socket);
            scene.broadcast();
            fake.say("prepared");
            // It has what was broadcast, and the last word, and does not live to say so.
            assert_eq!(fake.hear().unwrap()["say"], "broadcast");
            assert_eq!(fake.hear().unwrap()["say"], "commit");
            scene.broadcast();
        }),
    ]);
}

#[test]
fn a_taker_that_says_nonsense_leaves_everything_where_it_is() {
    fail(&[
        ("version", |_, socket| {
            Fake::on(socket).say_all(&json!({ "say": "hello", "version": 99 }));
        }),
        ("expected", |_, socket| Fake::on(socket).write(b"what?\n").unwrap()),
        ("Prepared", |_, socket| Fake::on(socket).say("prepared")),
        ("not given", |scene, socket| {
            let mut fake = given(socket);
            scene.broadcast();
            fake.say_all(&json!({ "say": "refused", "id": 2, "reason": "no" }));
            while fake.hear().is_some() {}
        }),
        ("Taken", |_, socket| {
            let mut fake = given(socket);
            fake.say("taken");
            while fake.hear().is_some() {}
        }),
        ("Prepared", |scene, socket| {
            let mut fake = given(socket);
            scene.broadcast();
            // The second is its answer to the last word.
            fake.say("prepared");
            fake.say("prepared");
            fake.hear_up_to("commit");
            while fake.hear().is_some() {}
        }),
        ("too long", |scene, socket| {
            let mut fake = given(socket);
            scene.broadcast();
            // It may be cut before all is written.
            let _ = fake.write(&vec![b'x'; 2_000_000]);
        }),
    ]);
}

#[test]
fn a_taker_that_does_not_read_is_given_up_within_its_deadline() {
    let began = Instant::now();
    fail(&[("timed out", |scene, socket| {
        // Most of a message, which is more than the socket between the two processes takes by itself.
        for member in &mut scene.members {
            member.send_bytes(header(BINARY, 900_000));
            member.send_bytes(vec![0; 4 + 800_000]);
        }
        let fake = Fake::taker(socket);
        scene.old.process.lines().await_note("stay here");
        for member in &mut scene.members {
            member.send_bytes(vec![0; 100_000]);
            assert_eq!(member.receive(), Received::Binary(vec![0; 900_000]));
        }
        drop(fake);
    })]);
    assert!(began.elapsed() >= Duration::from_secs(5));
}

#[test]
fn a_taker_that_never_says_that_it_is_ready_is_given_up_within_its_deadline() {
    fail(&[("timed out", |scene, socket| {
        let mut fake = given(socket);
        scene.broadcast();
        while fake.hear().is_some() {}
    })]);
}

#[test]
fn a_taker_that_does_not_answer_the_last_word_can_not_do_so_later() {
    fail(&[(ENDED, |scene, socket| {
        let mut fake = given(socket);
        fake.say("prepared");
        fake.hear_up_to("commit");
        scene.broadcast();
        // Until the giver ends it.
        while fake.hear().is_some() {}
        assert!(fake.write(b"{\"say\":\"taken\"}\n").is_err());
    })]);
}

#[test]
fn a_program_that_panics_at_its_start_changes_nothing() {
    let mut scene = Scene::new();
    let mut new = scene.stage.taker("panics");
    order(&mut scene.old, &mut new);
    assert!(!new.process.end().success());
    assert_eq!(scene.old.kept(), "the new process has ended before it had taken over");
    scene.expect_all("old", 0, 2);
    scene.expect_a_move(3);
}

/// Ends a taker by a signal while it is at it.
fn end_by(signal: &str) {
    let mut scene = Scene::new();
    let mut new = scene.stage.taker("new");
    let mut held = scene.stage.open("/held");
    order(&mut scene.old, &mut new);
    new.await_held_up();
    new.process.signal(signal);
    // It does not say that it has heard it.
    std::thread::sleep(Duration::from_millis(100));
    scene.stage.let_go("held");
    assert_ne!(new.process.end().code(), Some(0));
    scene.old.kept();
    assert_eq!(ask(&mut held, "a"), "old 1 a");
    scene.expect_all("old", 0, 2);
    scene.expect_a_move(3);
}

#[test]
fn a_taker_that_is_killed_leaves_everything_where_it_is() {
    end_by("KILL");
}

#[test]
fn a_taker_that_is_told_to_end_takes_nothing() {
    // One that does not hear it in time takes everything.
    in_one_of_a_few(|| end_by("TERM"));
}

/// What a giver does that comes to nothing.
fn give_up(play: fn(&mut Fake)) {
    let stage = Stage::new();
    let mut new = stage.taker("new");
    let mut fake = Fake::giver(new.taking());
    play(&mut fake);
    drop(fake);
    assert_eq!(new.process.end().code(), Some(1));
    new.process.lines().await_note("can't be taken over");
    new.expect_nothing_said();
}

#[test]
fn a_giver_that_begins_and_then_ends_is_not_replaced() {
    give_up(Fake::begin);
    give_up(|fake| {
        fake.begin();
        fake.say_all(&json!({ "say": "end", "connections": 0, "heard": null }));
        assert_eq!(fake.hear(), Some(json!({ "say": "prepared" })));
    });
}

#[test]
fn a_giver_that_says_nonsense_is_not_replaced() {
    give_up(|fake| {
        fake.begin();
        fake.say_all(&json!({ "say": "begin", "numbers_after": 1000, "channels": [] }));
        fake.hear();
    });
    give_up(|fake| {
        fake.begin();
        fake.say("commit");
        fake.hear();
    });
    give_up(|fake| {
        fake.begin();
        fake.say_all(&json!({ "say": "end", "connections": 1, "heard": null }));
        fake.hear();
    });
    give_up(|fake| {
        fake.begin();
        fake.say_all(&json!({ "say": "connection", "id": 0, "snapshot": "" }));
        fake.hear();
    });
    give_up(|fake| {
        fake.begin();
        fake.write(b"\xFF\n").unwrap();
        fake.hear();
    });
}

#[test]
fn one_that_is_not_begun_with_serves_without() {
    for is_silent in [false, true] {
        let stage = Stage::new();
        let new = stage.taker("new");
        let fake = Fake::giver(new.taking());
        let fake = is_silent.then_some(fake);
        new.await_ready();
        assert_eq!(stage.get("/code").text(), "new");
        drop(fake);
    }
}
