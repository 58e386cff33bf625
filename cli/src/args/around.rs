//! What is typed behind the commands around the others: doctor, eject, upgrade, completions, man.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{Show, Write};

/// `nova doctor`
#[derive(Debug, Args)]
#[command(after_help = "\
It asks no network and builds nothing. A line begins with ok, warn or fail; with a fail the exit code is 1.")]
pub(crate) struct Doctor {
    /// One JSON object on a line for each finding.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `nova eject`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  nova eject controller                      its templates, to be changed
  nova eject                                 every kind

What is in .nova/templates/<kind> stands in for what is built in, file by file. A new folder there is a new \
kind: each file is written to the path that it has in the folder, without .hbs, as in \
.nova/templates/service/src/services/{{path}}.rs.hbs.")]
pub(crate) struct Eject {
    /// The kind whose templates are wanted [default: all].
    pub(crate) kind: Option<String>,

    #[command(flatten)]
    pub(crate) write: Write,
}

/// `nova upgrade`
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  nova upgrade --diff                        what it would change

A project that takes the runtime from a directory or a repository is brought up to date there.")]
pub(crate) struct Upgrade {
    #[command(flatten)]
    pub(crate) show: Show,
}

/// `nova completions`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  source <(nova completions bash)            in ~/.bashrc
  source <(nova completions zsh)             in ~/.zshrc, behind compinit
  nova completions fish > ~/.config/fish/completions/nova.fish")]
pub(crate) struct Completions {
    /// The shell.
    pub(crate) shell: Shell,
}

/// A shell that can be told what may come next.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Shell {
    Bash,
    Zsh,
    Fish,
}

/// What a shell asks for: the words after `nova` so far, the last of them unfinished.
#[derive(Debug, Args)]
pub(crate) struct Complete {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) words: Vec<String>,
}

/// `nova man`
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  nova man ~/.local/share/man/man1           then man nova-gen")]
pub(crate) struct Man {
    /// Where to write the pages.
    #[arg(value_name = "DIR")]
    pub(crate) pages: PathBuf,

    #[command(flatten)]
    pub(crate) write: Write,
}
