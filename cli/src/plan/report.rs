//! A plan, or what stands in its way, as people and programs read it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anstyle::{AnsiColor, Style};
use serde_json::{Value, json};

use super::check::{Checked, File, Note, Problem, Step, Verb};
use super::diff::{self, Kind, Line};
use super::{Content, Direction};
use crate::error::Error;
use crate::terminal;

/// What a terminal shows on a line, if nobody has made it wider.
const USUAL_WIDTH: usize = 80;
/// Between a path and what is said of it.
const GAP: &str = "   ";

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
            (Self::Replace, Tense::Future) => "Replace",
            (Self::Replace, Tense::Past) => "Replaced",
            (Self::Delete, Tense::Future) => "Delete",
            (Self::Delete, Tense::Past) => "Deleted",
            (Self::Keep, Tense::Future) => "Keep",
            (Self::Keep, Tense::Past) => "Kept",
            (Self::Leave, Tense::Future) => "Leave",
            (Self::Leave, Tense::Past) => "Left",
            (Self::Unchanged, _) => "Unchanged",
        }
    }
}

impl Checked {
    /// Prints what is going to happen, or what has happened; what is as it should be only when all of it is.
    pub(crate) fn print(&self, tense: Tense) {
        let done = self.is_done();
        let steps = || self.steps.iter().filter(|step| done || step.verb != Verb::Unchanged);
        let width = |text: &str| text.chars().count();
        let noted = || steps().flat_map(|step| step.notes.iter().map(move |note| (step, note)));
        let paths = noted()
            .map(|(step, _)| width(&self.path(step)))
            .max()
            .unwrap_or_default();
        let widest = noted().map(|(_, note)| width(&note.text)).max().unwrap_or_default();
        // Beside the paths where a usual terminal is wide enough for all, else below them.
        let beside = terminal::VERB_WIDTH + " ".len() + paths + GAP.len() + "+ ".len() + widest <= USUAL_WIDTH;
        for step in steps() {
            let path = self.path(step);
            let note = |note: &Note| terminal::dim(&format!("{} {}", note.sign, note.text));
            let first = match step.notes.first() {
                Some(first) if beside => format!("{path:paths$}{GAP}{}", note(first)),
                _ => path,
            };
            match step.verb {
                Verb::Keep | Verb::Leave => terminal::warning(step.verb.word(tense), first),
                verb => terminal::status(verb.word(tense), first),
            }
            for rest in step.notes.iter().skip(usize::from(beside)) {
                let indentation = if beside { paths + GAP.len() } else { 2 };
                terminal::status("", format!("{:indentation$}{}", "", note(rest)));
            }
        }
        // What is left because of another that is left is so because of the same one.
        let is_kept = |owner: &&Path| steps().any(|step| step.path == *owner && step.verb == Verb::Keep);
        let owners: BTreeSet<&Path> = steps().filter_map(|step| step.of.as_deref()).filter(is_kept).collect();
        for owner in owners {
            let owner = self.shown.join(owner);
            let why = format!("{} stays as it is, and so does what belongs to it", owner.display());
            terminal::warning("Because", why);
        }
    }

    /// Prints what would change, on stdout: `patch -p1` and `git apply` read it.
    pub(crate) fn print_diff(&self) {
        for line in self.files.iter().flat_map(|(path, file)| difference(path, file)) {
            let style = match line.kind {
                Kind::Header => Style::new().bold(),
                Kind::Hunk => AnsiColor::Cyan.on_default(),
                Kind::Out => AnsiColor::Red.on_default(),
                Kind::In => AnsiColor::Green.on_default(),
                Kind::NoNewline => Style::new().dimmed(),
                Kind::Same => Style::new(),
            };
            terminal::answer(format_args!("{style}{}{style:#}", line.text));
        }
    }

