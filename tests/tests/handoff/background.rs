//! What runs in the background runs in one process: in the one that serves.

use nova_tests::WebSocket;

use crate::fakes::Fake;
use crate::kit::{Stage, order};

/// So many ticks, of which there are some hundred in a second.
fn ticks(socket: &mut WebSocket, count: usize) -> Vec<String> {
    (0..count).map(|_| socket.receive_text()).collect()
}

fn stage() -> Stage {
    Stage::new().variable("NOVA_TEST_TICKS", "1")
}

fn listener(stage: &Stage) -> WebSocket {
    let mut socket = stage.open("/actor");
    socket.text("forward ticks");
    while socket.receive_text() != "done" {}
    socket
}

#[test]
fn at_a_move_it_ends_here_and_begins_there() {
    let stage = stage();
    let mut old = stage.old();
    let mut socket = listener(&stage);
    assert_eq!(ticks(&mut socket, 3), ["old"; 3]);
    // It keeps the old process alive for longer than is listened here.
    let mut slow = stage.connect();
    slow.send("GET /wait/never HTTP/1.1\r\nhost: localhost\r\n\r\n");
    assert_eq!(stage.get("/code").text(), "old");
    let new = stage.replace_all(&mut old);
    old.process.lines().await_note("the ticker is gone");
    // Whatever was on its way comes before so many in a row.
    let (mut all, mut row) = (0, 0);
    while row < 100 {
        row = if socket.receive_text() == "new" { row + 1 } else { 0 };
        all += 1;
        assert!(all < 5000, "it goes on there");
    }
    drop((new, slow));
}

#[test]
fn where_nothing_moves_it_goes_on_here_and_does_not_begin_there() {
    let stage = stage();
    let mut old = stage.old();
    let mut socket = listener(&stage);
    // One whose start fails.
    let mut taker = stage.taker("fails");
    order(&mut old, &mut taker);
    old.kept();
    assert_eq!(taker.process.end().code(), Some(1));
    taker.process.lines().await_note("there is no database");
    assert_eq!(ticks(&mut socket, 20), ["old"; 20]);
    // One that has made its state, and is given nothing.
    let mut taker = stage.taker("new");
    let mut giver = Fake::giver(taker.taking());
    giver.begin();
    drop(giver);
    assert_eq!(taker.process.end().code(), Some(1));
    let lines = taker.process.lines().take();
    assert!(
        lines.iter().any(|line| line.contains("can't be taken over")),
        "{lines:?}"
    );
    assert!(!lines.iter().any(|line| line.contains("ticking")), "{lines:?}");
    assert_eq!(ticks(&mut socket, 20), ["old"; 20]);
}
