//! How connections end: the close frame, and the reason that `terminate` is told, exactly once.

use std::time::Duration;

use super::stage::Stage;
use crate::testing::{Cuts, End, Link, masked, run_paused, sleep};
use crate::{Close, Frame};

const MASK: [u8; 4] = [0xA5, 0, 0xFF, 0x3C];
const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;
const CLOSE: u8 = 0x88;

/// The ways of bytes that make no difference.
fn links() -> [Link; 4] {
    [
        Link::new(),
        Link::new().cuts(Cuts::every(1)),
        Link::new().cuts(Cuts::Sizes(vec![2, 3, 5])),
        Link::new().window(1).cuts_to_server(Cuts::every(7)),
    ]
}

/// A client sends these bytes, and receives these frames; `terminate` is told this reason.
#[track_caller]
fn ends(sent: &[u8], frames: &[Frame], reason: &str) {
    for link in links() {
        run_paused(async {
            let stage = Stage::default();
            let mut client = stage.app().await.websocket("/").link(link.clone()).await;
            client.send_raw(sent);
            assert_eq!(client.rest().await, frames, "{link:?}");
            let noted = stage.settled().await;
            let told: Vec<_> = noted.iter().filter(|note| note.starts_with("terminate")).collect();
            assert!(told.len() == 1 && told[0].contains(reason), "{noted:?}, {link:?}");
            assert_eq!(noted.last(), Some(told[0]), "nothing after it");
            assert!(!noted.iter().any(|note| note.contains("cancelled")), "{noted:?}");
        });
    }
}

fn told(text: &str) -> Vec<u8> {
    masked(TEXT, text.as_bytes(), MASK)
}

fn close(code: u16) -> [Frame; 1] {
    [Frame::close(code, "")]
}

#[test]
fn a_clients_close_is_answered_by_its_code() {
    let empty = Frame::Close(Close::default());
    ends(
        &masked(CLOSE, b"", MASK),
        &[empty],
        "Remote(Close { code: None, reason: \"\" })",
    );
    let payload = [&4000_u16.to_be_bytes()[..], b"done"].concat();
    let sent = [masked(CLOSE, &payload, MASK), told("after")].concat();
    ends(
        &sent,
        &close(4000),
        "Remote(Close { code: Some(4000), reason: \"done\" })",
    );
}

#[test]
fn a_handler_ends_it() {
    ends(&told("stop"), &close(1000), "Stop");
    ends(&told("close 4001 enough"), &[Frame::close(4001, "enough")], "Stop");
    ends(&told("close"), &[Frame::Close(Close::default())], "Stop");
    ends(&told("list"), &[Frame::text("a"), Frame::close(4002, "")], "Stop");
    ends(&[told("stop"), told("after")].concat(), &close(1000), "Stop");
}

#[test]
fn a_client_breaks_the_protocol() {
    ends(&[0x81, 1, b'a'], &close(1002), "BadFrame");
    ends(&masked(0xC1, b"", MASK), &close(1002), "BadFrame");
    ends(&masked(0x83, b"", MASK), &close(1002), "BadFrame");
    ends(&masked(0x80, b"", MASK), &close(1002), "BadFrame");
    ends(&masked(CLOSE, &1005_u16.to_be_bytes(), MASK), &close(1002), "BadFrame");
    // At the first bad byte, although more is promised.
    let text = masked(TEXT, &[b"a\xC3\x28".as_slice(), &[b'x'; 90]].concat(), MASK);
    ends(&text[..6 + 3], &close(1007), "BadEncoding");
    // By the header alone.
    ends(&masked(BINARY, &[0; 1001], MASK)[..4], &close(1009), "BadSize");
    let largest = masked(BINARY, &[7; 1000], MASK);
    let sent = [largest, told("stop")].concat();
    ends(&sent, &[Frame::binary(vec![7; 1000]), Frame::close(1000, "")], "Stop");
}

#[test]
fn a_callback_fails() {
    for (command, reason) in [
        ("crash", "out of tea"),
        ("panic", "boom"),
        ("ping 126", "125"),
        ("close 1005 x", "code"),
        (&format!("close 1000 {}", "x".repeat(124)), "123"),
    ] {
        ends(&told(command), &close(1011), reason);
    }
    ends(
        &told("once 0 panic"),
        &[Frame::text("done"), Frame::close(1011, "")],
        "boom",
    );
}

#[test]
fn silence_is_a_timeout() {
    run_paused(async {
        let stage = Stage::default();
        let mut client = stage.app().await.websocket("/").await;
        sleep(Duration::from_secs(67)).await;
        assert_eq!(client.receive_close().await, Close::new(1000, ""));
        assert_eq!(stage.settled().await, ["terminate Timeout"]);
    });
}

