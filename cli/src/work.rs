//! What every command that writes does with its plan: takes the lock, checks, writes or shows, and tells.

use std::path::Path;

use serde_json::{Value, json};

use crate::args;
use crate::error::{Error, Result};
use crate::plan::{self, Checked, Conflicts, Lock, Plan, Tense};
use crate::terminal;

/// Something to know, with its verb.
pub(crate) type Note = (&'static str, String);

/// What a command is going to do.
pub(crate) struct Work {
    pub(crate) plan: Plan,
    /// What was asked for, for programs: `{"command":"gen","kind":"controller","name":"posts"}`.
    pub(crate) about: Value,
    /// What to know before it is done.
    pub(crate) notes: Vec<Note>,
    /// What to know besides, which the checked plan says.
    pub(crate) look: Option<Box<Look>>,
}

/// Looks at a plan that has been checked.
type Look = dyn FnOnce(&Checked) -> Vec<Note>;

/// What a command has done, or shown.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) checked: Checked,
    show: args::Show,
    about: Value,
    notes: Vec<Note>,
}

/// How a command meets files that are not as its plan expects them.
pub(crate) fn conflicts(write: args::Write) -> Conflicts {
    if write.force {
        Conflicts::Replace
    } else if write.skip {
        Conflicts::Keep
    } else {
        Conflicts::Refuse
    }
}

/// Makes the plan and carries it out below `root`, or shows it.
pub(crate) fn carry_out(
    root: &Path,
    show: args::Show,
    conflicts: Conflicts,
    make: impl FnOnce() -> Result<Work>,
) -> Result<Done> {
    let lock = if show.writes() {
        Some(Lock::acquire(root)?)
    } else {
        if plan::is_interrupted(root) {
            terminal::warning(
                "Interrupted",
                "a nova command was killed here; the next one that writes takes back what it had begun",
            );
        }
        None
    };
    let Work {
        plan,
        about,
        mut notes,
        look,
    } = make()?;
    let checked = match plan.check(conflicts) {
        Ok(checked) => checked,
        Err(refused) => {
            if show.diff && !show.json {
                refused.checked.print_diff();
            }
            return Err(refused.error);
        }
    };
    notes.extend(look.into_iter().flat_map(|look| look(&checked)));
    if let Some(lock) = &lock {
        checked.apply(lock)?;
    }
    let done = Done {
        checked,
        show,
        about,
        notes,
    };
    if show.json {
        return Ok(done);
    }
    if show.diff {
        done.checked.print_diff();
        return Ok(done);
    }
    for (verb, note) in &done.notes {
        terminal::status(verb, note);
    }
    done.checked
        .print(if lock.is_some() { Tense::Past } else { Tense::Future });
    Ok(done)
}

impl Done {
    /// Whether files have been written, and a person is to be told what comes next.
    pub(crate) fn wrote(&self) -> bool {
        self.show.writes() && !self.checked.is_done()
    }

    /// Says something more to programs.
    pub(crate) fn tell(&mut self, member: &str, what: Value) {
        self.about[member] = what;
    }

    /// Says something more that was done.
    pub(crate) fn also(&self, verb: &str, what: &str) {
        if !self.show.json && !self.show.diff {
            terminal::status(verb, what);
        }
    }

    /// The last line, and what comes next.
    pub(crate) fn finish(self, finished: &str, next: Option<&str>) {
        if self.show.json {
            let mut value = self.about;
            value["dry_run"] = json!(!self.show.writes());
            value["changes"] = self.checked.json(self.show.diff);
            value["notes"] = self.notes.iter().map(|(verb, note)| format!("{verb} {note}")).collect();
            terminal::answer(value);
        } else if self.show.diff {
        } else if self.checked.is_done() {
            terminal::status("Finished", "nothing to do");
        } else if !self.show.writes() {
            terminal::status("Finished", "dry run, nothing was written");
        } else {
            terminal::status("Finished", finished);
            if let Some(next) = next {
                terminal::plain(format!("\n{next}"));
            }
        }
    }
}

/// An error as data, for a command that was asked to answer so.
pub(crate) fn error_json(error: &Error) -> Value {
    json!({
        "error": {
            "exit": error.exit_code(),
            "message": error.message(),
            "details": error.details(),
            "help": error.help_text(),
        }
    })
}
