//! What a command is going to write, as data: it can be checked, shown, applied and inverted.

mod check;
mod diff;
mod fault;
mod journal;
mod lock;
mod report;
mod write;

use std::path::PathBuf;

pub(crate) use check::{Checked, Refused};
pub(crate) use lock::{Lock, is_interrupted};
pub(crate) use report::Tense;

use crate::edit::Piece;
use crate::error::Result;

/// Changes to the files under one directory, in order: each sees what those before it did.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    root: PathBuf,
    /// What is shown in front of each path.
    shown: PathBuf,
    changes: Vec<Change>,
}

/// What becomes of a file that is not as the plan expects it: one that is to come and is there with another content, or
/// is to go and has been changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Conflicts {
    /// Nothing is written.
    #[default]
    Refuse,
    /// The plan goes before the file.
    Replace,
    /// The file stays as it is, and so does one that has no place for a piece.
    Keep,
}

/// One step of a plan.
#[derive(Clone, Debug)]
struct Change {
    direction: Direction,
    part: Part,
}

/// Whether a part comes or goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Add,
    Remove,
}

/// Something that a project has or has not. Paths are relative to the plan's root.
#[derive(Clone, Debug)]
pub(crate) enum Part {
    /// A whole file, which is ours until the user changes it.
    File { path: PathBuf, content: String },
    /// The file of a module that several parts share, with its declaration. Its content is there to begin with; it
    /// goes when nothing is left but that.
    SharedModule {
        path: PathBuf,
        content: String,
        declared_in: PathBuf,
        declaration: Piece,
    },
    /// A piece of a file that is the user's.
    Piece { path: PathBuf, piece: Piece },
}

impl Plan {
    /// A plan that adds parts below `root`.
    pub(crate) fn adding(root: impl Into<PathBuf>, parts: Vec<Part>) -> Self {
        let change = |part| Change {
            direction: Direction::Add,
            part,
        };
        Self {
            root: root.into(),
            shown: PathBuf::new(),
            changes: parts.into_iter().map(change).collect(),
        }
    }

    /// The plan that takes back what this one does: on this day or another, for it holds parts and not whole files.
    pub(crate) fn invert(self) -> Self {
        let inverted = self.changes.into_iter().rev().map(|change| Change {
            direction: match change.direction {
                Direction::Add => Direction::Remove,
                Direction::Remove => Direction::Add,
            },
            part: change.part,
        });
        Self {
            root: self.root,
            shown: self.shown,
            changes: inverted.collect(),
        }
    }

    /// The plan with this in front of each path that is shown.
    pub(crate) fn shown_below(mut self, directory: impl Into<PathBuf>) -> Self {
        self.shown = directory.into();
        self
    }

    /// Compares the plan with the disk. Nothing is written; everything that stands in the way is in the error.
    pub(crate) fn check(&self, conflicts: Conflicts) -> Result<Checked, Box<Refused>> {
        check::check(self, conflicts)
    }
}

#[cfg(test)]
pub(crate) mod tests;
