//! A plan against the disk: what each change would come to.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::{Change, Direction, Part, Plan, write};
use crate::edit::{Edit, Piece};
use crate::error::{Error, Result};
use crate::terminal;

/// A plan that can be carried out.
#[derive(Debug)]
pub(crate) struct Checked {
    root: PathBuf,
    files: BTreeMap<PathBuf, File>,
    steps: Vec<Step>,
}

/// A file's text now and afterwards; `None` where there is no file.
#[derive(Debug)]
pub(super) struct File {
    pub(super) before: Option<String>,
    pub(super) after: Option<String>,
}

/// A line of the report.
#[derive(Debug)]
struct Step {
    verb: Verb,
    path: PathBuf,
    notes: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Create,
    Update,
    Delete,
    Unchanged,
}

/// Why a plan can't be carried out.
enum Problem {
    /// What the user has to decide.
    Conflict(String),
    /// A file that can't be read, or isn't what it should be.
    Unusable(String),
    /// No place for a piece: the reason, and what can be pasted.
    NoPlace {
        path: PathBuf,
        reason: String,
        paste: Option<String>,
    },
}

pub(super) fn check(plan: &Plan) -> Result<Checked> {
    let mut checked = Checked {
        root: plan.root.clone(),
        files: BTreeMap::new(),
        steps: Vec::new(),
    };
    let mut problems = Vec::new();
    for Change { direction, part } in &plan.changes {
        let outcome = match (part, direction) {
            (Part::File { path, content }, Direction::Add) => checked.create(path, content),
            (Part::File { path, content }, Direction::Remove) => checked.delete(path, content),
            (Part::Piece { path, piece }, _) => checked.edit(path, piece, *direction),
            (
                Part::SharedModule {
                    path,
                    content,
                    declared_in,
                    declaration,
                },
                _,
            ) => checked.share(path, content, declared_in, declaration, *direction),
        };
        problems.extend(outcome.err());
    }
    if problems.is_empty() {
        return Ok(checked);
    }
    Err(checked.error(problems))
}

impl Checked {
    /// Whether there is nothing to do.
    pub(crate) fn is_done(&self) -> bool {
        self.files.values().all(|file| file.before == file.after)
    }

    /// How many files are written anew.
    pub(crate) fn created(&self) -> usize {
        self.files
            .values()
            .filter(|file| file.before.is_none() && file.after.is_some())
            .count()
    }

    /// Prints what is going to happen, or what has happened; what is as it should be only when all of it is.
    pub(crate) fn print(&self, tense: Tense) {
        let width = self
            .steps
            .iter()
            .filter(|step| !step.notes.is_empty())
            .map(Step::width)
            .max();
        let done = self.is_done();
        for step in self.steps.iter().filter(|step| done || step.verb != Verb::Unchanged) {
            let path = step.path.display().to_string();
            let Some(first) = step.notes.first() else {
                terminal::status(step.verb.word(tense), path);
                continue;
            };
            let width = width.unwrap_or_default();
            terminal::status(
                step.verb.word(tense),
                format!("{path:width$}   {}", terminal::dim(first)),
            );
            for note in &step.notes[1..] {
                terminal::status("", format!("{:width$}   {}", "", terminal::dim(note)));
            }
        }
    }

    /// Writes every file, or none.
    pub(crate) fn apply(&self) -> Result<()> {
        write::apply(&self.root, &self.files)
    }

    fn create(&mut self, path: &Path, content: &str) -> Result<(), Problem> {
        let file = self.file(path)?;
        let verb = match &file.after {
            None => Verb::Create,
            Some(existing) if existing == content => Verb::Unchanged,
            Some(_) => {
                let path = path.display();
                return Err(Problem::Conflict(format!(
                    "{path} already exists with different content"
                )));
            }
        };
        file.after = Some(content.to_owned());
        self.report(verb, path, None);
        Ok(())
    }

    fn delete(&mut self, path: &Path, content: &str) -> Result<(), Problem> {
        let file = self.file(path)?;
        let verb = match &file.after {
            None => Verb::Unchanged,
            Some(existing) if existing == content => Verb::Delete,
            Some(_) => {
                let path = path.display();
                return Err(Problem::Conflict(format!(
                    "{path} has been changed since it was generated"
                )));
            }
        };
        file.after = None;
        self.report(verb, path, None);
        Ok(())
    }

