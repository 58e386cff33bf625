//! Other servers that send each message back, to measure Nova beside.

mod axum_ws;
mod fast;
mod floor;
mod handshake;

use clap::{Parser, ValueEnum};
use nova_benches::{Result, serving};

#[derive(Parser)]
struct Arguments {
    /// Which server
    #[arg(long)]
    kind: Kind,
    #[command(flatten)]
    flags: serving::Flags,
}

#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    /// The least that has to be done, by hand on tokio
    Tokio,
    /// axum's own, as it comes
    Axum,
    /// axum's own, with small buffers and each message sent at once
    AxumSmall,
    /// fastwebsockets, as its documentation has it
    Fastwebsockets,
}

fn main() -> Result<()> {
    let Arguments { kind, flags } = Arguments::parse();
    match kind {
        Kind::Tokio => serving::run(&flags, floor::serve),
        Kind::Axum => serving::run(&flags, |listener| axum_ws::serve(listener, None)),
        Kind::AxumSmall => serving::run(&flags, |listener| axum_ws::serve(listener, Some(4096))),
        Kind::Fastwebsockets => serving::run(&flags, fast::serve),
    }
}
