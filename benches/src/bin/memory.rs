//! What silent connections cost: memory of the process for each, time on a core for all, and how fast they are accepted.
//!
//! Memory is what the process has of its own (`RssAnon`) beyond what it had with one connection, for each connection. A
//! connection has a socket in the kernel too, which no server can do without; that is not counted.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use clap::Parser;
use nova_benches::messages::{Kind, Messages};
use nova_benches::process::{self, Process, Server};
use nova_benches::{Result, client, machine};

#[derive(Parser)]
struct Flags {
    /// How many connections
    #[arg(long, value_delimiter = ',', default_value = "4000,10000,18000")]
    connections: Vec<usize>,
    /// How many are silent while the server's time is taken
    #[arg(long, default_value_t = 16_000)]
    silent: usize,
    /// For how long, in seconds
    #[arg(long, default_value_t = 10)]
    time: u64,
    /// Only Nova, without the peers
    #[arg(long)]
    alone: bool,
}

const MESSAGE: usize = 16 * 1024;
/// How many connections the peers are measured with: some take 100 kB for each.
const PEER_CONNECTIONS: usize = 4000;
/// What the server may still have to do, and the allocator to give back, before memory is read.
const PAUSE: Duration = Duration::from_millis(500);

/// A server with connections, and the memory that it had with one.
struct Measured {
    process: Process,
    clients: Vec<TcpStream>,
    _first: Vec<TcpStream>,
    before: u64,
}

fn main() -> Result<()> {
    let flags = Flags::parse();
    process::build()?;
    let files = machine::open_many_files()?;
    machine::pin(1)?;
    let most = flags.connections.iter().chain([&flags.silent]).max().copied();
    if most.unwrap_or(0) as u64 + 100 > files {
        return Err(format!("a process may open no more than {files} files here").into());
    }
    let messages = Messages::new(Kind::Binary, MESSAGE);
    println!("bytes for each connection");
    for &count in &flags.connections {
        echo(Server::Nova, count, &messages)?;
    }
    for &count in &flags.connections {
        for path in ["/sub", "/sub-info"] {
            channel(path, count, &messages)?;
        }
    }
    if !flags.alone {
        for server in Server::ALL.into_iter().filter(|server| *server != Server::Nova) {
            echo(server, PEER_CONNECTIONS, &messages)?;
        }
    }
    silent(flags.silent, Duration::from_secs(flags.time))
}

/// Connections that send one large message each.
fn echo(server: Server, count: usize, messages: &Messages) -> Result<()> {
    let (mut measured, rate) = Measured::new(server, "/echo", count)?;
    let name = server.name();
    println!("{name}, {count}, accepted ({rate:.0}/s): {}", measured.each()?);
    for client in &mut measured.clients {
        client.write_all(messages.request(0, messages.request_size()))?;
        client::expect(client, messages)?;
    }
    println!("{name}, {count}, after 16 KiB echoed on each: {}", measured.each()?);
    Ok(())
}

/// Connections in one channel, which are sent a large message after each has sent one.
fn channel(path: &str, count: usize, messages: &Messages) -> Result<()> {
    let (mut measured, rate) = Measured::new(Server::Nova, path, count)?;
    println!(
        "nova, {count}, in a channel by {path} ({rate:.0}/s): {}",
        measured.each()?
    );
    for client in &mut measured.clients {
        client.write_all(messages.request(0, messages.request_size()))?;
        client::ping(client)?;
    }
    println!("nova, {count}, after 16 KiB from each: {}", measured.each()?);
    let mut publisher = client::open(measured.process.address(), "/pub", 1)?;
    publisher[0].write_all(messages.request(0, messages.request_size()))?;
    for client in &mut measured.clients {
        client::expect(client, messages)?;
    }
    println!("nova, {count}, after 16 KiB to each: {}", measured.each()?);
    measured.clients.clear();
    std::thread::sleep(Duration::from_secs(2));
    println!("nova, {count}, when all have gone: {}", measured.bytes(count)?);
    Ok(())
}

/// The server's time on a core while nothing is sent.
fn silent(count: usize, time: Duration) -> Result<()> {
    let (measured, _) = Measured::new(Server::Nova, "/sub", count)?;
    std::thread::sleep(PAUSE * 4);
    let begin = Instant::now();
    let before = measured.process.cpu_time()?;
    std::thread::sleep(time);
    let used = measured.process.cpu_time()?.saturating_sub(before);
    let share = used.as_secs_f64() / begin.elapsed().as_secs_f64();
    println!("nova, {count} silent ones, of a core: {:.3} %", share * 100.0);
    Ok(())
}

impl Measured {
    /// Opens the connections, and says how many were accepted in a second.
    #[expect(clippy::cast_precision_loss, reason = "some thousands")]
    fn new(server: Server, path: &str, count: usize) -> Result<(Self, f64)> {
        let process = server.start()?;
        // What the first connection makes the server allocate for all.
        let first = client::open(process.address(), path, 1)?;
        std::thread::sleep(PAUSE);
        let before = process.memory()?;
        let begin = Instant::now();
        let clients = client::open(process.address(), path, count)?;
        let rate = count as f64 / begin.elapsed().as_secs_f64();
        let measured = Self {
            process,
            clients,
            _first: first,
            before,
        };
        Ok((measured, rate))
    }

    fn each(&self) -> Result<u64> {
        self.bytes(self.clients.len())
    }

    fn bytes(&self, count: usize) -> Result<u64> {
        std::thread::sleep(PAUSE);
        Ok(self.process.memory()?.saturating_sub(self.before) / count as u64)
    }
}
