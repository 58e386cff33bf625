//! What is built, and what a build leaves: values.

use std::fmt;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use crate::project::Project;
use crate::serve::line::Diagnostic;
use crate::terminal;

/// What to build.
#[derive(Debug)]
pub(crate) struct Plan {
    root: PathBuf,
    package: String,
    program: Option<String>,
    release: bool,
}

impl Plan {
    /// A build of the project's program. The manifest is read each time: it may have changed.
    pub(crate) fn of(project: &Project, release: bool) -> Self {
        Self {
            root: project.root.clone(),
            package: project.name.clone(),
            program: default_run(&project.root.join("Cargo.toml")),
            release,
        }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn package(&self) -> &str {
        &self.package
    }

    pub(super) fn command(&self) -> Command {
        let mut cargo = Command::new("cargo");
        // With colour always: where there must be none, the stream takes it out, for cargo's text and for ours alike.
        cargo.args([
            "build",
            "--message-format=json-diagnostic-rendered-ansi",
            "--color=always",
        ]);
        cargo.args(["--package", &self.package]);
        match &self.program {
            Some(program) => cargo.args(["--bin", program]),
            None => cargo.arg("--bins"),
        };
        if self.release {
            cargo.arg("--release");
        }
        if let Some(columns) = terminal::columns_for_passing() {
            cargo.env("CARGO_TERM_PROGRESS_WHEN", "always");
            cargo.env("CARGO_TERM_PROGRESS_WIDTH", columns.to_string());
        }
        cargo.current_dir(&self.root);
        cargo.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        cargo.process_group(0).kill_on_drop(true);
        cargo
    }
}

/// `package.default-run`. A manifest that can't be read has none: cargo tells what is wrong with it.
fn default_run(manifest: &Path) -> Option<String> {
    let table: toml::Table = std::fs::read_to_string(manifest).ok()?.parse().ok()?;
    Some(table.get("package")?.get("default-run")?.as_str()?.to_owned())
}

/// A program in the state that one build left it in: equal as long as nobody has linked it anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Executable {
    pub(crate) path: PathBuf,
    stamp: Option<Stamp>,
}

/// File number, length, time of the last change in seconds and nanoseconds.
type Stamp = (u64, u64, i64, i64);

impl Executable {
    pub(crate) fn at(path: PathBuf) -> Self {
        let stamp = std::fs::metadata(&path)
            .ok()
            .map(|it| (it.ino(), it.len(), it.mtime(), it.mtime_nsec()));
        Self { path, stamp }
    }
}

/// Why there is no program, with what was said about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(in crate::serve) reason: Reason,
    /// All that was shown, with its colours.
    pub(in crate::serve) text: String,
    pub(in crate::serve) diagnostics: Vec<Diagnostic>,
}

/// Why there is no program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::serve) enum Reason {
    /// The compiler found this many errors.
    Errors(usize),
    /// Cargo failed for another reason, which was shown.
    Cargo,
    /// Cargo was not there to try it.
    NotStarted(String),
    /// The package has no program.
    NoProgram,
    /// The package has several, and none that is meant by default.
    Ambiguous(Vec<String>),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Errors(1) => f.write_str("1 error"),
            Self::Errors(count) => write!(f, "{count} errors"),
            Self::Cargo => f.write_str("cargo could not build it"),
            Self::NotStarted(reason) => f.write_str(reason),
            Self::NoProgram => f.write_str("the package has no program: src/main.rs is missing"),
            Self::Ambiguous(names) => {
                write!(
                    f,
                    "which program? Set default-run in Cargo.toml to one of: {}",
                    names.join(", ")
                )
            }
        }
    }
}

impl From<Reason> for Failure {
    fn from(reason: Reason) -> Self {
        Self {
            reason,
            text: String::new(),
            diagnostics: Vec::new(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reason.fmt(f)
    }
}
