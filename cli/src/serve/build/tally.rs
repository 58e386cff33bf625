//! What cargo's messages add up to.

use std::collections::HashSet;
use std::path::PathBuf;

use super::cargo_text::{self, Kind};
use super::message::{CompilerMessage, Message};
use super::{Executable, Failure, Outcome, Plan, Reason, Report};
use crate::serve::line::Diagnostic;
use crate::serve::place;

/// As much of what was shown is kept for those who were not looking.
const TEXT: usize = 128 * 1024;

/// As many diagnostics are kept.
const DIAGNOSTICS: usize = 100;

/// What the messages add up to.
#[derive(Debug)]
pub(super) struct Tally {
    plan: Plan,
    errors: usize,
    /// Cargo has said that everything is built.
    is_built: bool,
    shown: HashSet<String>,
    text: String,
    diagnostics: Vec<Diagnostic>,
    programs: Vec<(String, PathBuf)>,
    /// What cargo says from its first error on. Told at the end, when it is known whether the compiler's errors say it
    /// better.
    last_words: Vec<String>,
}

impl Tally {
    pub(super) fn of(plan: Plan) -> Self {
        Self {
            plan,
            errors: 0,
            is_built: false,
            shown: HashSet::new(),
            text: String::new(),
            diagnostics: Vec::new(),
            programs: Vec::new(),
            last_words: Vec::new(),
        }
    }

    pub(super) fn is_built(&self) -> bool {
        self.is_built
    }

    /// A line of cargo's standard output.
    pub(super) fn message(&mut self, line: String) -> Option<Report> {
        match serde_json::from_str::<Message>(&line) {
            Ok(Message::CompilerMessage(message)) => self.diagnostic(message),
            Ok(Message::CompilerArtifact(artifact)) => {
                if let Some(path) = artifact.executable
                    && artifact.target.is_bin()
                {
                    self.programs.push((artifact.target.name, path));
                }
                None
            }
            Ok(Message::BuildFinished { success }) => {
                self.is_built = success;
                None
            }
            Ok(Message::Other) => None,
            // Printed by a procedural macro.
            Err(_) => Some(Report::Text(line)),
        }
    }

    fn diagnostic(&mut self, message: CompilerMessage) -> Option<Report> {
        let diagnostic = message.message;
        // The compiler's own sums; the errors are counted here, over all crates.
        let text = &diagnostic.message;
        if text.starts_with("aborting due to")
            || text.ends_with("warning emitted")
            || text.ends_with("warnings emitted")
        {
            return None;
        }
        let rendered = diagnostic.rendered.as_ref().unwrap_or(text);
        // The line that ends it is whoever shows it to write; an empty one before that is cargo's way to part them.
        let rendered = rendered.strip_suffix('\n').unwrap_or(rendered).to_owned();
        if !self.shown.insert(rendered.clone()) {
            return None;
        }
        let level = match diagnostic.level.as_str() {
            "error" | "error: internal compiler error" => {
                self.errors += 1;
                "error"
            }
            "warning" => "warning",
            _ => "note",
        };
        let place = diagnostic.spans.iter().find(|span| span.is_primary);
        let root = self.plan.root();
        let entry = Diagnostic {
            level: level.to_owned(),
            message: diagnostic.message,
            file: place.map(|span| place::of_source(root, &message.target.src_path, &span.file_name)),
            line: place.map(|span| span.line_start),
            column: place.map(|span| span.column_start),
        };
        // Where to read more about an error is for the text alone.
        if diagnostic.level != "failure-note" {
            self.list(entry);
        }
        self.keep(&rendered);
        Some(Report::Text(rendered))
    }

    /// Warnings give way to errors: those are what keeps the program from being built.
    fn list(&mut self, entry: Diagnostic) {
        if self.diagnostics.len() < DIAGNOSTICS {
            self.diagnostics.push(entry);
        } else if entry.level == "error"
            && let Some(least) = self.diagnostics.iter_mut().find(|kept| kept.level != "error")
        {
            *least = entry;
        }
    }

    fn keep(&mut self, text: &str) {
        if self.text.len() + text.len() < TEXT {
            self.text.push_str(text);
            self.text.push('\n');
        }
    }

    /// A line of cargo's standard error.
    pub(super) fn text(&mut self, line: String) -> Option<Report> {
        if !self.last_words.is_empty() {
            self.last_words.push(line);
            return None;
        }
        match cargo_text::kind(&line) {
            Kind::Step => Some(Report::Step(line)),
            Kind::Sum => None,
            Kind::Text => Some(Report::Text(line)),
            Kind::Error => {
                self.last_words.push(line);
                None
            }
        }
    }

    pub(super) fn last_words(&mut self) -> Option<String> {
        let mut words = std::mem::take(&mut self.last_words);
        if self.errors > 0 {
            words.retain(|line| !cargo_text::repeats_the_compiler(line));
        }
        let words = words.join("\n");
        if words.trim().is_empty() {
            return None;
        }
        self.keep(&words);
        Some(words)
    }

    /// What came of a good build.
    pub(super) fn program(&mut self) -> Outcome {
        let mut programs = std::mem::take(&mut self.programs);
        let chosen = match programs.len() {
            0 => return Outcome::Failed(Reason::NoProgram.into()),
            1 => Some(0),
            _ => programs.iter().position(|(name, _)| name == self.plan.package()),
        };
        if let Some(index) = chosen {
            return Outcome::Built(Executable::at(programs.swap_remove(index).1));
        }
        let names = programs.into_iter().map(|(name, _)| name).collect();
        Outcome::Failed(Reason::Ambiguous(names).into())
    }

    /// What came of a bad one.
    pub(super) fn failure(&mut self) -> Outcome {
        let reason = match self.errors {
            0 => Reason::Cargo,
            errors => Reason::Errors(errors),
        };
        Outcome::Failed(Failure {
            reason,
            text: std::mem::take(&mut self.text),
            diagnostics: std::mem::take(&mut self.diagnostics),
        })
    }
}

#[cfg(test)]
mod tests;
