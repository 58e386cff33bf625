//! As many WebSocket connections as the machine holds, or as many as are asked for: opened, weighed, shown to be alive,
//! and left in silence.
//!
//! A process may have only so many open files, so there are as many servers as that takes, and as many clients: each is a
//! process, and has one of the others to itself. Every connection has joined a channel.
//!
//! Both ends of a connection are on this machine, and what the kernel has for it is for both. The kernel counts for the
//! whole machine, so what others do meanwhile counts too: inodes of `/proc`, where something lists the open files of all
//! processes. Memory that was a connection's before may be another's now, so the first run after a while says most.
//!
//! What all need is asked of the kernel before each step, and a machine that would have too little left is asked for no
//! more. However this ends, by itself, by a signal or by an error, no process is left behind.

mod holder;

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;
use nova_benches::process::{self, Process, Server};
use nova_benches::room::Room;
use nova_benches::{Result, Samples, machine};

use holder::Holder;

#[derive(Parser)]
struct Flags {
    /// How many connections
    #[arg(long, default_value = "250000")]
    connections: NonZeroUsize,
    /// How much of the machine's memory is left to others, in MiB
    #[arg(long, default_value_t = 4096)]
    keep: u64,
    /// How long they are silent while the servers' time is taken, in seconds, and the same without them; in 65 s a server
    /// looks after each once
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=120))]
    time: u64,
    /// The server that this process, which another has started, connects to
    #[arg(long, hide = true)]
    hold: Option<SocketAddr>,
}

/// The most connections of one pair of processes, and how many of its files are for other things.
const MOST: usize = 20_000;
const OTHER_FILES: usize = 100;
/// The most pairs.
const MOST_PAIRS: usize = 64;
/// How many connections each pair opens before it is seen what is left.
const STEP: usize = 500;
/// What servers and kernel may still have to do before memory is read.
const PAUSE: Duration = Duration::from_secs(1);
/// What a kind of structure has to have for each connection to be named, in bytes.
const LEAST_CACHE: f64 = 50.0;
/// How long all of it may take.
const LONGEST: Duration = Duration::from_mins(15);

/// A server, and the process that holds its clients.
struct Pair {
    server: Process,
    holder: Holder,
    /// How many connections it is to have, and has.
    share: usize,
    held: usize,
    /// The server's memory with one connection.
    before: u64,
}

/// What was opened, and what of the machine that took.
struct Opened {
    held: usize,
    /// What kept it from being all.
    stopped: Option<Stopped>,
    took: Duration,
    /// How long the servers were on a core for it.
    cpu: Duration,
    /// What the servers have of their own, in bytes.
    user: u64,
    before: Room,
    after: Room,
}

enum Stopped {
    /// The machine has too little of something for more.
    Shortage(String),
    /// A connection could not be opened.
    Failure(String),
}

fn main() -> Result<()> {
    let flags = Flags::parse();
    let files = usize::try_from(machine::open_many_files()?)?;
    if let Some(server) = flags.hold {
        return holder::run(server);
    }
    process::build()?;
    let deadline = Instant::now() + LONGEST;
    let most = files.saturating_sub(OTHER_FILES).clamp(1, MOST);
    let wanted = flags.connections.get();
    let mut pairs = start(wanted, most, deadline)?;
    let count = pairs.len();
    println!("processes: {count} of servers and {count} of clients, with up to {most} connections each");

    let time = Duration::from_secs(flags.time);
    let without = silence(&pairs, time)?;
    let opened = open(&mut pairs, wanted, flags.keep << 20, deadline)?;
    if let (0, Some(Stopped::Shortage(reason) | Stopped::Failure(reason))) = (opened.held, &opened.stopped) {
        return Err(format!("none opened: {reason}").into());
    }
    opened.print(wanted);
    check(&mut pairs, deadline)?;
    let with = silence(&pairs, time)?;
    println!(
        "silent for {time:?}, all servers together: {with:.2} % of a core; before the first connection {without:.2} %"
    );
    drop(pairs);
    println!("all are closed, and all processes have ended");
    match opened.stopped {
        Some(Stopped::Failure(failure)) => Err(failure.into()),
        _ => Ok(()),
    }
}

/// Starts all processes, each client with a first connection: what a server allocates for that is for all.
fn start(connections: usize, most: usize, deadline: Instant) -> Result<Vec<Pair>> {
    let count = connections.div_ceil(most).clamp(1, MOST_PAIRS);
    let mut pairs = Vec::with_capacity(count);
    for number in 0..count {
        let server = Server::Nova.start_anywhere()?;
        let mut holder = Holder::start(server.address())?;
        holder.answer(deadline)?;
        pairs.push(Pair {
            server,
            holder,
            share: (connections / count + usize::from(number < connections % count)).min(most),
            held: 0,
            before: 0,
        });
    }
    thread::sleep(PAUSE);
    for pair in &mut pairs {
        pair.before = pair.server.memory()?;
    }
    Ok(pairs)
}

