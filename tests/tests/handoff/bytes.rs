//! No byte is lost or doubled on the way, in either direction, wherever the move cuts the stream.

use nova_tests::websocket::{CLOSE, CONTINUATION, PING, TEXT, begun, closing, frame};
use nova_tests::{Received, WebSocket};

use crate::kit::{Stage, ask, tell};

/// A stream of frames of every kind, and what is answered to it by code that has seen nothing.
fn stream() -> (Vec<u8>, Vec<Received>) {
    let long = "x".repeat(200);
    let frames = [
        frame(TEXT, "first"),
        begun(TEXT, "in "),
        frame(PING, "are you there?"),
        begun(CONTINUATION, "two halves, é"),
        frame(CONTINUATION, " and a third"),
        frame(TEXT, &long),
        frame(PING, ""),
        frame(TEXT, ""),
    ];
    let answers = vec![
        Received::text("1 first"),
        Received::Pong(b"are you there?".to_vec()),
        Received::text("2 in two halves, é and a third"),
        Received::text(&format!("3 {long}")),
        Received::Pong(Vec::new()),
        Received::text("4 "),
    ];
    (frames.concat(), answers)
}

/// The next answer, whichever code has given it.
fn answer(socket: &mut WebSocket) -> Received {
    match socket.receive() {
        Received::Text(text) => {
            let (code, text) = text.split_once(' ').unwrap();
            assert!(["old", "new"].contains(&code), "{code}");
            Received::text(text)
        }
        other => other,
    }
}

#[test]
fn a_stream_goes_on_wherever_the_move_cuts_it() {
    let stage = Stage::new();
    let mut old = stage.old();
    let (bytes, answers) = stream();
    let mut sockets: Vec<_> = (0..=bytes.len()).map(|_| stage.open("/actor")).collect();
    for (cut, socket) in sockets.iter_mut().enumerate() {
        socket.send_bytes(&bytes[..cut]);
    }
    let _new = stage.replace_all(&mut old);
    for (cut, socket) in sockets.iter_mut().enumerate() {
        socket.send_bytes(&bytes[cut..]);
    }
    for (cut, socket) in sockets.iter_mut().enumerate() {
        for expected in &answers {
            assert_eq!(answer(socket), *expected, "cut at {cut}");
        }
    }
}

#[test]
fn a_stream_goes_on_where_each_move_cuts_it_once_more() {
    let stage = Stage::new();
    let mut old = stage.old();
    let (bytes, answers) = stream();
    let mut sockets: Vec<_> = (0..40).map(|_| stage.open("/actor")).collect();
    let mut parts = bytes.chunks(bytes.len() / 8).peekable();
    while let Some(part) = parts.next() {
        for (number, socket) in sockets.iter_mut().enumerate() {
            let cut = part.len() * number / 40;
            socket.send_bytes(&part[..cut]);
        }
        if parts.peek().is_some() {
            old = stage.replace_all(&mut old);
        }
        for (number, socket) in sockets.iter_mut().enumerate() {
            let cut = part.len() * number / 40;
            socket.send_bytes(&part[cut..]);
        }
    }
    for socket in &mut sockets {
        for expected in &answers {
            assert_eq!(answer(socket), *expected);
        }
    }
}

#[test]
fn frames_behind_a_slow_callback_are_handled_in_the_new_process() {
    let stage = Stage::new();
    let mut old = stage.old();
    let mut sockets: Vec<_> = (0..10).map(|_| stage.open("/actor")).collect();
    for socket in &mut sockets {
        let mut frames = frame(TEXT, "busy go");
        for number in 0..500 {
            frames.extend(frame(TEXT, number.to_string()));
        }
        frames.extend(&frame(TEXT, "half")[..7]);
        socket.send_bytes(frames);
        old.await_busy();
    }
    let _new = stage.replace_all_busy(&mut old);
    for socket in &mut sockets {
        assert_eq!(socket.receive_text(), "done");
        for number in 0..500 {
            assert_eq!(socket.receive_text(), format!("new {} {number}", number + 2));
        }
        socket.send_bytes(&frame(TEXT, "half")[7..]);
        assert_eq!(socket.receive_text(), "new 502 half");
    }
}

/// More than the kernel takes, and not so much that a move takes long where nothing is optimised.
const FLOOD: usize = 150;

fn expect_flood(socket: &mut WebSocket) {
    for number in 0..FLOOD {
        let text = socket.receive_text();
        assert_eq!(text.split_once(' ').unwrap().0, number.to_string());
        assert_eq!(text.len(), number.to_string().len() + 1 + 10_000);
    }
}

