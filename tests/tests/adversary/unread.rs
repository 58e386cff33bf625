//! Responses that nobody reads.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body::{Body, Frame};
use nova::App;
use nova::prelude::*;
use nova_tests::http::Connection;
use nova_tests::stream::Waiting;
use nova_tests::tls::{Client, HTTP1, HTTP2};
use nova_tests::{Gate, Journal, PATIENCE, Project, Server, in_one_of_a_few};
use tokio::sync::mpsc;

use crate::kit::until;

const TOML: &str = "[server]\nwrite_timeout = 1\nidle_timeout = 2\n";

type Stage = (Journal, Gate);

/// A body of what comes on a channel, or without end, that notes when it is dropped.
struct Parts {
    journal: Journal,
    from: Option<mpsc::Receiver<&'static str>>,
    left: VecDeque<Bytes>,
}

impl Body for Parts {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = match &mut self.from {
            Some(from) => std::task::ready!(from.poll_recv(cx)).map(Bytes::from),
            None => self.left.pop_front(),
        };
        Poll::Ready(next.map(|part| Ok(Frame::data(part))))
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        self.journal.note("dropped");
    }
}

fn parts(from: Option<mpsc::Receiver<&'static str>>, journal: Journal) -> nova::axum::body::Body {
    let left = VecDeque::from(vec![
        Bytes::from(vec![b'x'; 1 << 20]);
        if from.is_none() { 50 } else { 0 }
    ]);
    nova::axum::body::Body::new(Parts { journal, from, left })
}

fn server(secure: bool) -> (Server, Stage) {
    let stage = (Journal::new(), Gate::new());
    let project = Project::new().file("nova.toml", TOML);
    let project = if secure { project.secure() } else { project };
    let state = stage.clone();
    let large = async |State((journal, _)): State<Stage>| parts(None, journal);
    let events = async |State((journal, gate)): State<Stage>| {
        let (sender, receiver) = mpsc::channel(1);
        tokio::spawn(async move {
            let _ = sender.send("first").await;
            gate.pass().await;
            let _ = sender.send("last").await;
        });
        parts(Some(receiver), journal)
    };
    let server = project.serve(move || {
        let group = Group::new("/").get("/", async || "here").get("/large", large);
        App::new(move || Routes::new().group(group.get("/events", events))).state(state)
    });
    (server, stage)
}

const LARGE: &str = "GET /large HTTP/1.1\r\nhost: a\r\n\r\n";

#[test]
fn a_large_response_that_is_not_read_is_cut() {
    let (server, (journal, _)) = server(false);
    let mut stalled = server.connect();
    stalled.send(LARGE);
    assert_eq!(journal.next(), "dropped");
    assert_eq!(server.get("/").text(), "here");
}

#[test]
fn a_large_response_over_tls_that_is_not_read_is_cut() {
    let (server, (journal, _)) = server(true);
    let (stream, _) = Client::new(&server, &[HTTP1]).try_connect().unwrap();
    let mut stalled = Connection::over(Waiting::new(stream));
    stalled.send(LARGE);
    assert_eq!(journal.next(), "dropped");
    // And a stream of HTTP/2, whose connection is read.
    let mut client = Client::new(&server, &[HTTP2]).connect_http2();
    let pending = client.begin("GET", "/large", &[], "");
    assert_eq!(journal.next(), "dropped");
    drop(pending);
}

#[test]
fn a_stream_that_is_not_read_is_reset_and_the_others_go_on() {
    let (server, (journal, gate)) = server(false);
    let mut client = nova_tests::http2::open(&server);
    // Its window is full, and the connection's is not.
    let stalled = client.begin("GET", "/large", &[], "");
    let events = client.begin("GET", "/events", &[], "");
    assert_eq!(journal.next(), "dropped");
    assert_eq!(client.get("/").text(), "here");
    // What has nothing to send is not stalled, however long that is.
    assert!(journal.take().is_empty());
    gate.open();
    assert_eq!(events.response().unwrap().text(), "firstlast");
    assert!(stalled.response().is_err());
}

#[test]
fn who_reads_slowly_is_waited_for() {
    in_one_of_a_few(|| {
        let (server, (journal, _)) = server(false);
        let mut slow = server.connect();
        slow.send(LARGE);
        let mut neighbour = server.connect();
        neighbour.send(LARGE);
        let mut read = 0;
        // More than the buffers hold, a part at a time, until one who does not read has been cut twice over.
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(3) {
            read += slow.read_some(1 << 20);
            std::thread::sleep(Duration::from_millis(100));
        }
        assert_eq!(journal.next(), "dropped", "the neighbour");
        assert!(journal.take().is_empty());
        while read < 50 << 20 {
            let more = slow.read_some(1 << 20);
            assert!(more > 0, "it was cut after {read} bytes");
            read += more;
        }
    });
}

#[test]
fn a_stream_with_nothing_to_say_is_not_cut() {
    let (server, (journal, gate)) = server(false);
    let mut events = server.connect();
    events.send("GET /events HTTP/1.1\r\nhost: a\r\n\r\n");
    let mut stalled = server.connect();
    stalled.send(LARGE);
    assert_eq!(journal.next(), "dropped", "of the one that is stalled");
    // Nor by what ends a connection without requests.
    let mut idle = server.connect();
    assert_eq!(idle.request("GET", "/", &[], "").text(), "here");
    assert!(idle.try_response("GET").is_none());
    gate.open();
    assert_eq!(events.response("GET").text(), "firstlast");
    drop(stalled);
}

/// What a process holds for many that ask and do not read, in its own memory and in the kernel's.
#[cfg(target_os = "linux")]
#[test]
fn a_hundred_that_do_not_read_cost_little_and_are_cut() {
    use nova_tests::kernel::queues;

    const CLIENTS: usize = 100;
    /// In the process: what HTTP has buffered, twice as much for what it is read into, and the request.
    const EACH: usize = 4 * 64 * 1024;
    /// In the kernel: what is not sent, one write more, and what the other end has room for.
    const IN_THE_KERNEL: usize = 8 * 128 * 1024;
    let (process, directory) = crate::kit::stronghold(&[("NOVA_SERVER_WRITE_TIMEOUT", "8")]);
    let files = directory.path().join("files");
    std::fs::create_dir(&files).unwrap();
    std::fs::write(files.join("large"), vec![b'x'; 64 << 20]).unwrap();
    let address = process.address();
    assert_eq!(crate::kit::get(address, "/").text(), "here");
    let (before, open) = (process.memory(), process.descriptors());
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let mut client = Connection::open(address);
            client.send("GET /file HTTP/1.1\r\nhost: a\r\n\r\n");
            client
        })
        .collect();
    let held = |client: &Connection| queues(address, client.address()).send;
    until("all of them are stalled", || {
        clients.iter().all(|client| held(client) > 0)
    });
    let memory = process.memory().saturating_sub(before);
    assert!(memory <= CLIENTS * EACH, "{} bytes each", memory / CLIENTS);
    let most = clients.iter().map(held).max().unwrap();
    assert!(most <= IN_THE_KERNEL, "{most} bytes in the kernel");
    // Before that nobody reads: who reads is not cut.
    until("they are cut", || process.descriptors() <= open);
    let deadline = Instant::now() + PATIENCE;
    for mut client in clients {
        assert!(Instant::now() < deadline, "their ends do not come");
        let mut read = 0;
        while let more @ 1.. = client.read_some(1 << 20) {
            read += more;
        }
        assert!(read < 64 << 20, "it was answered");
    }
    assert_eq!(crate::kit::get(address, "/").text(), "here");
}