/// The frames, without the time after which a client is asked to come back.
pub(super) fn without_hint(mut frames: Vec<Frame>) -> Vec<Frame> {
    if let Some(Frame::Close(close)) = frames.last_mut() {
        assert!(
            close.reason.starts_with("retry in ") && close.reason.ends_with(" ms"),
            "{close:?}"
        );
        close.reason = "".into();
    }
    frames
}

#[test]
fn the_server_shuts_down() {
    run_paused(async {
        let stage = Stage::default();
        let app = stage.app().await;
        let mut client = app.websocket("/").await;
        let ((), frames) = tokio::join!(app.shut_down(), client.rest());
        assert_eq!(without_hint(frames), close(1001));
        assert_eq!(stage.noted(), ["terminate Shutdown"]);
        // One that comes late is told at once.
        let mut late = app.websocket("/").await;
        assert_eq!(without_hint(late.rest().await), close(1001));
        assert_eq!(stage.settled().await, ["terminate Shutdown"]);
    });
}

#[test]
fn a_client_that_does_not_read_is_slow() {
    run_paused(async {
        let stage = Stage::default();
        let app = stage.app().await;
        let mut client = app.websocket("/").link(Link::new().window(10)).await;
        client.send("join feed");
        assert_eq!(client.receive_text().await, "done");
        for number in 0..2000 {
            app.pubsub().broadcast("feed", "event", number.to_string());
            tokio::task::yield_now().await;
        }
        // It had a second to take what was begun.
        sleep(Duration::from_secs(2)).await;
        let noted = stage.noted();
        assert_eq!(noted.last().map(String::as_str), Some("terminate Slow"));
        // What has come is read, and the frame that was cut is no frame.
        client.reset();
    });
}

#[test]
fn a_slow_client_that_reads_again_is_told_1013() {
    run_paused(async {
        let stage = Stage::default();
        let app = stage.app().await;
        let mut client = app.websocket("/").link(Link::new().window(10)).await;
        client.send("join feed");
        assert_eq!(client.receive_text().await, "done");
        for number in 0..2000 {
            app.pubsub().broadcast("feed", "event", number.to_string());
            tokio::task::yield_now().await;
        }
        let frames = client.rest().await;
        assert_eq!(frames.last(), Some(&Frame::close(1013, "")));
        // Those that came before are whole and in order.
        for (number, frame) in frames[..frames.len() - 1].iter().enumerate() {
            assert_eq!(*frame, Frame::text(number.to_string()));
        }
        assert_eq!(stage.settled().await.last().map(String::as_str), Some("terminate Slow"));
    });
}

#[test]
fn a_client_is_gone() {
    for link in links() {
        run_paused(async {
            let stage = Stage::default();
            let app = stage.app().await;
            let open = async || app.websocket("/").link(link.clone()).await;
            drop(open().await);
            assert_eq!(stage.settled().await, ["terminate Closed"]);
            open().await.reset();
            assert_eq!(stage.settled().await, ["terminate Closed"]);
            let mut half = open().await;
            half.send("last words");
            half.half_close();
            assert_eq!(half.rest().await, [Frame::text("last words")]);
            assert_eq!(stage.settled().await, ["Text(\"last words\")", "terminate Closed"]);
            // In the middle of a frame.
            let mut cut = open().await;
            cut.send_raw(&told("never")[..7]);
            drop(cut);
            assert_eq!(stage.settled().await, ["terminate Closed"]);
        });
    }
}

#[test]
fn a_connection_is_reset_in_the_middle_of_a_frame() {
    for bytes in 0..11 {
        run_paused(async {
            let stage = Stage::default();
            let link = Link::new().reset_after_sending(bytes);
            let mut client = stage.app().await.websocket("/").link(link).await;
            client.send_raw(told("hello"));
            assert_eq!(client.receive_end().await, End::Reset);
            assert_eq!(stage.settled().await, ["terminate Closed"], "after {bytes}");
        });
    }
    run_paused(async {
        let stage = Stage::default();
        let link = Link::new().reset_after_receiving(7);
        let mut client = stage.app().await.websocket("/").link(link).await;
        client.send("hello");
        assert_eq!(client.receive_text().await, "hello");
        client.send("again");
        assert_eq!(client.receive_end().await, End::Reset);
        let noted = stage.settled().await;
        assert_eq!(noted, ["Text(\"hello\")", "Text(\"again\")", "terminate Closed"]);
    });
}

#[test]
fn a_client_that_takes_nothing_for_30_seconds_is_an_error() {
    run_paused(async {
        let stage = Stage::default();
        let mut client = stage.app().await.websocket("/").link(Link::new().window(10)).await;
        client.send("send 100");
        sleep(Duration::from_secs(29)).await;
        assert_eq!(stage.noted(), ["Text(\"send 100\")"]);
        sleep(Duration::from_secs(2)).await;
        let noted = stage.noted();
        assert!(
            noted.len() == 1 && noted[0].starts_with("terminate Error("),
            "{noted:?}"
        );
    });
}