#[test]
fn a_client_that_does_not_read_has_every_byte_after_the_move() {
    let stage = Stage::new();
    let mut old = stage.old();
    let mut plain = stage.open("/actor");
    let mut forwarded = stage.open("/actor");
    tell(&mut forwarded, "forward room");
    let mut sender = stage.open("/actor");
    for socket in [&mut plain, &mut forwarded] {
        // A megabyte and a half, and what comes behind.
        socket.text(&format!("flood {FLOOD}"));
        socket.text("behind");
    }
    for number in 0..50 {
        tell(&mut sender, &format!("say room {number}"));
    }
    old = stage.replace_all(&mut old);
    for number in 50..100 {
        tell(&mut sender, &format!("say room {number}"));
    }
    let _newest = stage.replace_all(&mut old);
    expect_flood(&mut plain);
    assert_eq!(plain.receive_text(), "new 2 behind");
    // Broadcasts come before or after a frame of the handler's own, and in order.
    let mut broadcasts = 0;
    let mut own = Vec::new();
    while broadcasts < 100 || own.len() <= FLOOD {
        let text = forwarded.receive_text();
        if text == broadcasts.to_string() {
            broadcasts += 1;
        } else {
            own.push(text);
        }
    }
    assert_eq!(own.pop().unwrap(), "new 3 behind");
    for (number, text) in own.iter().enumerate() {
        assert!(text.starts_with(&format!("{number} xxx")), "{number}");
    }
}

#[test]
fn broadcasts_that_the_kernel_did_not_take_move_with_their_connection() {
    let stage = Stage::new();
    let mut old = stage.old();
    let mut slow = stage.open("/actor");
    tell(&mut slow, "forward room");
    // What the kernel takes, a frame of which it takes a part, and what waits behind: less than the queue's bound.
    let payload = "y".repeat(60_000);
    let mut sent = 0;
    let mut connection = stage.connect();
    let mut send = |number: usize| {
        let body = format!("{number}:{payload}");
        assert_eq!(connection.request("POST", "/say/room", &[], &body).status, 200);
    };
    let client = slow.address();
    let is_stuck = || {
        let queues = nova_tests::kernel::queues(stage.address(), client);
        queues.send > 0
    };
    while !is_stuck() {
        send(sent);
        sent += 1;
    }
    // One more is cut, where the last was not.
    for _ in 0..3 {
        send(sent);
        sent += 1;
    }
    old = stage.replace_all(&mut old);
    let _newest = stage.replace_all(&mut old);
    for number in 0..sent {
        assert_eq!(slow.receive_text(), format!("{number}:{payload}"));
    }
    assert_eq!(ask(&mut slow, "and"), "new 2 and");
}

#[test]
fn a_reader_that_is_paused_stays_paused() {
    let stage = Stage::new();
    let mut old = stage.old();
    let mut paused = stage.open("/actor");
    tell(&mut paused, "join room");
    tell(&mut paused, "pause");
    paused.text("is not read");
    let mut new = stage.replace_all(&mut old);
    let mut other = stage.open("/actor");
    tell(&mut other, "say room hello");
    assert_eq!(paused.receive_text(), "hello");
    let _newest = stage.replace_all(&mut new);
    for said in ["again", "resume"] {
        tell(&mut other, &format!("say room {said}"));
    }
    assert_eq!(paused.receive_text(), "again");
    assert_eq!(paused.receive_text(), "new 3 is not read");
}

#[test]
fn both_sides_close_as_before_after_the_move() {
    let stage = Stage::new();
    let mut old = stage.old();
    let mut closing_client = stage.open("/actor");
    let mut wrong = stage.open("/actor");
    let mut half = stage.open("/actor");
    let mut gone = stage.open("/actor");
    tell(&mut gone, "join room");
    let close = frame(CLOSE, closing(4001, "enough"));
    half.send_bytes(&close[..5]);
    let new = stage.replace_all(&mut old);
    closing_client.send(CLOSE, closing(4000, "enough"));
    assert_eq!(closing_client.rest(), [Received::close(4000)]);
    half.send_bytes(&close[5..]);
    assert_eq!(half.rest(), [Received::close(4001)]);
    wrong.send(0x83, "what?");
    assert_eq!(wrong.rest(), [Received::close(1002)]);
    gone.finish();
    assert_eq!(gone.rest(), []);
    assert_eq!(stage.get("/members/room").text(), "0");
    old.end();
    drop(new);
}
