//! One `cargo build` of the application, as a source of reports.

use std::collections::HashSet;
use std::fmt;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use cargo_metadata::Message;
use cargo_metadata::diagnostic::DiagnosticLevel;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tokio::time::Instant;

use super::cargo_text::{self, Kind};
use super::deadline;
use super::group::Group;
use crate::error::{Error, Result};
use crate::project::Project;

/// How long the output of a cargo that has ended is waited for. It is there already, unless something that cargo started
/// holds the pipe open (a compiler cache's server does), which must not hold up the reload.
const OUTPUT_AFTER_END: Duration = Duration::from_millis(250);

/// How long a killed build may take to be gone. Only a process that hangs in the kernel takes longer.
const GONE_AFTER_KILL: Duration = Duration::from_secs(2);

/// What to build.
#[derive(Debug)]
pub(crate) struct Plan {
    root: PathBuf,
    package: String,
    program: Option<String>,
    release: bool,
}

impl Plan {
    /// A build of the project's program. The manifest is read each time: it may have changed.
    pub(crate) fn of(project: &Project, release: bool) -> Self {
        Self {
            root: project.root.clone(),
            package: project.name.clone(),
            program: default_run(&project.root.join("Cargo.toml")),
            release,
        }
    }

    fn command(&self) -> Command {
        let mut cargo = Command::new("cargo");
        // With colour always: where there must be none, the stream takes it out, for cargo's text and for ours alike.
        cargo.args([
            "build",
            "--message-format=json-diagnostic-rendered-ansi",
            "--color=always",
        ]);
        cargo.args(["--package", &self.package]);
        match &self.program {
            Some(program) => cargo.args(["--bin", program]),
            None => cargo.arg("--bins"),
        };
        if self.release {
            cargo.arg("--release");
        }
        cargo.current_dir(&self.root);
        cargo.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        cargo.process_group(0).kill_on_drop(true);
        cargo
    }
}

/// `package.default-run`. A manifest that can't be read has none: cargo tells what is wrong with it.
fn default_run(manifest: &Path) -> Option<String> {
    let table: toml::Table = std::fs::read_to_string(manifest).ok()?.parse().ok()?;
    Some(table.get("package")?.get("default-run")?.as_str()?.to_owned())
}

/// What a build says.
#[derive(Debug)]
pub(crate) enum Report {
    /// Something to fix, or another text to be shown: from the compiler or from cargo.
    Text(String),
    /// A step that cargo takes, such as `Compiling serde`.
    Step(String),
    /// The build has ended. Nothing follows.
    Done(Outcome),
}

/// How a build ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Built(Executable),
    Failed(Failure),
    Cancelled,
}

/// A program in the state that one build left it in: equal as long as nobody has linked it anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Executable {
    pub(crate) path: PathBuf,
    stamp: Option<Stamp>,
}

/// File number, length, time of the last change in seconds and nanoseconds.
type Stamp = (u64, u64, i64, i64);

impl Executable {
    pub(crate) fn at(path: PathBuf) -> Self {
        let stamp = std::fs::metadata(&path)
            .ok()
            .map(|it| (it.ino(), it.len(), it.mtime(), it.mtime_nsec()));
        Self { path, stamp }
    }
}

/// Why there is no program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The compiler found this many errors.
    Errors(usize),
    /// Cargo failed for another reason, which was shown.
    Cargo,
    /// The package has no program.
    NoProgram,
    /// The package has several, and none that is meant by default.
    Ambiguous(Vec<String>),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Errors(1) => f.write_str("1 error"),
            Self::Errors(count) => write!(f, "{count} errors"),
            Self::Cargo => f.write_str("cargo could not build it"),
            Self::NoProgram => f.write_str("the package has no program: src/main.rs is missing"),
            Self::Ambiguous(names) => {
                write!(
                    f,
                    "which program? Set default-run in Cargo.toml to one of: {}",
                    names.join(", ")
                )
            }
        }
    }
}

/// A build under way. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Build {
    package: String,
    child: Child,
    group: Group,
    messages: Option<Lines<ChildStdout>>,
    texts: Option<Lines<ChildStderr>>,
    end: End,
    tally: Tally,
}

