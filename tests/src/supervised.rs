//! The supervisor's side of an application: its socket, and the line.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::PATIENCE;

/// A process that serves on a listener that it was given. It is killed when this is dropped.
#[derive(Debug)]
pub struct Supervised {
    child: Child,
    line: BufReader<UnixStream>,
    address: SocketAddr,
}

impl Supervised {
    /// Starts `program` in a directory, in `dev`, as this build.
    pub fn start(program: &str, directory: &Path, listener: &TcpListener, build: u64) -> Self {
        let (line, other) = UnixStream::pair().unwrap();
        line.set_read_timeout(Some(PATIENCE)).unwrap();
        let listening = listener.try_clone().unwrap();
        let child = Command::new(program)
            .current_dir(directory)
            .env("NOVA_ENV", "dev")
            .env("NOVA_SUPERVISED", "stdin")
            .env("NOVA_BUILD", build.to_string())
            .env("NOVA_EDITOR", "editor://{file}:{line}:{column}")
            .env("LISTEN_FDS", "1")
            // Nothing is written to standard output: it is the one descriptor more that a command can give.
            .env("LISTEN_FDS_FIRST_FD", "1")
            .stdin(OwnedFd::from(other))
            .stdout(OwnedFd::from(listening))
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        Self {
            child,
            line: BufReader::new(line),
            address: listener.local_addr().unwrap(),
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Says something on the line.
    pub fn tell(&mut self, line: &Value) {
        writeln!(self.line.get_mut(), "{line}").unwrap();
    }

    /// The next line that it says.
    pub fn hears(&mut self) -> Value {
        let mut line = String::new();
        self.line.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    /// Begins its end, and waits for it.
    pub fn end(mut self) {
        self.line.get_mut().shutdown(std::net::Shutdown::Write).unwrap();
        let deadline = std::time::Instant::now() + PATIENCE;
        while self.child.try_wait().unwrap().is_none() {
            assert!(std::time::Instant::now() < deadline, "the process does not end");
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        // It fails when the process has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
