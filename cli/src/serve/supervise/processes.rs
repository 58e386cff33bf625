//! Which process serves, which is to serve next, and when one takes over from the other.

use std::time::{Duration, Instant};

use super::{Action, Cause, DRAIN_WITHIN, Start, Supervisor};
use crate::serve::build::Executable;
use crate::serve::line::{Diagnostic, News, Said, Stage};
use crate::serve::notice::{Fallback, Handed, Notice, Pages, Served, ViewError};
use crate::serve::swap::{Ending, Id, Report};

#[derive(Clone, Debug)]
pub(super) enum App {
    Down,
    Starting {
        candidate: Process,
        previous: Option<Process>,
    },
    /// The new process is ready, and the previous one may still take a connection: so nobody is told yet that the
    /// change is served.
    Relieving {
        process: Process,
        previous: Process,
    },
    Serving(Process),
}

#[derive(Clone, Debug)]
pub(super) struct Process {
    id: Id,
    pub(super) executable: Executable,
    build: u64,
    cause: Cause,
    /// How long the build took, if there was one.
    built_in: Option<Duration>,
    /// What became of the WebSockets of the process before it.
    handed: Option<Handed>,
}

impl Supervisor {
    /// Starts a process beside the one that serves. One that was not ready yet makes room: a newer one is here.
    pub(super) fn start(
        &mut self,
        executable: Executable,
        build: u64,
        cause: Cause,
        built_in: Option<Duration>,
    ) -> Vec<Action> {
        let id = Id(self.next_process);
        self.next_process += 1;
        self.alive.insert(id);
        let mut cause = cause;
        let mut actions = Vec::new();
        let previous = match std::mem::replace(&mut self.app, App::Down) {
            App::Down => None,
            App::Serving(process) | App::Relieving { process, .. } => Some(process),
            App::Starting { candidate, previous } => {
                actions.push(Action::Stop(candidate.id, DRAIN_WITHIN));
                // What that one was for is served with this one.
                cause = candidate.cause.then(cause);
                previous
            }
        };
        actions.push(Action::Start(Start {
            id,
            executable: executable.clone(),
            build,
            takes_from: previous.as_ref().map(|process| process.id),
        }));
        let candidate = Process {
            id,
            executable,
            build,
            cause,
            built_in,
            handed: None,
        };
        self.app = App::Starting { candidate, previous };
        actions
    }

    pub(super) fn reported(&mut self, report: Report, now: Instant) -> Vec<Action> {
        match report {
            Report::Ready(id) => self.ready(id, now),
            Report::Said(id, said) => self.said(id, said, now),
            Report::Stopping(id, since) => self.relieved(id, since),
            Report::Ended(id, ending) => self.ended(id, &ending, now),
        }
    }

    fn ready(&mut self, id: Id, now: Instant) -> Vec<Action> {
        match std::mem::replace(&mut self.app, App::Down) {
            App::Starting {
                candidate,
                previous: Some(previous),
            } if candidate.id == id => {
                let stop = Action::Stop(previous.id, DRAIN_WITHIN);
                self.app = App::Relieving {
                    process: candidate,
                    previous,
                };
                vec![stop]
            }
            App::Starting { candidate, .. } if candidate.id == id => self.serves(candidate, now),
            // One that was replaced before it was ready.
            other => {
                self.app = other;
                Vec::new()
            }
        }
    }

    /// The process `id` accepts no more connections since then.
    fn relieved(&mut self, id: Id, since: Instant) -> Vec<Action> {
        match std::mem::replace(&mut self.app, App::Down) {
            App::Relieving { process, previous } if previous.id == id => self.serves(process, since),
            other => {
                self.app = other;
                Vec::new()
            }
        }
    }

    /// Nobody but this process answers, since then.
    fn serves(&mut self, process: Process, since: Instant) -> Vec<Action> {
        let served = Served {
            build: process.build,
            files: process.cause.files.clone(),
            total: since.saturating_duration_since(process.cause.since),
            built_in: process.built_in,
            handed: process.handed.clone(),
        };
        let (moved, closed) = match &served.handed {
            Some(Handed::Moved { moved, closed }) => (*moved, closed.clone()),
            Some(Handed::Kept(_)) | None => (0, Vec::new()),
        };
        let seconds = served.total.as_secs_f64();
        self.history
            .add_served(served.build, &served.files, "served", seconds, moved, closed);
        self.app = App::Serving(process);
        let first = !std::mem::replace(&mut self.has_served, true);
        let mut actions = vec![Action::Say(match first {
            true => Notice::Serving(served),
            false => Notice::Reloaded(served),
        })];
        actions.extend(self.tell(self.history.news()));
        actions
    }

