//! The rules of `nova serve`: a pure function from what happened to what is to be done.
//!
//! Cargo and the application are two machines beside each other: a change starts cargo again at once, whatever the
//! application's processes are about, and a process goes on serving until another one has said that it is ready.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::build::{Executable, Failure, Outcome};
use super::changes::Change;
use super::notice::{Fallback, Notice};
use super::signals::Signal;
use super::swap::{self, Ending, Id};

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
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Build,
    /// Ends the build under way; its end is still to be reported.
    CancelBuild,
    Start(Id, Executable),
    Stop(Id, Duration),
    Kill(Id),
    Say(Notice),
    /// All has ended: exit with this code.
    Exit(u8),
}

/// Where everything stands.
#[derive(Debug)]
pub(super) struct Supervisor {
    mode: Mode,
    cargo: Cargo,
    app: App,
    /// What the last good build made.
    built: Option<Executable>,
    /// Every process that has not been reported as ended, those that drain as well.
    alive: BTreeSet<Id>,
    next: u64,
    has_served: bool,
}

#[derive(Clone, Copy, Debug)]
enum Mode {
    Serving,
    Ending { exit: u8 },
}

/// What a piece of work answers to: when it was asked for, and whether the application must start again even where the
/// build changes nothing.
#[derive(Clone, Copy, Debug)]
struct Cause {
    since: Instant,
    restart: bool,
}

#[derive(Clone, Copy, Debug)]
enum Cargo {
    Idle,
    Building(Cause),
    /// A newer change makes this build worthless: once it is gone, the next one starts for this cause.
    Cancelling(Cause),
}

#[derive(Clone, Debug)]
enum App {
    Down,
    Starting {
        candidate: Process,
        since: Instant,
        previous: Option<Process>,
    },
    /// The new process is ready, and the previous one may still take a connection: so nobody is told yet that the
    /// change is served.
    Relieving {
        process: Process,
        since: Instant,
        previous: Id,
    },
    Serving(Process),
}

#[derive(Clone, Debug)]
struct Process {
    id: Id,
    executable: Executable,
}

impl Supervisor {
    pub(super) fn new() -> Self {
        Self {
            mode: Mode::Serving,
            cargo: Cargo::Idle,
            app: App::Down,
            built: None,
            alive: BTreeSet::new(),
            next: 0,
            has_served: false,
        }
    }

    /// Whether a build that is under way is the first of which something may come.
    pub(super) fn has_built(&self) -> bool {
        self.built.is_some()
    }

    /// What is to be done, in this order, after `event`.
    pub(super) fn on(&mut self, event: Event, now: Instant) -> Vec<Action> {
        match (self.mode, event) {
            (Mode::Serving, Event::Begun) => {
                self.cargo = Cargo::Building(Cause {
                    since: now,
                    restart: false,
                });
                vec![Action::Say(Notice::Building), Action::Build]
            }
            (Mode::Serving, Event::Changed(change)) => self.changed(change, now),
            (Mode::Serving, Event::BuildEnded(outcome)) => self.build_ended(outcome),
            (Mode::Serving, Event::Process(swap::Report::Ready(id))) => self.ready(id, now),
            (Mode::Serving, Event::Process(swap::Report::Stopping(id))) => self.relieved(id, now),
            (Mode::Serving, Event::Process(swap::Report::Ended(id, ending))) => self.ended(id, &ending, now),
            (Mode::Serving, Event::Signal(signal)) => self.end(signal),
            (Mode::Ending { exit }, event) => self.while_ending(exit, &event),
        }
    }

