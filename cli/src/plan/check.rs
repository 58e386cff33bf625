//! A plan against the disk: what each change would come to.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{Change, Conflicts, Content, Direction, Lock, Part, Plan, diff, read, write};
use crate::disk;
use crate::edit::{Edit, Piece};
use crate::error::{Error, Result};

/// A plan that can be carried out.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(super) root: PathBuf,
    /// What is shown in front of each path.
    pub(super) shown: PathBuf,
    pub(super) files: BTreeMap<PathBuf, File>,
    pub(super) steps: Vec<Step>,
    pub(super) conflicts: Conflicts,
}

/// What a file holds now and afterwards; `None` where there is no file.
#[derive(Debug)]
pub(super) struct File {
    pub(super) before: Option<Content>,
    pub(super) after: Option<Content>,
}

/// A line of the report.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) verb: Verb,
    pub(super) path: PathBuf,
    pub(super) notes: Vec<Note>,
    /// The file to which what is left as it is belongs.
    pub(super) of: Option<PathBuf>,
}

/// What comes into a file, goes out of it, finds no place in it, or is left as it is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Note {
    pub(super) sign: char,
    pub(super) text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Create,
    Update,
    Replace,
    Delete,
    Keep,
    /// It belongs to a file that is kept.
    Leave,
    Unchanged,
}

/// Why a plan can't be carried out.
pub(super) enum Problem {
    /// A file that the user has changed, or that is another.
    Conflict {
        path: PathBuf,
        direction: Direction,
        /// How many lines of the file are the user's, and how many of ours are gone.
        lines: (usize, usize),
    },
    /// A file that can't be read, or isn't what it should be.
    Unusable(String),
    /// No place for a piece: the reason, and what can be pasted.
    NoPlace {
        path: PathBuf,
        direction: Direction,
        reason: String,
        paste: Option<String>,
    },
}

/// What a plan comes to when it meets what it did not expect.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) error: Error,
    /// What it would do all the same, where the user says so.
    pub(crate) checked: Checked,
}

pub(super) fn check(plan: &Plan, conflicts: Conflicts) -> Result<Checked, Box<Refused>> {
    let mut checked = Checked {
        root: plan.root.clone(),
        shown: plan.shown.clone(),
        files: BTreeMap::new(),
        steps: Vec::new(),
        conflicts,
    };
    let mut problems = Vec::new();
    let kept = checked.kept(plan);
    for (index, Change { direction, part }) in plan.changes.iter().enumerate() {
        if let Some(next) = plan.changes.get(index + 1)
            && checked.is_for_nothing(part, &next.part, *direction)
        {
            continue;
        }
        if let Some(of) = part.of().filter(|of| kept.contains(*of)) {
            problems.extend(checked.leave(part, of, *direction).err());
            continue;
        }
        let outcome = match (part, direction) {
            (Part::File { path, content, .. }, Direction::Add) => checked.create(path, content),
            (Part::File { path, content, .. }, Direction::Remove) => checked.delete(path, content),
            (Part::Piece { path, piece, .. }, _) => checked.edit(path, piece, *direction),
            (
                Part::SharedModule {
                    path,
                    content,
                    declared_in,
                    declaration,
                    ..
                },
                _,
            ) => checked.share(path, content, declared_in, declaration, *direction),
        };
        problems.extend(outcome.err());
    }
    // What goes is told in the order in which it came.
    if plan.changes.iter().all(|change| change.direction == Direction::Remove) {
        checked.steps.reverse();
        for step in &mut checked.steps {
            step.notes.reverse();
        }
    }
    if problems.is_empty() {
        return Ok(checked);
    }
    let error = checked.error(problems);
    Err(Box::new(Refused { error, checked }))
}

impl Checked {
    /// Whether there is nothing to do.
    pub(crate) fn is_done(&self) -> bool {
        self.files.values().all(|file| file.before == file.after)
    }

    /// Whether a file that is there goes.
    pub(crate) fn deletes(&self, path: &Path) -> bool {
        let file = self.files.get(path);
        file.is_some_and(|file| file.before.is_some() && file.after.is_none())
    }

    /// Whether a file would be another.
    pub(crate) fn changes(&self, path: &Path) -> bool {
        self.files.get(path).is_some_and(|file| file.before != file.after)
    }

    /// The text that a file would hold, also one that the plan does not touch.
    pub(crate) fn text(&self, path: &Path) -> Option<String> {
        match self.files.get(path) {
            Some(file) => file.after.as_ref()?.text().map(str::to_owned),
            None => disk::text(&self.root.join(path)).ok(),
        }
    }

    /// How many files are written anew.
    pub(crate) fn created(&self) -> usize {
        self.files
            .values()
            .filter(|file| file.before.is_none() && file.after.is_some())
            .count()
    }

    /// The paths of the files, each with what it would hold.
    #[cfg(test)]
    pub(crate) fn texts(&self) -> impl Iterator<Item = (&Path, &str)> {
        let files = self.files.iter();
        files.filter_map(|(path, file)| Some((path.as_path(), file.after.as_ref()?.text()?)))
    }

    /// Writes every file, or none.
    pub(crate) fn apply(&self, lock: &Lock) -> Result<()> {
        write::apply(lock, &self.root, &self.files)
    }