    fn said(&mut self, id: Id, said: Said, now: Instant) -> Vec<Action> {
        match said {
            Said::Moved { moved, closed } => self.handed(id, Handed::Moved { moved, closed }),
            Said::Kept { reason } => self.handed(id, Handed::Kept(reason)),
            Said::Views {
                error,
                file,
                line,
                column,
            } => {
                let error = error.map(|message| ViewError {
                    message,
                    file,
                    line,
                    column,
                });
                return self.views_read(id, error, now);
            }
        }
        Vec::new()
    }

    /// What became of the WebSockets of the process `id`. One that was told to give them several times, because the first
    /// to take them was replaced, may answer late or not at all to what is given up: so what has moved counts, the last
    /// time, and that nothing has only where there is nothing else.
    fn handed(&mut self, id: Id, handed: Handed) {
        if let App::Starting {
            candidate: newest,
            previous: Some(previous),
        }
        | App::Relieving {
            process: newest,
            previous,
        } = &mut self.app
            && previous.id == id
            && (newest.handed.is_none() || matches!(handed, Handed::Moved { .. }))
        {
            newest.handed = Some(handed);
        }
    }

    fn views_read(&mut self, id: Id, error: Option<ViewError>, now: Instant) -> Vec<Action> {
        if self.serving() != Some(id) {
            return Vec::new();
        }
        let (files, since) = match self.views.take() {
            Some((files, since)) => (files, Some(since)),
            // Said without having been told of a change.
            None if error.is_none() => return Vec::new(),
            None => (Vec::new(), None),
        };
        let time = since.map(|since| now.saturating_duration_since(since));
        let failed = error.as_ref().map(|error| News::Failed {
            build: self.build,
            stage: Stage::Views,
            summary: "1 error in a view".to_owned(),
            text: error.to_string(),
            diagnostics: vec![Diagnostic {
                level: "error".to_owned(),
                message: error.message.clone(),
                file: error.file.clone(),
                line: error.line,
                column: error.column,
            }],
        });
        let mut actions = vec![Action::Say(Notice::Pages(Pages { files, error, time }))];
        actions.extend(failed.and_then(|failed| self.tell(failed)));
        actions
    }

    fn ended(&mut self, id: Id, ending: &Ending, now: Instant) -> Vec<Action> {
        self.alive.remove(&id);
        match std::mem::replace(&mut self.app, App::Down) {
            App::Starting { candidate, previous } if candidate.id == id => {
                self.app = previous.map_or(App::Down, App::Serving);
                self.start_failed(&candidate, ending, now)
            }
            App::Starting {
                candidate,
                previous: Some(previous),
            } if previous.id == id => {
                // Not worth a line: the next one is about to serve, or its failure will be told.
                self.app = App::Starting {
                    candidate,
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

    fn start_failed(&mut self, candidate: &Process, ending: &Ending, now: Instant) -> Vec<Action> {
        let build = candidate.build;
        let seconds = now.saturating_duration_since(candidate.cause.since).as_secs_f64();
        self.history.add(build, &candidate.cause.files, "failed", seconds);
        let summary = ending.before_it_was_ready();
        let mut actions = vec![Action::Say(Notice::StartFailed {
            build,
            ending: ending.clone(),
            fallback: self.fallback(),
        })];
        actions.extend(self.tell(News::Failed {
            build,
            stage: Stage::Start,
            text: summary.clone(),
            summary,
            diagnostics: Vec::new(),
        }));
        actions.extend(self.tell(self.history.news()));
        actions
    }

    /// The process that answers.
    pub(super) fn serving(&self) -> Option<Id> {
        match &self.app {
            App::Serving(process)
            | App::Relieving { process, .. }
            | App::Starting {
                previous: Some(process),
                ..
            } => Some(process.id),
            App::Down | App::Starting { previous: None, .. } => None,
        }
    }

    /// The process that was started last, if it is there to stay.
    pub(super) fn newest(&self) -> Option<&Process> {
        match &self.app {
            App::Down => None,
            App::Starting { candidate: process, .. } | App::Relieving { process, .. } | App::Serving(process) => {
                Some(process)
            }
        }
    }

    pub(super) fn fallback(&self) -> Fallback {
        match self.serving() {
            Some(_) => Fallback::Previous,
            None => Fallback::Nothing,
        }
    }
}
