//! Plays cases against a server that echoes.

use std::fmt::Display;

use nova::prelude::*;
use nova::{Accept, App};
use nova_tests::websocket::{CLOSE, closing, frame};
use nova_tests::{Client, Over, Project, Received, Server};

use crate::case::Case;
use crate::chop::{Chop, seed};

/// How many cases are played at a time.
const PLAYERS: usize = 4;
/// In how many ways a case is played where it is not the cuts that count.
const FEW: usize = 2;

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
    let config = format!("[websocket]\nmax_fragments = {FRAGMENTS}\n");
    Project::new().file("nova.toml", &config).serve(|| {
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
    let (server, seed) = (echo_server(), seed());
    let ways: Vec<_> = Over::ALL
        .into_iter()
        .flat_map(|over| cases.iter().map(move |case| (over, case)))
        .zip(0..)
        .flat_map(|((over, case), nth)| {
            let ways = Chop::ways(case, seed.wrapping_add(nth));
            let most = if over == Over::Http1 { usize::MAX } else { FEW };
            ways.into_iter().take(most).map(move |chop| (over, case, chop))
        })
        .collect();
    println!("{} cases, played {} times", cases.len(), ways.len());
    std::thread::scope(|scope| {
        for player in 0..PLAYERS {
            let mut clients = Over::ALL.map(|over| (over, Client::new(&server, over)));
            let ways = &ways;
            scope.spawn(move || {
                for (over, case, chop) in ways.iter().skip(player).step_by(PLAYERS) {
                    announce(
                        format_args!(
                            "case `{}` (RFC 6455 §{}) over {over:?}, {chop:?}, CONFORMANCE_SEED={seed}",
                            case.name, case.section
                        ),
                        || {
                            let (_, client) = clients.iter_mut().find(|(known, _)| known == over).unwrap();
                            play_once(client, case, *chop);
                        },
                    );
                }
            });
        }
    });
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
