//! A measured server as a process: started, watched through `/proc`, and ended.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::Result;

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Server {
    /// Nova
    Nova,
    /// The least that tokio has to do, by hand: the floor
    Tokio,
    /// axum's own WebSocket, as it comes
    Axum,
    /// The same with small buffers and each message sent at once
    AxumSmall,
    /// fastwebsockets
    Fastwebsockets,
}

/// A server that runs, until it is dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    address: SocketAddr,
}

impl Server {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Nova,
        Self::Tokio,
        Self::Axum,
        Self::AxumSmall,
        Self::Fastwebsockets,
    ];

    /// Its name in tables and among flags.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nova => "nova",
            Self::Tokio => "tokio",
            Self::Axum => "axum",
            Self::AxumSmall => "axum-small",
            Self::Fastwebsockets => "fastwebsockets",
        }
    }

    /// Starts it with one thread, on core 0.
    ///
    /// # Errors
    /// When it does not start: it is looked for beside the program that runs.
    pub fn start(self) -> Result<Process> {
        let directory = std::env::current_exe()?;
        let binary = directory.with_file_name(if self == Self::Nova { "server" } else { "peer" });
        let mut command = Command::new(&binary);
        if self != Self::Nova {
            command.args(["--kind", self.name()]);
        }
        let mut child = command
            .args(["--threads", "1", "--core", "0"])
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| {
                format!(
                    "{}: {error} (`cargo build --release -p nova-benches`)",
                    binary.display()
                )
            })?;
        let mut line = String::new();
        let read = child.stdout.take().map(|out| BufReader::new(out).read_line(&mut line));
        let address = read.and_then(|_| line.trim().strip_prefix("listening on ")?.parse().ok());
        if let Some(address) = address {
            return Ok(Process { child, address });
        }
        let _ = child.kill();
        Err(format!("{} did not say where it listens: {line:?}", binary.display()).into())
    }
}

impl Process {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How long it has run on a core, in user space and in the kernel.
    ///
    /// # Errors
    /// When it is gone.
    pub fn cpu_time(&self) -> Result<Duration> {
        let mut total = Duration::ZERO;
        for task in fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            let schedule = fs::read_to_string(task?.path().join("schedstat"))?;
            let nanoseconds = schedule.split(' ').next().unwrap_or_default().parse()?;
            total += Duration::from_nanos(nanoseconds);
        }
        Ok(total)
    }

    /// How much memory of its own it has, in bytes: what of it is in use or was, without its program's text.
    ///
    /// # Errors
    /// When it is gone.
    pub fn memory(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
        let kilobytes = line.and_then(|line| line.split_whitespace().next());
        Ok(kilobytes.ok_or("no RssAnon")?.parse::<u64>()? * 1024)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
