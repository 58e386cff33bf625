//! What the tests are made of: a project that stands in for a real one, and a running `nova serve`.

use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// How long anything here may take. Builds share the machine with the other tests. It is not reached where all is well.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);

/// A project in a directory of its own.
pub(crate) struct Project {
    directory: TempDir,
    /// Where its manifest is.
    pub(crate) root: PathBuf,
}

impl Project {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().canonicalize().unwrap();
        let project = Self { directory, root };
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
        project.write("src/main.rs", include_str!("../stand_in/application.rs"));
        project.write_body("one");
        project
    }

    /// One whose application speaks on the line.
    pub(crate) fn on_the_line() -> Self {
        let project = Self::new();
        project.write("src/main.rs", include_str!("../stand_in/on_the_line.rs"));
        project.write_start("one", "");
        project
    }

    /// The text that the application on the line answers with, and what it does before anything else.
    pub(crate) fn write_start(&self, text: &str, start: &str) {
        let body = format!("pub const TEXT: &str = {text:?};\npub fn at_the_start() {{ {start} }}\n");
        self.write("src/body.rs", &body);
    }

    /// The directory that has it, which is the root's own or above it.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The processes that work in the project's directory, or did before it was removed.
    pub(crate) fn processes(&self) -> Vec<i32> {
        let processes = std::fs::read_dir("/proc").unwrap().flatten();
        let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.filter(|pid: &i32| {
            let works_in = std::fs::read_link(format!("/proc/{pid}/cwd"));
            works_in.is_ok_and(|path| path.starts_with(&self.root)) && runs(*pid)
        })
        .collect()
    }

    pub(crate) fn write(&self, file: &str, text: &str) {
        let path = self.root.join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(crate) fn write_body(&self, text: &str) {
        self.write("src/body.rs", &format!("pub const TEXT: &str = {text:?};\n"));
    }

    pub(crate) fn nova(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nova"));
        command.args(args).current_dir(&self.root);
        // The build belongs to the temporary directory, whatever the tests themselves are built with.
        command
            .env_remove("CARGO_TARGET_DIR")
            .env_remove("NOVA_ENV")
            .env_remove("NOVA_EDITOR")
            .env("CARGO_NET_OFFLINE", "true");
        command.env_remove("NOVA_SERVER_HOST").env_remove("NOVA_SERVER_PORT");
        command
    }

    pub(crate) fn output(&self, args: &[&str]) -> Output {
        self.nova(args).output().unwrap()
    }
}

/// A running `nova serve`.
pub(crate) struct Serve {
    pub(crate) child: Child,
    lines: Receiver<String>,
    events: Receiver<String>,
    pub(crate) address: String,
}

impl Serve {
    pub(crate) fn start(project: &Project) -> Self {
        Self::start_with(project.nova(&["serve", "--port", "0", "--json"]))
    }

    /// Waits for the application.
    pub(crate) fn start_with(command: Command) -> Self {
        let mut serve = Self::begin(command);
        let line = serve.wait_for("Serving http://");
        let url = line
            .split_whitespace()
            .find_map(|word| word.strip_prefix("http://"))
            .unwrap();
        url.clone_into(&mut serve.address);
        serve
    }

    /// Waits for nothing.
    pub(crate) fn begin(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        Self {
            lines: lines(child.stderr.take().unwrap()),
            events: lines(child.stdout.take().unwrap()),
            child,
            address: String::new(),
        }
    }

    /// The next thing of this name on standard output, past others, all of which must be objects with a name.
    pub(crate) fn wait_for_event(&self, name: &str) -> Value {
        let deadline = Instant::now() + PATIENCE;
        let mut seen = Vec::new();
        while let Ok(line) = self
            .events
            .recv_timeout(deadline.saturating_duration_since(Instant::now()))
        {
            let event: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
            assert!(event["event"].is_string(), "{line}");
            if event["event"] == name {
                return event;
            }
            seen.push(line);
        }
        panic!("no event {name:?} in {seen:#?}");
    }

    /// What was told on standard output and not waited for, by name.
    pub(crate) fn events(&self) -> Vec<String> {
        self.events.try_iter().map(|line| name(&line)).collect()
    }

    /// The same up to the next of this name, which is waited for.
    pub(crate) fn events_up_to(&self, last: &str) -> Vec<String> {
        let mut names = Vec::new();
        while names.last().is_none_or(|name| name != last) {
            let Ok(line) = self.events.recv_timeout(PATIENCE) else {
                panic!("no event {last:?} after {names:?}");
            };
            names.push(name(&line));
        }
        names
    }

    /// What was said and not waited for.
    pub(crate) fn heard(&self) -> Vec<String> {
        self.lines.try_iter().collect()
    }

    /// The next line that has this text in it.
    pub(crate) fn wait_for(&self, text: &str) -> String {
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
    pub(crate) fn get(&self, path: &str) -> (i32, String) {
        let deadline = Instant::now() + PATIENCE;
        let answer = loop {
            match self.ask(path) {
                // The application of these tests does not finish what it has accepted when it is told to end.
                Err(error) if error.kind() == ErrorKind::ConnectionReset && Instant::now() < deadline => {}
                answer => break answer.unwrap(),
            }
        };
        let (process, body) = answer.split_once(' ').unwrap_or(("0", ""));
        (process.parse().unwrap(), body.to_owned())
    }

    fn ask(&self, path: &str) -> std::io::Result<String> {
        let mut connection = TcpStream::connect(&self.address)?;
        connection.set_read_timeout(Some(PATIENCE))?;
        // In one piece: the application reads once, and closing with something unread resets the connection.
        connection.write_all(format!("GET {path} HTTP/1.1\r\n\r\n").as_bytes())?;
        let mut answer = String::new();
        connection.read_to_string(&mut answer)?;
        Ok(answer)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).unwrap();
    }

    pub(crate) fn exit_code(&mut self) -> Option<i32> {
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

/// An event's.
fn name(line: &str) -> String {
    let event: Value = serde_json::from_str(line).unwrap();
    event["event"].as_str().unwrap().to_owned()
}

fn lines(pipe: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        let lines = BufReader::new(pipe).lines().map_while(Result::ok);
        lines.into_iter().all(|line| sender.send(line).is_ok())
    });
    lines
}

/// Whether a process runs: one that has ended and that nobody has asked about yet does not.
pub(crate) fn runs(process: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, state)| !state.starts_with('Z'))
}

pub(crate) fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
