//! Pub/sub between two nodes over NATS, beside the broker's own client between the same two processes.
//!
//! What sends and the broker have core 0, what receives core 1, each in a process of its own. In each round of a case every
//! way is measured once, one after another, with a broker and processes of its own; ratios are of one round. A figure is
//! the median of the rounds, with the lowest and the highest. A message goes through the broker once, in every way.
//!
//! A message says when it was sent, by the clock that both processes share. The receiving process's time on its core for
//! each message is asked of the kernel. Where others use the core too it says more than the rate does; and where the core
//! is not busy, what sends or the broker is the limit of the rate, and `a whole core` is what the core's time would do for,
//! in thousand messages a second.

use std::time::{Duration, Instant};

use clap::{Parser, Subcommand};
use nova_benches::broker::Broker;
use nova_benches::nodes::{self, BATCH, Came, Kind, Receiver, Sender};
use nova_benches::{Result, Samples, machine};
use tokio::runtime::Runtime;
use tokio::time::interval;

#[derive(Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct Flags {
    #[command(subcommand)]
    role: Option<Role>,
    /// How many members the channel has on the receiving node
    #[arg(long, value_delimiter = ',', default_value = "1,100")]
    members: Vec<usize>,
    /// Of a message, in bytes
    #[arg(long, default_value_t = 64)]
    size: usize,
    /// How many messages a second are sent while their way is timed
    #[arg(long, default_value_t = 500)]
    rate: u32,
    /// How many of them, in a round
    #[arg(long, default_value_t = 1000)]
    timed: usize,
    /// How many messages are sent as fast as they are taken, in a round; a tenth for more than one member
    #[arg(long, default_value_t = 200_000)]
    messages: usize,
    /// How many of these may be on their way: a subscription's queue holds 1,024
    #[arg(long, default_value_t = 1000)]
    window: usize,
    /// Rounds
    #[arg(long, default_value_t = 5)]
    rounds: usize,
}

#[derive(Subcommand)]
enum Role {
    /// Is the receiving end
    #[command(hide = true)]
    Receive(nodes::Flags),
}

/// Before what is measured.
const WARM_UP: usize = 5 * BATCH;

fn main() -> Result<()> {
    let flags = Flags::parse();
    if let Some(Role::Receive(flags)) = &flags.role {
        return nodes::receive(flags);
    }
    if flags.window < BATCH {
        return Err(format!("the window is at least {BATCH}").into());
    }
    machine::pin(0)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    latency(&runtime, &flags)?;
    throughput(&runtime, &flags)
}

#[derive(Default)]
struct Times {
    p50: Samples,
    p99: Samples,
    /// Beyond the client's in the same round, and in proportion to it.
    added_p50: Samples,
    added_p99: Samples,
    ratio_p50: Samples,
    ratio_p99: Samples,
}

fn latency(runtime: &Runtime, flags: &Flags) -> Result<()> {
    let mut rows = ["client", "client, to itself", "nova"].map(|name| (name, Times::default()));
    for _ in 0..flags.rounds {
        let runs = [
            runtime.block_on(paced(Kind::Client, flags))?,
            runtime.block_on(to_itself(flags))?,
            runtime.block_on(paced(Kind::Nova, flags))?,
        ];
        for ((_, row), run) in rows.iter_mut().zip(runs) {
            row.add(run, runs[0]);
        }
    }
    println!("one member, {} B, {} messages a second, µs", flags.size, flags.rate);
    println!(
        "{:<18}{:>22}{:>24}{:>22}{:>20}{:>24}{:>20}",
        "", "p50", "p99", "added p50", "ratio", "added p99", "ratio"
    );
    for (name, row) in &rows {
        println!(
            "{name:<18}{:>22}{:>24}{:>22}{:>20}{:>24}{:>20}",
            row.p50.brief(0),
            row.p99.brief(0),
            row.added_p50.brief(0),
            row.ratio_p50.brief(2),
            row.added_p99.brief(0),
            row.ratio_p99.brief(2),
        );
    }
    Ok(())
}

impl Times {
    fn add(&mut self, (p50, p99): (f64, f64), (client_p50, client_p99): (f64, f64)) {
        self.p50.push(p50 * 1e6);
        self.p99.push(p99 * 1e6);
        self.added_p50.push((p50 - client_p50) * 1e6);
        self.added_p99.push((p99 - client_p99) * 1e6);
        self.ratio_p50.push(p50 / client_p50);
        self.ratio_p99.push(p99 / client_p99);
    }
}

async fn to_itself(flags: &Flags) -> Result<(f64, f64)> {
    let broker = Broker::start()?;
    let pause = Duration::from_secs(1) / flags.rate;
    nodes::round_trips(&broker.url(), flags.size, WARM_UP, flags.timed, pause).await
}

