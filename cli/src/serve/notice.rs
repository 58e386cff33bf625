//! What `nova serve` tells the person at the terminal.

use std::path::PathBuf;
use std::time::Duration;

use super::build::Failure;
use super::swap::Ending;
use crate::terminal;

/// A line to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Notice {
    /// The first build starts.
    Building,
    /// The application answers, for the first time.
    Serving,
    Changed(Vec<PathBuf>),
    /// The application answers with what the change made of it, this long after it.
    Reloaded(Duration),
    /// The change made no other program.
    Unchanged,
    BuildFailed(Failure, Fallback),
    /// A new process ended before it was ready.
    StartFailed(Ending, Fallback),
    /// The process that served has ended by itself.
    Died(Ending),
    /// The command ends.
    Ending,
}

/// What answers after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fallback {
    Previous,
    Nothing,
}

impl Fallback {
    fn text(self) -> &'static str {
        match self {
            Self::Previous => "still serving the previous build",
            Self::Nothing => "waiting for a change",
        }
    }
}

/// Tells `notice` about the application `name`, which is found at `url`.
pub(super) fn tell(notice: &Notice, name: &str, url: &str) {
    match notice {
        Notice::Building => terminal::progress("Building", name),
        Notice::Serving => terminal::status("Serving", format_args!("{url}  (ctrl-c to stop)")),
        Notice::Changed(files) => terminal::progress("Changed", list(files)),
        Notice::Reloaded(time) => terminal::status("Reloaded", format_args!("in {:.2} s", time.as_secs_f64())),
        Notice::Unchanged => terminal::status("Unchanged", format_args!("{name} is the same program as before")),
        Notice::BuildFailed(failure, fallback) => {
            terminal::failure("Failed", format_args!("{failure}; {}", fallback.text()));
        }
        Notice::StartFailed(ending @ Ending::Exited(_), fallback) => {
            terminal::failure(
                "Failed",
                format_args!("{name} {ending} before it was ready; {}", fallback.text()),
            );
        }
        Notice::StartFailed(ending, fallback) => {
            terminal::failure("Failed", format_args!("{name} {ending}; {}", fallback.text()));
        }
        Notice::Died(ending) => {
            terminal::failure("Failed", format_args!("{name} {ending}; {}", Fallback::Nothing.text()));
        }
        Notice::Ending => terminal::progress("Stopping", name),
    }
}

/// The first file and how many more.
fn list(files: &[PathBuf]) -> String {
    match files {
        [] => String::new(),
        [file] => file.display().to_string(),
        [file, more @ ..] => format!("{} and {} more", file.display(), more.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_files_take_one_line() {
        let files = ["a.rs", "b.rs", "c.rs"].map(PathBuf::from);
        assert_eq!(list(&files[..1]), "a.rs");
        assert_eq!(list(&files), "a.rs and 2 more");
    }
}
