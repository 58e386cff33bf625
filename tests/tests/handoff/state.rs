//! What a connection is goes on as it was: its state, its name, its channels, and what `init` has chosen.

use std::time::{Duration, Instant};

use nova_tests::websocket::{PING, PONG, TEXT};
use nova_tests::{Received, WebSocket, in_one_of_a_few};

use crate::kit::{Stage, ask, tell};

#[test]
fn the_state_the_id_and_the_channels_go_on_in_the_new_code() {
    let stage = Stage::new();
    let mut old = stage.old();
    let mut member = stage.open("/actor");
    let mut forwarded = stage.open("/actor");
    let mut outside = stage.open("/actor");
    tell(&mut member, "join room");
    tell(&mut forwarded, "forward room");
    tell(&mut outside, "join room");
    tell(&mut outside, "leave room");
    let ids = [&mut member, &mut forwarded, &mut outside].map(|socket| ask(socket, "id"));
    let _new = stage.replace_all(&mut old);
    assert_eq!(
        ids,
        [&mut member, &mut forwarded, &mut outside].map(|socket| ask(socket, "id"))
    );
    assert_eq!(stage.get("/members/room").text(), "2");
    tell(&mut outside, "say room hello");
    assert_eq!(member.receive_text(), "hello");
    assert_eq!(forwarded.receive_text(), "hello");
    // One that is new has a name of its own.
    let id = ask(&mut stage.open("/actor"), "id");
    assert!(!ids.contains(&id));
    tell(&mut member, "say_to_others room others");
    assert_eq!(forwarded.receive_text(), "others");
    assert_eq!(ask(&mut member, "count"), "new 5 count");
    assert_eq!(ask(&mut forwarded, "count"), "new 4 count");
    tell(&mut forwarded, "leave room");
    assert_eq!(stage.get("/members/room").text(), "1");
    old.end();
}

#[test]
fn resumed_is_the_first_callback_and_neither_init_nor_terminate_is_called() {
    let stage = Stage::new();
    let mut old = stage.old();
    let mut socket = stage.open("/actor");
    old.process.lines().await_note("init in old");
    // What waits for it is behind `resumed`.
    socket.text("busy go");
    socket.text("log");
    old.await_busy();
    let new = stage.replace_all_busy(&mut old);
    assert_eq!(socket.receive_text(), "done");
    assert_eq!(socket.receive_text(), "new 2 log");
    old.end_without("terminate");
    socket.send(nova_tests::websocket::CLOSE, nova_tests::websocket::closing(1000, ""));
    assert_eq!(socket.receive(), Received::close(1000));
    assert_eq!(socket.rest(), []);
    new.process.signal("TERM");
    assert_eq!(new.calls(), ["resumed in new", "terminate in new"]);
}

#[test]
fn ten_moves_in_a_row_lose_nothing() {
    let stage = Stage::new();
    let mut old = stage.old();
    let mut sockets: Vec<_> = (0..20).map(|_| stage.open("/actor")).collect();
    for socket in &mut sockets {
        tell(socket, "join room");
    }
    for round in 1..=10 {
        old = stage.replace_all(&mut old);
        for socket in &mut sockets {
            assert_eq!(ask(socket, "?"), format!("new {} ?", round + 1));
        }
    }
    assert_eq!(stage.get("/members/room").text(), "20");
}

/// When nothing is sent to it, it is closed, and says how long that has taken.
fn await_idle(socket: &mut WebSocket, since: Instant) -> Duration {
    assert_eq!(socket.receive(), Received::close(1000));
    since.elapsed()
}

#[test]
fn the_idle_timeout_goes_on_where_it_was() {
    const TIMEOUT: Duration = Duration::from_secs(2);
    in_one_of_a_few(|| {
        let stage = Stage::new();
        let mut old = stage.old();
        // Of two, the other says something after the move.
        let mut silent = stage.open("/impatient");
        let mut speaking = stage.open("/impatient");
        let since = Instant::now();
        assert_eq!(ask(&mut silent, "now"), "old 1 now");
        // A half of it passes.
        std::thread::sleep(TIMEOUT / 2);
        let moving = Instant::now();
        let _new = stage.replace_all(&mut old);
        let spoke = Instant::now();
        assert_eq!(ask(&mut speaking, "now"), "new 1 now");
        let idle = await_idle(&mut silent, since);
        assert!(idle >= TIMEOUT, "{idle:?}");
        // Counted anew it could not be over by now.
        let moved = moving.elapsed();
        assert!(moved < TIMEOUT, "{moved:?}");
        let idle = await_idle(&mut speaking, spoke);
        assert!(idle >= TIMEOUT, "{idle:?}");
    });
}

/// The next that is no ping.
fn next(socket: &mut WebSocket) -> Received {
    loop {
        match socket.receive() {
            Received::Ping(_) => {}
            other => return other,
        }
    }
}

#[test]
fn the_size_limit_and_the_pings_go_on() {
    let stage = Stage::new();
    let mut old = stage.old();
    let mut socket = stage.open("/limited");
    socket.text("now");
    assert_eq!(next(&mut socket), Received::text("old 1 now"));
    let _new = stage.replace_all(&mut old);
    socket.text("now");
    assert_eq!(next(&mut socket), Received::text("new 2 now"));
    assert_eq!(socket.receive(), Received::Ping(Vec::new()));
    socket.send(PONG, "");
    socket.send(PING, "still?");
    assert_eq!(next(&mut socket), Received::Pong(b"still?".to_vec()));
    socket.send(TEXT, "x".repeat(101));
    assert_eq!(next(&mut socket), Received::close(1009));
    assert_eq!(socket.receive(), Received::End);
}

#[test]
fn the_overflow_policy_goes_on() {
    let stage = Stage::new();
    let mut old = stage.old();
    let mut lossy = stage.open_with("/lossy", &[("sec-websocket-protocol", "lossy")]);
    assert_eq!(lossy.handshake.header("sec-websocket-protocol"), Some("lossy"));
    let mut strict = stage.open("/actor");
    for socket in [&mut lossy, &mut strict] {
        tell(socket, "join room");
    }
    let new = stage.replace_all(&mut old);
    let mut sender = stage.open("/actor");
    for socket in [&mut lossy, &mut strict] {
        socket.text("busy go");
        new.await_busy();
    }
    // More than a mailbox holds.
    for _ in 0..1100 {
        sender.text("say room x");
    }
    for _ in 0..1100 {
        assert_eq!(sender.receive_text(), "done");
    }
    stage.let_go("go");
    tell(&mut lossy, "leave room");
    let mut came = 0;
    lossy.text("last");
    while lossy.receive_text() != "new 4 last" {
        came += 1;
    }
    assert!((900..1050).contains(&came), "{came}");
    let rest = strict.rest();
    assert_eq!(rest.last(), Some(&Received::close(1013)));
}
