//! Echoed messages a second: Nova beside the floor and other libraries, and how long a message takes.
//!
//! The server has core 0, the load core 1. In each round every server is started afresh and measured once, one after
//! another, so that what disturbs the machine disturbs them alike; ratios are of one round. A figure is the median of the
//! rounds, with the lowest and the highest.
//!
//! The server's time on its core for each message is asked of the kernel. Where others use the core too, it says more than
//! the rate does; where the server has the whole core, as the column `core` says, it is the inverse of the rate.

use std::time::Duration;

use clap::Parser;
use nova_benches::load::{Load, Throughput};
use nova_benches::messages::{Kind, Messages};
use nova_benches::process::{self, Server};
use nova_benches::{Result, Samples, machine};

#[derive(Parser)]
struct Flags {
    /// 100 connections with 32 B and 1 KiB only
    #[arg(long)]
    quick: bool,
    /// Text in place of bytes
    #[arg(long)]
    text: bool,
    /// Rounds
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How long each server is measured in a round, in milliseconds
    #[arg(long, default_value_t = 1000)]
    time: u64,
    /// Which servers
    #[arg(long, value_enum, value_delimiter = ',')]
    servers: Vec<Server>,
}

/// What is sent, and how.
#[derive(Clone, Copy)]
struct Case {
    connections: usize,
    size: usize,
    depth: usize,
}

/// What became of one server in the rounds of a case.
struct Row {
    server: Server,
    /// Messages a second, the server's time on a core for each, and the share of a core that it had.
    rate: Samples,
    cost: Samples,
    busy: Samples,
    /// In proportion to others in the same round.
    to_floor: Samples,
    cost_to_floor: Samples,
    to_axum: Samples,
    /// At half of the rate.
    half: Samples,
    tail: Samples,
}

struct Run {
    throughput: Throughput,
    latencies: Option<(Duration, Duration)>,
}

const WARM_UP: Duration = Duration::from_millis(250);

fn main() -> Result<()> {
    let mut flags = Flags::parse();
    if flags.servers.is_empty() {
        flags.servers = Server::ALL.to_vec();
    }
    process::build()?;
    machine::open_many_files()?;
    machine::pin(1)?;
    for case in cases(flags.quick) {
        measure(case, &flags)?;
    }
    Ok(())
}

fn cases(quick: bool) -> Vec<Case> {
    let (connections, sizes): (&[usize], &[usize]) = if quick {
        (&[100], &[32, 1024])
    } else {
        (&[1, 100, 1000], &[32, 1024, 16 * 1024])
    };
    let mut cases = Vec::new();
    for depth in [1, 16] {
        for &connections in connections {
            for &size in sizes {
                cases.push(Case {
                    connections,
                    size,
                    depth,
                });
            }
        }
    }
    cases
}

fn measure(case: Case, flags: &Flags) -> Result<()> {
    let Case {
        connections,
        size,
        depth,
    } = case;
    println!("\n{connections} connections, {size} B, {depth} in flight");
    println!(
        "{:<15}{:>25}{:>7}{:>9}{:>20}{:>8}{:>23}{:>19}",
        "", "thousand/s", "core", "µs each", "to the floor", "of µs", "to axum", "half: p50, p99 µs"
    );
    let mut rows: Vec<Row> = flags.servers.iter().copied().map(Row::new).collect();
    for _ in 0..flags.rounds {
        let mut runs = Vec::new();
        for row in &rows {
            runs.push((row.server, run(row.server, case, flags)?));
        }
        let of = |server| runs.iter().find(|(of, _)| *of == server).map(|(_, run)| run.throughput);
        let (floor, axum) = (of(Server::Tokio), of(Server::Axum));
        for (row, (_, run)) in rows.iter_mut().zip(&runs) {
            row.add(run, floor, axum);
        }
    }
    rows.iter().for_each(Row::print);
    Ok(())
}

/// One server, once.
fn run(server: Server, case: Case, flags: &Flags) -> Result<Run> {
    let kind = if flags.text { Kind::Text } else { Kind::Binary };
    let time = Duration::from_millis(flags.time);
    let process = server.start()?;
    let messages = Messages::new(kind, case.size);
    let mut load = Load::connect(process.address(), "/echo", case.connections, messages)?;
    let throughput = load.saturate(case.depth, WARM_UP, time, || process.cpu_time())?;
    let mut latencies = None;
    if case.depth == 1 {
        let mut half = load.pace(throughput.rate() / 2.0, time / 2)?;
        latencies = half.quantile(0.5).zip(half.quantile(0.99));
    }
    Ok(Run { throughput, latencies })
}

impl Row {
    fn new(server: Server) -> Self {
        let none = Samples::default;
        Self {
            server,
            rate: none(),
            cost: none(),
            busy: none(),
            to_floor: none(),
            cost_to_floor: none(),
            to_axum: none(),
            half: none(),
            tail: none(),
        }
    }

    fn add(&mut self, run: &Run, floor: Option<Throughput>, axum: Option<Throughput>) {
        let own = run.throughput;
        self.rate.push(own.rate() / 1e3);
        self.cost.push(own.cost() * 1e6);
        self.busy.push(own.busy());
        if let Some(floor) = floor {
            self.to_floor.push(own.rate() / floor.rate());
            self.cost_to_floor.push(own.cost() / floor.cost());
        }
        if let Some(axum) = axum {
            self.to_axum.push(own.rate() / axum.rate());
        }
        if let Some((half, tail)) = run.latencies {
            self.half.push(half.as_secs_f64() * 1e6);
            self.tail.push(tail.as_secs_f64() * 1e6);
        }
    }

    fn print(&self) {
        let or_dash = |text: String, value: f64| if value.is_nan() { "-".to_owned() } else { text };
        let cost = self.cost_to_floor.median();
        let cost = or_dash(format!("{cost:.2}"), cost);
        let (half, tail) = (self.half.median(), self.tail.median());
        let latencies = or_dash(format!("{half:.0}, {tail:.0}"), half);
        println!(
            "{:<15}{:>25}{:>6.0}%{:>9.3}{:>20}{:>8}{:>23}{:>19}",
            self.server.name(),
            self.rate.brief(1),
            self.busy.median() * 100.0,
            self.cost.median(),
            self.to_floor.brief(2),
            cost,
            self.to_axum.brief(2),
            latencies,
        );
    }
}
