//! The rules of `nova serve`: a pure function from what happened to what is to be done.
//!
//! Cargo and the application are two machines beside each other, [`builds`] and [`processes`]: a change starts cargo
//! again at once, whatever the application's processes are about, and a process goes on serving until another one has
//! said that it is ready.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::build::{Executable, Outcome};
use super::line::News;
use super::notice::{Notice, Pages};
use super::signals::Signal;
use super::swap::{self, Id};
use super::watch::Change;
use builds::Cargo;
use history::History;
use processes::App;

mod builds;
mod history;
mod processes;

/// How long a replaced process may take to finish what it is about; what is left then is killed. It holds up nothing.
pub(super) const DRAIN_WITHIN: Duration = Duration::from_secs(10);

/// How long the processes may take to end when the command is to end.
pub(super) const END_WITHIN: Duration = Duration::from_secs(3);

/// What has happened.
#[derive(Clone, Debug)]
pub(super) enum Event {
    /// The command was started.
    Begun,
    Changed(Change),
    BuildEnded(Outcome),
    Process(swap::Report),
    Signal(Signal),
    /// Somebody wants all of it again, changed or not.
    Rebuild,
    /// Somebody wants the command to end.
    Quit,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Action {
    Build,
    /// Ends the build under way; its end is still to be reported.
    CancelBuild,
    Start(Start),
    Stop(Id, Duration),
    Kill(Id),
    /// Tells a process what it can do without.
    Tell(Id, News),
    Say(Notice),
    /// All has ended: exit with this code.
    Exit(u8),
}

/// A process to be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Start {
    pub(super) id: Id,
    pub(super) executable: Executable,
    pub(super) build: u64,
    /// The process that serves until then, and gives its WebSockets to this one.
    pub(super) takes_from: Option<Id>,
}

/// Where everything stands.
#[derive(Debug)]
pub(super) struct Supervisor {
    mode: Mode,
    cargo: Cargo,
    app: App,
    /// What the last good build made.
    built: Option<Executable>,
    /// Builds in a row that were cancelled.
    cancelled: u32,
    /// Every process that has not been reported as ended, those that drain as well.
    alive: BTreeSet<Id>,
    next_process: u64,
    /// The number of the newest build. A start without a build has a number, too: what is served is not the same.
    build: u64,
    has_served: bool,
    history: History,
    /// Views that the application has been told of, and since when.
    views: Option<(Vec<PathBuf>, Instant)>,
}

#[derive(Clone, Copy, Debug)]
enum Mode {
    Serving,
    Ending { exit: u8 },
}

/// What a piece of work answers to.
#[derive(Clone, Debug)]
struct Cause {
    /// When it was asked for.
    since: Instant,
    /// The application must start again even where the build changes nothing.
    restart: bool,
    files: Vec<PathBuf>,
}

impl Cause {
    /// This one and a newer one. The time counts from the newer: it is the one somebody waits for.
    fn then(mut self, newer: Self) -> Self {
        for file in newer.files {
            if let Err(place) = self.files.binary_search(&file) {
                self.files.insert(place, file);
            }
        }
        Self {
            since: newer.since,
            restart: self.restart || newer.restart,
            files: self.files,
        }
    }
}

impl Supervisor {
    pub(super) fn new() -> Self {
        Self {
            mode: Mode::Serving,
            cargo: Cargo::Idle,
            app: App::Down,
            built: None,
            cancelled: 0,
            alive: BTreeSet::new(),
            next_process: 0,
            build: 0,
            has_served: false,
            history: History::default(),
            views: None,
        }
    }

    /// Whether a build that is under way is the first of which something may come.
    pub(super) fn has_built(&self) -> bool {
        self.built.is_some()
    }

