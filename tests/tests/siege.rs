//! Thousands of clients that mean no good, of all kinds at once, beside a hundred that must not notice.
//!
//! The server is a process of its own, so that its memory can be told from the clients'. Nothing here is a timing: the good
//! ones get every answer, in order, within a deadline that is only reached when the server has stopped to serve them; the
//! bad ones are done when the server has ended them, or when they have done their part so many times.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "whatever goes wrong here fails a test")]

use std::net::SocketAddr;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::{ScopedJoinHandle, sleep};
use std::time::{Duration, Instant};

use flate2::{Compress, FlushCompress};
use nova_tests::http::Connection;
use nova_tests::websocket::{BINARY, CLOSE, CONTINUATION, PING, TEXT, begun, closing, frame, header, upgrade};
use nova_tests::{PATIENCE, Process, Received, WebSocket};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tempfile::TempDir;

const GOOD: usize = 100;
/// How long the good ones rest between two messages: they are steady, and do not compete with the others.
const REST: Duration = Duration::from_millis(20);
/// How many handshakes never end, and as many messages.
const CROWD: usize = 4000;
const STALLED: usize = 300;
const FLOODERS: usize = 20;
/// How often those who come again do so.
const CHURN: usize = 2000;
const FLOODS: usize = 100;
const BOMBS: usize = 20;
const FRAGMENTS: usize = 200_000;
/// What an unfinished message's client has sent.
const HALF: usize = 8_000;

/// What the server may have at a time for: itself; each handshake (two buffers of HTTP's); each half of a message (what
/// has come of it, up to twice, and a connection); each stalled member (a connection and an output; what waits is shared).
const BOUND: usize = 32_000_000 + CROWD * 16_000 + CROWD * (2 * HALF + 2_000) + STALLED * 100_000;

/// Each test has thousands of descriptors.
static ONE_SIEGE: Mutex<()> = Mutex::new(());

/// The application in `src/bin/siege.rs`.
fn start() -> (Process, TempDir) {
    let limit = getrlimit(Resource::Nofile);
    let current = limit.maximum;
    setrlimit(Resource::Nofile, Rlimit { current, ..limit }).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_siege"));
    command.current_dir(directory.path()).envs([
        ("NOVA_ENV", "prod"),
        ("NOVA_SERVER_PORT", "0"),
        ("NOVA_SERVER_HEADER_TIMEOUT", "2"),
    ]);
    (Process::start(&mut command), directory)
}

/// As many of a crowd as this machine lets a process open: a third of its files each, and some for the others.
fn allowed(crowd: usize) -> usize {
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    crowd.min(usize::try_from(files).unwrap_or(usize::MAX).saturating_sub(1000) / 3)
}

fn open(address: SocketAddr, target: &str) -> WebSocket {
    WebSocket::upgraded(Connection::open(address), target, &[], [])
}

/// Ends the work of the good ones, and with a failure of the others too.
struct End<'flag>(&'flag AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Exchanges messages until it is over, and counts the rounds.
fn exchange(mut sockets: Vec<WebSocket>, is_over: &AtomicBool, rounds: &AtomicUsize) {
    while !is_over.load(Ordering::SeqCst) {
        let round = rounds.load(Ordering::SeqCst);
        for (nth, socket) in sockets.iter_mut().enumerate() {
            socket.send_bytes([frame(TEXT, format!("{nth} {round}")), frame(PING, "?")].concat());
        }
        for (nth, socket) in sockets.iter_mut().enumerate() {
            assert_eq!(socket.receive(), Received::Text(format!("{nth} {round}")));
            assert_eq!(socket.receive(), Received::Pong(b"?".to_vec()));
        }
        rounds.fetch_add(1, Ordering::SeqCst);
        sleep(REST);
    }
    for socket in &mut sockets {
        socket.send(CLOSE, closing(1000, ""));
        assert_eq!(socket.rest(), [Received::close(1000)]);
    }
}

/// Handshakes that never end: the server ends them.
fn handshakes(address: SocketAddr) {
    let request = upgrade("/echo", &[]);
    let begun = |nth: usize| {
        let mut connection = Connection::open(address);
        connection.send(&request[..nth % request.len()]);
        connection
    };
    let crowd: Vec<_> = (0..allowed(CROWD)).map(begun).collect();
    for mut connection in crowd {
        while !connection.is_ended() {
            assert!(matches!(connection.response("GET").status, 400 | 408));
        }
    }
}

/// Halves of messages.
fn halves(address: SocketAddr) -> Vec<WebSocket> {
    let half = [header(BINARY, 2 * HALF), vec![0; 4 + HALF]].concat();
    let begun = |_| {
        let mut socket = open(address, "/echo");
        socket.send_bytes(&half);
        socket
    };
    (0..allowed(CROWD)).map(begun).collect()
}

/// Members of a channel who never read: each is cut off when too much waits for it.
fn stalled(address: SocketAddr) {
    let _crowd: Vec<_> = (0..STALLED).map(|_| open(address, "/feed")).collect();
    let mut publisher = Connection::open(address);
    let deadline = Instant::now() + 3 * PATIENCE;
    while publisher.request("POST", "/publish/20", &[], "").text() != "0" {
        assert!(
            Instant::now() < deadline,
            "a client that does not read is kept for ever"
        );
        sleep(REST / 4);
    }
}