/// Opens connections, until there are as many as there should be or something runs out. So many bytes of memory are left.
fn open(pairs: &mut [Pair], wanted: usize, keep: u64, deadline: Instant) -> Result<Opened> {
    let before = Room::now()?;
    let cpu_before = cpu_time(pairs)?;
    let begin = Instant::now();
    let stopped = loop {
        let steps: Vec<_> = pairs.iter().map(|pair| STEP.min(pair.share - pair.held)).collect();
        let step: usize = steps.iter().sum();
        if step == 0 {
            let shares: usize = pairs.iter().map(|pair| pair.share).sum();
            let shortage = format!("open files of a process, with {MOST_PAIRS} processes of each kind");
            break (shares < wanted).then_some(Stopped::Shortage(shortage));
        }
        if let Some(shortage) = Room::now()?.shortage(step, keep) {
            break Some(Stopped::Shortage(shortage));
        }
        for (pair, step) in pairs.iter_mut().zip(&steps) {
            pair.holder.tell(&format!("open {step}"))?;
        }
        let mut failure = None;
        for pair in &mut *pairs {
            match pair.holder.answer(deadline) {
                Ok(count) => pair.held += count,
                Err(error) => failure = Some(Stopped::Failure(error.to_string())),
            }
        }
        if failure.is_some() {
            break failure;
        }
    };
    let took = begin.elapsed();
    let cpu = cpu_time(pairs)?.saturating_sub(cpu_before);
    thread::sleep(PAUSE);
    let mut user = 0;
    for pair in &*pairs {
        user += pair.server.memory()?.saturating_sub(pair.before);
    }
    Ok(Opened {
        held: pairs.iter().map(|pair| pair.held).sum(),
        stopped,
        took,
        cpu,
        user,
        before,
        after: Room::now()?,
    })
}

impl Opened {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    fn print(&self, wanted: usize) {
        if let Some(Stopped::Shortage(reason) | Stopped::Failure(reason)) = &self.stopped {
            println!("stopped short of {wanted}: {reason}");
        }
        println!(
            "{} opened in {:.1?}: {:.0}/s, and for each {:.1?} of the server on a core",
            self.held,
            self.took,
            self.held as f64 / self.took.as_secs_f64(),
            self.cpu.div_f64(self.held as f64),
        );
        // What others do meanwhile counts too, and may be more than a few connections: then it shows, as less than nothing.
        let each = |from: u64, to: u64| (to as f64 - from as f64) / self.held as f64;
        let slab = each(self.before.slab, self.after.slab);
        let buffers = each(self.before.buffers, self.after.buffers);
        println!("bytes for each, in the server's process: {:.0}", each(0, self.user));
        println!(
            "bytes for each, in the kernel, for both ends: {:.0} (structures {slab:.0}, TCP's data {buffers:.0})",
            slab + buffers
        );
        let mut caches: Vec<_> = (self.after.caches.iter())
            .map(|(name, bytes)| (each(self.before.caches.get(name).copied().unwrap_or(0), *bytes), name))
            .filter(|(bytes, _)| *bytes >= LEAST_CACHE)
            .collect();
        caches.sort_by(|one, other| other.0.total_cmp(&one.0));
        let caches: Vec<_> = caches
            .iter()
            .map(|(bytes, name)| format!("{name} {bytes:.0}"))
            .collect();
        if !caches.is_empty() {
            println!("of these structures: {}", caches.join(", "));
        }
        let left = self.after.available >> 20;
        print!("left: {left} MiB; open files: {}", self.after.files);
        let tracked = self
            .after
            .tracked
            .map(|tracked| format!("; followed by a firewall: {tracked}"));
        println!("{}", tracked.unwrap_or_default());
    }
}

/// Shows that every connection is alive: by a ping of each, and by a broadcast in each server.
fn check(pairs: &mut [Pair], deadline: Instant) -> Result<()> {
    let begin = Instant::now();
    for pair in &mut *pairs {
        pair.holder.tell("ping")?;
    }
    let mut answered = 0;
    for pair in &mut *pairs {
        answered += pair.holder.answer(deadline)?;
    }
    println!("{answered} sent a ping and got its pong, in {:.1?}", begin.elapsed());

    // One after another: what waits to be read is the kernel's, and it has a limit for that.
    let mut times = Samples::default();
    let mut received = 0;
    for pair in &mut *pairs {
        let begin = Instant::now();
        pair.holder.tell("publish")?;
        received += pair.holder.answer(deadline)?;
        times.push_time(begin.elapsed());
    }
    println!(
        "{received} received a broadcast, all of one server within s: {}",
        times.brief(3)
    );
    let held: usize = pairs.iter().map(|pair| pair.held).sum();
    if answered == held && received == held {
        Ok(())
    } else {
        Err(format!("of {held} connections some are not alive").into())
    }
}

/// How long the servers are on a core while nothing is sent, in hundredths of the time.
fn silence(pairs: &[Pair], time: Duration) -> Result<f64> {
    thread::sleep(PAUSE);
    let begin = Instant::now();
    let before = cpu_time(pairs)?;
    thread::sleep(time);
    let used = cpu_time(pairs)?.saturating_sub(before);
    Ok(used.as_secs_f64() / begin.elapsed().as_secs_f64() * 100.0)
}

fn cpu_time(pairs: &[Pair]) -> Result<Duration> {
    pairs.iter().map(|pair| pair.server.cpu_time()).sum()
}
