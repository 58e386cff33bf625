//! What the person at the terminal sees: aligned status verbs on stderr, data on stdout.
//!
//! Colour is decided for each stream by `anstream`: `--color`, then `NO_COLOR`, `CLICOLOR_FORCE`, `TERM` and whether
//! the stream is a terminal.

use anstream::{eprintln, println};
use anstyle::{AnsiColor, Style};

use crate::error::Error;

const DONE: Style = AnsiColor::Green.on_default().bold();
const BUSY: Style = AnsiColor::Cyan.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();
const FAILURE: Style = AnsiColor::Red.on_default().bold();
const DIM: Style = Style::new().dimmed();

/// The width of the column of verbs, as cargo has it.
const VERB_WIDTH: usize = 12;

/// Something was done: a green verb.
pub(crate) fn status(verb: &str, message: impl std::fmt::Display) {
    styled(DONE, verb, message);
}

/// Something is under way: a cyan verb.
pub(crate) fn progress(verb: &str, message: impl std::fmt::Display) {
    styled(BUSY, verb, message);
}

/// Something deserves attention, and the command goes on.
pub(crate) fn warning(verb: &str, message: impl std::fmt::Display) {
    styled(WARNING, verb, message);
}

/// Something failed, and the command goes on.
pub(crate) fn failure(verb: &str, message: impl std::fmt::Display) {
    styled(FAILURE, verb, message);
}

/// Text that came ready from elsewhere, such as a compiler's diagnostics, or advice below the verbs.
pub(crate) fn plain(text: impl std::fmt::Display) {
    eprintln!("{text}");
}

/// A line of the answer, on stdout.
pub(crate) fn answer(text: impl std::fmt::Display) {
    println!("{text}");
}

/// `text`, dimmed where colour is on.
pub(crate) fn dim(text: &str) -> String {
    format!("{DIM}{text}{DIM:#}")
}

/// Prints an error: what was not done, what to know, what to type next.
pub(crate) fn error(error: &Error) {
    eprintln!("{FAILURE}error{FAILURE:#}: {}", error.message());
    for line in error.details() {
        eprintln!("       {line}");
    }
    if let Some(help) = error.help_text() {
        let mut lines = help.lines();
        eprintln!("{BUSY}help{BUSY:#}:  {}", lines.next().unwrap_or_default());
        for line in lines {
            eprintln!("       {line}");
        }
    }
}

fn styled(style: Style, verb: &str, message: impl std::fmt::Display) {
    eprintln!("{style}{verb:>VERB_WIDTH$}{style:#} {message}");
}
