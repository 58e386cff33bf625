//! Memberships: their memory, how fast they come and go, and how fast a broadcast is in all queues.
//!
//! The members are subscriptions of tasks. What a subscriber has in any case, its queue and the list of the channels that
//! it is in, is weighed apart from its place in a channel.

use std::time::Duration;

use nova::{PubSub, Received, Subscription};
use nova_benches::{Result, process};
use rustix::time::{ClockId, clock_gettime};

const PAYLOAD: &str = "hello";

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
pub(crate) fn run(members: usize, channels: usize) -> Result<()> {
    println!("{members} members, over {channels} channels");
    let pubsub = PubSub::new();
    let memory = || process::memory_of("self");

    let before = memory()?;
    let mut subscriptions = Vec::with_capacity(members);
    for _ in 0..members {
        let subscription = pubsub.subscribe("anteroom");
        subscription.leave("anteroom");
        subscriptions.push(subscription);
    }
    let subscribed = memory()?;
    let each = |bytes: u64| bytes / members as u64;
    println!(
        "bytes for each subscriber:  {}",
        each(subscribed.saturating_sub(before))
    );

    let (joins, longest) = timed(subscriptions.iter().enumerate(), |(number, subscription)| {
        subscription.join(channel(number, channels))
    });
    let joined = memory()?.saturating_sub(subscribed);
    println!("bytes for each membership:  {}", each(joined));
    let rate = members as f64 / joins.as_secs_f64();
    println!("joins a second:             {rate:.0}, the longest {longest:.1?}");

    let mut reached = 0;
    let (broadcasts, longest) = timed(0..channels, |number| {
        reached += pubsub.broadcast(channel(number, channels), "event", PAYLOAD).local;
    });
    if reached != members {
        return Err(format!("a broadcast in each channel has reached {reached} of {members} members").into());
    }
    println!("a broadcast in each:        {broadcasts:.1?}, the longest {longest:.1?}");
    for (number, subscription) in subscriptions.iter_mut().enumerate() {
        expect_one(subscription, &channel(number, channels))?;
    }

    let (leaves, longest) = timed(subscriptions.iter().enumerate(), |(number, subscription)| {
        subscription.leave(&channel(number, channels))
    });
    let rate = members as f64 / leaves.as_secs_f64();
    println!("leaves a second:            {rate:.0}, the longest {longest:.1?}");
    Ok(())
}

/// The channel of a member: neighbours are in different ones.
fn channel(number: usize, channels: usize) -> String {
    format!("room-{}", number % channels)
}

/// Does something with each. Says how long all took on a core, and the one that took longest: others may use the cores too.
fn timed<I: Iterator, T>(each: I, mut act: impl FnMut(I::Item) -> T) -> (Duration, Duration) {
    let begin = time_on_core();
    let mut longest = Duration::ZERO;
    let mut last = begin;
    for item in each {
        act(item);
        let now = time_on_core();
        longest = longest.max(now.saturating_sub(last));
        last = now;
    }
    (last.saturating_sub(begin), longest)
}

/// How long this thread has been on a core.
fn time_on_core() -> Duration {
    // It is not negative.
    clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap_or_default()
}

/// Sees that a member has received one message, that of its channel.
fn expect_one(subscription: &mut Subscription, channel: &str) -> Result<()> {
    let is_it = matches!(
        subscription.try_recv(),
        Some(Received::Message(message))
            if message.channel == channel && message.payload.as_text() == Some(PAYLOAD)
    );
    if is_it && subscription.try_recv().is_none() {
        Ok(())
    } else {
        Err(format!("a member of {channel} has not received its message, or another").into())
    }
}
