//! One `cargo build` of the application, as a source of reports.
//!
//! Measured with a generated application: the first error comes after 0.12 s from `cargo build`, and after 0.11 s from
//! `cargo check`, since the compiler looks for all of them before it makes code. A check beside the build makes a good
//! build 18 % longer. So there is none.

use std::process::ExitStatus;
use std::time::Duration;

use tokio::process::{Child, ChildStderr, ChildStdout};
use tokio::time::Instant;

use super::deadline;
use super::group::Group;
use crate::error::{Error, Result};
use lines::{Lines, Said};
use tally::Tally;

mod builds;
mod cargo_text;
mod lines;
mod message;
mod plan;
mod tally;

pub(super) use builds::Builds;
pub(super) use plan::Reason;
pub(crate) use plan::{Executable, Failure, Plan};

/// How long the output of a cargo that has ended is waited for. It is there already, unless something that cargo started
/// holds the pipe open (a compiler cache's server does), which must not hold up the reload.
const OUTPUT_AFTER_END: Duration = Duration::from_millis(250);

/// How long cargo may take to end after it has said that it has built everything.
const GONE_AFTER_BUILT: Duration = Duration::from_secs(2);

/// How long a killed build may take to be gone. Only a process that hangs in the kernel takes longer.
const GONE_AFTER_KILL: Duration = Duration::from_secs(2);

/// What a build says.
#[derive(Debug)]
pub(crate) enum Report {
    /// Something to fix, or another text to be shown: from the compiler or from cargo.
    Text(String),
    /// A step that cargo takes, such as `Compiling serde`.
    Step(String),
    /// How far cargo is, as one line that the next takes the place of. Only where somebody sees it.
    Progress(String),
    /// How the build ended. Where it made a program, cargo itself may still be at work for some milliseconds.
    Done(Outcome),
    /// Cargo has ended, too. Nothing follows.
    Gone,
}

/// How a build ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Built(Executable),
    Failed(Failure),
    Cancelled,
}

/// A build under way. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Build {
    child: Child,
    group: Group,
    messages: Option<Lines<ChildStdout>>,
    texts: Option<Lines<ChildStderr>>,
    end: End,
    tally: Tally,
    /// The outcome was reported.
    is_done: bool,
}

/// How far the end of the build has come.
#[derive(Debug)]
enum End {
    Running,
    /// Everything is built, as cargo said; it is waited for until the deadline.
    Built(Instant),
    /// Cargo has ended; the rest of its output is read until the deadline.
    Ended(ExitStatus, Instant),
    /// Killed; it is reaped until the deadline.
    Killed(Instant),
}

enum Source {
    Message(Option<Said>),
    Text(Option<Said>),
    Ended(std::io::Result<ExitStatus>),
    Deadline,
}

impl Build {
    /// Starts cargo.
    pub(crate) fn start(plan: Plan) -> Result<Self> {
        let mut child = plan.command().spawn().map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound if !plan.root().exists() => {
                Error::failed(format!("{} is gone", plan.root().display()))
            }
            std::io::ErrorKind::NotFound => Error::failed("cargo is not installed, or not in PATH")
                .help("install Rust from https://rustup.rs, and open a new terminal"),
            _ => Error::failed(format!("cargo can't be started: {error}")),
        })?;
        Ok(Self {
            group: Group::led_by(&child),
            messages: child.stdout.take().map(Lines::of),
            texts: child.stderr.take().map(Lines::of),
            child,
            end: End::Running,
            tally: Tally::of(plan),
            is_done: false,
        })
    }

    /// Kills cargo with all that it has started. The end is still reported: only then have they gone, and left the lock
    /// on the build directory to the next build.
    pub(crate) fn cancel(&mut self) {
        self.group.kill();
        self.end = End::Killed(Instant::now() + GONE_AFTER_KILL);
    }

    /// The next report. Progress lies in the build, so nothing is lost when this is dropped at an await. Not to be
    /// called after [`Report::Gone`].
    pub(crate) async fn next(&mut self) -> Report {
        loop {
            // Cargo takes some milliseconds to end after it has said that all is built: the program need not wait.
            let is_built = matches!(self.end, End::Built(_));
            if (is_built || self.is_over()) && !self.is_done {
                if let Some(words) = self.tally.last_words() {
                    return Report::Text(words);
                }
                self.is_done = true;
                return Report::Done(self.outcome());
            }
            if self.is_over() {
                return Report::Gone;
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
            End::Built(deadline) | End::Killed(deadline) => (true, Some(deadline)),
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
            Source::Message(Some(Said::Frame(line))) => return Some(Report::Text(line)),
            Source::Message(Some(Said::Line(line))) => {
                let report = self.tally.message(line);
                if self.tally.is_built() && matches!(self.end, End::Running) {
                    self.end = End::Built(Instant::now() + GONE_AFTER_BUILT);
                }
                return report;
            }
            Source::Text(Some(Said::Frame(frame))) => return Some(Report::Progress(frame)),
            Source::Text(Some(Said::Line(line))) => return self.tally.text(line),
            Source::Ended(status) => match self.end {
                // A build that can't be waited for counts as gone.
                End::Killed(_) => self.close(),
                _ => self.end = End::Ended(status.unwrap_or_default(), Instant::now() + OUTPUT_AFTER_END),
            },
            Source::Deadline => {
                if matches!(self.end, End::Built(_)) {
                    self.cancel();
                }
                self.close();
            }
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
        let is_ended = matches!(self.end, End::Ended(..) | End::Killed(_));
        self.messages.is_none() && self.texts.is_none() && is_ended
    }

    fn outcome(&mut self) -> Outcome {
        match self.end {
            End::Killed(_) | End::Running => Outcome::Cancelled,
            End::Built(_) => self.tally.program(),
            End::Ended(status, _) if status.success() => self.tally.program(),
            End::Ended(..) => self.tally.failure(),
        }
    }
}
