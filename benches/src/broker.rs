//! A NATS server, started for a benchmark and ended with it.

use std::io::BufReader;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::{Duration, Instant};

use crate::{Result, process};

/// How long it may take to start.
const PATIENCE: Duration = Duration::from_secs(10);

/// A server on a free port of the loopback interface. It ends when this is dropped.
#[derive(Debug)]
pub struct Broker {
    child: Child,
    /// What it logs. It would end if nobody could read that.
    log: BufReader<ChildStderr>,
    port: u16,
}

impl Broker {
    /// Starts one, on the cores that the calling thread is kept on.
    ///
    /// # Errors
    /// When there is no `nats-server`, or it does not become ready.
    pub fn start() -> Result<Self> {
        let mut child = Command::new("nats-server")
            // -1 is any.
            .args(["--addr", "127.0.0.1", "--no_advertise", "--port", "-1"])
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("nats-server: {error}"))?;
        let log = BufReader::new(child.stderr.take().ok_or("it has no log")?);
        let mut broker = Self { child, log, port: 0 };
        let line = broker.logged("Listening for client connections on")?;
        let port = line.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
        broker.port = port.ok_or("nats-server did not say where it listens")?;
        broker.logged("Server is ready")?;
        Ok(broker)
    }

    /// The next line with this in it.
    fn logged(&mut self, what: &str) -> Result<String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let line = process::next_line(&mut self.log, deadline)?;
            if line.contains(what) {
                return Ok(line);
            }
            if line.is_empty() {
                return Err("nats-server has ended".into());
            }
        }
    }

    /// Where clients reach it.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