    /// What is to be done, in this order, after `event`.
    pub(super) fn on(&mut self, event: Event, now: Instant) -> Vec<Action> {
        let cause = |restart| Cause {
            since: now,
            restart,
            files: Vec::new(),
        };
        match (self.mode, event) {
            (Mode::Serving, Event::Begun) => self.build(cause(false), now),
            (Mode::Serving, Event::Rebuild) => self.rebuild(cause(true), now),
            (Mode::Serving, Event::Changed(change)) => self.changed(change, now),
            (Mode::Serving, Event::BuildEnded(outcome)) => self.build_ended(outcome, now),
            (Mode::Serving, Event::Process(report)) => self.reported(report, now),
            (Mode::Serving, Event::Signal(signal)) => self.end(signal.exit_code(), signal != Signal::Hangup),
            (Mode::Serving, Event::Quit) => self.end(0, true),
            (Mode::Ending { exit }, event) => self.while_ending(exit, &event),
        }
    }

    fn changed(&mut self, change: Change, now: Instant) -> Vec<Action> {
        let mut actions = self.pages_changed(change.pages, now);
        if !change.build && !change.restart {
            return actions;
        }
        // Cargo writes the lock file itself; that must not cancel the very build that did it.
        if !matches!(self.cargo, Cargo::Idle) && change.files.iter().all(|file| file.ends_with("Cargo.lock")) {
            return actions;
        }
        actions.push(Action::Say(Notice::Changed(change.files.clone())));
        let cause = Cause {
            since: now,
            restart: change.restart,
            files: change.files,
        };
        if change.build {
            actions.extend(self.rebuild(cause, now));
        } else {
            actions.extend(self.restart(cause));
        }
        actions
    }

    /// Views and assets are the application's to read.
    fn pages_changed(&mut self, files: Vec<PathBuf>, now: Instant) -> Vec<Action> {
        let Some(id) = self.serving().filter(|_| !files.is_empty()) else {
            return Vec::new();
        };
        let mut actions = vec![Action::Tell(id, News::Changed { files: files.clone() })];
        let (views, assets): (Vec<_>, Vec<_>) = files.into_iter().partition(|file| is_view(file));
        if !views.is_empty() {
            // A second save before the answer to the first is answered with it, or after it.
            self.views = Some((views, now));
        }
        if !assets.is_empty() {
            actions.push(Action::Say(Notice::Pages(Pages {
                files: assets,
                error: None,
                time: None,
            })));
        }
        actions
    }

    fn end(&mut self, exit: u8, has_reader: bool) -> Vec<Action> {
        self.mode = Mode::Ending { exit };
        let mut actions = Vec::new();
        // A terminal that was closed can't be written to.
        if has_reader {
            actions.push(Action::Say(Notice::Ending));
        }
        actions.extend(self.cancel_at_the_end());
        actions.extend(self.alive.iter().map(|id| Action::Stop(*id, END_WITHIN)));
        actions.extend(self.exit_when_alone(exit));
        actions
    }

    fn while_ending(&mut self, exit: u8, event: &Event) -> Vec<Action> {
        match event {
            Event::Signal(_) | Event::Quit => return self.alive.iter().map(|id| Action::Kill(*id)).collect(),
            Event::BuildEnded(_) => self.cargo = Cargo::Idle,
            Event::Process(swap::Report::Ended(id, _)) => {
                self.alive.remove(id);
            }
            Event::Begun | Event::Rebuild | Event::Changed(_) | Event::Process(_) => return Vec::new(),
        }
        self.exit_when_alone(exit).into_iter().collect()
    }

    fn exit_when_alone(&self, exit: u8) -> Option<Action> {
        let alone = self.alive.is_empty() && matches!(self.cargo, Cargo::Idle);
        alone.then_some(Action::Exit(exit))
    }

    /// Tells the process that serves, where there is one.
    fn tell(&self, news: News) -> Option<Action> {
        self.serving().map(|id| Action::Tell(id, news))
    }

    fn next_build(&mut self) -> u64 {
        self.build += 1;
        self.build
    }
}

/// Whether the application says what became of a change of `file`.
fn is_view(file: &std::path::Path) -> bool {
    file.extension().is_some_and(|extension| extension == "hbs")
}

#[cfg(test)]
mod tests;
