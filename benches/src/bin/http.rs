//! Plain responses a second: Nova beside bare axum with the same routes.
//!
//! The server has core 0, the load core 1. In each round both servers are started afresh and measured once, one after the
//! other, so that what disturbs the machine disturbs them alike; ratios are of one round. A figure is the median of the
//! rounds, with the lowest and the highest.
//!
//! The server's time on its core for each response is asked of the kernel. Where others use the core too, it says more than
//! the rate does.

use std::time::Duration;

use clap::Parser;
use nova_benches::http_load::HttpLoad;
use nova_benches::load::Throughput;
use nova_benches::process::{self, Server};
use nova_benches::{Result, Samples, machine};

#[derive(Parser)]
struct Flags {
    /// How many connections, each with one request under way
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Rounds
    #[arg(long, default_value_t = 9)]
    rounds: usize,
    /// How long each server is measured in a round, in milliseconds
    #[arg(long, default_value_t = 1000)]
    time: u64,
    /// What is asked for
    #[arg(long, value_delimiter = ',', default_value = "/heartbeat,/json,/users/7,/page")]
    paths: Vec<String>,
}

const WARM_UP: Duration = Duration::from_millis(250);
const SERVERS: [Server; 2] = [Server::Nova, Server::AxumHttp];

/// What became of one server in the rounds of a path.
#[derive(Default)]
struct Row {
    rate: Samples,
    cost: Samples,
    busy: Samples,
}

fn main() -> Result<()> {
    let flags = Flags::parse();
    process::build()?;
    machine::open_many_files()?;
    machine::pin(1)?;
    println!("{} connections, one request under way on each", flags.connections);
    for path in &flags.paths {
        measure(path, &flags)?;
    }
    Ok(())
}

fn measure(path: &str, flags: &Flags) -> Result<()> {
    let mut rows = [Row::default(), Row::default()];
    let mut sizes = [0; SERVERS.len()];
    let (mut rates, mut costs) = (Samples::default(), Samples::default());
    for round in 0..flags.rounds {
        let mut runs = [None, None];
        // By turns first and last: what the one leaves behind meets both.
        for turn in 0..SERVERS.len() {
            let which = (round + turn) % SERVERS.len();
            let (throughput, size) = run(SERVERS[which], path, flags)?;
            sizes[which] = size;
            runs[which] = Some(throughput);
            rows[which].add(throughput);
        }
        if let [Some(nova), Some(axum)] = runs {
            rates.push(nova.rate() / axum.rate());
            costs.push(nova.cost() / axum.cost());
        }
    }
    println!(
        "\n{path}: to axum {} of the rate, {} of the time on a core",
        rates.brief(2),
        costs.brief(2)
    );
    println!(
        "{:<12}{:>26}{:>7}{:>24}{:>10}",
        "", "thousand/s", "core", "µs each", "bytes"
    );
    for ((server, row), size) in SERVERS.iter().zip(&rows).zip(sizes) {
        println!(
            "{:<12}{:>26}{:>6.0}%{:>24}{:>10}",
            server.name(),
            row.rate.brief(1),
            row.busy.median() * 100.0,
            row.cost.brief(2),
            size
        );
    }
    Ok(())
}

/// One server, once, and how long its answers are.
fn run(server: Server, path: &str, flags: &Flags) -> Result<(Throughput, usize)> {
    let process = server.start()?;
    let load = HttpLoad::connect(process.address(), path, flags.connections)?;
    let size = load.answer_size();
    let throughput = load.saturate(WARM_UP, Duration::from_millis(flags.time), || process.cpu_time())?;
    Ok((throughput, size))
}

impl Row {
    fn add(&mut self, run: Throughput) {
        self.rate.push(run.rate() / 1e3);
        self.cost.push(run.cost() * 1e6);
        self.busy.push(run.busy());
    }
}
