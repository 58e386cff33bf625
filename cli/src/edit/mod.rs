//! Pieces of Rust in files that the user owns: how one comes in or goes.
//!
//! Each edit is a function from text to text. The file is parsed to find the one place where the piece belongs, the
//! piece is spliced in at that byte, and the result is parsed again to see that it is there. Every other byte stays.

mod chains;
mod imports;
mod lines;
mod mentions;
mod modules;
mod order;
mod read;
mod routes;
mod setup;
mod source;
mod tokens;

pub(crate) use imports::Import;
pub(crate) use mentions::line_naming;
pub(crate) use modules::Module;
pub(crate) use read::{alias, fields_of, gives, public_functions};
pub(crate) use routes::{Route, RouteTo, routes_to};
pub(crate) use setup::{Setup, makes_application};
pub(crate) use source::ParseError;
use source::Source;

/// Something that a file of the user's can hold.
#[derive(Clone, Debug)]
pub(crate) enum Piece {
    Module(Module),
    Import(Import),
    Route(Route),
    Setup(Setup),
}

/// What became of an edit.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Edit {
    /// The new text.
    Changed(String),
    /// The file is as it should be.
    Unchanged,
    /// There is no one place for it: why, and what the user can write by hand, where that would help.
    NoPlace { reason: String, paste: Option<String> },
}

impl Edit {
    fn no_place(reason: String, paste: String) -> Self {
        Self::NoPlace {
            reason,
            paste: Some(paste),
        }
    }
}

impl Piece {
    /// Puts the piece where it belongs, unless it is there already.
    pub(crate) fn insert(&self, text: &str) -> Result<Edit, ParseError> {
        let source = Source::parse(text)?;
        let edit = match self {
            Self::Module(module) => module.insert(&source),
            Self::Import(import) => import.insert(&source),
            Self::Route(route) => route.insert(&source),
            Self::Setup(setup) => setup.insert(&source),
        };
        Ok(self.verified(text, edit, true))
    }

    /// Takes the piece out, unless it has been changed.
    pub(crate) fn remove(&self, text: &str) -> Result<Edit, ParseError> {
        let source = Source::parse(text)?;
        let edit = match self {
            Self::Module(module) => module.remove(&source),
            // Routes of others still go by it.
            Self::Import(import) if !routes::all_to(import, &source).is_empty() => Edit::Unchanged,
            Self::Import(import) => import.remove(&source),
            Self::Route(route) => route.remove(&source),
            Self::Setup(setup) => setup.remove(&source),
        };
        Ok(self.verified(text, edit, false))
    }

    /// Whether a file has the piece, in whatever shape.
    pub(crate) fn is_in(&self, text: &str) -> Result<bool, ParseError> {
        self.count(text).map(|count| count > 0)
    }

    /// How often a file has the piece. Only a route can be there twice, as on two hosts.
    fn count(&self, text: &str) -> Result<usize, ParseError> {
        Source::parse(text).map(|source| match self {
            Self::Module(module) => module.is_in(&source).into(),
            Self::Import(import) => import.is_in(&source).into(),
            Self::Route(route) => route.count(&source),
            Self::Setup(setup) => setup.is_in(&source).into(),
        })
    }

    /// The piece on one line, to be shown.
    pub(crate) fn line(&self) -> String {
        match self {
            Self::Module(module) => module.line(),
            Self::Import(import) => import.line(),
            Self::Route(route) => route.line(),
            Self::Setup(setup) => setup.line(),
        }
    }

    /// The same as it stands in this text, or will.
    pub(crate) fn line_in(&self, text: &str) -> String {
        match (self, Source::parse(text)) {
            (Self::Route(route), Ok(source)) => route.line_in(&source),
            _ => self.line(),
        }
    }

    /// No edit is believed before its result parses and holds the piece once more, or once less, and all other tokens are as
    /// they were.
    fn verified(&self, before: &str, edit: Edit, expected: bool) -> Edit {
        let Edit::Changed(after) = &edit else {
            return edit;
        };
        let (longer, shorter) = if expected {
            (after.as_str(), before)
        } else {
            (before, after.as_str())
        };
        let held = match (self.count(longer), self.count(shorter)) {
            (Ok(more), Ok(less)) => more == less + 1,
            _ => false,
        };
        // A run may hold more than the piece: another call, as where one has come into a comment.
        let calls = usize::from(matches!(self, Self::Route(_) | Self::Setup(_)));
        let only_that = match (tokens::tokens(longer), tokens::tokens(shorter)) {
            (Some(longer), Some(shorter)) => {
                let is_one_run = tokens::differ_by_one_run(&longer, &shorter)
                    || !expected && tokens::differ_by_one_run_in_braces(&longer, &shorter);
                is_one_run && tokens::calls(&longer) == tokens::calls(&shorter) + calls
            }
            _ => false,
        };
        if held && only_that {
            return edit;
        }
        Edit::no_place(
            "the file is laid out in a way that can't be edited safely".to_owned(),
            self.line(),
        )
    }
}

#[cfg(test)]
mod tests;
