//! What a command is going to write, as data: it can be checked, shown, applied and inverted.

mod check;
mod content;
mod diff;
mod fault;
mod journal;
mod keep;
mod lock;
mod read;
mod report;
mod write;

use std::path::{Path, PathBuf};

pub(crate) use check::{Checked, Refused};
pub(crate) use content::Content;
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
    /// The file stays as it is with all that belongs to it, and so does one that has no place for a piece.
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
///
/// What is `of` a file has no sense without it, such as the route to a function in it: where that file stays as it is, so
/// does this.
#[derive(Clone, Debug)]
pub(crate) enum Part {
    /// A whole file, which is ours until the user changes it.
    File {
        path: PathBuf,
        content: Content,
        of: Option<PathBuf>,
    },
    /// The file of a module that several parts share, with its declaration. Its content is there to begin with; it
    /// goes when nothing is left but that.
    SharedModule {
        path: PathBuf,
        content: String,
        declared_in: PathBuf,
        declaration: Piece,
        of: Option<PathBuf>,
    },
    /// A piece of a file that is the user's.
    Piece {
        path: PathBuf,
        piece: Piece,
        of: Option<PathBuf>,
    },
}

impl Part {
    /// A file that belongs to no other.
    pub(crate) fn file(path: impl Into<PathBuf>, content: impl Into<Content>) -> Self {
        Self::File {
            path: path.into(),
            content: content.into(),
            of: None,
        }
    }

    /// The file without which this has no sense.
    fn of(&self) -> Option<&Path> {
        match self {
            Self::File { of, .. } | Self::SharedModule { of, .. } | Self::Piece { of, .. } => of.as_deref(),
        }
    }
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
