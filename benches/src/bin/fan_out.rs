//! One sender to many members of a channel: Nova in its two ways, beside the barest loop of writes and beside a chat on axum.
//!
//! The server has core 0, the load core 1. In each round of a case every server is started afresh and measured once, one
//! after another; ratios are of one round. A figure is the median of the rounds, with the lowest and the highest. So many
//! broadcasts as are in flight are published in one write, and the next when every member has them all.
//!
//! The server's time on its core for each delivery is asked of the kernel. Where others use the core too it says more than
//! the rate does.

use std::time::Duration;

use clap::Parser;
use nova_benches::audience::{Audience, Delivery};
use nova_benches::messages::{Kind, Messages};
use nova_benches::process::{self, Server};
use nova_benches::{Result, Samples, machine};

#[derive(Parser)]
struct Flags {
    /// How many members
    #[arg(long, value_delimiter = ',', default_value = "1000,10000")]
    members: Vec<usize>,
    /// Of a message, in bytes
    #[arg(long, value_delimiter = ',', default_value = "64,1024")]
    sizes: Vec<usize>,
    /// How many broadcasts are in flight
    #[arg(long, value_delimiter = ',', default_value = "1,8")]
    depths: Vec<usize>,
    /// Rounds
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How long each server is measured in a round, in milliseconds
    #[arg(long, default_value_t = 1000)]
    time: u64,
    /// Only Nova and the bare loop
    #[arg(long)]
    quick: bool,
}

/// What is measured: a server, and the path of its members.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Way {
    name: &'static str,
    server: Server,
    path: &'static str,
}

const FORWARDED: Way = Way::new("nova, forwarded", Server::Nova, "/sub");
const HANDLED: Way = Way::new("nova, by `info`", Server::Nova, "/sub-info");
const BARE: Way = Way::new("bare loop", Server::Tokio, "/sub");
const AXUM: Way = Way::new("axum", Server::Axum, "/sub");
const AXUM_SMALL: Way = Way::new("axum-small", Server::AxumSmall, "/sub");

struct Row {
    way: Way,
    rate: Samples,
    cost: Samples,
    busy: Samples,
    /// In proportion to others in the same round.
    to_bare: Samples,
    cost_to_bare: Samples,
    to_axum: Samples,
    to_axum_small: Samples,
    /// Of all rounds together.
    spread: Samples,
    last: Samples,
}

const WARM_UP: Duration = Duration::from_millis(250);

fn main() -> Result<()> {
    let flags = Flags::parse();
    process::build()?;
    let files = machine::open_many_files()?;
    machine::pin(1)?;
    let most = flags.members.iter().max().copied().unwrap_or(0);
    if most as u64 + 100 > files {
        return Err(format!("a process may open no more than {files} files here").into());
    }
    for &members in &flags.members {
        for &size in &flags.sizes {
            for &depth in &flags.depths {
                measure(members, size, depth, &flags)?;
            }
        }
    }
    Ok(())
}

fn measure(members: usize, size: usize, depth: usize, flags: &Flags) -> Result<()> {
    println!("\n{members} members, {size} B, {depth} in flight");
    println!(
        "{:<17}{:>25}{:>7}{:>9}{:>20}{:>8}{:>20}{:>20}{:>24}{:>24}",
        "",
        "thousand deliveries/s",
        "core",
        "µs each",
        "to the bare loop",
        "of µs",
        "to axum",
        "to axum-small",
        "first to last: p50, p99",
        "send to last: p50, p99"
    );
    let mut ways = vec![FORWARDED, BARE];
    if !flags.quick {
        ways.extend([HANDLED, AXUM, AXUM_SMALL]);
    }
    let mut rows: Vec<Row> = ways.into_iter().map(Row::new).collect();
    for _ in 0..flags.rounds {
        let mut runs = Vec::new();
        for row in &rows {
            runs.push((row.way, run(row.way, members, size, depth, flags)?));
        }
        for (row, (_, run)) in rows.iter_mut().zip(&runs) {
            row.add(run, &runs);
        }
    }
    rows.iter().for_each(Row::print);
    Ok(())
}

/// One server, once.
fn run(way: Way, members: usize, size: usize, depth: usize, flags: &Flags) -> Result<Delivery> {
    let process = way.server.start()?;
    let messages = Messages::new(Kind::Text, size);
    let mut audience = Audience::connect(process.address(), (way.path, "/pub"), members, messages)?;
    let time = Duration::from_millis(flags.time);
    let delivery = audience.rounds(depth, WARM_UP, time, || process.cpu_time());
    delivery.map_err(|error| format!("{}: {error}", way.name).into())
}

impl Way {
    const fn new(name: &'static str, server: Server, path: &'static str) -> Self {
        Self { name, server, path }
    }
}

impl Row {
    fn new(way: Way) -> Self {
        let none = Samples::default;
        Self {
            way,
            rate: none(),
            cost: none(),
            busy: none(),
            to_bare: none(),
            cost_to_bare: none(),
            to_axum: none(),
            to_axum_small: none(),
            spread: none(),
            last: none(),
        }
    }

    fn add(&mut self, own: &Delivery, runs: &[(Way, Delivery)]) {
        let of = |way| runs.iter().find(|(of, _)| *of == way).map(|(_, run)| run);
        self.rate.push(own.rate() / 1e3);
        self.cost.push(own.cost() * 1e6);
        self.busy.push(own.busy());
        if let Some(bare) = of(BARE) {
            self.to_bare.push(own.rate() / bare.rate());
            self.cost_to_bare.push(own.cost() / bare.cost());
        }
        if let Some(axum) = of(AXUM) {
            self.to_axum.push(own.rate() / axum.rate());
        }
        if let Some(small) = of(AXUM_SMALL) {
            self.to_axum_small.push(own.rate() / small.rate());
        }
        own.spread.iter().for_each(|time| self.spread.push_time(*time));
        own.last.iter().for_each(|time| self.last.push_time(*time));
    }

    fn print(&self) {
        let quantiles = |samples: &Samples| {
            let of = |share| samples.quantile(share) * 1e3;
            format!("{:.2}, {:.2} ms", of(0.5), of(0.99))
        };
        println!(
            "{:<17}{:>25}{:>6.0}%{:>9.3}{:>20}{:>8.2}{:>20}{:>20}{:>24}{:>24}",
            self.way.name,
            self.rate.brief(1),
            self.busy.median() * 100.0,
            self.cost.median(),
            self.to_bare.brief(2),
            self.cost_to_bare.median(),
            self.to_axum.brief(2),
            self.to_axum_small.brief(2),
            quantiles(&self.spread),
            quantiles(&self.last),
        );
    }
}
