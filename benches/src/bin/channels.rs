//! Channels without sockets: how fast they are joined, sent to and left where there are very many, beside a plain map of
//! lists of queues; and what members that come and go cost a broadcast.
//!
//! In one process, on core 0; those that come and go are on core 1. A figure is the median of the rounds, with the lowest
//! and the highest.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use clap::Parser;
use nova::{PubSub, Received, Subscription, Text};
use nova_benches::{Result, Samples, machine};
use tokio::sync::mpsc;

#[derive(Parser)]
struct Flags {
    /// How many channels
    #[arg(long, default_value_t = 100_000)]
    channels: usize,
    /// How many members each has
    #[arg(long, default_value_t = 10)]
    members: usize,
    /// How many members the channel has that others come to and go from
    #[arg(long, default_value_t = 200)]
    steady: usize,
    /// How many times a second one joins and leaves
    #[arg(long, default_value_t = 10_000)]
    churn: u32,
    /// Rounds
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How long a round of coming and going is, in milliseconds
    #[arg(long, default_value_t = 1000)]
    time: u64,
}

/// How many messages each channel is sent: less than a member's queue holds, as each member is in so many channels as a
/// channel has members.
const MESSAGES: usize = 10;
const PAYLOAD: &str = "sixty-four bytes, which is what a short message in a chat weighs";

fn main() -> Result<()> {
    let flags = Flags::parse();
    machine::pin(0)?;
    let (mut joins, mut sends, mut leaves) = (Samples::default(), Samples::default(), Samples::default());
    let (mut plain, mut ratio) = (Samples::default(), Samples::default());
    for _ in 0..flags.rounds {
        let [joined, sent, left] = many(&flags)?;
        let bare = map_of_lists(&flags)?;
        joins.push(joined / 1e6);
        sends.push(sent / 1e6);
        leaves.push(left / 1e6);
        plain.push(bare / 1e6);
        ratio.push(sent / bare);
    }
    println!(
        "{} channels with {} members, millions a second",
        flags.channels, flags.members
    );
    println!("joins:                    {joins}");
    println!("leaves:                   {leaves}");
    println!("deliveries:               {sends}");
    println!("deliveries, map of lists: {plain}");
    println!("ratio:                    {ratio}");
    churn(&flags)
}

/// Joins, deliveries and leaves a second.
fn many(flags: &Flags) -> Result<[f64; 3]> {
    let names: Vec<_> = (0..flags.channels)
        .map(|number| Text::from(format!("channel {number}")))
        .collect();
    let pubsub = PubSub::new();
    let count = flags.channels * flags.members;
    let begin = Instant::now();
    // As many members as channels, each in channels that are far from each other.
    let mut members: Vec<Subscription> = (0..flags.channels)
        .map(|number| {
            let member = pubsub.subscribe(&names[number]);
            for other in 1..flags.members {
                member.join(&names[(number + other * 7919) % flags.channels]);
            }
            member
        })
        .collect();
    let joined = rate(count, begin);
    let begin = Instant::now();
    for message in 0..MESSAGES {
        for number in 0..flags.channels {
            let name = &names[(number * 31 + message) % flags.channels];
            let outcome = pubsub.broadcast(name, "event", Text::from_static(PAYLOAD));
            if (outcome.local, outcome.missed) != (flags.members, 0) {
                return Err(format!("{outcome:?}: not every member has it").into());
            }
        }
    }
    let sent = rate(count * MESSAGES, begin);
    let received: usize = members.iter_mut().map(drain).sum();
    if received != count * MESSAGES {
        return Err(format!("{received} came of {}", count * MESSAGES).into());
    }
    let begin = Instant::now();
    drop(members);
    Ok([joined, sent, rate(count, begin)])
}

/// Deliveries a second by what one would write first: it takes no member out and keeps no order among threads.
fn map_of_lists(flags: &Flags) -> Result<f64> {
    type Lists = HashMap<Text, Vec<mpsc::Sender<Arc<Text>>>>;
    let names: Vec<_> = (0..flags.channels)
        .map(|number| Text::from(format!("channel {number}")))
        .collect();
    let mut lists = Lists::new();
    let mut queues = Vec::with_capacity(flags.channels);
    for number in 0..flags.channels {
        let (sender, queue) = mpsc::channel(1024);
        for other in 0..flags.members {
            let name = &names[(number + other * 7919) % flags.channels];
            lists.entry(name.clone()).or_default().push(sender.clone());
        }
        queues.push(queue);
    }
    let lists = RwLock::new(lists);
    let begin = Instant::now();
    for message in 0..MESSAGES {
        for number in 0..flags.channels {
            let name = &names[(number * 31 + message) % flags.channels];
            let lists = lists.read().map_err(|_| "poisoned")?;
            let message = Arc::new(Text::from_static(PAYLOAD));
            for member in lists.get(name).into_iter().flatten() {
                member.try_send(Arc::clone(&message))?;
            }
        }
    }
    Ok(rate(flags.channels * flags.members * MESSAGES, begin))
}

