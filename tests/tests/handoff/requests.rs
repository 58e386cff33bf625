//! No request is refused, and none fails, while everything moves.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use nova_tests::http::Connection;
use nova_tests::kernel::queues;
use nova_tests::websocket::upgrade;
use nova_tests::{PATIENCE, WebSocket};

use crate::kit::{Stage, ask, order};

/// Ends the load also where the test fails.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Waits for a condition.
fn until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}");
        thread::yield_now();
    }
}

#[test]
fn no_request_is_refused_and_none_fails_through_ten_moves() {
    let stage = &Stage::new();
    let mut old = stage.old();
    let over = &AtomicBool::new(false);
    let answered = &[const { AtomicUsize::new(0) }; 4];
    let mut socket = stage.open("/actor");
    thread::scope(|scope| {
        let end = End(over);
        // A connection for each request.
        for counter in &answered[..2] {
            scope.spawn(move || {
                while !over.load(Ordering::Acquire) {
                    assert_eq!(stage.get("/code").status, 200);
                    counter.fetch_add(1, Ordering::Release);
                }
            });
        }
        // One connection for as long as it lasts.
        scope.spawn(move || {
            let mut connection = stage.connect();
            while !over.load(Ordering::Acquire) {
                let sent = connection.try_send("GET /code HTTP/1.1\r\nhost: localhost\r\n\r\n");
                let response = sent.ok().and_then(|()| connection.try_response("GET"));
                match response {
                    Some(response) => {
                        assert_eq!(response.status, 200);
                        answered[2].fetch_add(1, Ordering::Release);
                        if response.header("connection") == Some("close") {
                            connection = stage.connect();
                        }
                    }
                    // Closed between two requests: it was not read, and is sent again (RFC 9112 §9.3.1).
                    None => connection = stage.connect(),
                }
            }
        });
        // WebSockets that come in the middle of it: accepted, or sent to where the others are.
        scope.spawn(move || {
            while !over.load(Ordering::Acquire) {
                let mut connection = stage.connect();
                connection.send(upgrade("/actor", &[]));
                let response = connection.response("GET");
                match response.status {
                    101 => {
                        let mut socket = WebSocket::accepted(connection, response);
                        // It may have come to the old process last of all, which then ends it.
                        socket.text("a");
                        let first = socket.receive();
                        let is_right = match &first {
                            nova_tests::Received::Text(text) => text.ends_with(" 1 a"),
                            nova_tests::Received::Close(Some(1001 | 1012), _) => true,
                            _ => false,
                        };
                        assert!(is_right, "{first:?}");
                    }
                    503 => assert_eq!(response.header("retry-after"), Some("0")),
                    other => panic!("{other}"),
                }
                answered[3].fetch_add(1, Ordering::Release);
            }
        });
        for round in 1..=10 {
            let before: Vec<_> = answered.iter().map(|counter| counter.load(Ordering::Acquire)).collect();
            let (new, _) = stage.replace(&mut old);
            std::mem::replace(&mut old, new).end();
            assert!(ask(&mut socket, "a").ends_with(&format!(" {round} a")));
            for (counter, before) in answered.iter().zip(before) {
                until("somebody is not answered", || {
                    counter.load(Ordering::Acquire) >= before + 3
                });
            }
        }
        drop(end);
    });
}

#[test]
fn a_running_request_is_finished_by_the_old_process() {
    let stage = Stage::new();
    let mut old = stage.old();
    let mut running = stage.connect();
    running.send("GET /wait/go HTTP/1.1\r\nhost: localhost\r\n\r\n");
    let mut idle = stage.connect();
    assert_eq!(idle.request("GET", "/code", &[], "").text(), "old");
    let _new = stage.replace_all(&mut old);
    assert_eq!(stage.get("/code").text(), "new");
    stage.let_go("go");
    let response = running.response("GET");
    assert_eq!(
        (response.text(), response.header("connection")),
        ("waited", Some("close"))
    );
    assert!(running.is_ended() && idle.is_ended());
    old.end();
}

#[test]
fn a_broadcast_of_a_request_that_runs_on_reaches_those_that_have_moved_twice() {
    let stage = Stage::new();
    let mut old = stage.old();
    let mut member = stage.open("/actor");
    crate::kit::tell(&mut member, "join room");
    let mut running = stage.connect();
    running.send("POST /say_when/go/room HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\n\r\nlater");
    let mut new = stage.replace_all(&mut old);
    let newest = stage.replace_all(&mut new);
    stage.let_go("go");
    assert_eq!(running.response("POST").status, 200);
    assert_eq!(member.receive_text(), "later");
    old.end();
    new.end();
    assert_eq!(ask(&mut member, "a"), "new 2 a");
    drop(newest);
}

#[test]
fn a_handshake_that_comes_while_everything_is_held_is_answered_when_that_is_over() {
    let stage = Stage::new();
    let mut old = stage.old();
    let mut held: Vec<_> = (0..3).map(|_| stage.connect()).collect();
    for connection in &mut held {
        assert_eq!(connection.request("GET", "/code", &[], "").text(), "old");
    }
    let mut moving = stage.open("/held");
    let mut new = stage.taker("new");
    order(&mut old, &mut new);
    new.await_held_up();
    for connection in &mut held {
        connection.send(upgrade("/actor", &[]));
    }
    // One that is not accepted yet.
    let mut late = Connection::open(stage.address());
    late.send(upgrade("/actor", &[]));
    for connection in &held {
        let (here, there) = (connection.address(), stage.address());
        until("it is not read", || {
            queues(here, there).send + queues(there, here).receive == 0
        });
    }
    stage.let_go("held");
    old.moved();
    for mut connection in held {
        let response = connection.response("GET");
        assert_eq!((response.status, response.header("retry-after")), (503, Some("0")));
    }
    let response = late.response("GET");
    // It may have been accepted at the last moment.
    match response.status {
        503 => assert_eq!(response.header("retry-after"), Some("0")),
        _ => assert_eq!(ask(&mut WebSocket::accepted(late, response), "a"), "new 1 a"),
    }
    assert_eq!(ask(&mut moving, "a"), "new 1 a");
}

/// The next event of a stream that has data.
fn next_event(connection: &mut Connection) -> String {
    loop {
        let text = String::from_utf8(connection.chunk()).unwrap();
        assert!(!text.is_empty(), "the stream ended");
        if text.contains("data: ") {
            return text;
        }
    }
}

#[test]
fn a_stream_of_events_ends_when_everything_has_moved_and_goes_on_with_the_new_code() {
    let stage = Stage::new();
    let mut old = stage.old();
    let mut connection = stage.connect();
    connection.send("GET /events HTTP/1.1\r\nhost: localhost\r\n\r\n");
    assert_eq!(connection.head().unwrap().status, 200);
    let first = next_event(&mut connection);
    assert!(
        first.contains("old after nothing") && first.contains("id: 7"),
        "{first}"
    );
    let _new = stage.replace_all(&mut old);
    let last = String::from_utf8(connection.chunk()).unwrap();
    let after: u64 = last.strip_prefix("retry: ").unwrap().trim_end().parse().unwrap();
    assert!((100..1000).contains(&after), "soon: {last}");
    assert!(connection.chunk().is_empty(), "the end, and no cut");
    let mut connection = stage.connect();
    connection.send("GET /events HTTP/1.1\r\nhost: localhost\r\nlast-event-id: 7\r\n\r\n");
    assert_eq!(connection.head().unwrap().status, 200);
    let next = next_event(&mut connection);
    assert!(next.contains("new after 7"), "{next}");
    // It waits for nothing that is still told.
    old.end();
}
