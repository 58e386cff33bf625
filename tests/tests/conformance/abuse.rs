//! Clients that mean no good, by the hundred, beside twenty that must not notice (RFC 6455 §10).

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use nova::prelude::*;
use nova::{Accept, App};
use nova_tests::http::Connection;
use nova_tests::websocket::{BINARY, CLOSE, CONTINUATION, PING, TEXT, begun, closing, frame, upgrade};
use nova_tests::{PATIENCE, Project, Received, Server, WebSocket};

use crate::case::payload;

/// How many abuse the server at a time.
const CROWD: usize = 200;
const NEIGHBOURS: usize = 20;
/// How many threads the busy ones of the crowd share.
const THREADS: usize = 4;
const FRAGMENTS: usize = 200_000;

/// Each crowd has hundreds of descriptors: together they would be more than a process may have on most machines.
static ONE_CROWD: Mutex<()> = Mutex::new(());

struct Echo;

impl WebSocketHandler for Echo {
    async fn handle(&mut self, frame: Frame, _socket: &Socket) -> Commands {
        match frame {
            Frame::Text(_) | Frame::Binary(_) => Commands::send(frame),
            _ => Commands::none(),
        }
    }
}

/// Echoes, to the impatient with a short idle timeout. A request's head may take a second.
fn server(toml: &str) -> Server {
    let toml = format!("[server]\nheader_timeout = 1\n{toml}");
    Project::new().file("nova.toml", &toml).serve(|| {
        App::new(|| {
            let impatient = async || Accept::new(Echo).idle_timeout(Duration::from_millis(300));
            Routes::new().group(Group::new("/").ws("/", async || Echo).ws("/impatient", impatient))
        })
    })
}

/// Ends the neighbours' work, and with a failure of the abuse too.
struct End<'flag>(&'flag AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The rounds of messages that the neighbours have behind them.
struct Rounds(Receiver<()>);

impl Rounds {
    /// Waits for a round that has begun since.
    fn another(&self) {
        while self.0.try_recv().is_ok() {}
        for _ in 0..2 {
            self.0.recv_timeout(PATIENCE).expect("the neighbours go on");
        }
    }
}

/// Abuses a server on which the neighbours work all the time, without losing anything, until they end in order.
fn abuse(server: &Server, abuse: impl FnOnce(&Rounds)) {
    let _one = ONE_CROWD.lock().unwrap_or_else(PoisonError::into_inner);
    let neighbours: Vec<_> = (0..NEIGHBOURS).map(|_| WebSocket::open(server, "/")).collect();
    let (is_over, (done, rounds)) = (AtomicBool::new(false), channel());
    std::thread::scope(|scope| {
        let end = End(&is_over);
        scope.spawn(|| work(neighbours, &is_over, &done));
        let rounds = Rounds(rounds);
        rounds.another();
        abuse(&rounds);
        rounds.another();
        drop(end);
    });
}

fn work(mut neighbours: Vec<WebSocket>, is_over: &AtomicBool, done: &Sender<()>) {
    let mut round = 0;
    while !is_over.load(Ordering::Relaxed) {
        for (nth, socket) in neighbours.iter_mut().enumerate() {
            let frames = [
                frame(TEXT, format!("{nth} {round}")),
                frame(PING, [1, 2, 3]),
                frame(BINARY, payload(5000)),
            ];
            socket.send_bytes(frames.concat());
        }
        for (nth, socket) in neighbours.iter_mut().enumerate() {
            assert_eq!(socket.receive(), Received::Text(format!("{nth} {round}")));
            assert_eq!(socket.receive(), Received::Pong(vec![1, 2, 3]));
            assert_eq!(socket.receive(), Received::Binary(payload(5000)));
        }
        round += 1;
        // It fails when the test has failed.
        let _ = done.send(());
    }
    for socket in &mut neighbours {
        socket.send(CLOSE, closing(1000, ""));
        assert_eq!(socket.rest(), [Received::close(1000)]);
    }
}

/// Shares the crowd among threads.
fn crowd(server: &Server, member: impl Fn(std::net::SocketAddr, usize) + Sync) {
    let (address, member) = (server.address(), &member);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            scope.spawn(move || (thread..CROWD).step_by(THREADS).for_each(|nth| member(address, nth)));
        }
    });
}

fn open(address: std::net::SocketAddr) -> WebSocket {
    WebSocket::upgraded(Connection::open(address), "/", &[], [])
}

