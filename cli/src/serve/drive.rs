//! What connects the supervisor's rules with the world: sources in, actions out.

use std::path::PathBuf;
use std::time::Instant;

use super::build::{self, Builds, Outcome, Plan, Reason};
use super::json::{self, Json};
use super::keys::{self, Key, Keys};
use super::listen::Listener;
use super::members::{Directories, Members};
use super::notice::{self, Notice};
use super::signals::Signals;
use super::supervise::{Action, Event, Supervisor};
use super::swap::{self, Processes};
use super::watch::{Sighting, Watch};
use super::{browser, inputs};
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
    pub(super) builds: Builds,
    /// What the last good build made.
    pub(super) program: Option<PathBuf>,
    pub(super) keys: Keys,
    pub(super) json: Option<Json>,
    pub(super) members: Members,
}

/// The next thing that one of the sources has.
enum Source {
    Event(Event),
    Build(build::Report),
    Key(Key),
    Members(Option<Directories>),
    Unwatched(PathBuf, String),
    Gone,
}

impl Driver {
    /// Runs until the supervisor has decided to exit, with its exit code.
    pub(super) async fn run(mut self) -> Result<u8> {
        let mut supervisor = Supervisor::new();
        self.say_json(json::started(&self.project.name, &self.url));
        let mut event = Some(Event::Begun);
        loop {
            if let Some(event) = event {
                for action in supervisor.on(event, Instant::now()) {
                    if let Some(exit) = self.perform(action, supervisor.has_built())? {
                        self.say_json(json::ended(exit));
                        return Ok(exit);
                    }
                }
            }
            event = match self.source().await {
                Source::Event(event) => {
                    self.take_note(&event);
                    Some(event)
                }
                Source::Build(report) => self.heard(report, supervisor.has_built()),
                Source::Key(key) => self.pressed(key),
                Source::Members(others) => {
                    self.watch_also(others);
                    None
                }
                Source::Unwatched(directory, reason) => {
                    self.unwatched(&directory, &reason);
                    None
                }
                Source::Gone => {
                    let root = self.project.root.display();
                    terminal::warning("Waiting", format_args!("{root} is gone; it is looked for every second"));
                    self.say_json(json::unwatched(&self.project.root, "it is gone"));
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
            key = self.keys.next() => Source::Key(key),
            report = self.processes.next() => Source::Event(Event::Process(report)),
            sighting = self.watch.next() => match sighting {
                Sighting::Changed(change) => Source::Event(Event::Changed(change)),
                Sighting::Unwatched(directory, reason) => Source::Unwatched(directory, reason),
                Sighting::Gone => Source::Gone,
            },
            report = self.builds.next() => Source::Build(report),
            others = self.members.next() => Source::Members(others),
        }
    }

    fn take_note(&mut self, event: &Event) {
        if let Event::Changed(change) = event
            && change.has_manifest()
        {
            self.members.are_stale();
        }
    }

    /// Shows what the build says. How far it is only until there is a program: the first build takes long, later ones
    /// should be over before that could be read. In a terminal it is one line that passes, elsewhere cargo's steps.
    fn heard(&mut self, report: build::Report, has_built: bool) -> Option<Event> {
        match report {
            build::Report::Text(text) => terminal::plain(text),
            // Later the application writes to the same terminal.
            build::Report::Progress(frame) => {
                if !has_built {
                    terminal::passing(&frame);
                }
            }
            build::Report::Step(step) => {
                if !has_built && terminal::columns_for_passing().is_none() {
                    terminal::plain(step);
                }
                // By its first step cargo has resolved the packages: asked earlier, it would wait for the build's lock,
                // or make that wait.
                self.members.ask(&self.project.root);
            }
            build::Report::Done(outcome) => {
                if let Outcome::Built(executable) = &outcome {
                    self.program = Some(executable.path.clone());
                }
                self.members.ask(&self.project.root);
                return Some(Event::BuildEnded(outcome));
            }
            // Only now has cargo written what the program was built from.
            build::Report::Gone => {
                if let Some(program) = &self.program {
                    self.watch.set_inputs(inputs::of(program), self.members.since());
                }
            }
        }
        None
    }

    fn pressed(&self, key: Key) -> Option<Event> {
        match key {
            Key::Rebuild => return Some(Event::Rebuild),
            Key::Quit => return Some(Event::Quit),
            Key::Open if browser::open(&self.url) => terminal::progress("Opening", &self.url),
            Key::Open => terminal::warning("Opening", format_args!("no browser was found for {}", self.url)),
            Key::Clear => terminal::clear(),
            Key::Help => terminal::hint(keys::HELP),
        }
        None
    }

    fn watch_also(&mut self, others: Option<Directories>) {
        match others {
            Some(others) => {
                for (directory, reason) in self.watch.also(others, self.members.since()) {
                    self.unwatched(&directory, &reason);
                }
            }
            // A manifest that is wrong, or a lock file that is not written yet: after the next build.
            None => self.members.are_stale(),
        }
    }

    fn unwatched(&mut self, directory: &PathBuf, reason: &str) {
        terminal::warning("Unwatched", format_args!("{}: {reason}", directory.display()));
        self.say_json(json::unwatched(directory, reason));
    }

    fn perform(&mut self, action: Action, has_built: bool) -> Result<Option<u8>> {
        match action {
            Action::Build => {
                self.members.build_begins();
                let started = self.builds.start(Plan::of(&self.project, self.release));
                if let Err(error) = started {
                    // At the beginning nothing can be done without cargo; later, what serves goes on.
                    if !has_built {
                        return Err(error);
                    }
                    self.builds.fail(Reason::NotStarted(error.message().to_owned()));
                }
            }
            Action::CancelBuild => self.builds.cancel(),
            Action::Start(start) => self.processes.start(
                &swap::Start {
                    id: start.id,
                    program: &start.executable.path,
                    build: start.build,
                    takes_from: start.takes_from,
                },
                self.listener.lend(),
            ),
            Action::Stop(id, grace) => self.processes.stop(id, grace),
            Action::Kill(id) => self.processes.kill(id),
            Action::Tell(id, news) => self.processes.tell(id, &news),
            Action::Say(notice) => self.say(&notice),
            Action::Exit(code) => return Ok(Some(code)),
        }
        Ok(None)
    }

    fn say(&mut self, notice: &Notice) {
        notice::tell(notice, &self.project.name, &self.url);
        if matches!(notice, Notice::Serving(_)) && self.keys.exist() {
            terminal::hint(keys::HELP);
        }
        self.say_json(json::object(notice));
    }

    fn say_json(&mut self, object: serde_json::Value) {
        if let Some(json) = &mut self.json {
            json.say(object);
        }
    }
}
