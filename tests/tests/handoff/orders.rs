//! Orders and signals that come while everything is about to move.

use nova_tests::{Received, WebSocket};

use crate::fakes::Fake;
use crate::kit::{Application, Stage, ask, order};

#[test]
fn a_newer_order_replaces_one_whose_process_has_not_begun() {
    let stage = Stage::new();
    let mut old = stage.old();
    let mut socket = stage.open("/actor");
    assert_eq!(ask(&mut socket, "a"), "old 1 a");
    let mut hanging = stage.taker("hangs");
    order(&mut old, &mut hanging);
    let _new = stage.replace_all(&mut old);
    assert_eq!(ask(&mut socket, "b"), "new 2 b");
    old.end();
}

#[test]
fn a_newer_order_waits_for_one_that_has_begun_and_succeeds_where_that_fails() {
    let stage = Stage::new();
    let mut old = stage.old();
    let mut socket = stage.open("/actor");
    assert_eq!(ask(&mut socket, "a"), "old 1 a");
    let mut fake = Fake::taker(old.giving());
    fake.hear_up_to("end");
    let mut new = stage.taker("new");
    order(&mut old, &mut new);
    drop(fake);
    old.kept();
    assert_eq!(old.moved().moved, 1);
    new.await_ready();
    assert_eq!(ask(&mut socket, "b"), "new 2 b");
    old.end();
}

#[test]
fn a_newer_order_after_one_that_succeeds_moves_nothing() {
    let stage = Stage::new();
    let (old, mut socket, _new) = in_the_middle(&stage);
    let second = Fake::hello(old.giving());
    stage.let_go("held");
    assert_eq!(old.moved().moved, 1);
    assert_eq!(old.kept(), "this process is ending");
    drop(second);
    assert_eq!(ask(&mut socket, "b"), "new 1 b");
    old.end();
}

#[test]
fn one_that_is_told_to_end_while_it_gives_has_given_or_closes_everything() {
    let stage = Stage::new();
    let (old, mut socket, new) = in_the_middle(&stage);
    old.process.signal("TERM");
    stage.let_go("held");
    assert_eq!(old.moved().moved, 1);
    new.await_ready();
    assert_eq!(ask(&mut socket, "b"), "new 1 b");
    old.end();

    let new_one = new;
    let mut fake = Fake::taker(new_one.giving());
    fake.hear_up_to("end");
    new_one.process.signal("TERM");
    drop(fake);
    new_one.kept();
    assert_eq!(socket.receive().without_hint(), Received::close(1001));
    new_one.end();
}

#[test]
fn one_whose_supervisor_goes_away_while_it_gives_has_given_or_closes_everything() {
    let stage = Stage::new();
    let (mut old, mut socket, mut new) = in_the_middle(&stage);
    old.close_line();
    stage.let_go("held");
    new.await_ready();
    assert_eq!(ask(&mut socket, "b"), "new 1 b");
    old.end();

    let mut fake = Fake::taker(new.giving());
    fake.hear_up_to("end");
    new.close_line();
    drop(fake);
    assert_eq!(socket.receive().without_hint(), Received::close(1001));
    new.end();
}

/// A move that waits until `held` is let go: the old process, its one connection and the new process.
fn in_the_middle(stage: &Stage) -> (Application, WebSocket, Application) {
    let mut old = stage.old();
    let socket = stage.open("/held");
    let mut new = stage.taker("new");
    order(&mut old, &mut new);
    new.await_held_up();
    (old, socket, new)
}
