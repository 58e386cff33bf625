//! The ways from a save to a response, each with an application of its own.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nova_benches::Result;
use nova_benches::children::Group;

use crate::project::{Project, told};

/// How long an edit, or the first build, may take to be served.
const PATIENCE: Duration = Duration::from_mins(3);
/// How long one request may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Between two requests.
const PAUSE: Duration = Duration::from_millis(1);

#[derive(Clone, Debug)]
pub(crate) enum Way {
    /// `cargo build`, and the new program in place of the old one: the least that has to be done.
    Bare,
    /// `nova serve`, by the command at this path.
    Nova(PathBuf),
    /// `cargo watch -x run`, by the command at this path.
    CargoWatch(PathBuf),
}

/// A way at work. What it has started ends with it.
pub(crate) struct Subject {
    project: Project,
    way: Way,
    address: SocketAddr,
    process: Option<Group>,
    lines: Lines,
    edits: usize,
}

/// What an edit took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Served {
    /// From the save to the first response that tells it.
    pub(crate) time: Duration,
    /// How much of that no connection was accepted.
    pub(crate) refused: Duration,
}

/// What a process has said on its standard error.
#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Mutex<Vec<String>>>);

impl Subject {
    /// Builds the application, starts it in this way, and waits for its first response.
    pub(crate) fn start(way: &Way, project: Project) -> Result<Self> {
        project.build()?;
        let mut subject = Self {
            project,
            way: way.clone(),
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?)),
            process: None,
            lines: Lines::default(),
            edits: 0,
        };
        subject.run()?;
        if matches!(subject.way, Way::Nova(_)) {
            subject.address = subject.lines.address(Instant::now() + PATIENCE)?;
        }
        subject.wait(Instant::now())?;
        Ok(subject)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn url(&self) -> &'static str {
        self.project.url
    }

    pub(crate) fn lines(&self) -> &Lines {
        &self.lines
    }

    /// The text that tells the edit that was made last.
    pub(crate) fn told(&self) -> String {
        told(self.edits)
    }

    /// Saves another edit, and says when.
    pub(crate) fn save(&mut self) -> Result<Instant> {
        self.edits += 1;
        let start = Instant::now();
        self.project.edit(self.edits)?;
        Ok(start)
    }

    /// Waits for the edit that was saved to be served.
    pub(crate) fn serve(&mut self, saved: Instant) -> Result<Served> {
        if !matches!(self.way, Way::Bare) {
            return self.wait(saved);
        }
        let (address, url, told, lines) = (self.address, self.project.url, self.told(), self.lines.clone());
        // Asked all the while, as the others are: that takes its part of the machine from a build.
        let waiting =
            thread::spawn(move || wait(address, url, &told, &lines, saved).map_err(|error| error.to_string()));
        self.project.build()?;
        if let Some(process) = self.process.take() {
            process.kill();
        }
        self.run()?;
        Ok(waiting.join().map_err(|_| "a client has panicked")??)
    }

    fn wait(&self, saved: Instant) -> Result<Served> {
        wait(self.address, self.project.url, &self.told(), &self.lines, saved)
    }

    fn run(&mut self) -> Result<()> {
        let mut command = match &self.way {
            Way::Bare => Command::new(&self.project.program),
            Way::Nova(nova) => with_arguments(nova, &["serve", "--port", "0"]),
            Way::CargoWatch(watch) => with_arguments(watch, &["watch", "-x", "run"]),
        };
        command
            .current_dir(&self.project.root)
            .env("CARGO_TARGET_DIR", &self.project.target)
            .env("NOVA_ENV", "dev")
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        if !matches!(self.way, Way::Nova(_)) {
            command.env("NOVA_SERVER_PORT", self.address.port().to_string());
        }
        let mut process = Group::start(&mut command)?;
        if let Some(stderr) = process.leader().stderr.take() {
            let lines = self.lines.clone();
            // To the end, so that the process never waits for it.
            thread::spawn(move || {
                for line in BufReader::new(stderr).lines().map_while(io::Result::ok) {
                    lines.push(line);
                }
            });
        }
        self.process = Some(process);
        Ok(())
    }
}

impl Lines {
    fn push(&self, line: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Those after the first so many.
    pub(crate) fn after(&self, count: usize) -> Vec<String> {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().skip(count).cloned().collect()
    }

    fn last(&self) -> Vec<String> {
        self.after(self.count().saturating_sub(8))
    }

    /// The address of the first URL.
    fn address(&self, deadline: Instant) -> Result<SocketAddr> {
        while Instant::now() < deadline {
            for line in self.after(0) {
                if let Some((_, rest)) = line.split_once("http://") {
                    let end = rest.find(|char: char| !(char.is_ascii_alphanumeric() || ".:".contains(char)));
                    return Ok(rest[..end.unwrap_or(rest.len())].parse()?);
                }
            }
            thread::sleep(PAUSE);
        }
        Err(format!("nova serve did not say where it serves: {:?}", self.last()).into())
    }
}

/// Asks until the answer tells the edit.
fn wait(address: SocketAddr, url: &str, told: &str, lines: &Lines, saved: Instant) -> Result<Served> {
    let mut refused = Duration::ZERO;
    loop {
        let begin = Instant::now();
        match get(address, url) {
            Ok(body) if body.contains(told) => {
                let time = saved.elapsed();
                return Ok(Served { time, refused });
            }
            _ if saved.elapsed() > PATIENCE => {
                return Err(format!("{told} was not served: {:?}", lines.last()).into());
            }
            Ok(_) => thread::sleep(PAUSE),
            Err(_) => {
                thread::sleep(PAUSE);
                refused += begin.elapsed();
            }
        }
    }
}

/// Asks on a connection of its own.
pub(crate) fn get(address: SocketAddr, url: &str) -> Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    stream.write_all(format!("GET {url} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").as_bytes())?;
    let mut response = String::new();
    stream.read_to_string(&mut response)?;
    match response.split_once("\r\n\r\n") {
        Some((head, body)) if head.starts_with("HTTP/1.1 200 ") => Ok(body.to_owned()),
        _ => Err("no answer, or another than 200".into()),
    }
}

fn with_arguments(program: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments);
    command
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
