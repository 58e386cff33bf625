//! A generated project in a directory of its own.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::command::{Run, cargo_in, nova, target, workspace};
use super::process::running_in;
use super::serve::Serve;

/// A project that exists for the time of a test.
#[derive(Debug)]
pub(crate) struct Project {
    _directory: TempDir,
    root: PathBuf,
}

impl Project {
    /// What `nova new` makes. Its dependencies have the versions that the workspace has.
    pub(crate) fn new(name: &str) -> Self {
        Self::new_with(name, &[])
    }

    /// The same, of some kind.
    pub(crate) fn new_with(name: &str, kind: &[&str]) -> Self {
        let options: Vec<_> = ["--no-git"].iter().chain(kind).copied().collect();
        Self::made(name, &options).0
    }

    /// What `nova new` makes without options, and what it says.
    pub(crate) fn announced(name: &str) -> (Self, String) {
        Self::made(name, &[])
    }

    fn made(name: &str, options: &[&str]) -> (Self, String) {
        let directory = tempfile::tempdir().unwrap();
        // As the processes in it will see it.
        let above = directory.path().canonicalize().unwrap();
        let run = Run::nova(&above, ["new", name].iter().chain(options)).succeeded();
        let root = above.join(name);
        fs::copy(workspace().join("Cargo.lock"), root.join("Cargo.lock")).unwrap();
        let project = Self {
            _directory: directory,
            root,
        };
        (project, run.stderr)
    }

    /// A project with the chat at `/chat/{room}`.
    pub(crate) fn with_chat(name: &str) -> Self {
        let project = Self::new(name);
        project.nova("gen ws-handler chat").succeeded();
        project
    }

    /// The project in which somebody has worked for a month: the command's own tests have it as files.
    pub(crate) fn lived_in() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().canonicalize().unwrap().join("harbour");
        copy(&workspace().join("cli/tests/cli/lived_in"), &root);
        let manifest = fs::read_to_string(root.join("Cargo.toml.in")).unwrap();
        let runtime = workspace().join("runtime");
        let manifest = manifest.replace("RUNTIME", runtime.to_str().unwrap());
        fs::write(root.join("Cargo.toml"), manifest).unwrap();
        fs::remove_file(root.join("Cargo.toml.in")).unwrap();
        fs::copy(workspace().join("Cargo.lock"), root.join("Cargo.lock")).unwrap();
        Self {
            _directory: directory,
            root,
        }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Runs the command in the project, with arguments as they are typed.
    pub(crate) fn nova(&self, args: &str) -> Run {
        Run::nova(&self.root, args.split_whitespace())
    }

    /// Runs cargo in the project, with arguments as they are typed.
    pub(crate) fn cargo(&self, args: &str) -> Run {
        Run::of(cargo_in(&self.root).args(args.split_whitespace()))
    }

    /// The same, with more in its environment.
    pub(crate) fn cargo_with(&self, args: &str, variables: &[(&str, &str)]) -> Run {
        let mut cargo = cargo_in(&self.root);
        Run::of(cargo.args(args.split_whitespace()).envs(variables.iter().copied()))
    }

    /// Whether it is formatted and free of lints.
    #[track_caller]
    pub(crate) fn is_tidy(&self) {
        let formatted = self.cargo("fmt --check");
        assert_eq!(formatted.code, Some(0), "{}", formatted.stdout);
        self.cargo("clippy --all-targets -- -D warnings").succeeded();
    }

    /// Serves the project on a free port, and waits until it answers.
    pub(crate) fn serve(&self) -> Serve {
        self.serve_with(&[])
    }

    /// The same with more in its environment.
    pub(crate) fn serve_with(&self, variables: &[(&str, &str)]) -> Serve {
        let mut command = nova(&self.root);
        command.args(["serve", "--port", "0"]).envs(variables.iter().copied());
        let mut serve = Serve::start(command);
        serve.is_serving();
        serve
    }

    /// The numbers of the application's processes: one, and two while one takes over from the other.
    pub(crate) fn applications(&self) -> Vec<i32> {
        let program = target().join("debug").join(self.root.file_name().unwrap());
        let program = program.to_str().unwrap();
        let running = running_in(&self.root).into_iter();
        running
            .filter(|(_, line)| line.split(' ').next() == Some(program))
            .map(|(number, _)| number)
            .collect()
    }

    pub(crate) fn read(&self, file: &str) -> String {
        fs::read_to_string(self.root.join(file)).unwrap()
    }

    pub(crate) fn write(&self, file: &str, text: &str) {
        fs::write(self.root.join(file), text).unwrap();
    }

    /// Replaces a text that is in the file exactly once, as an editor does: the new file takes the old one's place.
    #[track_caller]
    pub(crate) fn edit(&self, file: &str, from: &str, to: &str) {
        let text = self.read(file);
        assert_eq!(text.matches(from).count(), 1, "{from:?} in {file}:\n{text}");
        let saved = self.root.join(format!("{file}.tmp"));
        fs::write(&saved, text.replace(from, to)).unwrap();
        fs::rename(saved, self.root.join(file)).unwrap();
    }

    /// Every file and directory, files with their bytes and the time of their last change.
    pub(crate) fn tree(&self) -> BTreeMap<PathBuf, Option<(Vec<u8>, std::time::SystemTime)>> {
        tree(&self.root)
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let to = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &to);
        } else {
            fs::copy(&path, to).unwrap();
        }
    }
}

/// Every file and directory below `root`, files with their bytes and the time of their last change.
pub(crate) fn tree(root: &Path) -> BTreeMap<PathBuf, Option<(Vec<u8>, std::time::SystemTime)>> {
    let mut tree = BTreeMap::new();
    let mut open = vec![root.to_path_buf()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path.clone());
                tree.insert(path, None);
            } else {
                let changed = path.metadata().unwrap().modified().unwrap();
                tree.insert(path.clone(), Some((fs::read(path).unwrap(), changed)));
            }
        }
    }
    tree
}