/// What broadcasts to a channel cost while others join and leave it.
fn churn(flags: &Flags) -> Result<()> {
    let (mut alone, mut beside, mut ratio) = (Samples::default(), Samples::default(), Samples::default());
    let (mut tail_alone, mut tail_beside, mut changes) = (Samples::default(), Samples::default(), Samples::default());
    let time = Duration::from_millis(flags.time);
    for _ in 0..flags.rounds {
        let pubsub = PubSub::new();
        let mut members: Vec<_> = (0..flags.steady).map(|_| pubsub.subscribe("channel")).collect();
        let (first, tail) = broadcasts(&pubsub, &mut members, time)?;
        tail_alone.push(tail);
        let ends = AtomicBool::new(false);
        let made = AtomicU64::new(0);
        let (second, tail) = std::thread::scope(|scope| {
            scope.spawn(|| come_and_go(&pubsub, flags.churn, &ends, &made));
            let measured = broadcasts(&pubsub, &mut members, time);
            ends.store(true, Ordering::Relaxed);
            measured
        })?;
        tail_beside.push(tail);
        #[expect(clippy::cast_precision_loss, reason = "some thousands")]
        changes.push(made.load(Ordering::Relaxed) as f64 / time.as_secs_f64());
        alone.push(first / 1e6);
        beside.push(second / 1e6);
        ratio.push(second / first);
    }
    println!("\n{} members, and another that joins and leaves", flags.steady);
    println!("joins and leaves a second:            {changes}");
    println!("millions of deliveries a second:      {beside}");
    println!("the same while nobody comes or goes:  {alone}");
    println!("ratio:                                {ratio}");
    println!("a broadcast's p99, µs:                {tail_beside}");
    println!("the same while nobody comes or goes:  {tail_alone}");
    Ok(())
}

/// Deliveries a second, and the time within which 99 of 100 broadcasts returned, in microseconds.
fn broadcasts(pubsub: &PubSub, members: &mut [Subscription], time: Duration) -> Result<(f64, f64)> {
    let mut times = Samples::default();
    let (mut took, mut deliveries) = (Duration::ZERO, 0);
    let begin = Instant::now();
    while begin.elapsed() < time {
        let mut batch = Vec::with_capacity(500);
        for _ in 0..500 {
            let begin = Instant::now();
            pubsub.broadcast("channel", "event", Text::from_static(PAYLOAD));
            batch.push(begin.elapsed());
        }
        took += batch.iter().sum::<Duration>();
        for time in batch {
            times.push_time(time);
        }
        let received: usize = members.iter_mut().map(drain).sum();
        if received != 500 * members.len() {
            return Err("a member has missed something".into());
        }
        deliveries += received;
    }
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let rate = deliveries as f64 / took.as_secs_f64();
    Ok((rate, times.quantile(0.99) * 1e6))
}

/// Joins and leaves so many times a second.
fn come_and_go(pubsub: &PubSub, rate: u32, ends: &AtomicBool, made: &AtomicU64) -> Result<()> {
    machine::pin(1)?;
    let member = pubsub.subscribe("other");
    let begin = Instant::now();
    let mut count = 0;
    while !ends.load(Ordering::Relaxed) {
        if begin.elapsed() < Duration::from_secs(1) / rate * count {
            std::thread::yield_now();
            continue;
        }
        if !(member.join("channel") && member.leave("channel")) {
            return Err("a membership was lost".into());
        }
        count += 1;
        made.store(count.into(), Ordering::Relaxed);
    }
    Ok(())
}

fn drain(member: &mut Subscription) -> usize {
    std::iter::from_fn(|| member.try_recv())
        .filter(|received| matches!(received, Received::Message(message) if message.payload.as_text() == Some(PAYLOAD)))
        .count()
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn rate(count: usize, begin: Instant) -> f64 {
    count as f64 / begin.elapsed().as_secs_f64()
}