/// How far the end of the build has come.
#[derive(Debug)]
enum End {
    Running,
    /// Cargo has ended; the rest of its output is read until the deadline.
    Ended(ExitStatus, Instant),
    /// Killed; it is reaped until the deadline.
    Killed(Instant),
}

/// What the messages add up to.
#[derive(Debug, Default)]
struct Tally {
    errors: usize,
    shown: HashSet<String>,
    programs: Vec<(String, PathBuf)>,
    /// What cargo says from its first error on. Told at the end, when it is known whether the compiler's errors say it
    /// better.
    last_words: Vec<String>,
}

enum Source {
    Message(Option<String>),
    Text(Option<String>),
    Ended(std::io::Result<ExitStatus>),
    Deadline,
}

impl Build {
    /// Starts cargo.
    pub(crate) fn start(plan: Plan) -> Result<Self> {
        let mut child = plan.command().spawn().map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => Error::failed("cargo is not installed, or not in PATH")
                .help("install Rust from https://rustup.rs, and open a new terminal"),
            _ => Error::failed(format!("cargo can't be started: {error}")),
        })?;
        Ok(Self {
            package: plan.package,
            group: Group::led_by(&child),
            messages: child.stdout.take().map(Lines::of),
            texts: child.stderr.take().map(Lines::of),
            child,
            end: End::Running,
            tally: Tally::default(),
        })
    }

    /// Kills cargo with all that it has started. The end is still reported: only then have they gone, and left the lock
    /// on the build directory to the next build.
    pub(crate) fn cancel(&mut self) {
        self.group.kill();
        self.end = End::Killed(Instant::now() + GONE_AFTER_KILL);
    }

    /// The next report. Progress lies in the build, so nothing is lost when this is dropped at an await. Not to be
    /// called after [`Report::Done`].
    pub(crate) async fn next(&mut self) -> Report {
        loop {
            if self.is_over() {
                if let Some(words) = self.tally.last_words() {
                    return Report::Text(words);
                }
                return Report::Done(self.outcome());
            }
            let source = self.source().await;
            if let Some(report) = self.take(source) {
                return report;
            }
        }
    }

    async fn source(&mut self) -> Source {
        let (running, deadline) = match self.end {
            End::Running => (true, None),
            End::Ended(_, deadline) => (false, Some(deadline)),
            End::Killed(deadline) => (true, Some(deadline)),
        };
        tokio::select! {
            line = Lines::next(&mut self.messages) => Source::Message(line),
            line = Lines::next(&mut self.texts) => Source::Text(line),
            status = self.child.wait(), if running => Source::Ended(status),
            () = deadline::reached(deadline) => Source::Deadline,
        }
    }

    fn take(&mut self, source: Source) -> Option<Report> {
        match source {
            Source::Message(None) => self.messages = None,
            Source::Text(None) => self.texts = None,
            Source::Message(Some(_)) | Source::Text(Some(_)) if matches!(self.end, End::Killed(_)) => {}
            Source::Message(Some(line)) => return self.tally.message(line),
            Source::Text(Some(line)) => return self.tally.text(line),
            Source::Ended(status) => match self.end {
                // A build that can't be waited for counts as gone.
                End::Killed(_) => self.close(),
                _ => self.end = End::Ended(status.unwrap_or_default(), Instant::now() + OUTPUT_AFTER_END),
            },
            Source::Deadline => self.close(),
        }
        None
    }

    fn close(&mut self) {
        self.messages = None;
        self.texts = None;
        if let End::Killed(deadline) = &mut self.end {
            *deadline = Instant::now();
        }
    }

    fn is_over(&self) -> bool {
        self.messages.is_none() && self.texts.is_none() && !matches!(self.end, End::Running)
    }

    fn outcome(&mut self) -> Outcome {
        match self.end {
            End::Killed(_) | End::Running => Outcome::Cancelled,
            End::Ended(status, _) if status.success() => self.tally.program(&self.package),
            End::Ended(..) if self.tally.errors > 0 => Outcome::Failed(Failure::Errors(self.tally.errors)),
            End::Ended(..) => Outcome::Failed(Failure::Cargo),
        }
    }
}

