//! The builds of the project, one after another.

use super::{Build, Outcome, Plan, Reason, Report};
use crate::error::Result;

/// At most one build, and one that has ended all but for cargo itself.
#[derive(Debug, Default)]
pub(in crate::serve) struct Builds {
    running: Option<Build>,
    /// It has said how it ended, and still has the lock on the build directory.
    leaving: Option<Build>,
    /// What is built once the lock is free.
    waiting: Option<Plan>,
    /// How one ended that never began.
    ended: Option<Outcome>,
}

impl Builds {
    /// Starts a build. Not to be called while there is one. An error where cargo can't be started.
    pub(in crate::serve) fn start(&mut self, plan: Plan) -> Result<()> {
        if self.leaving.is_some() {
            self.waiting = Some(plan);
        } else {
            self.running = Some(Build::start(plan)?);
        }
        Ok(())
    }

    /// Ends the build under way; its end is still reported.
    pub(in crate::serve) fn cancel(&mut self) {
        if let Some(build) = &mut self.running {
            build.cancel();
        } else if self.waiting.take().is_some() {
            self.ended = Some(Outcome::Cancelled);
        }
    }

    /// Reports that the build has failed which could not be started.
    pub(in crate::serve) fn fail(&mut self, reason: Reason) {
        self.ended = Some(Outcome::Failed(reason.into()));
    }

    /// The next report. [`Report::Gone`] comes for each build that has ended, also where the next one has begun. Nothing
    /// is lost when this is dropped at an await.
    pub(in crate::serve) async fn next(&mut self) -> Report {
        if let Some(outcome) = self.ended.take() {
            return Report::Done(outcome);
        }
        let (is_running, report) = tokio::select! {
            report = next_of(&mut self.running) => (true, report),
            report = next_of(&mut self.leaving) => (false, report),
        };
        match report {
            Report::Done(_) if is_running => self.leaving = self.running.take(),
            Report::Gone => {
                self.leaving = None;
                self.start_waiting();
            }
            Report::Done(_) | Report::Text(_) | Report::Step(_) | Report::Progress(_) => {}
        }
        report
    }

    fn start_waiting(&mut self) {
        if let Some(plan) = self.waiting.take() {
            match Build::start(plan) {
                Ok(build) => self.running = Some(build),
                Err(error) => self.fail(Reason::NotStarted(error.message().to_owned())),
            }
        }
    }
}

async fn next_of(build: &mut Option<Build>) -> Report {
    match build {
        Some(build) => build.next().await,
        None => std::future::pending().await,
    }
}
