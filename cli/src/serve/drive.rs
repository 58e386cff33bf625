//! What connects the supervisor's rules with the world: sources in, actions out.

use std::time::Instant;

use super::build::{self, Build};
use super::listen::Listener;
use super::notice;
use super::signals::Signals;
use super::supervise::{Action, Event, Supervisor};
use super::swap::Processes;
use super::watch::{Sighting, Watch};
use crate::error::Result;
use crate::project::Project;
use crate::terminal;

/// Everything that exists while the command runs.
pub(super) struct Driver {
    pub(super) project: Project,
    pub(super) release: bool,
    pub(super) url: String,
    pub(super) listener: Listener,
    pub(super) signals: Signals,
    pub(super) watch: Watch,
    pub(super) processes: Processes,
    pub(super) build: Option<Build>,
}

/// The next thing that one of the sources has.
enum Source {
    Event(Event),
    Build(build::Report),
    Unwatched(std::path::PathBuf, String),
}

impl Driver {
    /// Runs until the supervisor has decided to exit, with its exit code.
    pub(super) async fn run(mut self) -> Result<u8> {
        let mut supervisor = Supervisor::new();
        let mut event = Some(Event::Begun);
        loop {
            if let Some(event) = event {
                for action in supervisor.on(event, Instant::now()) {
                    if let Some(exit) = self.perform(action)? {
                        return Ok(exit);
                    }
                }
            }
            event = match self.source().await {
                Source::Event(event) => Some(event),
                Source::Build(report) => self.heard(report, supervisor.has_built()),
                Source::Unwatched(directory, reason) => {
                    terminal::warning("Unwatched", format_args!("{}: {reason}", directory.display()));
                    None
                }
            };
        }
    }

    async fn source(&mut self) -> Source {
        tokio::select! {
            // Whoever wants to end goes first.
            biased;
            signal = self.signals.next() => Source::Event(Event::Signal(signal)),
            report = self.processes.next() => Source::Event(Event::Process(report)),
            sighting = self.watch.next() => match sighting {
                Sighting::Changed(change) => Source::Event(Event::Changed(change)),
                Sighting::Unwatched(directory, reason) => Source::Unwatched(directory, reason),
            },
            report = next_of(&mut self.build) => Source::Build(report),
        }
    }

    /// Shows what the build says. Cargo's steps only until there is a program: the first build takes long, later ones
    /// should be over before the steps could be read.
    fn heard(&mut self, report: build::Report, has_built: bool) -> Option<Event> {
        match report {
            build::Report::Text(text) => terminal::plain(text),
            build::Report::Step(step) if !has_built => terminal::plain(step),
            build::Report::Step(_) => {}
            build::Report::Done(outcome) => {
                self.build = None;
                return Some(Event::BuildEnded(outcome));
            }
        }
        None
    }

    fn perform(&mut self, action: Action) -> Result<Option<u8>> {
        match action {
            Action::Build => self.build = Some(Build::start(build::Plan::of(&self.project, self.release))?),
            Action::CancelBuild => {
                if let Some(build) = &mut self.build {
                    build.cancel();
                }
            }
            Action::Start(id, executable) => self.processes.start(id, &executable.path, self.listener.lend()),
            Action::Stop(id, grace) => self.processes.stop(id, grace),
            Action::Kill(id) => self.processes.kill(id),
            Action::Say(notice) => notice::tell(&notice, &self.project.name, &self.url),
            Action::Exit(code) => return Ok(Some(code)),
        }
        Ok(None)
    }
}

async fn next_of(build: &mut Option<Build>) -> build::Report {
    match build {
        Some(build) => build.next().await,
        None => std::future::pending().await,
    }
}
