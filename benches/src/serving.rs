//! What all measured servers have in common: their flags, their runtime, and how they say where they listen.

use clap::Parser;
use tokio::net::TcpListener;

use crate::{Result, machine, process};

/// A server's flags.
#[derive(Clone, Debug, Parser)]
pub struct Flags {
    /// The port on 127.0.0.1; 0 is any free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// How many threads work
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// The core that all of them are kept on
    #[arg(long)]
    core: Option<usize>,
    /// Ends at once when the standard input does: when the program that started it has ended, however it did
    #[arg(long)]
    end_with_input: bool,
}

/// Runs a server, in the multi-threaded runtime that applications have.
///
/// # Errors
/// When it can't listen, or the server ends with an error.
pub fn run<F, S>(flags: &Flags, serve: F) -> Result<()>
where
    F: FnOnce(TcpListener) -> S,
    S: Future<Output = Result<()>>,
{
    machine::open_many_files()?;
    if let Some(core) = flags.core {
        machine::pin(core)?;
    }
    if flags.end_with_input {
        process::end_with_input();
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(flags.threads)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(("127.0.0.1", flags.port)).await?;
        println!("listening on {}", listener.local_addr()?);
        serve(listener).await
    })
}
