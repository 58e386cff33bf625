//! A running `nova serve`, or the application alone.

use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Instant;

use nova_tests::stream::Uninterrupted;
use tungstenite::WebSocket;

use super::PATIENCE;
use super::http::{self, Response};
use super::process::Leader;

/// A WebSocket client.
pub(crate) type Client = WebSocket<Uninterrupted<TcpStream>>;

/// The command or the application as a child, with what it says on standard error. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Serve {
    pub(crate) process: Leader,
    lines: Receiver<String>,
    /// What was said, for the message of a test that fails.
    seen: Vec<String>,
    address: Option<SocketAddr>,
}

impl Serve {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut process = Leader::start(command.stdout(Stdio::null()).stderr(Stdio::piped()));
        let stderr = BufReader::new(process.child().stderr.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            stderr
                .lines()
                .map_while(Result::ok)
                .all(|line| sender.send(line).is_ok())
        });
        Self {
            process,
            lines,
            seen: Vec::new(),
            address: None,
        }
    }

    /// Waits until the application answers for the first time.
    #[track_caller]
    pub(crate) fn is_serving(&mut self) {
        self.found_in("Serving http://");
    }

    /// Waits until a program that no command holds says where it listens.
    #[track_caller]
    pub(crate) fn listens(&mut self) {
        self.found_in("listening on http://");
    }

    /// Takes the address from the next line with this text.
    #[track_caller]
    fn found_in(&mut self, text: &str) {
        let line = self.says(text);
        let (_, url) = line.split_once("http://").unwrap();
        let address = url.split_whitespace().next().unwrap();
        self.address = Some(address.parse().unwrap());
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address.expect("it has said where it serves")
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address())
    }

    /// Waits until a change is served.
    #[track_caller]
    pub(crate) fn has_reloaded(&mut self) {
        self.says("Reloaded ");
    }

    /// Waits for a line with this text, past all others.
    #[track_caller]
    pub(crate) fn says(&mut self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self
                .lines
                .recv_timeout(deadline.saturating_duration_since(Instant::now()))
            {
                Ok(line) => {
                    self.seen.push(line.clone());
                    if line.contains(text) {
                        return line;
                    }
                }
                Err(RecvTimeoutError::Timeout) => panic!("{text:?} was not said in time, but:\n{}", self.heard()),
                Err(RecvTimeoutError::Disconnected) => panic!("{text:?} was not said, but:\n{}", self.heard()),
            }
        }
    }

    /// All that was said until now.
    pub(crate) fn heard(&mut self) -> String {
        self.seen.extend(self.lines.try_iter());
        self.seen.join("\n")
    }

    /// What the application answers, on a connection of its own.
    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Response {
        http::Request::get(path).send(self.address()).unwrap()
    }

    /// A WebSocket to the application.
    #[track_caller]
    pub(crate) fn websocket(&self, path: &str) -> Client {
        let stream = TcpStream::connect(self.address()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let url = format!("ws://{}{path}", self.address());
        tungstenite::client(url, Uninterrupted(stream)).unwrap().0
    }
}