    fn changed(&mut self, change: Change, now: Instant) -> Vec<Action> {
        let (build, restart) = (change.build, change.restart);
        // Cargo writes the lock file itself; that must not cancel the very build that did it.
        if !matches!(self.cargo, Cargo::Idle) && change.is_lock_file() {
            return Vec::new();
        }
        let mut actions = vec![Action::Say(Notice::Changed(change.files))];
        let cause = Cause { since: now, restart };
        self.cargo = match self.cargo {
            Cargo::Idle if build => {
                actions.push(Action::Build);
                Cargo::Building(cause)
            }
            Cargo::Building(before) if build => {
                actions.push(Action::CancelBuild);
                Cargo::Cancelling(before.then(cause))
            }
            Cargo::Idle => {
                if let Some(executable) = self.built.clone() {
                    actions.extend(self.start(executable, now));
                }
                Cargo::Idle
            }
            // What is built is started anyway, or else this sees to it.
            Cargo::Building(before) => Cargo::Building(before.then(cause)),
            Cargo::Cancelling(before) => Cargo::Cancelling(before.then(cause)),
        };
        actions
    }

    fn build_ended(&mut self, outcome: Outcome) -> Vec<Action> {
        match (self.cargo, outcome) {
            (Cargo::Idle, _) => Vec::new(),
            // Also where it was done before it could be cancelled: it has not seen the newest change.
            (Cargo::Cancelling(cause), _) => {
                self.cargo = Cargo::Building(cause);
                vec![Action::Build]
            }
            (Cargo::Building(cause), Outcome::Built(executable)) => {
                self.cargo = Cargo::Idle;
                self.built = Some(executable.clone());
                if !cause.restart && self.newest().is_some_and(|process| process.executable == executable) {
                    return vec![Action::Say(Notice::Unchanged)];
                }
                self.start(executable, cause.since)
            }
            (Cargo::Building(cause), Outcome::Failed(failure)) => self.build_failed(cause, failure),
            // Not by us: somebody else killed cargo.
            (Cargo::Building(cause), Outcome::Cancelled) => self.build_failed(cause, Failure::Cargo),
        }
    }

    fn build_failed(&mut self, cause: Cause, failure: Failure) -> Vec<Action> {
        self.cargo = Cargo::Idle;
        let mut actions = vec![Action::Say(Notice::BuildFailed(failure, self.fallback()))];
        if cause.restart
            && let Some(executable) = self.built.clone()
        {
            actions.extend(self.start(executable, cause.since));
        }
        actions
    }

    /// Starts a process beside the one that serves. One that was not ready yet makes room: a newer one is here.
    fn start(&mut self, executable: Executable, since: Instant) -> Vec<Action> {
        let id = Id(self.next);
        self.next += 1;
        self.alive.insert(id);
        let candidate = Process {
            id,
            executable: executable.clone(),
        };
        let mut actions = Vec::new();
        let previous = match std::mem::replace(&mut self.app, App::Down) {
            App::Down => None,
            App::Serving(process) | App::Relieving { process, .. } => Some(process),
            App::Starting {
                candidate, previous, ..
            } => {
                actions.push(Action::Stop(candidate.id, DRAIN_WITHIN));
                previous
            }
        };
        self.app = App::Starting {
            candidate,
            since,
            previous,
        };
        actions.push(Action::Start(id, executable));
        actions
    }

    fn ready(&mut self, id: Id, now: Instant) -> Vec<Action> {
        match std::mem::replace(&mut self.app, App::Down) {
            App::Starting {
                candidate,
                since,
                previous: Some(previous),
            } if candidate.id == id => {
                self.app = App::Relieving {
                    process: candidate,
                    since,
                    previous: previous.id,
                };
                vec![Action::Stop(previous.id, DRAIN_WITHIN)]
            }
            App::Starting { candidate, since, .. } if candidate.id == id => {
                self.app = App::Serving(candidate);
                let first = !std::mem::replace(&mut self.has_served, true);
                let reloaded = Notice::Reloaded(now.saturating_duration_since(since));
                vec![Action::Say(if first { Notice::Serving } else { reloaded })]
            }
            // One that was replaced before it was ready.
            other => {
                self.app = other;
                Vec::new()
            }
        }
    }

