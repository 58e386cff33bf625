//! The kit itself: a test that should fail does, and says where.

use std::cell::Cell;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use axum::extract::Request;
use axum::response::Response;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::{Cuts, End, Instant, Link, Rng, app, masked, run_paused, seeds, sleep};
use crate::prelude::*;
use crate::transport::Connection;
use crate::{Accept, NoMessage};

/// What a test's failure says.
fn failure(test: impl Future<Output = ()>) -> String {
    let panic = catch_unwind(AssertUnwindSafe(|| run_paused(test))).unwrap_err();
    match panic.downcast::<String>() {
        Ok(message) => *message,
        Err(panic) => (*panic.downcast::<&str>().unwrap()).to_owned(),
    }
}

/// A server of another make: it answers with headers and bytes that the request names.
async fn impostor(request: Request) -> Response {
    let named = |name: &str| request.headers().get(name).cloned();
    let mut sha1 = sha1_smol::Sha1::new();
    sha1.update(request.headers()["sec-websocket-key"].as_bytes());
    sha1.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    let key = BASE64_STANDARD.encode(sha1.digest().bytes());
    let bytes = named("x-bytes").map(|bytes| BASE64_STANDARD.decode(bytes).unwrap());
    let connection = request.extensions().get::<Connection>().unwrap();
    connection.hand_over_to(Box::new(|mut transport, _| {
        Box::pin(async move {
            let bytes = bytes.unwrap_or_default();
            let mut left = &bytes[..];
            poll_fn(|context| transport.poll_send(context, &mut left))
                .await
                .unwrap();
        })
    }));
    let mut response = Response::builder()
        .status(101)
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-accept", key);
    for name in [
        "sec-websocket-accept",
        "sec-websocket-protocol",
        "sec-websocket-extensions",
    ] {
        if let Some(value) = named(&format!("x-{name}")) {
            response.headers_mut().unwrap().insert(name, value);
        }
    }
    response.body(().into()).unwrap_or_default()
}

fn impostors() -> Routes {
    Routes::new().group(Group::new("/").get("/", impostor))
}

struct Echo;

impl WebSocketHandler for Echo {
    async fn handle(&mut self, frame: Frame, _socket: &Socket) -> Commands {
        match frame {
            Frame::Text(_) | Frame::Binary(_) => Commands::send(frame),
            _ => Commands::none(),
        }
    }
}

fn echo() -> Routes {
    let init = async || Accept::new(Echo).protocol("game.v2");
    Routes::new().group(
        Group::new("/")
            .ws("/", init)
            .get("/page", async || Reply::json(json!({}))),
    )
}

#[test]
fn what_a_server_must_not_send_fails_the_test_and_names_the_line() {
    let line = Cell::new(0);
    let after = |bytes: &[u8]| {
        let bytes = BASE64_STANDARD.encode(bytes);
        failure(async {
            let mut client = app(impostors).websocket("/").header("x-bytes", &bytes).await;
            line.set(line!() + 1);
            client.receive().await;
            client.receive().await;
        })
    };
    let masked = after(&masked(0x81, b"a", [1, 2, 3, 4]));
    assert!(masked.contains(&format!("tests.rs:{}:", line.get())), "{masked}");
    let fault = "the server broke the protocol: a server's frame must not be masked";
    assert!(masked.contains(fault), "{masked}");
    assert!(after(&[0xC1, 0]).contains("reserved bits"));
    assert!(after(&[0x81, 3, b'a']).contains("in the middle of a frame"));
    assert!(after(&[0x88, 0, 0x89, 0]).contains("after a close frame"));
    assert!(after(&[0x88, 0]).contains("expected a frame, and the connection ended: Finished"));
}

#[test]
fn what_a_server_must_not_answer_fails_the_test() {
    let answer = |name: &str, value: &str| {
        let name = format!("x-{name}");
        failure(async move {
            app(impostors)
                .websocket("/")
                .protocols(["a"])
                .header(&name, value)
                .await;
        })
    };
    assert!(answer("sec-websocket-accept", "x").contains("is not that of the key"));
    assert!(answer("sec-websocket-protocol", "b").contains("the sub-protocol `b`, which was not offered"));
    assert!(answer("sec-websocket-extensions", "c; d").contains("the extension `c`, which was not offered"));
}

