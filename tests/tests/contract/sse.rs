//! Responses that go on: bodies in parts, and server-sent events with their beginning, their end and what waits.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use nova::Received;
use nova::axum::body::Body;
use nova::axum::response::IntoResponse;
use nova::prelude::*;
use nova::sse::{Event, Sse};
use nova_tests::http::Connection;
use nova_tests::server::{serve, serve_with};
use nova_tests::{PATIENCE, Server};
use tokio::sync::mpsc::{Receiver, channel};
use tokio_stream::wrappers::ReceiverStream;

use crate::service::start_with;

async fn news(sse: Sse, pubsub: PubSub) -> impl IntoResponse {
    let subscription = pubsub.subscribe("news");
    sse.subscription(subscription, |received| match received {
        Received::Message(message) => Some(Event::new(message.payload.as_text()?).named(message.event)),
        Received::Missed(count) => Some(Event::new(count.to_string()).named("missed")),
        _ => None,
    })
}

async fn tell(Path(count): Path<usize>, pubsub: PubSub, body: String) -> &'static str {
    for _ in 0..count {
        pubsub.broadcast("news", "news\nretry: 0", body.as_str());
    }
    "told"
}

async fn members(pubsub: PubSub) -> String {
    pubsub.local_members("news").len().to_string()
}

fn server() -> Server {
    serve(|| {
        let numbers = async |sse: Sse| {
            let first = sse.last_event_id().and_then(|id| id.parse().ok()).unwrap_or(0_u32);
            sse.events(first, async |last| {
                let next = last + 1;
                (next <= 3).then(|| (Event::new(next.to_string()).with_id(next.to_string()), next))
            })
        };
        let panics = async |sse: Sse| {
            sse.events(false, async |fails| {
                assert!(!fails, "boom");
                Some((Event::new("fine"), true))
            })
        };
        Routes::new().group(
            Group::new("/")
                .get("/news", news)
                .post("/tell/{count}", tell)
                .get("/members", members)
                .get("/numbers", numbers)
                .get("/panics", panics),
        )
    })
}

/// Begins to listen, and reads what comes first.
fn listen(mut connection: Connection, target: &str) -> Connection {
    connection.send(format!("GET {target} HTTP/1.1\r\nhost: localhost\r\n\r\n"));
    let head = connection.head().unwrap();
    assert_eq!(
        (head.status, head.header("content-type")),
        (200, Some("text/event-stream"))
    );
    assert_eq!(head.header("cache-control"), Some("no-cache"));
    assert_eq!(connection.chunk(), b"retry: 3000\n\n");
    connection
}

fn await_members(server: &Server, count: &str) {
    let begin = Instant::now();
    while server.get("/members").text() != count {
        assert!(begin.elapsed() < PATIENCE, "{count} members");
        std::thread::yield_now();
    }
}

#[test]
fn a_subscription_is_told_to_a_page_in_a_few_lines() {
    let server = server();
    let mut page = listen(server.connect(), "/news");
    assert_eq!(
        server.request("POST", "/tell/1", &[], "two\r\nlines\rmore").text(),
        "told"
    );
    let event = String::from_utf8(page.chunk()).unwrap();
    assert_eq!(event, "event: newsretry: 0\ndata: two\ndata: lines\ndata: more\n\n");
}

#[test]
fn a_page_that_goes_leaves_the_channel() {
    let server = server();
    let pages = [(); 3].map(|()| listen(server.connect(), "/news"));
    assert_eq!(server.get("/members").text(), "3");
    drop(pages);
    await_members(&server, "0");
}

#[test]
fn a_page_that_comes_back_says_what_it_has_had_last() {
    let server = server();
    let numbers = |id| {
        server
            .request("GET", "/numbers", &[("last-event-id", id)], "")
            .text()
            .to_owned()
    };
    assert_eq!(numbers("2"), "retry: 3000\n\nid: 3\ndata: 3\n\n");
    let all = "retry: 3000\n\nid: 1\ndata: 1\n\nid: 2\ndata: 2\n\nid: 3\ndata: 3\n\n";
    assert_eq!(server.get("/numbers").text(), all, "it ends where there is no more");
    assert_eq!(numbers("none"), all);
}

#[test]
fn a_panic_ends_its_stream_and_no_other() {
    let server = server();
    let _page = listen(server.connect(), "/news");
    let mut connection = server.connect();
    assert!(
        connection
            .request("GET", "/panics", &[], "")
            .text()
            .ends_with("data: fine\n\n")
    );
    assert_eq!(connection.request("GET", "/members", &[], "").text(), "1");
}

#[test]
fn what_waits_for_a_page_that_does_not_read_is_bounded_and_it_is_told() {
    let server = server();
    let mut page = listen(server.connect(), "/news");
    // More than the system holds for a connection, and than a subscription holds.
    let body = "x".repeat(16 * 1024);
    for _ in 0..4 {
        assert_eq!(server.request("POST", "/tell/1000", &[], &body).text(), "told");
    }
    let mut events = 0;
    let missed = loop {
        let event = String::from_utf8(page.chunk()).unwrap();
        match event.strip_prefix("event: missed\ndata: ") {
            Some(count) => break count.trim_end().parse::<usize>().unwrap(),
            None => events += 1,
        }
    };
    assert!(missed > 0 && events < 4000, "{missed} missed, {events} read before");
}

#[test]
fn a_stream_without_an_end_holds_up_no_shutdown() {
    let (mut process, _directory) = start_with(&[("NOVA_SERVER_SHUTDOWN_TIMEOUT", "3600")]);
    let address = process.address();
    let mut pages = [(); 3].map(|()| listen(Connection::open(address), "/events"));
    process.signal("TERM");
    for page in &mut pages {
        let last = String::from_utf8(page.chunk()).unwrap();
        let after: u64 = last.strip_prefix("retry: ").unwrap().trim_end().parse().unwrap();
        assert!((1000..5000).contains(&after), "{last}");
        assert!(page.chunk().is_empty(), "the end, and no cut");
        assert!(page.is_ended());
    }
    assert_eq!(process.end().code(), Some(0));
}

#[test]
fn a_body_can_be_sent_as_it_is_made() {
    async fn parts(State(parts): State<Parts>) -> Body {
        Body::from_stream(ReceiverStream::new(parts.lock().unwrap().take().unwrap()))
    }
    type Parts = Arc<Mutex<Option<Receiver<std::io::Result<&'static str>>>>>;
    let (sender, receiver) = channel(1);
    let state: Parts = Arc::new(Mutex::new(Some(receiver)));
    let server = serve_with(&state, || Routes::new().group(Group::new("/").get("/", parts)));
    let mut connection = server.connect();
    connection.send("GET / HTTP/1.1\r\nhost: localhost\r\n\r\n");
    sender.blocking_send(Ok("one")).unwrap();
    assert_eq!(connection.head().unwrap().status, 200);
    assert_eq!(connection.chunk(), b"one");
    sender.blocking_send(Ok("two")).unwrap();
    assert_eq!(connection.chunk(), b"two", "each as it comes");
    // What fails in the middle is no whole response.
    sender.blocking_send(Err(std::io::Error::other("broken"))).unwrap();
    drop(sender);
    assert!(connection.is_ended());
}
