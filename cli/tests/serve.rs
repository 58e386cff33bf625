//! `nova serve` and `nova routes` with real processes: cargo, and a small application that stands in for a real one.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// How long anything here may take. Builds share the machine with the other tests.
const PATIENCE: Duration = Duration::from_secs(30);

/// A project in a directory of its own.
struct Project {
    directory: TempDir,
}

impl Project {
    fn new() -> Self {
        let project = Self {
            directory: tempfile::tempdir().unwrap(),
        };
        project.write(
            "runtime/Cargo.toml",
            "[package]\nname = \"nova-framework\"\nedition = \"2024\"\n[lib]\nname = \"nova\"\n",
        );
        project.write("runtime/src/lib.rs", "");
        project.write(
            "Cargo.toml",
            "[package]\nname = \"myapp\"\nedition = \"2024\"\n[workspace]\nexclude = [\"runtime\"]\n\
             [dependencies]\nnova = { package = \"nova-framework\", path = \"runtime\" }\n",
        );
        project.write("src/main.rs", include_str!("stand_in/application.rs"));
        project.write_body("one");
        project
    }

    fn write(&self, file: &str, text: &str) {
        let path = self.directory.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn write_body(&self, text: &str) {
        self.write("src/body.rs", &format!("pub const TEXT: &str = {text:?};\n"));
    }

    fn nova(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nova"));
        command.args(args).current_dir(self.directory.path());
        // The build belongs to the temporary directory, whatever the tests themselves are built with.
        command
            .env_remove("CARGO_TARGET_DIR")
            .env_remove("NOVA_ENV")
            .env("CARGO_NET_OFFLINE", "true");
        command.env_remove("NOVA_SERVER_HOST").env_remove("NOVA_SERVER_PORT");
        command
    }

    fn output(&self, args: &[&str]) -> Output {
        self.nova(args).output().unwrap()
    }
}

/// A running `nova serve`.
struct Serve {
    child: Child,
    lines: Receiver<String>,
    address: String,
}

impl Serve {
    fn start(project: &Project) -> Self {
        let mut child = project
            .nova(&["serve", "--port", "0"])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            stderr
                .lines()
                .map_while(Result::ok)
                .all(|line| sender.send(line).is_ok())
        });
        let mut serve = Self {
            child,
            lines,
            address: String::new(),
        };
        let line = serve.wait_for("Serving http://");
        let url = line
            .split_whitespace()
            .find_map(|word| word.strip_prefix("http://"))
            .unwrap();
        url.clone_into(&mut serve.address);
        serve
    }

    /// The next line that has this text in it.
    fn wait_for(&self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        let mut seen = Vec::new();
        while let Ok(line) = self
            .lines
            .recv_timeout(deadline.saturating_duration_since(Instant::now()))
        {
            assert!(!line.contains('\u{1b}'), "escape bytes where no terminal is: {line:?}");
            if line.contains(text) {
                return line;
            }
            seen.push(line);
        }
        panic!("no line with {text:?} in {seen:#?}");
    }

    /// What the application answers: its process and its body.
    fn get(&self, path: &str) -> (i32, String) {
        let mut connection = TcpStream::connect(&self.address).unwrap();
        connection.set_read_timeout(Some(PATIENCE)).unwrap();
        // In one piece: the application reads once, and closing with something unread resets the connection.
        connection
            .write_all(format!("GET {path} HTTP/1.1\r\n\r\n").as_bytes())
            .unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        let (process, body) = answer.split_once(' ').unwrap_or(("0", ""));
        (process.parse().unwrap(), body.to_owned())
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).unwrap();
    }

    fn exit_code(&mut self) -> Option<i32> {
        eventually("the command ends", || self.child.try_wait().unwrap().is_some());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether a process runs: one that has ended and that nobody has asked about yet does not.
fn runs(process: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, state)| !state.starts_with('Z'))
}

fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_change_is_served_and_an_error_is_not() {
    let project = Project::new();
    let mut serve = Serve::start(&project);
    let (first, body) = serve.get("/");
    assert_eq!(body, "one");

    project.write_body("two");
    serve.wait_for("Changed src/body.rs");
    serve.wait_for("Reloaded ");
    let (second, body) = serve.get("/");
    assert_eq!(body, "two");
    eventually("the first process ends", || !runs(first));

    project.write("src/body.rs", "pub const TEXT: &str = two;\n");
    serve.wait_for("cannot find value `two`");
    serve.wait_for("Failed 1 error; still serving the previous build");
    assert_eq!(serve.get("/"), (second, "two".to_owned()));

    project.write_body("three");
    serve.wait_for("Reloaded ");
    assert_eq!(serve.get("/").1, "three");

    let (third, _) = serve.get("/");
    serve.signal(Signal::TERM);
    assert_eq!(serve.exit_code(), Some(143));
    assert!(!runs(second) && !runs(third), "a process was left");
}

#[test]
fn an_application_that_dies_is_started_by_the_next_change() {
    let project = Project::new();
    let serve = Serve::start(&project);
    serve.get("/die");
    serve.wait_for("Failed myapp ended with exit status: 101; waiting for a change");

    // The socket is still there: this connection waits for the next process.
    let waiting = TcpStream::connect(&serve.address).unwrap();
    project.write("nova.toml", "[server]\n");
    serve.wait_for("Changed nova.toml");
    serve.wait_for("Reloaded ");
    waiting.set_read_timeout(Some(PATIENCE)).unwrap();
    (&waiting).write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let mut answer = String::new();
    (&waiting).read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with(" one"), "{answer}");
}

#[test]
fn a_command_that_is_killed_leaves_no_application() {
    let project = Project::new();
    let serve = Serve::start(&project);
    let (process, _) = serve.get("/");
    serve.signal(Signal::KILL);
    eventually("the application ends", || !runs(process));
}

#[test]
fn a_busy_port_is_an_error() {
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = holder.local_addr().unwrap().port().to_string();
    let output = Project::new().output(&["serve", "--port", &port]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).starts_with(&format!("error: port {port} is in use\n")),
        "{}",
        stderr(&output)
    );
}

#[test]
fn without_cargo_it_is_said_what_to_install() {
    let empty = tempfile::tempdir().unwrap();
    let output = Project::new()
        .nova(&["serve", "--port", "0"])
        .env("PATH", empty.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("install Rust from https://rustup.rs"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn routes_are_printed_as_a_table_or_as_they_came() {
    let project = Project::new();
    let table = project.output(&["routes"]);
    let expected =
        "METHOD  PATH   HANDLER         SECURITY  PLACE\nWS      /chat  ws::chat::init  -         src/routes.rs:3\n";
    assert_eq!(String::from_utf8_lossy(&table.stdout), expected);

    let json = project.output(&["routes", "--json"]);
    let line = String::from_utf8(json.stdout).unwrap();
    assert!(
        line.starts_with("{\"kind\":\"websocket\"") && line.lines().count() == 1,
        "{line}"
    );

    project.write("src/body.rs", "");
    let failed = project.output(&["routes"]);
    assert_eq!(failed.status.code(), Some(1));
    assert!(
        stderr(&failed).ends_with("error: myapp was not built: 1 error\n"),
        "{}",
        stderr(&failed)
    );
    assert!(failed.stdout.is_empty());
}