#[test]
fn a_refusal_fails_the_test_that_expects_none() {
    let refused = failure(async {
        app(echo).websocket("/").origin("https://evil.example").await;
    });
    assert!(refused.contains("/ was refused: 403"), "{refused}");
    run_paused(async {
        let app = app(echo);
        let refusal = app
            .websocket("/")
            .origin("https://evil.example")
            .open()
            .await
            .unwrap_err();
        assert_eq!(refusal.status(), 403);
        // No WebSocket at all.
        assert_eq!(app.websocket("/page").open().await.unwrap_err().status(), 200);
        assert_eq!(app.websocket("/nowhere").open().await.unwrap_err().status(), 404);
        app.websocket("/").origin("http://localhost").await;
    });
}

#[test]
fn what_is_agreed_on_is_in_the_response() {
    run_paused(async {
        let app = app(echo);
        let (_, response) = app
            .websocket("/")
            .protocols(["game.v1", "game.v2"])
            .open()
            .await
            .unwrap();
        assert_eq!(response.status(), 101);
        assert_eq!(response.header("sec-websocket-protocol"), Some("game.v2"));
        let (_, response) = app.websocket("/").open().await.unwrap();
        assert_eq!(response.header("sec-websocket-protocol"), None);
    });
}

#[test]
fn what_does_not_come_fails_the_test() {
    let waited = failure(async {
        let begun = Instant::now();
        let mut client = app(echo).websocket("/").await;
        client.expect_nothing(Duration::from_secs(20)).await;
        assert_eq!(begun.elapsed().as_secs(), 20);
        client.receive().await;
    });
    assert!(waited.contains("waited 5s for a frame, and nothing came"), "{waited}");
    let came = failure(async {
        let mut client = app(echo).websocket("/").await;
        client.send("hello");
        client.expect_nothing(Duration::from_secs(20)).await;
    });
    assert!(
        came.contains("expected nothing, and received Text(\"hello\")"),
        "{came}"
    );
    let other = failure(async {
        let mut client = app(echo).websocket("/").await;
        client.send("hello");
        client.receive_close().await;
    });
    assert!(
        other.contains("expected a close frame, and received Text(\"hello\")"),
        "{other}"
    );
}

#[test]
fn a_client_keeps_what_serves_it() {
    run_paused(async {
        let mut client = app(echo).websocket("/").await;
        sleep(Duration::from_secs(1)).await;
        client.send("still here");
        assert_eq!(client.receive_text().await, "still here");
        assert_eq!(client.close(4000, "bye").await.code, Some(4000));
        assert_eq!(client.receive_end().await, End::Finished);
    });
}

#[test]
fn what_init_sends_itself_comes_before_what_was_pipelined() {
    struct Greeter;
    impl WebSocketHandler<&'static str> for Greeter {
        async fn handle(&mut self, frame: Frame, _socket: &Socket<&'static str>) -> Commands {
            Commands::send(frame)
        }
        async fn info(&mut self, info: Info<&'static str>, _socket: &Socket<&'static str>) -> Commands {
            match info {
                Info::Message(text) => Commands::send(text),
                Info::Gap(gap) => panic!("{gap:?}"),
                Info::Broadcast(_) => Commands::none(),
            }
        }
    }
    async fn init(socket: Socket<&'static str>) -> Greeter {
        socket.send_info("first").unwrap();
        Greeter
    }
    run_paused(async {
        let app = app(|| Routes::new().group(Group::new("/").ws("/", init)));
        for cut in 0..=7 {
            let second = masked(0x81, b"2", [9; 4]);
            let (before, after) = second.split_at(cut);
            let mut client = app.websocket("/").pipelined(before).await;
            client.send_raw(after);
            assert_eq!(client.receive_text().await, "first");
            assert_eq!(client.receive_text().await, "2");
        }
    });
}

