//! The load alone, on any server that sends each message back.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Parser;
use nova_benches::load::Load;
use nova_benches::messages::{Kind, Messages};
use nova_benches::{Result, machine};

#[derive(Parser)]
struct Flags {
    /// The server, as 127.0.0.1:8080
    server: SocketAddr,
    #[arg(long, default_value = "/echo")]
    path: String,
    #[arg(long, default_value_t = 100)]
    connections: usize,
    /// Of a message, in bytes
    #[arg(long, default_value_t = 32)]
    size: usize,
    /// How many messages each connection has under way
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..32))]
    depth: u16,
    /// Text in place of bytes
    #[arg(long)]
    text: bool,
    /// In seconds
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=60))]
    time: u64,
    /// Messages a second, for latencies; without it as many as come back
    #[arg(long)]
    rate: Option<f64>,
    /// The core that it is kept on
    #[arg(long)]
    core: Option<usize>,
}

fn main() -> Result<()> {
    let flags = Flags::parse();
    machine::open_many_files()?;
    if let Some(core) = flags.core {
        machine::pin(core)?;
    }
    if !flags.server.ip().is_loopback() {
        return Err("the load is for this machine only".into());
    }
    let kind = if flags.text { Kind::Text } else { Kind::Binary };
    let messages = Messages::new(kind, flags.size);
    let mut load = Load::connect(flags.server, &flags.path, flags.connections, messages)?;
    let time = Duration::from_secs(flags.time);
    if let Some(rate) = flags.rate {
        let mut latencies = load.pace(rate, time)?;
        for share in [0.5, 0.99, 0.999] {
            println!(
                "p{:<5} {:?}",
                share * 100.0,
                latencies.quantile(share).unwrap_or_default()
            );
        }
    } else {
        let throughput = load.saturate(flags.depth.into(), time / 8, time, || Ok(Duration::ZERO))?;
        println!("{:.0} messages a second", throughput.rate());
    }
    Ok(())
}
