//! A move stays within its bounds, and what they do not allow is not lost.

use std::thread;
use std::time::Duration;

use nova_tests::Received;
use nova_tests::websocket::{BINARY, header};

use crate::kit::{Stage, ask, order};

#[test]
fn a_taker_that_may_open_too_few_files_takes_nothing_and_nothing_is_lost() {
    let mut stage = Stage::new();
    let mut old = stage.old();
    let mut sockets: Vec<_> = (0..150).map(|_| stage.open("/actor")).collect();
    stage.before(Some("ulimit -n 64"));
    let mut new = stage.taker("new");
    order(&mut old, &mut new);
    old.kept();
    new.process.lines().await_note("too many open files");
    assert_eq!(new.process.end().code(), Some(1));
    for socket in &mut sockets {
        assert_eq!(ask(socket, "a"), "old 1 a");
    }
    stage.before(None);
    let _new = stage.replace_all(&mut old);
    for socket in &mut sockets {
        assert_eq!(ask(socket, "a"), "new 2 a");
    }
}

#[test]
fn the_giver_has_few_connections_in_memory_twice() {
    const SOCKETS: usize = 100;
    const UNREAD: usize = 250_000;
    // Where nothing is optimised, that many bytes take long.
    if std::env::var_os("NOVA_TEST_ROUNDS").is_none() {
        return;
    }
    let stage = Stage::new();
    let mut old = stage.old();
    // Half a message each: 25 megabytes in all, which are there in any case.
    let sockets = (0..SOCKETS).map(|_| {
        let mut socket = stage.open("/actor");
        socket.send_bytes(header(BINARY, 2 * UNREAD));
        socket.send_bytes(vec![0; 4 + UNREAD]);
        socket
    });
    let mut sockets: Vec<_> = sockets.collect();
    // Until all of it has come.
    while old.process.memory() < SOCKETS * UNREAD {
        thread::sleep(Duration::from_millis(5));
    }
    // What keeps it from its end until it was looked at.
    let mut running = stage.connect();
    running.send("GET /wait/looked HTTP/1.1\r\nhost: localhost\r\n\r\n");
    let before = old.process.peak_memory();
    let new = stage.replace_all(&mut old);
    let more = old.process.peak_memory() - before;
    assert!(more < SOCKETS * UNREAD / 2, "{more} bytes beside {before}");
    stage.let_go("looked");
    assert_eq!(running.response("GET").text(), "waited");
    for socket in &mut sockets {
        socket.send_bytes(vec![0; UNREAD]);
        assert_eq!(socket.receive(), Received::Binary(vec![0; 2 * UNREAD]));
    }
    drop(new);
}
