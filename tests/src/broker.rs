//! NATS servers, started for a test and ended with it.

use std::process::{Command, Stdio};

use crate::Process;

/// A server on a port of its own, which it keeps when it is started again.
#[derive(Debug)]
pub struct Broker {
    process: Process,
    arguments: Vec<String>,
    port: u16,
    cluster_port: Option<u16>,
}

/// Whether there is a server to be had. Where there is none, says so, unless `NOVA_TEST_NATS=required`.
pub fn is_there() -> bool {
    let mut command = Command::new("nats-server");
    let found = command.arg("--version").stdout(Stdio::null()).status();
    if found.is_ok_and(|status| status.success()) {
        return true;
    }
    let required = std::env::var("NOVA_TEST_NATS").is_ok_and(|value| value == "required");
    let reason = "there is no nats-server in PATH";
    assert!(!required, "{reason}");
    eprintln!("skipped: {reason}");
    false
}

impl Broker {
    /// Starts one.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts one with more arguments.
    pub fn start_with(arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(|&argument| argument.to_owned());
        Self::launch(arguments.collect(), None, None)
    }

    /// Starts some that are one cluster.
    pub fn cluster(size: usize) -> Vec<Self> {
        let mut brokers: Vec<Self> = Vec::new();
        for _ in 0..size {
            let routes = brokers.first().map(|first| {
                let port = first.cluster_port.unwrap();
                format!("nats://127.0.0.1:{port}")
            });
            let mut arguments = vec!["--cluster_name".to_owned(), "test".to_owned()];
            arguments.extend(routes.into_iter().flat_map(|routes| ["--routes".to_owned(), routes]));
            brokers.push(Self::launch(arguments, None, Some(0)));
        }
        // Each has one way to each of the others.
        for broker in &brokers {
            for _ in 1..size {
                broker.process.lines().await_note("Route connection created");
            }
        }
        brokers
    }

    /// Starts another that is one cluster with the one at this URL.
    pub fn beside(url: &str) -> Self {
        let arguments = ["--cluster_name", "test", "--routes", url].map(str::to_owned);
        let broker = Self::launch(arguments.to_vec(), None, Some(0));
        broker.process.lines().await_note("Route connection created");
        broker
    }

    /// Where others of its kind reach it.
    pub fn cluster_port(&self) -> u16 {
        self.cluster_port.unwrap()
    }

    fn launch(arguments: Vec<String>, port: Option<u16>, cluster_port: Option<u16>) -> Self {
        let process = launch(&arguments, port, cluster_port);
        let mut broker = Self {
            process,
            arguments,
            port: 0,
            cluster_port,
        };
        broker.await_ready();
        broker
    }

    fn await_ready(&mut self) {
        let port = |line: &str| line.rsplit_once(':').unwrap().1.parse().unwrap();
        self.port = port(&self.process.lines().await_note("Listening for client connections on"));
        if self.cluster_port.is_some() {
            // It is ready for clients before it is for others of its kind.
            let line = self.process.lines().await_note("Listening for route connections on");
            self.cluster_port = Some(port(&line));
        } else {
            self.process.lines().await_note("Server is ready");
        }
    }

    /// Where clients reach it.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The same as a URL.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Ends it as a power cut would.
    pub fn kill(&mut self) {
        self.process.signal("KILL");
        self.process.end();
    }

    /// Starts it again on the same ports.
    pub fn restart(&mut self) {
        self.process = launch(&self.arguments, Some(self.port), self.cluster_port);
        self.await_ready();
    }
}

fn launch(arguments: &[String], port: Option<u16>, cluster_port: Option<u16>) -> Process {
    let mut command = Command::new("nats-server");
    command.args(["--addr", "127.0.0.1", "--no_advertise", "--port"]);
    // -1 is any.
    command.arg(port.map_or("-1".to_owned(), |port| port.to_string()));
    if let Some(port) = cluster_port {
        let port = if port == 0 { -1 } else { i32::from(port) };
        command.args(["--cluster", &format!("nats://127.0.0.1:{port}")]);
    }
    Process::start(command.args(arguments))
}
