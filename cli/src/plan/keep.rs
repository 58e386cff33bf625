//! What stays as it is when a file does: all that belongs to it.

use std::collections::BTreeSet;
use std::path::Path;

use super::check::{Checked, File, Note, Problem, Verb};
use super::{Conflicts, Content, Direction, Part, Plan};
use crate::edit::{Edit, Piece};

impl Checked {
    /// The files that stay as they are although the plan says otherwise, and the files that belong to them.
    pub(super) fn kept<'a>(&mut self, plan: &'a Plan) -> BTreeSet<&'a Path> {
        let mut kept = BTreeSet::new();
        if self.conflicts != Conflicts::Keep {
            return kept;
        }
        let mut files = Vec::new();
        for change in &plan.changes {
            let Part::File { path, content, of } = &change.part else {
                continue;
            };
            files.push((path.as_path(), of.as_deref()));
            // One that can't be read is told of when its turn comes.
            let is_another = |file: &mut File| file.before.as_ref().is_some_and(|before| before != content);
            if self.file(path).is_ok_and(is_another) {
                kept.insert(path.as_path());
            }
        }
        loop {
            let known = kept.len();
            let belongs = |of: Option<&Path>| of.is_some_and(|of| kept.contains(of));
            let more: Vec<&Path> = files
                .iter()
                .filter(|(_, of)| belongs(*of))
                .map(|(path, _)| *path)
                .collect();
            kept.extend(more);
            if kept.len() == known {
                return kept;
            }
        }
    }

    /// Reports a part that is left as it is, since it belongs to a file that is.
    pub(super) fn leave(&mut self, part: &Part, of: &Path, direction: Direction) -> Result<(), Problem> {
        match part {
            Part::File { path, content, .. } => {
                let there = self.file(path)?.after.as_ref();
                let verb = match there {
                    Some(there) if there != content => Verb::Keep,
                    there => left(there.is_some(), direction),
                };
                self.report_left(verb, path, None, of);
            }
            Part::Piece { path, piece, .. } => self.leave_piece(path, piece, of, direction)?,
            Part::SharedModule {
                path,
                declared_in,
                declaration,
                ..
            } => {
                // Of what is there others may have a part.
                if direction == Direction::Add {
                    let is_there = self.file(path)?.after.is_some();
                    self.report_left(left(is_there, direction), path, None, of);
                    self.leave_piece(declared_in, declaration, of, direction)?;
                }
            }
        }
        Ok(())
    }

    /// Whether a part is the import for a route that has no place: nothing else would use it.
    pub(super) fn is_for_nothing(&mut self, part: &Part, next: &Part, direction: Direction) -> bool {
        let (
            Part::Piece {
                path,
                piece: import @ Piece::Import(_),
                ..
            },
            Part::Piece {
                piece: route @ Piece::Route(_),
                ..
            },
        ) = (part, next)
        else {
            return false;
        };
        if self.conflicts != Conflicts::Keep || direction == Direction::Remove {
            return false;
        }
        let text = self.file(path).ok().and_then(|file| file.after.as_ref()?.text());
        let is_for_nothing = text.is_some_and(|text| {
            let has_no_place = matches!(route.insert(text), Ok(Edit::NoPlace { .. }));
            has_no_place && !import.is_in(text).unwrap_or(true)
        });
        if is_for_nothing {
            let note = Note {
                sign: '!',
                text: import.line(),
            };
            self.report(Verb::Keep, path, Some(note));
        }
        is_for_nothing
    }

    fn leave_piece(&mut self, path: &Path, piece: &Piece, of: &Path, direction: Direction) -> Result<(), Problem> {
        let text = self.file(path)?.after.as_ref().and_then(Content::text);
        let is_there = text.is_some_and(|text| piece.is_in(text).unwrap_or_default());
        let verb = left(is_there, direction);
        let note = (verb == Verb::Leave).then(|| Note {
            sign: '~',
            text: piece.line(),
        });
        self.report_left(verb, path, note, of);
        Ok(())
    }

    fn report_left(&mut self, verb: Verb, path: &Path, note: Option<Note>, of: &Path) {
        self.report(verb, path, note);
        let step = self.steps.iter_mut().find(|step| step.path == path);
        if let Some(step) = step.filter(|_| verb == Verb::Leave) {
            step.of = Some(of.to_owned());
        }
    }
}

/// What is told of a part that is left as it is: nothing, where it is as the plan would have it.
fn left(is_there: bool, direction: Direction) -> Verb {
    if is_there == (direction == Direction::Add) {
        Verb::Unchanged
    } else {
        Verb::Leave
    }
}
