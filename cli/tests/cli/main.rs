//! The `nova` binary, driven as a user drives it.

#![allow(clippy::unwrap_used, reason = "a test may stop where it stands")]

mod application;
mod around;
mod database;
mod destroy;
mod faults;
mod generate;
mod help;
mod in_the_way;
mod json;
mod kinds;
mod lived_in;
mod members;
mod new;
mod odd;
mod output;
mod refusals;
mod room;
mod shells;
mod writing;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A directory to work in, which is gone afterwards.
struct Sandbox(tempfile::TempDir);

/// What a run of the binary came to.
struct Run {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Sandbox {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A sandbox with a new project in `myapp`.
    fn with_project() -> Self {
        let sandbox = Self::new();
        sandbox.nova(["new", "myapp", "--no-git"]).succeeded();
        sandbox
    }

    fn path(&self, relative: &str) -> PathBuf {
        self.0.path().join(relative)
    }

    fn read(&self, relative: &str) -> String {
        fs::read_to_string(self.path(relative)).unwrap()
    }

    fn write(&self, relative: &str, text: &str) {
        let path = self.path(relative);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn nova<I: IntoIterator<Item: AsRef<OsStr>>>(&self, args: I) -> Run {
        self.nova_in("", args)
    }

    fn nova_in<I: IntoIterator<Item: AsRef<OsStr>>>(&self, directory: &str, args: I) -> Run {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nova"));
        command
            .args(args)
            .current_dir(self.path(directory))
            .env_remove("NOVA_PATH");
        Run::of(&command.output().unwrap())
    }

    /// In the project, arguments as they are typed.
    fn app(&self, args: &str) -> Run {
        self.nova_in("myapp", args.split(' '))
    }

    /// Every file and directory, files with their bytes.
    fn tree(&self) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
        let mut tree = BTreeMap::new();
        let mut open = vec![self.0.path().to_owned()];
        while let Some(directory) = open.pop() {
            for entry in fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    open.push(path.clone());
                    tree.insert(path, None);
                } else {
                    tree.insert(path.clone(), Some(fs::read(path).unwrap()));
                }
            }
        }
        tree
    }

    fn is_formatted(&self, project: &str) {
        let sources = ["src/main.rs", "src/lib.rs"].map(|file| self.path(project).join(file));
        let output = Command::new("rustfmt")
            .args(["--check", "--edition", "2024"])
            .args(sources.iter().filter(|file| file.exists()))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
}

impl Run {
    fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let run = Self {
            code: output.status.code(),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        };
        assert!(
            !run.stderr.contains('\u{1b}') && !run.stdout.contains('\u{1b}'),
            "escape bytes in a pipe"
        );
        assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
        run
    }

    #[track_caller]
    fn succeeded(self) -> Self {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
        assert_eq!(self.stdout, "", "status goes to stderr");
        self
    }

    /// The exit code, and something that the message says.
    #[track_caller]
    fn failed(self, code: i32, message: &str) -> Self {
        assert_eq!(self.code, Some(code), "{}", self.stderr);
        assert!(self.stderr.contains(message), "{message:?} is not in:\n{}", self.stderr);
        assert_eq!(self.stdout, "");
        self
    }
}

fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}