#[test]
fn handshakes_that_never_end_are_ended() {
    let server = server("");
    abuse(&server, |rounds| {
        let request = upgrade("/", &[]);
        let begun = |nth: usize| {
            let mut connection = server.connect();
            connection.send(&request[..nth % request.len()]);
            connection
        };
        let mut crowd: Vec<_> = (0..CROWD).map(begun).collect();
        rounds.another();
        for connection in &mut crowd {
            // With a word or without one; the first of them have said nothing at all.
            while !connection.is_ended() {
                assert!(matches!(connection.response("GET").status, 400 | 408));
            }
        }
    });
}

#[test]
fn frames_that_never_end_are_idle() {
    let server = server("");
    abuse(&server, |rounds| {
        let half = frame(TEXT, payload(100).iter().map(|byte| byte % 128).collect::<Vec<_>>());
        let begun = |nth: usize| {
            let part = half[..=nth % (half.len() - 1)].to_vec();
            WebSocket::open_with(&server, "/impatient", &[], [part])
        };
        let mut crowd: Vec<_> = (0..CROWD).map(begun).collect();
        rounds.another();
        for socket in &mut crowd {
            assert_eq!(socket.rest(), [Received::close(1000)]);
        }
    });
}

#[test]
fn clients_that_never_read_block_nobody() {
    let server = server("");
    abuse(&server, |rounds| {
        let mut crowd: Vec<_> = (0..CROWD).map(|_| WebSocket::open(&server, "/")).collect();
        let flood = frame(BINARY, payload(16_000)).repeat(8);
        for socket in &mut crowd {
            socket.send_bytes(&flood);
        }
        rounds.another();
    });
}

#[test]
fn clients_whose_answers_do_not_fit_are_cut() {
    let server = server("[websocket]\nwrite_timeout = 1\n");
    abuse(&server, |rounds| {
        let flood = frame(BINARY, payload(1_000_000));
        let mut crowd: Vec<_> = (0..THREADS).map(|_| WebSocket::open(&server, "/")).collect();
        std::thread::scope(|scope| {
            for socket in &mut crowd {
                let flood = &flood;
                // It ends when the server has waited long enough for its answers to be read.
                scope.spawn(move || while socket.try_send_bytes(flood).is_ok() {});
            }
            rounds.another();
        });
    });
}

#[test]
fn pings_without_end_are_answered() {
    let server = server("");
    abuse(&server, |rounds| {
        let (is_over, address) = (AtomicBool::new(false), server.address());
        std::thread::scope(|scope| {
            let end = End(&is_over);
            for _ in 0..THREADS {
                scope.spawn(|| {
                    let mut share: Vec<_> = (0..CROWD / THREADS).map(|_| open(address)).collect();
                    let pings = frame(PING, payload(125)).repeat(20);
                    while !is_over.load(Ordering::Relaxed) {
                        for socket in &mut share {
                            socket.send_bytes(&pings);
                        }
                        for socket in &mut share {
                            for _ in 0..20 {
                                assert_eq!(socket.receive(), Received::Pong(payload(125)));
                            }
                        }
                    }
                });
            }
            rounds.another();
            drop(end);
        });
    });
}

#[test]
fn connections_that_come_and_go_leave_nothing() {
    let server = server("");
    abuse(&server, |_| {
        crowd(&server, |address, nth| match nth % 5 {
            0 => drop(Connection::open(address)),
            1 => Connection::open(address).send(&upgrade("/", &[])[..20]),
            2 => drop(open(address)),
            3 => open(address).send(TEXT, "and gone"),
            _ => {
                let mut socket = open(address);
                socket.send_bytes([frame(TEXT, "hello"), frame(CLOSE, "")].concat());
                let goodbye = Received::Close(None, String::new());
                assert_eq!(socket.rest(), [Received::text("hello"), goodbye]);
            }
        });
    });
}

#[test]
fn empty_fragments_without_end_are_refused() {
    let server = server("");
    abuse(&server, |_| {
        let flood = [begun(TEXT, ""), begun(CONTINUATION, "").repeat(FRAGMENTS)].concat();
        crowd(&server, |address, _| {
            let mut socket = open(address);
            // It fails where the server has ended the connection before.
            let _ = socket.try_send_bytes(&flood);
            assert_eq!(socket.rest(), [Received::close(1009)]);
        });
    });
}

#[test]
fn empty_fragments_are_a_message_where_they_are_allowed() {
    let server = server("[websocket]\nmax_fragments = 1000000\n");
    abuse(&server, |_| {
        let flood = [
            begun(TEXT, "<"),
            begun(CONTINUATION, "").repeat(FRAGMENTS),
            frame(CONTINUATION, ">"),
        ]
        .concat();
        for _ in 0..THREADS {
            let mut socket = WebSocket::open(&server, "/");
            socket.send_bytes(&flood);
            assert_eq!(socket.receive_text(), "<>");
        }
    });
}
