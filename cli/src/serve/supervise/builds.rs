//! When cargo is started, and what follows from how it ends.

use std::time::Instant;

use super::{Action, Cause, Supervisor};
use crate::serve::build::{Failure, Outcome, Reason};
use crate::serve::line::{News, Stage};
use crate::serve::notice::Notice;

/// This many builds in a row are cancelled for newer changes. The next one is left to its end whatever is saved
/// meanwhile, and so are those after it, until one ends with nothing newer to build: else somebody who saves more often
/// than a build takes would never see one.
const CANCELLED_IN_A_ROW: u32 = 3;

/// What cargo is about.
#[derive(Clone, Debug)]
pub(super) enum Cargo {
    Idle,
    Building {
        build: u64,
        cause: Cause,
        since: Instant,
        /// What has changed since, where the build is left to its end.
        newer: Option<Cause>,
    },
    /// A newer change makes this build worthless: once it is gone, the next one starts for this cause.
    Cancelling {
        build: u64,
        cause: Cause,
        since: Instant,
    },
}

impl Supervisor {
    pub(super) fn build(&mut self, cause: Cause, now: Instant) -> Vec<Action> {
        let build = self.next_build();
        let mut actions = vec![Action::Say(Notice::Building {
            build,
            files: cause.files.clone(),
        })];
        actions.extend(self.tell(News::Building { build }));
        actions.push(Action::Build);
        self.cargo = Cargo::Building {
            build,
            cause,
            since: now,
            newer: None,
        };
        actions
    }

    /// Builds for this cause as soon as may be.
    pub(super) fn rebuild(&mut self, newest: Cause, now: Instant) -> Vec<Action> {
        match std::mem::replace(&mut self.cargo, Cargo::Idle) {
            Cargo::Idle => self.build(newest, now),
            Cargo::Building {
                build,
                cause,
                since,
                newer: None,
            } if self.cancelled < CANCELLED_IN_A_ROW => {
                self.cancelled += 1;
                let cause = cause.then(newest);
                self.cargo = Cargo::Cancelling { build, cause, since };
                vec![Action::CancelBuild]
            }
            Cargo::Building {
                build,
                cause,
                since,
                newer,
            } => {
                let newer = Some(match newer {
                    Some(newer) => newer.then(newest),
                    None => newest,
                });
                self.cargo = Cargo::Building {
                    build,
                    cause,
                    since,
                    newer,
                };
                Vec::new()
            }
            Cargo::Cancelling { build, cause, since } => {
                let cause = cause.then(newest);
                self.cargo = Cargo::Cancelling { build, cause, since };
                Vec::new()
            }
        }
    }

    /// Starts the application again for this cause: what is built, or what is being built.
    pub(super) fn restart(&mut self, newest: Cause) -> Vec<Action> {
        match &mut self.cargo {
            Cargo::Idle => match self.built.clone() {
                Some(executable) => {
                    let build = self.next_build();
                    self.start(executable, build, newest, None)
                }
                None => Vec::new(),
            },
            // What is built is started anyway, or else this sees to it.
            Cargo::Building { cause, .. } | Cargo::Cancelling { cause, .. } => {
                *cause = cause.clone().then(newest);
                Vec::new()
            }
        }
    }

    pub(super) fn build_ended(&mut self, outcome: Outcome, now: Instant) -> Vec<Action> {
        match std::mem::replace(&mut self.cargo, Cargo::Idle) {
            Cargo::Idle => Vec::new(),
            // Also where it was done before it could be cancelled: it has not seen the newest change.
            Cargo::Cancelling { build, cause, since } => {
                let seconds = now.saturating_duration_since(since).as_secs_f64();
                self.history.add(build, &cause.files, "cancelled", seconds);
                let mut actions = vec![Action::Say(Notice::Cancelled { build })];
                actions.extend(self.build(cause, now));
                actions
            }
            Cargo::Building {
                build,
                mut cause,
                since,
                newer,
            } => {
                let took = now.saturating_duration_since(since);
                if newer.is_none() {
                    self.cancelled = 0;
                }
                let mut actions = match outcome {
                    Outcome::Built(executable) => {
                        let seconds = took.as_secs_f64();
                        let mut actions = vec![Action::Say(Notice::Built { build, time: took })];
                        actions.extend(self.tell(News::Built { build, seconds }));
                        self.built = Some(executable.clone());
                        if !cause.restart && self.newest().is_some_and(|process| process.executable == executable) {
                            self.history.add(build, &cause.files, "unchanged", seconds);
                            actions.push(Action::Say(Notice::Unchanged { build }));
                            actions.extend(self.tell(self.history.news()));
                        } else {
                            actions.extend(self.start(executable, build, cause.clone(), Some(took)));
                        }
                        cause.files.clear();
                        actions
                    }
                    Outcome::Failed(failure) => self.build_failed(build, &cause, failure, took.as_secs_f64()),
                    // Not by us: somebody else killed cargo.
                    Outcome::Cancelled => self.build_failed(build, &cause, Reason::Cargo.into(), took.as_secs_f64()),
                };
                if let Some(newer) = newer {
                    // What this build was for is not served yet where it failed.
                    let cause = Cause {
                        restart: false,
                        ..cause
                    };
                    actions.extend(self.build(cause.then(newer), now));
                }
                actions
            }
        }
    }

    fn build_failed(&mut self, build: u64, cause: &Cause, failure: Failure, seconds: f64) -> Vec<Action> {
        self.history.add(build, &cause.files, "failed", seconds);
        let failed = News::Failed {
            build,
            stage: Stage::Build,
            summary: failure.to_string(),
            text: failure.text.clone(),
            diagnostics: failure.diagnostics.clone(),
        };
        let mut actions = vec![Action::Say(Notice::BuildFailed {
            build,
            failure,
            fallback: self.fallback(),
        })];
        actions.extend(self.tell(failed));
        actions.extend(self.tell(self.history.news()));
        if cause.restart
            && let Some(executable) = self.built.clone()
        {
            actions.extend(self.start(executable, build, cause.clone(), None));
        }
        actions
    }

    pub(super) fn cancel_at_the_end(&mut self) -> Option<Action> {
        match std::mem::replace(&mut self.cargo, Cargo::Idle) {
            Cargo::Building {
                build, cause, since, ..
            } => {
                self.cargo = Cargo::Cancelling { build, cause, since };
                Some(Action::CancelBuild)
            }
            other => {
                self.cargo = other;
                None
            }
        }
    }
}