    fn create(&mut self, path: &Path, content: &Content) -> Result<(), Problem> {
        let conflicts = self.conflicts;
        let file = self.file(path)?;
        let verb = match &file.after {
            None => Verb::Create,
            Some(existing) if existing == content => Verb::Unchanged,
            Some(existing) => match conflicts {
                Conflicts::Replace => Verb::Replace,
                Conflicts::Keep => {
                    self.report(Verb::Keep, path, None);
                    return Ok(());
                }
                Conflicts::Refuse => {
                    let lines = lines(content, existing);
                    // So that it can be shown.
                    file.after = Some(content.clone());
                    return Err(conflict(path, Direction::Add, lines));
                }
            },
        };
        file.after = Some(content.clone());
        self.report(verb, path, None);
        Ok(())
    }

    fn delete(&mut self, path: &Path, content: &Content) -> Result<(), Problem> {
        let conflicts = self.conflicts;
        let file = self.file(path)?;
        let verb = match &file.after {
            None => Verb::Unchanged,
            Some(existing) if existing == content => Verb::Delete,
            Some(existing) => match conflicts {
                Conflicts::Replace => Verb::Delete,
                Conflicts::Keep => {
                    self.report(Verb::Keep, path, None);
                    return Ok(());
                }
                Conflicts::Refuse => {
                    let lines = lines(content, existing);
                    file.after = None;
                    return Err(conflict(path, Direction::Remove, lines));
                }
            },
        };
        file.after = None;
        self.report(verb, path, None);
        Ok(())
    }

    fn edit(&mut self, path: &Path, piece: &Piece, direction: Direction) -> Result<(), Problem> {
        let keeps = self.conflicts == Conflicts::Keep;
        let file = self.file(path)?;
        let Some(content) = &file.after else {
            if direction == Direction::Remove {
                self.report(Verb::Unchanged, path, None);
                return Ok(());
            }
            if keeps {
                let text = piece.line();
                self.report(Verb::Keep, path, Some(Note { sign: '!', text }));
                return Ok(());
            }
            // To write it by hand into another file changes nothing here.
            let reason = match piece {
                Piece::Import(_) | Piece::Route(_) => "there is no such file; --no-route is for a table elsewhere",
                Piece::Module(_) | Piece::Setup(_) => "there is no such file",
            };
            return Err(Problem::NoPlace {
                path: path.to_owned(),
                direction,
                reason: reason.to_owned(),
                paste: Some(piece.line()),
            });
        };
        let Some(text) = content.text() else {
            let path = self.shown.join(path);
            return Err(Problem::Unusable(format!("{} is not UTF-8 text", path.display())));
        };
        let (edit, sign) = match direction {
            Direction::Add => (piece.insert(text), '+'),
            Direction::Remove => (piece.remove(text), '-'),
        };
        let edit = edit.map_err(|error| {
            let path = path.display();
            Problem::Unusable(format!("{path}:{}:{}: {}", error.line, error.column, error.message))
        })?;
        let line = piece.line_in(text);
        let note = |sign| Some(Note { sign, text: line });
        match edit {
            Edit::Unchanged => self.report(Verb::Unchanged, path, None),
            Edit::Changed(text) => {
                file.after = Some(text.into());
                self.report(Verb::Update, path, note(sign));
            }
            Edit::NoPlace { .. } if keeps => self.report(Verb::Keep, path, note('!')),
            Edit::NoPlace { reason, paste } => {
                return Err(Problem::NoPlace {
                    path: path.to_owned(),
                    direction,
                    reason,
                    paste,
                });
            }
        }
        Ok(())
    }

    fn share(
        &mut self,
        path: &Path,
        content: &str,
        declared_in: &Path,
        declaration: &Piece,
        direction: Direction,
    ) -> Result<(), Problem> {
        let content = Content::from(content.to_owned());
        let file = self.file(path)?;
        match (direction, &file.after) {
            (Direction::Add, None) => self.create(path, &content)?,
            (Direction::Remove, Some(left)) if *left == content => self.delete(path, &content)?,
            // Others still use it.
            (Direction::Remove, Some(_)) => return Ok(()),
            (Direction::Add, Some(_)) | (Direction::Remove, None) => {}
        }
        self.edit(declared_in, declaration, direction)
    }

    /// The file as the plan has it so far, read when it is first asked for.
    pub(super) fn file(&mut self, path: &Path) -> Result<&mut File, Problem> {
        if !self.files.contains_key(path) {
            let before = read::content(&self.root, &self.shown, path).map_err(Problem::Unusable)?;
            let after = before.clone();
            self.files.insert(path.to_owned(), File { before, after });
        }
        self.files
            .get_mut(path)
            .ok_or_else(|| Problem::Unusable(format!("{} is lost", path.display())))
    }

    /// Adds a step to the report, or what it did to the step of the same file.
    pub(super) fn report(&mut self, verb: Verb, path: &Path, note: Option<Note>) {
        let Some(step) = self.steps.iter_mut().find(|step| step.path == path) else {
            self.steps.push(Step {
                verb,
                path: path.to_owned(),
                notes: note.into_iter().collect(),
                of: None,
            });
            return;
        };
        step.notes.extend(note.filter(|note| !step.notes.contains(note)));
        step.verb = match (step.verb, verb) {
            (Verb::Unchanged | Verb::Keep | Verb::Leave, later) | (_, later @ Verb::Delete)
                if later != Verb::Unchanged =>
            {
                later
            }
            (earlier, _) => earlier,
        };
    }
}

/// How many lines of a file are the user's, and how many of ours are gone: none of a file that has none.
fn lines(ours: &Content, theirs: &Content) -> (usize, usize) {
    match (ours.text(), theirs.text()) {
        (Some(ours), Some(theirs)) => diff::counts(ours, theirs),
        _ => (0, 0),
    }
}

fn conflict(path: &Path, direction: Direction, lines: (usize, usize)) -> Problem {
    Problem::Conflict {
        path: path.to_owned(),
        direction,
        lines,
    }
}
