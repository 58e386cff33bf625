//! What can't travel is closed with 1012, and counted with the reason.

use nova_tests::tls::{CERTIFICATE, Certificate, KEY};
use nova_tests::{Client, Over, Received, WebSocket};

use crate::kit::{Closed, Moved, Stage, ask, order, tell};

const RESTART: Received = Received::Close(Some(1012), String::new());

/// How many were closed for reasons that contain this.
fn closed(moved: &Moved, reason: &str) -> usize {
    let found = moved.closed.iter().filter(|closed| closed.reason.contains(reason));
    found.map(|Closed { count, .. }| count).sum()
}

fn expect_restart(mut socket: WebSocket) {
    let rest: Vec<_> = socket.rest().into_iter().map(Received::without_hint).collect();
    assert_eq!(rest, [RESTART]);
}

#[test]
fn what_can_not_travel_is_closed_with_1012_and_the_others_move() {
    let stage = Stage::new();
    let mut old = stage.old();
    let mut moving = stage.open("/actor");
    let settled: Vec<_> = (0..3).map(|_| stage.open("/settled")).collect();
    let gone = stage.open("/gone");
    let unreadable = stage.open("/split/Cher");
    let mut converted = stage.open("/split/Ada%20Lovelace");
    let mut with_timer = stage.open("/plain");
    tell(&mut with_timer, "after 60000 note");
    let mut without_timer = stage.open("/plain");
    assert_eq!(ask(&mut without_timer, "a"), "old 1 a");
    assert_eq!(ask(&mut converted, "who"), "old Ada Lovelace");
    let (_new, moved) = stage.replace(&mut old);
    assert_eq!(moved.moved, 3, "{moved:?}");
    assert_eq!(closed(&moved, "Settled does not travel"), 3, "{moved:?}");
    assert_eq!(closed(&moved, "there is no route /gone"), 1, "{moved:?}");
    assert_eq!(closed(&moved, "it can't be converted"), 1, "{moved:?}");
    assert_eq!(closed(&moved, "messages of Plain do not travel"), 1, "{moved:?}");
    assert_eq!(closed(&moved, ""), 6, "{moved:?}");
    for socket in settled.into_iter().chain([gone, unreadable, with_timer]) {
        expect_restart(socket);
    }
    assert_eq!(ask(&mut converted, "who"), "new Ada, Lovelace");
    assert_eq!(ask(&mut moving, "a"), "new 1 a");
    assert_eq!(ask(&mut without_timer, "a"), "new 2 a");
    old.end();
}

#[test]
fn what_is_encrypted_or_a_stream_of_http2_is_closed_with_1012() {
    for (over, reason) in [
        (Over::Tls, "plain TCP"),
        (Over::Http2, "plain TCP"),
        (Over::Http2OverTls, "plain TCP"),
    ] {
        let mut stage = Stage::new();
        if over.is_secure() {
            Certificate::new().write(stage.directory.path());
            stage = stage
                .variable("NOVA_SERVER_TLS_CERTIFICATE", CERTIFICATE)
                .variable("NOVA_SERVER_TLS_KEY", KEY);
        }
        let mut old = stage.old();
        let mut client = Client::of(stage.address(), stage.directory.path(), over);
        let mut socket = client.open("/actor");
        assert_eq!(ask(&mut socket, "a"), "old 1 a");
        let (_new, moved) = stage.replace(&mut old);
        assert_eq!((moved.moved, closed(&moved, reason)), (0, 1), "{moved:?}");
        expect_restart(socket);
        drop(client);
        old.end();
    }
}

#[test]
fn some_hundreds_that_are_refused_do_not_hold_up_the_others() {
    let stage = Stage::new();
    let mut old = stage.old();
    let mut gone: Vec<_> = (0..700).map(|_| stage.open("/gone")).collect();
    let mut moving = stage.open("/actor");
    let (_new, moved) = stage.replace(&mut old);
    assert_eq!((moved.moved, closed(&moved, "no route")), (1, 700));
    assert_eq!(ask(&mut moving, "a"), "new 1 a");
    for socket in gone.drain(..) {
        expect_restart(socket);
    }
}

#[test]
fn a_handler_that_is_busy_for_more_than_a_second_is_left_behind_when_it_has_ended() {
    let stage = Stage::new();
    let mut old = stage.old();
    let mut busy = stage.open("/actor");
    busy.text("busy go");
    old.await_busy();
    // What comes behind that is not handled any more.
    busy.text("never");
    let mut moving = stage.open("/actor");
    let (_new, moved) = stage.replace(&mut old);
    assert_eq!((moved.moved, closed(&moved, "busy")), (1, 1), "{moved:?}");
    assert_eq!(ask(&mut moving, "a"), "new 1 a");
    stage.let_go("go");
    assert_eq!(busy.receive_text(), "done");
    assert_eq!(busy.receive().without_hint(), RESTART);
    old.end();
}

#[test]
fn one_that_was_busy_in_an_attempt_that_failed_moves_in_the_next() {
    let stage = Stage::new();
    let mut old = stage.old();
    let mut busy = stage.open("/actor");
    let mut sockets: Vec<_> = (0..5).map(|_| stage.open("/actor")).collect();
    busy.text("busy go");
    old.await_busy();
    let mut fake = crate::fakes::Fake::taker(old.giving());
    fake.hear_up_to("end");
    drop(fake);
    old.kept();
    stage.let_go("go");
    let mut new = stage.taker("new");
    order(&mut old, &mut new);
    let moved = old.moved();
    assert_eq!((moved.moved, &*moved.closed), (6, &[][..]));
    assert_eq!(busy.receive_text(), "done");
    for socket in &mut sockets {
        assert_eq!(ask(socket, "a"), "new 1 a");
    }
    assert_eq!(ask(&mut busy, "a"), "new 2 a");
}
