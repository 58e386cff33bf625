//! A process that holds clients of one server, and the one that tells it what to do.
//!
//! A line in is a command, and a line out is its answer: with how many connections it was done, or what went wrong. The
//! end of the input is the end.

use std::io::{BufReader, Write as _, stdin, stdout};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use nova_benches::messages::{Kind, Messages};
use nova_benches::{Result, client, process};
use rustix::net::sockopt::set_socket_linger;

/// The process, until it is dropped.
pub(crate) struct Holder {
    child: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
}

/// The size of a broadcast's payload.
const MESSAGE: usize = 32;

impl Holder {
    pub(crate) fn start(server: SocketAddr) -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["--hold", &server.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let commands = child.stdin.take().ok_or("no standard input")?;
        let answers = child.stdout.take().ok_or("no standard output")?;
        Ok(Self {
            child,
            commands,
            answers: BufReader::new(answers),
        })
    }

    pub(crate) fn tell(&mut self, command: &str) -> Result<()> {
        writeln!(self.commands, "{command}").map_err(|error| format!("a client has ended: {error}").into())
    }

    /// With how many connections it was done.
    pub(crate) fn answer(&mut self, deadline: Instant) -> Result<usize> {
        match process::next_line(&mut self.answers, deadline)?.as_str() {
            "" => Err("a client has ended".into()),
            answer => answer.parse().map_err(|_| answer.into()),
        }
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the process does.
pub(crate) fn run(server: SocketAddr) -> Result<()> {
    let messages = Messages::new(Kind::Binary, MESSAGE);
    let mut publisher = open(server, "/pub", 1)?;
    let mut clients = Vec::new();
    writeln!(stdout(), "{}", publisher.len())?;
    for command in stdin().lines() {
        let command = command?;
        let done = match command.split_once(' ').unwrap_or((&command, "")) {
            ("open", count) => open(server, "/sub", count.parse()?).map(|opened| {
                let count = opened.len();
                clients.extend(opened);
                count
            }),
            ("ping", _) => each(&mut clients, client::ping),
            ("publish", _) => {
                publisher[0].write_all(messages.request(0, messages.request_size()))?;
                each(&mut clients, |client| client::expect(client, &messages))
            }
            _ => return Err("no such command".into()),
        };
        let answer = done.map_or_else(|error| error.to_string(), |count| count.to_string());
        if writeln!(stdout(), "{answer}").is_err() {
            // Who asked has ended, which may be seen here first.
            break;
        }
    }
    Ok(())
}

/// Opens connections that are gone as soon as they are closed: so many that wait for late packets would fill the
/// kernel's tables for a minute.
fn open(server: SocketAddr, path: &str, count: usize) -> Result<Vec<TcpStream>> {
    let clients = client::open(server, path, count)?;
    for client in &clients {
        set_socket_linger(client, Some(Duration::ZERO))?;
    }
    Ok(clients)
}

/// Does the same with every client, up to the first with which it fails.
fn each(clients: &mut [TcpStream], mut act: impl FnMut(&mut TcpStream) -> Result<()>) -> Result<usize> {
    for client in &mut *clients {
        act(client)?;
    }
    Ok(clients.len())
}