#[test]
fn a_link_cuts_delays_and_holds_up() {
    run_paused(async {
        let app = app(echo);
        let link = Link::new().cuts(Cuts::every(1)).jitter(Duration::from_millis(10));
        let mut client = app.websocket("/").link(link).await;
        let begun = Instant::now();
        client.send("some text");
        assert_eq!(client.receive_text().await, "some text");
        assert!(begun.elapsed() > Duration::from_millis(20), "{:?}", begun.elapsed());

        let mut client = app.websocket("/").link(Link::new().window(3)).await;
        client.send("one");
        client.send("two");
        sleep(Duration::from_secs(1)).await;
        assert_eq!(client.unread(), 0, "both came in one read");
        client.send("three");
        sleep(Duration::from_secs(1)).await;
        assert_eq!(client.unread(), 11, "it writes");
        for text in ["one", "two", "three"] {
            assert_eq!(client.receive_text().await, text);
        }
        client.hold();
        client.send("four");
        client.expect_nothing(Duration::from_secs(1)).await;
        client.release();
        assert_eq!(client.receive_text().await, "four");
    });
}

#[test]
fn lengths_are_written_in_each_of_their_three_forms() {
    run_paused(async {
        let mut client = app(echo).websocket("/").await;
        for size in [0, 1, 125, 126, 0xFFFF, 0x1_0000] {
            client.send_binary(vec![7; size]);
            assert_eq!(client.receive().await, Frame::binary(vec![7; size]));
        }
    });
}

#[test]
fn a_message_of_any_size_passes_any_link() {
    seeds(100, async |mut rng| {
        let mut client = app(echo).websocket("/").link(Link::random(&mut rng)).await;
        for _ in 0..5 {
            let most = rng.pick(&[10, 200, 5000]);
            let bytes = rng.fork().bytes(rng.below(most));
            client.send_binary(bytes.clone());
            // Late by up to 20 ms at every byte, both ways.
            assert_eq!(
                client.receive_within(Duration::from_mins(5)).await,
                Frame::binary(bytes)
            );
        }
    });
}

#[cfg(feature = "deflate")]
#[test]
fn compression_is_agreed_on_and_used_both_ways() {
    use crate::Compression;

    async fn init(Path(takeover): Path<bool>) -> Accept<Echo> {
        Accept::new(Echo).compress(Compression {
            min_size: 100,
            server_context_takeover: takeover,
            client_context_takeover: takeover,
            ..Compression::default()
        })
    }
    run_paused(async {
        let app = app(|| Routes::new().group(Group::new("/").ws("/{takeover}", init)));
        for path in ["/true", "/false"] {
            for offer in [
                "permessage-deflate",
                "permessage-deflate; client_max_window_bits=9",
                "x-other",
            ] {
                let handshake = app
                    .websocket(path)
                    .extensions(offer)
                    .link(Link::new().cuts(Cuts::every(7)));
                let mut client = handshake.await;
                for size in [0, 99, 100, 20_000, 20_000] {
                    let text = "la ".repeat(size / 3);
                    client.send(text.as_str());
                    assert_eq!(client.receive_text().await, text.as_str());
                }
                assert_eq!(client.close(1000, "").await.code, Some(1000));
            }
        }
        let (mut client, response) = app
            .websocket("/true")
            .extensions("permessage-deflate")
            .open()
            .await
            .unwrap();
        assert!(response.header("sec-websocket-extensions").is_some());
        client.hold();
        client.send("la ".repeat(1000).as_str());
        assert!(client.unread() < 100, "{}", client.unread());
    });
}

#[test]
fn a_handler_is_called_with_no_connection_in_a_time_of_its_own() {
    run_paused(async {
        let (socket, mut mailbox) = super::socket_of::<u8>();
        let begun = Instant::now();
        socket.send_info_after(Duration::from_secs(3), 7);
        assert_eq!(mailbox.next().await, Some(Info::Message(7)));
        assert_eq!(begun.elapsed().as_secs(), 3);
        assert_eq!(mailbox.next().await, None);
        assert_eq!(begun.elapsed().as_secs(), 8);
        let (socket, _mailbox) = super::socket_of::<NoMessage>();
        assert_eq!(Echo.handle(Frame::text("a"), &socket).await, Commands::send("a"));
    });
}

#[test]
fn a_seed_gives_the_same_link() {
    assert_eq!(Link::random(&mut Rng::new(5)), Link::random(&mut Rng::new(5)));
    let links: Vec<_> = (0..50).map(|seed| Link::random(&mut Rng::new(seed))).collect();
    assert!(links.iter().any(|link| link.to_client.cuts == Cuts::every(1)));
    assert!(links.iter().any(|link| link.window < 100));
    assert!(links.iter().any(|link| link.to_server.jitter > Duration::ZERO));
}
