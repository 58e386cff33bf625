//! What a command is going to write, as data: it can be checked, shown, applied and inverted.

mod check;
mod write;

use std::path::PathBuf;

pub(crate) use check::{Checked, Tense};

use crate::edit::Piece;
use crate::error::Result;

/// Changes to the files under one directory, in order: each sees what those before it did.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    root: PathBuf,
    changes: Vec<Change>,
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
            changes: parts.into_iter().map(change).collect(),
        }
    }

    /// The plan that takes back what this one does: on this day or another, for it holds parts and not whole files.
    #[cfg_attr(not(test), expect(dead_code, reason = "`nova destroy` is to be made of it"))]
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
            changes: inverted.collect(),
        }
    }

    /// Compares the plan with the disk. Nothing is written; every conflict is in the error.
    pub(crate) fn check(&self) -> Result<Checked> {
        check::check(self)
    }
}

#[cfg(test)]
pub(crate) mod tests;
