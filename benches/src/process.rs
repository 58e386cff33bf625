//! A measured server as a process: started, watched through `/proc`, and ended.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read};
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{fmt, fs};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::Result;

/// How long a server may take to start.
const PATIENCE: Duration = Duration::from_secs(10);

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
    /// axum's plain responses
    #[value(skip)]
    AxumHttp,
    /// fastwebsockets
    Fastwebsockets,
}

/// A server that runs, until it is dropped or this process ends.
#[derive(Debug)]
pub struct Process {
    child: Child,
    address: SocketAddr,
}

impl Server {
    /// All that send messages back.
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
            Self::AxumHttp => "axum-http",
            Self::Fastwebsockets => "fastwebsockets",
        }
    }

    /// Starts it with one thread, on core 0.
    ///
    /// # Errors
    /// When it does not start: it is looked for beside the program that runs.
    pub fn start(self) -> Result<Process> {
        self.start_with(&["--core", "0"])
    }

    /// Starts it with one thread, on any core.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_anywhere(self) -> Result<Process> {
        self.start_with(&[])
    }

    fn start_with(self, flags: &[&str]) -> Result<Process> {
        let directory = std::env::current_exe()?;
        let binary = directory.with_file_name(if self == Self::Nova { "server" } else { "peer" });
        let mut command = Command::new(&binary);
        if self != Self::Nova {
            command.args(["--kind", self.name()]);
        }
        let mut child = command
            .args(["--threads", "1", "--end-with-input"])
            .args(flags)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| {
                format!(
                    "{}: {error} (`cargo build --release -p nova-benches`)",
                    binary.display()
                )
            })?;
        let output = child.stdout.take();
        let line = output.map_or(Ok(String::new()), |output| {
            next_line(&mut BufReader::new(output), Instant::now() + PATIENCE)
        });
        let address = line
            .as_ref()
            .ok()
            .and_then(|line| line.strip_prefix("listening on ")?.parse().ok());
        if let Some(address) = address {
            return Ok(Process { child, address });
        }
        let _ = child.kill();
        let _ = child.wait();
        Err(format!("{} did not say where it listens: {line:?}", binary.display()).into())
    }
}

/// Builds the servers in the way in which the program that runs was built, if cargo runs it: it builds no other program
/// than the one that it was asked for.
///
/// # Errors
/// When they can't be built.
pub fn build() -> Result<()> {
    let Some(cargo) = std::env::var_os("CARGO") else {
        return Ok(());
    };
    let directory = std::env::current_exe()?;
    let directory = directory.parent().and_then(Path::file_name).and_then(OsStr::to_str);
    let profile = directory.map_or("release", |name| if name == "debug" { "dev" } else { name });
    let built = Command::new(cargo)
        .args(["build", "--quiet", "--bins", "--profile", profile, "--manifest-path"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .status()?;
    if built.success() {
        Ok(())
    } else {
        Err("the servers can't be built".into())
    }
}

/// The next line that a process writes; an empty one when it has ended.
///
/// # Errors
/// When it writes none in time.
pub fn next_line(output: &mut BufReader<impl Read + AsFd>, deadline: Instant) -> Result<String> {
    while output.buffer().is_empty() {
        let time = Timespec::try_from(deadline.saturating_duration_since(Instant::now()))?;
        let mut ready = [PollFd::new(output.get_ref(), PollFlags::IN)];
        match poll(&mut ready, Some(&time)) {
            Ok(0) => return Err("a process did not answer in time".into()),
            Ok(_) => break,
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let mut line = String::new();
    output.read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}

/// From now on this process ends at once when its standard input does: when the program that started it has ended, however
/// it did.
pub fn end_with_input() {
    std::thread::spawn(|| {
        // An input that can't be read has ended too.
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        std::process::exit(0);
    });
}

/// How much memory of its own a process has, in bytes: what of it is in use or was, without its program's text. A process
/// is a number, or `self`.
///
/// # Errors
/// When it is gone.
pub fn memory_of(process: impl fmt::Display) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next());
    Ok(kilobytes.ok_or("the process has ended")?.parse::<u64>()? * 1024)
}

/// How long a process has run on a core, in user space and in the kernel. A process is a number, or `self`.
///
/// # Errors
/// When it is gone.
pub fn cpu_time_of(process: impl fmt::Display) -> Result<Duration> {
    let mut total = Duration::ZERO;
    for task in fs::read_dir(format!("/proc/{process}/task"))? {
        let schedule = fs::read_to_string(task?.path().join("schedstat"))?;
        let nanoseconds = schedule.split(' ').next().unwrap_or_default().parse()?;
        total += Duration::from_nanos(nanoseconds);
    }
    Ok(total)
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
        cpu_time_of(self.child.id())
    }

    /// How much memory of its own it has, in bytes.
    ///
    /// # Errors
    /// When it is gone.
    pub fn memory(&self) -> Result<u64> {
        memory_of(self.child.id())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
