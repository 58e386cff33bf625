//! What abuse costs those who behave: how long their messages take alone, and beside clients that mean no good.
//!
//! The server has core 0, the load core 1. 100 connections exchange messages at a steady rate; beside them one kind of
//! abuse after another, and then all at once, each with a server of its own. The abusers are driven by the thread that
//! measures, between two messages, at a rate of their own: so what they take is of the server, and not of who measures.
//! In each round everything is measured once, and ratios are of one round: medians, lowest and highest in brackets.
//!
//! Memory is what the server has of its own (`RssAnon`) at the end of a run, and what the kernel has for all sockets.

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use clap::Parser;
use nova_benches::abusers::{Abusers, Kind};
use nova_benches::load::Load;
use nova_benches::messages::{Kind as MessageKind, Messages};
use nova_benches::process::Server;
use nova_benches::{Result, Samples, machine};

#[derive(Parser)]
struct Flags {
    /// Rounds
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How long a run is, in milliseconds
    #[arg(long, default_value_t = 2000)]
    time: u64,
    /// Messages a second, of all connections together
    #[arg(long, default_value_t = 5000.0)]
    rate: f64,
    /// Which kinds of abuse; all at once is measured after each alone
    #[arg(long, value_enum, value_delimiter = ',')]
    kinds: Vec<Kind>,
    /// The most memory that the server may have, in megabytes
    #[arg(long, default_value_t = 256)]
    bound: u64,
}

const CONNECTIONS: usize = 100;
const SIZE: usize = 64;
const PAUSE: Duration = Duration::from_secs(1);

/// What became of one kind of abuse in the rounds.
struct Row {
    name: &'static str,
    kinds: Vec<Kind>,
    median: Samples,
    tail: Samples,
    to_alone: Samples,
    memory: Samples,
    kernel: Samples,
    busy: Samples,
}

fn main() -> Result<()> {
    let mut flags = Flags::parse();
    if flags.kinds.is_empty() {
        flags.kinds = Kind::ALL.to_vec();
    }
    machine::open_many_files()?;
    machine::pin(1)?;
    let mut rows = vec![Row::new("alone", Vec::new())];
    rows.extend(flags.kinds.iter().map(|kind| Row::new(kind.name(), vec![*kind])));
    if flags.kinds.len() > 1 {
        rows.push(Row::new("all at once", flags.kinds.clone()));
    }
    for _ in 0..flags.rounds {
        let mut alone = f64::NAN;
        for row in &mut rows {
            let tail = row.run(&flags)?;
            if row.kinds.is_empty() {
                alone = tail;
            }
            row.to_alone.push(tail / alone);
        }
    }
    println!(
        "{CONNECTIONS} connections, {} messages a second of {SIZE} B, {} rounds of {} ms",
        flags.rate, flags.rounds, flags.time
    );
    println!(
        "{:<12}{:>24}{:>27}{:>22}{:>8}{:>24}{:>24}",
        "", "p50 µs", "p99 µs", "p99 to alone", "core", "memory MB", "kernel MB"
    );
    rows.iter().for_each(Row::print);
    Ok(())
}

impl Row {
    fn new(name: &'static str, kinds: Vec<Kind>) -> Self {
        let none = Samples::default;
        Self {
            name,
            kinds,
            median: none(),
            tail: none(),
            to_alone: none(),
            memory: none(),
            kernel: none(),
            busy: none(),
        }
    }

    /// Measures once, and gives the 99th percentile in microseconds.
    #[expect(clippy::cast_precision_loss, reason = "bytes, shown in megabytes")]
    fn run(&mut self, flags: &Flags) -> Result<f64> {
        let process = Server::Nova.start()?;
        let messages = Messages::new(MessageKind::Binary, SIZE);
        let mut load = Load::connect(process.address(), "/echo", CONNECTIONS, messages)?;
        let mut abuse = Vec::new();
        for kind in &self.kinds {
            let abusers = Abusers::new(*kind, process.address())?;
            abuse.push((abusers, Pace::new(kind.rate())));
        }
        // What the crowd's arrival has begun comes to its end.
        sleep(PAUSE);
        let (begin, before) = (Instant::now(), process.cpu_time()?);
        let mut latencies = load.pace_beside(flags.rate, Duration::from_millis(flags.time), || {
            abuse
                .iter_mut()
                .filter_map(|(abusers, pace)| pace.is_due().then_some(abusers))
                .try_for_each(Abusers::step)
        })?;
        let busy = process.cpu_time()?.saturating_sub(before);
        self.busy.push(busy.as_secs_f64() / begin.elapsed().as_secs_f64());
        let memory = process.memory()?;
        if memory > flags.bound * 1_000_000 {
            return Err(format!("{}: the server has {memory} bytes", self.name).into());
        }
        self.memory.push(memory as f64 / 1e6);
        self.kernel.push(kernel_memory()? as f64 / 1e6);
        let mut micros = |share| latencies.quantile(share).unwrap_or_default().as_secs_f64() * 1e6;
        let (median, tail) = (micros(0.5), micros(0.99));
        self.median.push(median);
        self.tail.push(tail);
        Ok(tail)
    }

    fn print(&self) {
        println!(
            "{:<12}{:>24}{:>27}{:>22}{:>7.0}%{:>24}{:>24}",
            self.name,
            self.median.brief(0),
            self.tail.brief(0),
            self.to_alone.brief(2),
            self.busy.median() * 100.0,
            self.memory.brief(1),
            self.kernel.brief(1),
        );
    }
}

/// What the kernel has for the buffers of all TCP sockets of the machine, in bytes.
fn kernel_memory() -> Result<u64> {
    let table = fs::read_to_string("/proc/net/sockstat")?;
    let line = table.lines().find_map(|line| line.strip_prefix("TCP:"));
    let pages = line.and_then(|line| line.split(" mem ").nth(1));
    Ok(pages.ok_or("no TCP memory")?.trim().parse::<u64>()? * 4096)
}

/// A steady rate.
struct Pace {
    every: Option<Duration>,
    due: Instant,
}

impl Pace {
    fn new(rate: u32) -> Self {
        Self {
            every: Duration::from_secs(1).checked_div(rate),
            due: Instant::now(),
        }
    }

    /// Whether it is time for the next. What was missed is not made up for.
    fn is_due(&mut self) -> bool {
        let now = Instant::now();
        let is_due = self.every.is_some() && self.due <= now;
        if let Some(every) = self.every.filter(|_| is_due) {
            self.due = now + every;
        }
        is_due
    }
}
