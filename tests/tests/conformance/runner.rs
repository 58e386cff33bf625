//! Plays cases against a server that echoes.

use std::fmt::Display;

use nova::prelude::*;
use nova::{Accept, App};
use nova_tests::websocket::{CLOSE, closing, frame};
use nova_tests::{Client, Over, Project, Received, Server};

use crate::case::{Case, Cuts};
use crate::chop::{Chop, seed};

/// How many cases are played at a time.
const PLAYERS: usize = 4;
/// Of the cases that come by the thousand, one in so many is played over more than HTTP/1.1.
const SAMPLE: u64 = 16;

/// Messages up to this size are echoed.
pub(crate) const LIMIT: usize = 16 * 1024 * 1024;
/// The size and the number of fragments of a message on the route with small limits.
pub(crate) const SMALL_LIMIT: usize = 1000;
pub(crate) const FRAGMENTS: usize = 16;

struct Echo;

impl WebSocketHandler for Echo {
    async fn handle(&mut self, frame: Frame, _socket: &Socket) -> Commands {
        match frame {
            Frame::Text(_) | Frame::Binary(_) => Commands::send(frame),
            _ => Commands::none(),
        }
    }
}

/// Names what is being played, should it fail.
struct Playing<N: Display>(N);

impl<N: Display> Drop for Playing<N> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.0);
        }
    }
}

/// A server that echoes what it is sent.
pub(crate) fn echo_server() -> Server {
    serve(Project::new())
}

fn serve(project: Project) -> Server {
    // A head that comes byte by byte may take its time.
    let config = format!("[server]\nheader_timeout = 3600\n[websocket]\nmax_fragments = {FRAGMENTS}\n");
    project.file("nova.toml", &config).serve(|| {
        App::new(|| {
            let group = Group::new("/").ws("/", async || Accept::new(Echo).max_message_size(LIMIT));
            Routes::new().group(group.ws("/small", async || Accept::new(Echo).max_message_size(SMALL_LIMIT)))
        })
    })
}

/// Plays every case in every way over HTTP/1.1, and in some of them over what else there is: cuts are for the decoder, and
/// that is the same one.
pub(crate) fn play(cases: impl IntoIterator<Item = Case>) {
    let cases: Vec<_> = cases.into_iter().collect();
    let (plain, secure, seed) = (echo_server(), serve(Project::new().secure()), seed());
    let ways = Over::ALL.map(|over| (over, ways(&cases, over, seed)));
    let count: usize = ways.iter().map(|(_, ways)| ways.len()).sum();
    println!("{} cases, played {count} times", cases.len());
    let servers = [&plain, &secure].map(|server| (server.address(), server.project().path()));
    std::thread::scope(|scope| {
        for player in 0..PLAYERS {
            let ways = &ways;
            scope.spawn(move || {
                for (over, ways) in ways {
                    let (address, directory) = servers[usize::from(over.is_secure())];
                    let mut client = Client::of(address, directory, *over);
                    for (case, chop) in ways.iter().skip(player).step_by(PLAYERS) {
                        let playing = format_args!(
                            "case `{}` (RFC 6455 §{}) over {over:?}, {chop:?}, CONFORMANCE_SEED={seed}",
                            case.name, case.section
                        );
                        announce(playing, || play_once(&mut client, case, *chop));
                    }
                }
            });
        }
    });
}

/// The ways in which cases are to be played over this.
fn ways(cases: &[Case], over: Over, seed: u64) -> Vec<(&Case, Chop)> {
    let ways = cases.iter().zip(0..).flat_map(|(case, nth)| {
        let most = match over {
            Over::Http1 => usize::MAX,
            _ if matches!(case.cuts, Cuts::None) => usize::from(nth % SAMPLE == 0),
            Over::Http2 | Over::Tls => 2,
            Over::Http2OverTls => 1,
        };
        let ways = Chop::ways(case, seed.wrapping_add(nth)).into_iter().take(most);
        ways.map(move |chop| (case, chop))
    });
    ways.collect()
}

/// Does something whose failure is to be told with a name.
pub(crate) fn announce(name: impl Display, play: impl FnOnce()) {
    let playing = Playing(name);
    play();
    drop(playing);
}

fn play_once(client: &mut Client, case: &Case, chop: Chop) {
    let mut socket = client.open(case.target);
    for turn in &case.turns {
        for piece in chop.cut(&turn.sends) {
            if socket.try_send_bytes(piece).is_err() {
                // The server has seen enough: what it says of it is still to come.
                assert!(case.ending.is_some(), "the server has ended the connection");
                break;
            }
            // So that the server may read before the next piece comes.
            std::thread::yield_now();
        }
        for expected in &turn.returns {
            assert_received(&socket.receive(), expected);
        }
    }
    let ending = case.ending.clone().unwrap_or_else(|| {
        socket.send_bytes(frame(CLOSE, closing(1000, "")));
        Received::close(1000)
    });
    assert_received(&socket.receive(), &ending);
    assert_received(&socket.receive(), &Received::End);
}

/// As `assert_eq`, without megabytes in the message.
fn assert_received(received: &Received, expected: &Received) {
    let shown = |received: &Received| match received {
        Received::Text(text) if text.len() > 500 => format!("a text of {} bytes", text.len()),
        Received::Binary(bytes) if bytes.len() > 500 => format!("{} bytes", bytes.len()),
        received => format!("{received:?}"),
    };
    assert!(
        received == expected,
        "received {} in place of {}",
        shown(received),
        shown(expected)
    );
}
