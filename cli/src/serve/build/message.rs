//! What cargo says with `--message-format=json`, as much of it as is used here.
//!
//! The members are those of cargo's reference, which only adds to them; what is not named here is passed over. That is a page
//! of our own in place of a crate which, with those below it, would be four more to build for everybody who installs the
//! command.

use std::path::PathBuf;

use serde::Deserialize;

/// A line of cargo's standard output.
#[derive(Debug, Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
pub(super) enum Message {
    CompilerMessage(CompilerMessage),
    CompilerArtifact(Artifact),
    BuildFinished {
        success: bool,
    },
    /// A build script was run, and whatever cargo will tell one day.
    #[serde(other)]
    Other,
}

/// Something that was built.
#[derive(Debug, Deserialize)]
pub(super) struct Artifact {
    pub(super) target: Target,
    pub(super) executable: Option<PathBuf>,
}

/// What a package makes: a library, a program.
#[derive(Debug, Deserialize)]
pub(super) struct Target {
    pub(super) name: String,
    #[serde(default)]
    kind: Vec<String>,
    pub(super) src_path: PathBuf,
}

impl Target {
    /// Whether it is a program, and not a test or an example.
    pub(super) fn is_bin(&self) -> bool {
        self.kind.iter().any(|kind| kind == "bin")
    }
}

/// What the compiler says, and of what.
#[derive(Debug, Deserialize)]
pub(super) struct CompilerMessage {
    pub(super) target: Target,
    pub(super) message: Diagnostic,
}

/// A diagnostic of the compiler's.
#[derive(Debug, Deserialize)]
pub(super) struct Diagnostic {
    pub(super) message: String,
    /// `error`, `warning`, `note`, …; or `error: internal compiler error`.
    pub(super) level: String,
    #[serde(default)]
    pub(super) spans: Vec<Span>,
    /// As the compiler would print it.
    pub(super) rendered: Option<String>,
}

/// A place in a source file.
#[derive(Debug, Deserialize)]
pub(super) struct Span {
    pub(super) file_name: String,
    pub(super) line_start: usize,
    pub(super) column_start: usize,
    pub(super) is_primary: bool,
}