    fn edit(&mut self, path: &Path, piece: &Piece, direction: Direction) -> Result<(), Problem> {
        let file = self.file(path)?;
        let Some(text) = &file.after else {
            if direction == Direction::Remove {
                self.report(Verb::Unchanged, path, None);
                return Ok(());
            }
            return Err(Problem::NoPlace {
                path: path.to_owned(),
                reason: "there is no such file".to_owned(),
                paste: Some(piece.line()),
            });
        };
        let (edit, sign) = match direction {
            Direction::Add => (piece.insert(text), '+'),
            Direction::Remove => (piece.remove(text), '-'),
        };
        let edit = edit.map_err(|error| {
            let path = path.display();
            Problem::Unusable(format!("{path}:{}:{}: {}", error.line, error.column, error.message))
        })?;
        match edit {
            Edit::Unchanged => self.report(Verb::Unchanged, path, None),
            Edit::Changed(text) => {
                file.after = Some(text);
                self.report(Verb::Update, path, Some(format!("{sign} {}", piece.line())));
            }
            Edit::NoPlace { reason, paste } => {
                return Err(Problem::NoPlace {
                    path: path.to_owned(),
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
        let file = self.file(path)?;
        match (direction, &file.after) {
            (Direction::Add, None) => self.create(path, content)?,
            (Direction::Remove, Some(left)) if left == content => self.delete(path, content)?,
            // Others still use it.
            (Direction::Remove, Some(_)) => return Ok(()),
            (Direction::Add, Some(_)) | (Direction::Remove, None) => {}
        }
        self.edit(declared_in, declaration, direction)
    }

    /// The file as the plan has it so far, read when it is first asked for.
    fn file(&mut self, path: &Path) -> Result<&mut File, Problem> {
        if !self.files.contains_key(path) {
            let before = read(&self.root.join(path)).map_err(|reason| {
                let path = path.display();
                Problem::Unusable(format!("{path} {reason}"))
            })?;
            let after = before.clone();
            self.files.insert(path.to_owned(), File { before, after });
        }
        self.files
            .get_mut(path)
            .ok_or_else(|| Problem::Unusable(format!("{} is lost", path.display())))
    }

    /// Adds a step to the report, or what it did to the step of the same file.
    fn report(&mut self, verb: Verb, path: &Path, note: Option<String>) {
        let Some(step) = self.steps.iter_mut().find(|step| step.path == path) else {
            self.steps.push(Step {
                verb,
                path: path.to_owned(),
                notes: note.into_iter().collect(),
            });
            return;
        };
        step.notes.extend(note);
        step.verb = match (step.verb, verb) {
            (Verb::Unchanged, later) | (_, later @ Verb::Delete) => later,
            (earlier, _) => earlier,
        };
    }

    /// One error for all that stands in the way.
    fn error(&self, problems: Vec<Problem>) -> Error {
        let mut sentences = Vec::new();
        let mut pastes: Vec<(PathBuf, Vec<String>)> = Vec::new();
        let mut help = None;
        for problem in problems {
            let sentence = match problem {
                Problem::Unusable(sentence) => sentence,
                Problem::Conflict(sentence) => {
                    help = Some(
                        "choose another name, or move your file out of the way\n\
                         (what is missing in it is added by hand: nova writes whole files only)"
                            .to_owned(),
                    );
                    sentence
                }
                Problem::NoPlace { path, reason, paste } => {
                    let sentence = format!("no place for this in {}: {reason}", path.display());
                    if paste.is_none() {
                        help = Some("choose another name, or make room for this one first".to_owned());
                    }
                    if let Some((_, lines)) = pastes.iter_mut().find(|(pasted, _)| *pasted == path) {
                        lines.extend(paste);
                    } else {
                        // What would have gone in goes with it.
                        let mut lines = self.additions(&path);
                        lines.extend(paste);
                        pastes.push((path, lines));
                    }
                    sentence
                }
            };
            if !sentences.contains(&sentence) {
                sentences.push(sentence);
            }
        }
        let mut sentences = sentences.into_iter();
        let mut error = Error::failed(sentences.next().unwrap_or_default());
        for sentence in sentences {
            error = error.detail(sentence);
        }
        error = error.detail("nothing was written");
        if let Some(help) = help {
            return error.help(help);
        }
        if pastes.is_empty() {
            return error;
        }
        let mut help = vec!["write this by hand, then run the command again:".to_owned()];
        for (path, lines) in pastes {
            help.push(format!("in {}", path.display()));
            help.extend(lines.iter().map(|line| format!("    {line}")));
        }
        error.help(help.join("\n"))
    }

    /// The pieces that would be added to a file.
    fn additions(&self, path: &Path) -> Vec<String> {
        let step = self.steps.iter().find(|step| step.path == path);
        let notes = step.into_iter().flat_map(|step| &step.notes);
        notes
            .filter_map(|note| note.strip_prefix("+ ").map(str::to_owned))
            .collect()
    }
}

/// Whether a report speaks of what will be or of what was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tense {
    Future,
    Past,
}

impl Verb {
    fn word(self, tense: Tense) -> &'static str {
        match (self, tense) {
            (Self::Create, Tense::Future) => "Create",
            (Self::Create, Tense::Past) => "Created",
            (Self::Update, Tense::Future) => "Update",
            (Self::Update, Tense::Past) => "Updated",
            (Self::Delete, Tense::Future) => "Delete",
            (Self::Delete, Tense::Past) => "Deleted",
            (Self::Unchanged, _) => "Unchanged",
        }
    }
}

impl Step {
    fn width(&self) -> usize {
        self.path.display().to_string().chars().count()
    }
}

/// The text of a file, if there is one. The error ends a sentence that begins with the path.
fn read(path: &Path) -> Result<Option<String>, String> {
    match std::fs::read(path) {
        Ok(bytes) => String::from_utf8(bytes)
            .map(Some)
            .map_err(|_| "is not UTF-8 text".to_owned()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind() == ErrorKind::NotADirectory => Err("can't be: a file is in the way".to_owned()),
        Err(error) if error.kind() == ErrorKind::IsADirectory => Err("is a directory".to_owned()),
        Err(error) => Err(format!("can't be read: {error}")),
    }
}