    /// The steps as data, with the difference of each file where it is asked for.
    pub(crate) fn json(&self, with_diff: bool) -> Value {
        let steps = self.steps.iter().map(|step| {
            let notes = |sign| -> Vec<&str> {
                let notes = step.notes.iter().filter(|note| note.sign == sign);
                notes.map(|note| note.text.as_str()).collect()
            };
            let mut value = json!({
                "action": step.verb.word(Tense::Future).to_lowercase(),
                "path": step.path,
            });
            for (key, sign) in [("added", '+'), ("removed", '-'), ("no_place", '!'), ("left", '~')] {
                let notes = notes(sign);
                if !notes.is_empty() {
                    value[key] = json!(notes);
                }
            }
            if let Some(of) = &step.of {
                value["of"] = json!(of);
            }
            if let Some(file) = self.files.get(&step.path).filter(|_| with_diff) {
                let lines = difference(&step.path, file).into_iter();
                value["diff"] = json!(lines.map(|line| line.text + "\n").collect::<String>());
            }
            value
        });
        steps.collect()
    }

    /// One error for all that stands in the way.
    pub(super) fn error(&self, problems: Vec<Problem>) -> Error {
        let mut sentences = Vec::new();
        let mut pastes: Vec<(PathBuf, Direction, Vec<String>)> = Vec::new();
        let mut help = None;
        for problem in problems {
            let sentence = match problem {
                Problem::Unusable(sentence) => sentence,
                Problem::Conflict { path, direction, lines } => {
                    help = Some(conflict_help(direction));
                    sentences.push(conflict(&self.shown.join(path), direction));
                    if direction == Direction::Add || lines == (0, 0) {
                        continue;
                    }
                    changes(lines)
                }
                Problem::NoPlace {
                    path,
                    direction,
                    reason,
                    paste,
                } => {
                    let shown = self.shown.join(&path);
                    let sentence = match direction {
                        Direction::Add => format!("no place for this in {}: {reason}", shown.display()),
                        Direction::Remove => format!("can't take this out of {}: {reason}", shown.display()),
                    };
                    if paste.is_none() {
                        help = Some("choose another name, or make room for this one first".to_owned());
                    }
                    if let Some((.., lines)) = pastes.iter_mut().find(|(pasted, ..)| *pasted == path) {
                        // One import is for all routes.
                        lines.extend(paste.filter(|line| !lines.contains(line)));
                    } else {
                        // What would have gone in goes with it.
                        let mut lines = self.additions(&path);
                        lines.extend(paste);
                        pastes.push((path, direction, lines));
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
        let Some((_, direction, _)) = pastes.first() else {
            return error;
        };
        let mut help = vec![match direction {
            Direction::Add => "write this by hand, then run the command again:".to_owned(),
            Direction::Remove => "take this out by hand, then run the command again:".to_owned(),
        }];
        for (path, _, lines) in pastes {
            help.push(format!("in {}", self.shown.join(path).display()));
            help.extend(lines.iter().map(|line| format!("    {line}")));
        }
        error.help(help.join("\n"))
    }

    fn path(&self, step: &Step) -> String {
        self.shown.join(&step.path).display().to_string()
    }

    /// The pieces that would be added to a file.
    fn additions(&self, path: &Path) -> Vec<String> {
        let step = self.steps.iter().find(|step| step.path == path);
        let notes = step.into_iter().flat_map(|step| &step.notes);
        let added = notes.filter(|note| note.sign == '+');
        added.map(|note| note.text.clone()).collect()
    }
}

fn difference(path: &Path, file: &File) -> Vec<Line> {
    let path = path.display().to_string();
    let (before, after) = (file.before.as_ref(), file.after.as_ref());
    match (before.map(Content::text), after.map(Content::text)) {
        (None, None) => Vec::new(),
        (Some(None), _) | (_, Some(None)) if file.before != file.after => vec![diff::binary(&path)],
        (before, after) => diff::unified(&path, before.flatten(), after.flatten()),
    }
}

fn conflict(path: &Path, direction: Direction) -> String {
    let path = path.display();
    match direction {
        Direction::Add => format!("{path} already exists with different content"),
        Direction::Remove => format!("{path} has been changed since it was generated"),
    }
}

/// How much of a file is the user's, and how much of ours is gone.
fn changes((theirs, gone): (usize, usize)) -> String {
    let lines = if theirs == 1 { "line" } else { "lines" };
    format!("{theirs} {lines} added, {gone} gone")
}

fn conflict_help(direction: Direction) -> String {
    match direction {
        Direction::Add => "--diff shows the difference, --skip keeps your file, --force replaces it",
        Direction::Remove => "--diff shows what would go, --skip keeps the file, --force deletes it",
    }
    .to_owned()
}