    /// The process `id` accepts no more connections.
    fn relieved(&mut self, id: Id, now: Instant) -> Vec<Action> {
        match std::mem::replace(&mut self.app, App::Down) {
            App::Relieving {
                process,
                since,
                previous,
            } if previous == id => {
                self.app = App::Serving(process);
                vec![Action::Say(Notice::Reloaded(now.saturating_duration_since(since)))]
            }
            other => {
                self.app = other;
                Vec::new()
            }
        }
    }

    fn ended(&mut self, id: Id, ending: &Ending, now: Instant) -> Vec<Action> {
        self.alive.remove(&id);
        match std::mem::replace(&mut self.app, App::Down) {
            App::Starting {
                candidate, previous, ..
            } if candidate.id == id => {
                self.app = previous.map_or(App::Down, App::Serving);
                vec![Action::Say(Notice::StartFailed(ending.clone(), self.fallback()))]
            }
            App::Starting {
                candidate,
                since,
                previous: Some(previous),
            } if previous.id == id => {
                // Not worth a line: the next one is about to serve, or its failure will be told.
                self.app = App::Starting {
                    candidate,
                    since,
                    previous: None,
                };
                Vec::new()
            }
            // No second start: it would most likely end the same way, again and again.
            App::Serving(process) | App::Relieving { process, .. } if process.id == id => {
                vec![Action::Say(Notice::Died(ending.clone()))]
            }
            // One that was told to end, perhaps without a word before.
            other => {
                self.app = other;
                self.relieved(id, now)
            }
        }
    }

    fn end(&mut self, signal: Signal) -> Vec<Action> {
        let exit = signal.exit_code();
        self.mode = Mode::Ending { exit };
        let mut actions = Vec::new();
        // A terminal that was closed can't be written to.
        if signal != Signal::Hangup {
            actions.push(Action::Say(Notice::Ending));
        }
        if let Cargo::Building(cause) = self.cargo {
            self.cargo = Cargo::Cancelling(cause);
            actions.push(Action::CancelBuild);
        }
        actions.extend(self.alive.iter().map(|id| Action::Stop(*id, END_WITHIN)));
        actions.extend(self.exit_when_alone(exit));
        actions
    }

    fn while_ending(&mut self, exit: u8, event: &Event) -> Vec<Action> {
        match event {
            Event::Signal(_) => return self.alive.iter().map(|id| Action::Kill(*id)).collect(),
            Event::BuildEnded(_) => self.cargo = Cargo::Idle,
            Event::Process(swap::Report::Ended(id, _)) => {
                self.alive.remove(id);
            }
            Event::Begun | Event::Changed(_) | Event::Process(swap::Report::Ready(_) | swap::Report::Stopping(_)) => {
                return Vec::new();
            }
        }
        self.exit_when_alone(exit).into_iter().collect()
    }

    fn exit_when_alone(&self, exit: u8) -> Option<Action> {
        let alone = self.alive.is_empty() && matches!(self.cargo, Cargo::Idle);
        alone.then_some(Action::Exit(exit))
    }

    /// The process that was started last, if it is there to stay.
    fn newest(&self) -> Option<&Process> {
        match &self.app {
            App::Down => None,
            App::Starting { candidate: process, .. } | App::Relieving { process, .. } | App::Serving(process) => {
                Some(process)
            }
        }
    }

    fn fallback(&self) -> Fallback {
        match &self.app {
            App::Serving(_) | App::Relieving { .. } | App::Starting { previous: Some(_), .. } => Fallback::Previous,
            App::Down | App::Starting { previous: None, .. } => Fallback::Nothing,
        }
    }
}

impl Cause {
    /// This one and a newer one. The time counts from the newer: it is the one somebody waits for.
    fn then(self, newer: Self) -> Self {
        Self {
            since: newer.since,
            restart: self.restart || newer.restart,
        }
    }
}

#[cfg(test)]
mod tests;
