//! Timers and messages of a handler's own travel with it.

use nova_tests::in_one_of_a_few;

use crate::kit::{Stage, ask, tell};

#[test]
fn timers_fire_in_the_new_process_once_each_with_their_messages() {
    in_one_of_a_few(|| {
        let stage = Stage::new();
        let mut old = stage.old();
        let mut socket = stage.open("/actor");
        tell(&mut socket, "after 1500 once");
        tell(&mut socket, "every 2000 often");
        let _new = stage.replace_all(&mut old);
        assert_eq!(socket.receive_text(), "new noted once");
        assert_eq!(socket.receive_text(), "new noted often");
        assert_eq!(socket.receive_text(), "new noted often");
        assert_eq!(ask(&mut socket, "and"), "new 3 and");
    });
}

#[test]
fn a_timer_that_is_due_while_its_connection_moves_fires_then() {
    let stage = Stage::new();
    let mut old = stage.old();
    let mut socket = stage.open("/actor");
    // It is due while the handler is busy, and is left to the new process.
    socket.text("late 50 go");
    old.await_busy();
    let _new = stage.replace_all_busy(&mut old);
    assert_eq!(socket.receive_text(), "done");
    assert_eq!(socket.receive_text(), "new noted late");
    assert_eq!(ask(&mut socket, "and"), "new 2 and");
}

#[test]
fn a_repeating_timer_goes_on_through_several_moves() {
    let stage = Stage::new();
    let mut old = stage.old();
    let mut socket = stage.open("/actor");
    tell(&mut socket, "every 20 tick");
    for _ in 0..4 {
        for _ in 0..3 {
            assert!(socket.receive_text().ends_with("noted tick"));
        }
        let new = stage.replace_all(&mut old);
        std::mem::replace(&mut old, new).end();
    }
    while socket.receive_text() != "new noted tick" {}
}

#[test]
fn messages_that_wait_are_handled_in_the_new_process_in_their_order() {
    let stage = Stage::new();
    let mut old = stage.old();
    let mut socket = stage.open("/actor");
    let mut sender = stage.open("/actor");
    tell(&mut socket, "join room");
    // To itself, and from others: they wait while the handler is busy.
    socket.text("notes 5 go");
    old.await_busy();
    tell(&mut sender, "say room a");
    tell(&mut sender, "say room b");
    let _new = stage.replace_all_busy(&mut old);
    let mut notes = Vec::new();
    let mut broadcasts = Vec::new();
    for _ in 0..8 {
        match socket.receive_text() {
            text if text.starts_with("new noted ") => notes.push(text),
            text => broadcasts.push(text),
        }
    }
    let expected: Vec<_> = (0..5).map(|number| format!("new noted {number}")).collect();
    assert_eq!(notes, expected);
    broadcasts.retain(|text| text != "done");
    assert_eq!(broadcasts, ["a", "b"]);
}