fn pings(address: SocketAddr, is_over: &AtomicBool) {
    let mut crowd: Vec<_> = (0..FLOODERS).map(|_| open(address, "/echo")).collect();
    let pings = frame(PING, "").repeat(100);
    while !is_over.load(Ordering::SeqCst) {
        for socket in &mut crowd {
            socket.send_bytes(&pings);
        }
        for socket in &mut crowd {
            (0..100).for_each(|_| assert_eq!(socket.receive(), Received::Pong(Vec::new())));
        }
    }
}

fn churn(address: SocketAddr) {
    for nth in 0..CHURN {
        match nth % 3 {
            0 => drop(Connection::open(address)),
            1 => drop(open(address, "/echo")),
            _ => open(address, "/echo").send(TEXT, "and gone"),
        }
    }
}

fn fragments(address: SocketAddr) {
    let flood = [begun(TEXT, ""), begun(CONTINUATION, "").repeat(FRAGMENTS)].concat();
    for _ in 0..FLOODS {
        let mut socket = open(address, "/echo");
        // It fails where the server has ended the connection before.
        let _ = socket.try_send_bytes(&flood);
        assert_eq!(socket.rest(), [Received::close(1009)]);
    }
}

/// Messages that would be a gigabyte.
fn bombs(address: SocketAddr) {
    let mebibyte = vec![0; 1 << 20];
    let mut block = Vec::with_capacity(8192);
    let mut deflate = Compress::new(flate2::Compression::best(), false);
    // What each leaves behind is the same, so one follows another.
    deflate
        .compress_vec(&mebibyte, &mut block, FlushCompress::Full)
        .unwrap();
    let bomb = block.repeat(1_000_000_000 / mebibyte.len());
    assert!(
        bomb.len() <= 1_000_000,
        "{} bytes are too many by themselves",
        bomb.len()
    );
    let headers = [("sec-websocket-extensions", "permessage-deflate")];
    for _ in 0..BOMBS {
        let mut socket = WebSocket::upgraded(Connection::open(address), "/compressed", &headers, []);
        socket.send(BINARY | 0x40, &bomb[..bomb.len() - 4]);
        assert_eq!(socket.rest(), [Received::close(1009)]);
    }
}

#[test]
fn all_kinds_of_abuse_at_once_are_survived_and_the_well_behaved_lose_nothing() {
    let _one = ONE_SIEGE.lock().unwrap_or_else(PoisonError::into_inner);
    let (server, _directory) = start();
    let address = server.address();
    let (good_end, bad_end) = (AtomicBool::new(false), AtomicBool::new(false));
    let rounds = AtomicUsize::new(0);
    let good: Vec<_> = (0..GOOD).map(|_| open(address, "/echo")).collect();
    let mut most = 0;
    std::thread::scope(|scope| {
        let end = (End(&good_end), End(&bad_end));
        let good = scope.spawn(|| exchange(good, &good_end, &rounds));
        let halves = scope.spawn(move || halves(address));
        let pings = scope.spawn(|| pings(address, &bad_end));
        let kinds: [fn(SocketAddr); 5] = [handshakes, stalled, churn, fragments, bombs];
        let others = kinds.map(|kind| scope.spawn(move || kind(address)));
        let is_done = || others.iter().all(ScopedJoinHandle::is_finished) && halves.is_finished();
        while !is_done() && !good.is_finished() {
            most = most.max(server.memory());
            sleep(REST);
        }
        // It is not over for the good ones: they go on beside what is left.
        let before = rounds.load(Ordering::SeqCst);
        while rounds.load(Ordering::SeqCst) < before + 3 && !good.is_finished() {
            sleep(REST);
        }
        most = most.max(server.memory());
        drop(end.1);
        pings.join().unwrap();
        for other in others {
            other.join().unwrap();
        }
        let halves = halves.join().unwrap();
        assert_eq!(halves.len(), allowed(CROWD));
        drop(end.0);
        good.join().unwrap();
        // And the server accepts as before.
        let mut late = open(address, "/echo");
        late.text("still there?");
        assert_eq!(late.receive_text(), "still there?");
    });
    assert!(most <= BOUND, "{most} bytes");
}

#[test]
fn callbacks_that_wait_keep_no_buffer() {
    const WAITING: usize = 200;
    let _one = ONE_SIEGE.lock().unwrap_or_else(PoisonError::into_inner);
    let (server, _directory) = start();
    let (address, large) = (server.address(), frame(BINARY, vec![0; 100_000]));
    let mut crowd: Vec<_> = (0..WAITING).map(|_| open(address, "/waiting")).collect();
    let before = server.memory();
    for socket in &mut crowd {
        socket.send_bytes(&large);
        server.lines().await_note("waiting");
    }
    let each = server.memory().saturating_sub(before) / WAITING;
    assert!(each < 32_000, "{each} bytes for each");
}
