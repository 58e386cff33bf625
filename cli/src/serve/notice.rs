//! What `nova serve` has to tell: values, and how they are told to the person at the terminal.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::build::Failure;
use super::line::Closed;
use super::swap::Ending;
use crate::terminal;

/// Something to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Notice {
    Building {
        build: u64,
        files: Vec<PathBuf>,
    },
    Built {
        build: u64,
        time: Duration,
    },
    /// A newer change made the build worthless.
    Cancelled {
        build: u64,
    },
    /// The application answers, for the first time.
    Serving(Served),
    Changed(Vec<PathBuf>),
    /// The application answers with what the change made of it.
    Reloaded(Served),
    /// The change made no other program.
    Unchanged {
        build: u64,
    },
    /// Views or assets were changed.
    Pages(Pages),
    BuildFailed {
        build: u64,
        failure: Failure,
        fallback: Fallback,
    },
    /// A new process ended before it was ready.
    StartFailed {
        build: u64,
        ending: Ending,
        fallback: Fallback,
    },
    /// The process that served has ended by itself.
    Died(Ending),
    /// The command ends.
    Ending,
}

/// What is served now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Served {
    pub(super) build: u64,
    pub(super) files: Vec<PathBuf>,
    /// From the change on.
    pub(super) total: Duration,
    pub(super) built_in: Option<Duration>,
    pub(super) handed: Option<Handed>,
}

/// What became of the WebSockets of the process before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Handed {
    Moved { moved: u64, closed: Vec<Closed> },
    Kept(String),
}

/// What became of changed views and assets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pages {
    pub(super) files: Vec<PathBuf>,
    pub(super) error: Option<ViewError>,
    /// Until the application had read them.
    pub(super) time: Option<Duration>,
}

/// Why the views are those before the change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ViewError {
    pub(super) message: String,
    pub(super) file: Option<PathBuf>,
    pub(super) line: Option<usize>,
    pub(super) column: Option<usize>,
}

/// As the compiler tells its errors.
impl fmt::Display for ViewError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let error = terminal::FAILURE;
        write!(f, "{error}error{error:#}: {}", self.message)?;
        if let Some(file) = &self.file {
            write!(f, "\n --> {}", file.display())?;
            for number in [self.line, self.column].into_iter().map_while(|number| number) {
                write!(f, ":{number}")?;
            }
        }
        f.write_str("\n")
    }
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
        // Later ones are over before this could be read.
        Notice::Building { build: 1, .. } => terminal::progress("Building", name),
        Notice::Building { .. } | Notice::Built { .. } | Notice::Cancelled { .. } => {}
        Notice::Serving(_) => terminal::status("Serving", format_args!("{url}  (ctrl-c to stop)")),
        Notice::Changed(files) => terminal::progress("Changed", list(files)),
        Notice::Reloaded(served) => terminal::status("Reloaded", served),
        Notice::Unchanged { .. } => {
            terminal::status("Unchanged", format_args!("{name} is the same program as before"));
        }
        Notice::Pages(Pages { error: Some(error), .. }) => {
            terminal::plain(error);
            terminal::failure("Failed", "1 error in a view; the views before it are still served");
        }
        Notice::Pages(Pages { files, time: None, .. }) => terminal::status("Reloaded", list(files)),
        Notice::Pages(Pages {
            files,
            time: Some(time),
            ..
        }) => {
            let time = time.as_secs_f64();
            terminal::status("Reloaded", format_args!("{} in {time:.2} s", list(files)));
        }
        Notice::BuildFailed { failure, fallback, .. } => {
            terminal::failure("Failed", format_args!("{failure}; {}", fallback.text()));
        }
        Notice::StartFailed { ending, fallback, .. } => {
            let ending = ending.before_it_was_ready();
            terminal::failure("Failed", format_args!("{name} {ending}; {}", fallback.text()));
        }
        Notice::Died(ending) => {
            terminal::failure("Failed", format_args!("{name} {ending}; {}", Fallback::Nothing.text()));
        }
        Notice::Ending => terminal::progress("Stopping", name),
    }
}

/// `src/a.rs and 2 more in 0.48 s (build 0.45 s) · 3 sockets moved · 2 closed (ChatHandler does not travel)`
impl fmt::Display for Served {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.files.is_empty() {
            write!(f, "{} ", list(&self.files))?;
        }
        write!(f, "in {:.2} s", self.total.as_secs_f64())?;
        if let Some(build) = self.built_in {
            write!(f, " (build {:.2} s)", build.as_secs_f64())?;
        }
        match &self.handed {
            None => Ok(()),
            Some(Handed::Kept(reason)) if reason.is_empty() => f.write_str(" · no socket moved"),
            Some(Handed::Kept(reason)) => write!(f, " · no socket moved ({reason})"),
            Some(Handed::Moved { moved, closed }) => {
                if *moved > 0 {
                    write!(f, " · {} moved", sockets(*moved))?;
                }
                for Closed { reason, count } in closed {
                    write!(f, " · {count} closed ({reason})")?;
                }
                Ok(())
            }
        }
    }
}

fn sockets(count: u64) -> String {
    match count {
        1 => "1 socket".to_owned(),
        count => format!("{count} sockets"),
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

    fn served(handed: Option<Handed>) -> String {
        let served = Served {
            build: 2,
            files: vec![PathBuf::from("src/a.rs")],
            total: Duration::from_millis(480),
            built_in: Some(Duration::from_millis(450)),
            handed,
        };
        served.to_string()
    }

    #[test]
    fn a_reload_is_told_in_one_line() {
        assert_eq!(served(None), "src/a.rs in 0.48 s (build 0.45 s)");
        let moved = |moved, closed: &[(&str, u64)]| {
            let closed = closed.iter().map(|(reason, count)| Closed {
                reason: (*reason).to_owned(),
                count: *count,
            });
            Some(Handed::Moved {
                moved,
                closed: closed.collect(),
            })
        };
        assert_eq!(served(moved(0, &[])), served(None), "there were none");
        assert!(served(moved(1, &[])).ends_with(" · 1 socket moved"));
        assert_eq!(
            served(moved(3, &[("Chat does not travel", 2), ("TLS", 1)])),
            "src/a.rs in 0.48 s (build 0.45 s) · 3 sockets moved · 2 closed (Chat does not travel) · 1 closed (TLS)"
        );
        assert!(served(Some(Handed::Kept("late".to_owned()))).ends_with(" · no socket moved (late)"));
    }

    #[test]
    fn a_reload_without_a_change_has_no_file() {
        let served = Served {
            build: 2,
            files: Vec::new(),
            total: Duration::from_millis(30),
            built_in: None,
            handed: None,
        };
        assert_eq!(served.to_string(), "in 0.03 s");
    }

    #[test]
    fn a_view_is_told_with_its_place() {
        let error = ViewError {
            message: "unclosed block".to_owned(),
            file: Some(PathBuf::from("views/a.hbs")),
            line: Some(3),
            column: None,
        };
        let text = anstream::adapter::strip_str(&error.to_string()).to_string();
        assert_eq!(text, "error: unclosed block\n --> views/a.hbs:3\n");
    }
}
