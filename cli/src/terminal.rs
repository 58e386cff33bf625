//! What the person at the terminal sees: aligned status verbs on stderr, data on stdout.
//!
//! Colour is decided for each stream by `anstream`: `--color`, then `NO_COLOR`, `CLICOLOR_FORCE`, `TERM` and whether
//! the stream is a terminal.

use std::fmt::Display;
use std::io::{IsTerminal, Write as _};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicUsize, Ordering};

use anstyle::{AnsiColor, Style};

use crate::error::Error;

const DONE: Style = AnsiColor::Green.on_default().bold();
const BUSY: Style = AnsiColor::Cyan.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();
pub(crate) const FAILURE: Style = AnsiColor::Red.on_default().bold();
const DIM: Style = Style::new().dimmed();
const STRONG: Style = Style::new().bold();

/// The width of the column of verbs, as cargo has it.
pub(crate) const VERB_WIDTH: usize = 12;

/// Something was done: a green verb.
pub(crate) fn status(verb: &str, message: impl Display) {
    styled(DONE, verb, message);
}

/// Something is under way: a cyan verb.
pub(crate) fn progress(verb: &str, message: impl Display) {
    styled(BUSY, verb, message);
}

/// Something deserves attention, and the command goes on.
pub(crate) fn warning(verb: &str, message: impl Display) {
    styled(WARNING, verb, message);
}

/// Something failed, and the command goes on.
pub(crate) fn failure(verb: &str, message: impl Display) {
    styled(FAILURE, verb, message);
}

/// Text that came ready from elsewhere, such as a compiler's diagnostics, or advice below the verbs.
pub(crate) fn plain(text: impl Display) {
    say(format_args!("{text}"));
}

/// Advice below the column of verbs, dimmed.
pub(crate) fn hint(text: &str) {
    say(format_args!("{:VERB_WIDTH$} {DIM}{text}{DIM:#}", ""));
}

/// Empties the screen and what has been scrolled away.
pub(crate) fn clear() {
    PASSING.store(0, Ordering::Relaxed);
    let _ = write!(anstream::stderr(), "\x1b[H\x1b[2J\x1b[3J");
}

/// A line of the answer, on stdout.
///
/// A reader that has gone away is no error: it has read enough.
pub(crate) fn answer(text: impl Display) {
    end_passing();
    let _ = writeln!(anstream::stdout(), "{text}");
}

/// `text`, dimmed where colour is on.
pub(crate) fn dim(text: &str) -> String {
    format!("{DIM}{text}{DIM:#}")
}

/// `text`, stronger than what is around it where colour is on.
pub(crate) fn strong(text: &str) -> String {
    format!("{STRONG}{text}{STRONG:#}")
}

/// How many columns the answer has. None where it goes to no terminal: then its lines are as long as they are.
pub(crate) fn width() -> Option<usize> {
    columns(std::io::stdout())
}

fn columns(stream: impl IsTerminal + AsFd) -> Option<usize> {
    if !stream.is_terminal() {
        return None;
    }
    let size = rustix::termios::tcgetwinsize(stream).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

/// How many columns [`passing`] lines have. None where there are to be none: standard error goes to no terminal, or to one
/// that can't go back in a line, or the user has told cargo to show none.
pub(crate) fn columns_for_passing() -> Option<usize> {
    let is = |name: &str, value: &str| std::env::var_os(name).is_some_and(|it| it == value);
    if is("TERM", "dumb") || is("CARGO_TERM_PROGRESS_WHEN", "never") {
        return None;
    }
    // The last column is left free: in some terminals the cursor goes to the next line behind it.
    columns(std::io::stderr())
        .map(|columns| columns - 1)
        .filter(|columns| *columns > 0)
}

/// How wide the passing line is that stands in the terminal.
static PASSING: AtomicUsize = AtomicUsize::new(0);

/// Shows a line for as long as nothing else is written: the next takes its place.
pub(crate) fn passing(line: &str) {
    let width = anstream::adapter::strip_str(line).to_string().chars().count();
    if columns_for_passing().is_some_and(|columns| width <= columns) {
        let covered = PASSING.swap(width, Ordering::Relaxed).saturating_sub(width);
        let _ = write!(anstream::stderr(), "{line}{:covered$}\r", "");
    }
}

/// Takes a passing line away. With spaces, which need no colour.
pub(crate) fn end_passing() {
    let width = PASSING.swap(0, Ordering::Relaxed);
    if width > 0 {
        let _ = write!(anstream::stderr(), "{:width$}\r", "");
    }
}

/// Prints an error: what was not done, what to know, what to type next.
pub(crate) fn error(error: &Error) {
    say(format_args!("{FAILURE}error{FAILURE:#}: {}", error.message()));
    for line in error.details() {
        say(format_args!("       {line}"));
    }
    if let Some(help) = error.help_text() {
        let mut lines = help.lines();
        say(format_args!(
            "{BUSY}help{BUSY:#}:  {}",
            lines.next().unwrap_or_default()
        ));
        for line in lines {
            say(format_args!("       {line}"));
        }
    }
}

fn styled(style: Style, verb: &str, message: impl Display) {
    say(format_args!("{style}{verb:>VERB_WIDTH$}{style:#} {message}"));
}

/// Writes a line to stderr. There is nobody to tell that it can't be written.
fn say(line: std::fmt::Arguments<'_>) {
    end_passing();
    let _ = writeln!(anstream::stderr(), "{line}");
}
