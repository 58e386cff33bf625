//! What a million takes in one process, where no socket is in the way.
//!
//! Each case is a process of its own: what one has given back to its allocator would be the next one's, and cost nothing.

mod channels;
mod connections;

use std::num::NonZeroUsize;
use std::process::Command;
use std::time::Duration;

use clap::{Parser, Subcommand};
use nova_benches::Result;
use nova_benches::room::Room;

#[derive(Parser)]
struct Flags {
    /// How many
    #[arg(long, global = true, default_value = "1000000")]
    count: NonZeroUsize,
    /// One case alone
    #[command(subcommand)]
    case: Option<Case>,
}

#[derive(Clone, Copy, Subcommand)]
enum Case {
    /// Memberships in channels
    Channels {
        /// How many channels they are spread over
        #[arg(default_value = "1")]
        channels: NonZeroUsize,
    },
    /// WebSocket connections in memory
    Connections {
        /// How long they are silent while the process's time is taken, in seconds: in 65 s each is looked after once
        #[arg(long, default_value_t = 66, value_parser = clap::value_parser!(u64).range(1..=600))]
        time: u64,
    },
}

/// What is needed for each at most, and left to others, in bytes.
const EACH: u64 = 4096;
const OTHERS: u64 = 4 << 30;

fn main() -> Result<()> {
    let Flags { count, case } = Flags::parse();
    let count = count.get();
    let available = Room::now()?.available;
    if available < OTHERS + count as u64 * EACH {
        return Err(format!("too little memory for {count}: {} MiB are available", available >> 20).into());
    }
    match case {
        Some(Case::Channels { channels }) => channels::run(count, channels.get()),
        Some(Case::Connections { time }) => connections::run(count, Duration::from_secs(time)),
        None => {
            for channels in ["1", "10000", "100000"] {
                alone(count, &["channels", channels])?;
            }
            alone(count, &["connections"])
        }
    }
}

/// Runs a case in a process.
fn alone(count: usize, case: &[&str]) -> Result<()> {
    let status = Command::new(std::env::current_exe()?)
        .args(["--count", &count.to_string()])
        .args(case)
        .status()?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{}: {status}", case.join(" ")).into())
    }
}