impl Tally {
    /// A line of cargo's standard output.
    fn message(&mut self, line: String) -> Option<Report> {
        match serde_json::from_str::<Message>(&line) {
            Ok(Message::CompilerMessage(message)) => self.diagnostic(message.message),
            Ok(Message::CompilerArtifact(artifact)) => {
                if let Some(path) = artifact.executable
                    && artifact.target.is_bin()
                {
                    self.programs.push((artifact.target.name, path.into_std_path_buf()));
                }
                None
            }
            Ok(_) => None,
            // Printed by a procedural macro.
            Err(_) => Some(Report::Text(line)),
        }
    }

    fn diagnostic(&mut self, diagnostic: cargo_metadata::diagnostic::Diagnostic) -> Option<Report> {
        // The compiler's own sums; the errors are counted here, over all crates.
        let message = &diagnostic.message;
        if message.starts_with("aborting due to")
            || message.ends_with("warning emitted")
            || message.ends_with("warnings emitted")
        {
            return None;
        }
        let rendered = diagnostic.rendered.unwrap_or(diagnostic.message);
        if !self.shown.insert(rendered.clone()) {
            return None;
        }
        if matches!(diagnostic.level, DiagnosticLevel::Error | DiagnosticLevel::Ice) {
            self.errors += 1;
        }
        // The line that ends it is whoever shows it to write; an empty one before that is cargo's way to part them.
        Some(Report::Text(
            rendered.strip_suffix('\n').unwrap_or(&rendered).to_owned(),
        ))
    }

    /// A line of cargo's standard error.
    fn text(&mut self, line: String) -> Option<Report> {
        if !self.last_words.is_empty() {
            self.last_words.push(line);
            return None;
        }
        match cargo_text::kind(&line) {
            Kind::Step => Some(Report::Step(line)),
            Kind::Sum => None,
            Kind::Text => Some(Report::Text(line)),
            Kind::Error => {
                self.last_words.push(line);
                None
            }
        }
    }

    fn last_words(&mut self) -> Option<String> {
        let mut words = std::mem::take(&mut self.last_words);
        if self.errors > 0 {
            words.retain(|line| !cargo_text::repeats_the_compiler(line));
        }
        (!words.iter().all(|line| line.trim().is_empty())).then(|| words.join("\n"))
    }

    fn program(&mut self, package: &str) -> Outcome {
        let mut programs = std::mem::take(&mut self.programs);
        let chosen = match programs.len() {
            0 => return Outcome::Failed(Failure::NoProgram),
            1 => Some(0),
            _ => programs.iter().position(|(name, _)| name == package),
        };
        match chosen {
            Some(index) => Outcome::Built(Executable::at(programs.swap_remove(index).1)),
            None => Outcome::Failed(Failure::Ambiguous(programs.into_iter().map(|(name, _)| name).collect())),
        }
    }
}

/// The lines of a pipe. What is not UTF-8 (a linker may say anything) is replaced.
#[derive(Debug)]
struct Lines<R> {
    reader: BufReader<R>,
    /// What has come of the next line. It stays here when a read is dropped.
    partial: Vec<u8>,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    fn of(pipe: R) -> Self {
        Self {
            reader: BufReader::new(pipe),
            partial: Vec::new(),
        }
    }

    /// The next line, or none at the end of the pipe. Of a closed pipe nothing comes, not even the end.
    async fn next(lines: &mut Option<Self>) -> Option<String> {
        let Some(lines) = lines else {
            return std::future::pending().await;
        };
        // A pipe that can't be read has ended.
        let _ = lines.reader.read_until(b'\n', &mut lines.partial).await;
        if lines.partial.is_empty() {
            return None;
        }
        let line = String::from_utf8_lossy(&lines.partial)
            .trim_end_matches(['\r', '\n'])
            .to_owned();
        lines.partial.clear();
        Some(line)
    }
}

#[cfg(test)]
mod tests;
