//! Other servers, to measure Nova beside: they send each message back, or give plain responses.

mod axum_http;
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
    /// axum's plain responses
    AxumHttp,
    /// fastwebsockets, as its documentation has it
    Fastwebsockets,
}

fn main() -> Result<()> {
    let Arguments { kind, flags } = Arguments::parse();
    match kind {
        Kind::Tokio => serving::run(&flags, floor::serve),
        Kind::Axum => serving::run(&flags, |listener| axum_ws::serve(listener, None)),
        Kind::AxumSmall => serving::run(&flags, |listener| axum_ws::serve(listener, Some(4096))),
        Kind::AxumHttp => serving::run(&flags, axum_http::serve),
        Kind::Fastwebsockets => serving::run(&flags, fast::serve),
    }
}