/// How long messages take that are sent one by one.
async fn paced(kind: Kind, flags: &Flags) -> Result<(f64, f64)> {
    let broker = Broker::start()?;
    let sender = Sender::connect(kind, &broker.url()).await?;
    let messages = (WARM_UP + flags.timed).next_multiple_of(BATCH);
    let receiver = nodes::Flags {
        kind,
        url: broker.url(),
        members: 1,
        messages,
        untimed: WARM_UP,
    };
    let receiver = Receiver::start(&receiver, flags.window).await?;
    let mut tick = interval(Duration::from_secs(1) / flags.rate);
    for _ in 0..messages {
        receiver.room().await?;
        tick.tick().await;
        sender.send(nodes::message(flags.size)).await?;
    }
    let came = receiver.came().await?;
    if came.received != messages {
        return Err(format!("{came:?} of {messages}").into());
    }
    Ok((came.p50, came.p99))
}

#[derive(Default)]
struct Row {
    rate: Samples,
    busy: Samples,
    cost: Samples,
    /// In proportion to the client's in the same round.
    to_client: Samples,
    cost_to_client: Samples,
    sent: usize,
    came: Came,
}

struct Run {
    /// A second.
    rate: f64,
    /// In seconds, of each message.
    cost: f64,
    sent: usize,
    came: Came,
}

fn throughput(runtime: &Runtime, flags: &Flags) -> Result<()> {
    let mut ways = vec![(Kind::Client, 1)];
    ways.extend(flags.members.iter().map(|&members| (Kind::Nova, members)));
    let mut rows: Vec<_> = ways.into_iter().map(|way| (way, Row::default())).collect();
    for _ in 0..flags.rounds {
        let mut client = None;
        for ((kind, members), row) in &mut rows {
            let run = runtime.block_on(flood(*kind, *members, flags))?;
            let (rate, cost) = *client.get_or_insert((run.rate, run.cost));
            row.add(&run, rate, cost);
        }
    }
    println!("\n{} B, {} on their way", flags.size, flags.window);
    println!(
        "{:<18}{:>25}{:>7}{:>22}{:>20}{:>22}{:>12}{:>12}{:>8}{:>6}",
        "", "thousand messages/s", "core", "µs each", "to client", "of µs", "expected", "came", "missed", "gaps"
    );
    for ((kind, members), row) in &rows {
        let name = match kind {
            Kind::Client => "client".to_owned(),
            Kind::Nova => format!("nova, to {members}"),
        };
        println!(
            "{name:<18}{:>25}{:>6.0}%{:>22}{:>14.0}{:>20}{:>22}{:>12}{:>12}{:>8}{:>6}",
            row.rate.brief(1),
            row.busy.median() * 100.0,
            row.cost.brief(2),
            1e3 / row.cost.median(),
            row.to_client.brief(2),
            row.cost_to_client.brief(2),
            row.sent * members,
            row.came.received,
            row.came.missed,
            row.came.gaps,
        );
    }
    Ok(())
}

impl Row {
    fn add(&mut self, run: &Run, client_rate: f64, client_cost: f64) {
        self.rate.push(run.rate / 1e3);
        self.busy.push(run.rate * run.cost);
        self.cost.push(run.cost * 1e6);
        self.to_client.push(run.rate / client_rate);
        self.cost_to_client.push(run.cost / client_cost);
        self.sent += run.sent;
        self.came.received += run.came.received;
        self.came.missed += run.came.missed;
        self.came.gaps += run.came.gaps;
    }
}

/// As many messages as are taken.
async fn flood(kind: Kind, members: usize, flags: &Flags) -> Result<Run> {
    let broker = Broker::start()?;
    let sender = Sender::connect(kind, &broker.url()).await?;
    let messages = if members == 1 {
        flags.messages
    } else {
        flags.messages / 10
    };
    let messages = messages.next_multiple_of(BATCH).max(BATCH);
    let sent = WARM_UP + messages;
    let receiver = nodes::Flags {
        kind,
        url: broker.url(),
        members,
        messages: sent,
        untimed: sent,
    };
    let receiver = Receiver::start(&receiver, flags.window).await?;
    let send = async |count| {
        for _ in 0..count {
            receiver.room().await?;
            sender.send(nodes::message(flags.size)).await?;
        }
        receiver.has_all().await
    };
    send(WARM_UP).await?;
    let (begin, before) = (Instant::now(), receiver.cpu_time()?);
    send(messages).await?;
    let (time, after) = (begin.elapsed(), receiver.cpu_time()?);
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let count = messages as f64;
    let came = receiver.came().await?;
    Ok(Run {
        rate: count / time.as_secs_f64(),
        cost: after.saturating_sub(before).as_secs_f64() / count,
        sent,
        came,
    })
}
