//! An application in a process of its own, with its signals and its standard error.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};

use crate::{Journal, PATIENCE};

/// A child process. It is killed when this is dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    /// Its standard input, held open.
    stdin: Option<ChildStdin>,
    lines: Journal,
    /// Closed when standard error is.
    silence: Receiver<()>,
}

impl Process {
    /// Starts a command with a pipe as its standard input.
    pub fn start(command: &mut Command) -> Self {
        Self::start_on(command, Stdio::piped())
    }

    /// Starts a command, without the variables that mean something to an application.
    pub fn start_on(command: &mut Command, stdin: impl Into<Stdio>) -> Self {
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            let is_set = command.get_envs().any(|(set, _)| set == name.as_str());
            if !is_set && (name.starts_with("NOVA_") || name.starts_with("LISTEN_") || name == "NOTIFY_SOCKET") {
                command.env_remove(name);
            }
        }
        let mut child = command.stdin(stdin).stderr(Stdio::piped()).spawn().unwrap();
        let lines = Journal::new();
        let (end, silence) = channel();
        let (stderr, noted) = (child.stderr.take().unwrap(), lines.clone());
        std::thread::spawn(move || {
            let _end = end;
            for line in BufReader::new(stderr).lines() {
                noted.note(line.unwrap());
            }
        });
        Self {
            stdin: child.stdin.take(),
            child,
            lines,
            silence,
        }
    }

    /// The lines of its standard error.
    pub fn lines(&self) -> &Journal {
        &self.lines
    }

    /// Waits until it says where it listens.
    pub fn address(&self) -> SocketAddr {
        let line = self.lines.await_note("listening on http");
        let (_, address) = line.split_once("://").unwrap();
        address.trim().parse().unwrap()
    }

    /// The most memory that it has had in use so far, in bytes.
    #[cfg(target_os = "linux")]
    pub fn peak_memory(&self) -> usize {
        self.status("VmHWM:")
    }

    /// The memory of its own that it has in use, in bytes: without its program's text.
    #[cfg(target_os = "linux")]
    pub fn memory(&self) -> usize {
        self.status("RssAnon:")
    }

    #[cfg(target_os = "linux")]
    fn status(&self, field: &str) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let value = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
        let kibibytes: usize = value.trim().trim_end_matches(" kB").parse().unwrap();
        kibibytes * 1024
    }

    /// How many descriptors it has open.
    #[cfg(target_os = "linux")]
    pub fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.child.id()))
            .unwrap()
            .count()
    }

    /// Sends a signal, such as `TERM`.
    pub fn signal(&self, name: &str) {
        let mut kill = Command::new("kill");
        kill.arg(format!("-{name}")).arg(self.child.id().to_string());
        assert!(kill.status().unwrap().success());
    }

    /// Writes a line to its standard input.
    pub fn say(&mut self, line: &str) {
        writeln!(self.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// Closes its standard input.
    pub fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Waits for its end.
    pub fn end(&mut self) -> ExitStatus {
        let silence = self.silence.recv_timeout(PATIENCE);
        assert_eq!(
            silence,
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected),
            "the process does not end"
        );
        self.child.wait().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It fails when the process has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An error with a cause.
#[derive(Debug)]
pub struct Failed(pub &'static str);

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Failed {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        const CAUSE: &Failed = &Failed("nobody listens there");
        (self.0 != CAUSE.0).then_some(CAUSE)
    }
}

/// Waits until nobody listens there any more.
pub fn await_refusal(address: SocketAddr) {
    let deadline = std::time::Instant::now() + PATIENCE;
    while std::net::TcpStream::connect(address).is_ok() {
        assert!(std::time::Instant::now() < deadline, "the listener stays open");
        std::thread::yield_now();
    }
}
