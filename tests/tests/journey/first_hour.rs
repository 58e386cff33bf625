//! The guide's first hour, carried out: its commands are run, its files are written, in the order of the page.

use std::fs;
use std::path::Path;

use nova_tests::guide::{Block, Page};
use tempfile::TempDir;

use crate::kit::command::{Run, cargo_in, workspace};

/// Somebody who does what the page says.
struct Reader {
    directory: TempDir,
    /// The project, from its creation on.
    project: Option<std::path::PathBuf>,
}

impl Reader {
    fn root(&self) -> &Path {
        self.project.as_deref().unwrap_or(self.directory.path())
    }

    /// Types a command.
    fn types(&mut self, line: &str) {
        let words: Vec<_> = line.split_whitespace().collect();
        match words[..] {
            // It has tests of its own, which edit while it runs.
            ["nova", "serve"] => {}
            ["cd", directory] => {
                let project = self.root().canonicalize().unwrap().join(directory);
                assert!(project.is_dir(), "{line}");
                // The versions that the workspace has.
                fs::copy(workspace().join("Cargo.lock"), project.join("Cargo.lock")).unwrap();
                self.project = Some(project);
            }
            ["nova", ref args @ ..] => drop(Run::nova(self.root(), args).succeeded()),
            ["cargo", ref args @ ..] => drop(Run::of(cargo_in(self.root()).args(args)).succeeded()),
            _ => panic!("the page says to run {line:?}, and this test does not know how"),
        }
    }

    /// Writes a file that the page shows: its first line is a comment that names it.
    fn writes(&self, block: &Block) {
        let (first, rest) = block.text.split_once('\n').unwrap();
        let (path, text) = match (first.strip_prefix("// "), first.strip_prefix("{{!-- ")) {
            (Some(path), _) => (path, rest),
            (None, Some(path)) => (path.trim_end_matches(" --}}"), rest),
            (None, None) => panic!("docs/first-hour.md:{}: the block names no file", block.line),
        };
        let path = self.root().join(path);
        assert!(path.parent().unwrap().is_dir(), "{}", path.display());
        fs::write(path, text).unwrap();
    }
}

#[test]
fn the_first_hour_of_the_guide_can_be_carried_out() {
    let mut reader = Reader {
        directory: tempfile::tempdir().unwrap(),
        project: None,
    };
    for block in Page::read(Path::new("docs/first-hour.md")).blocks() {
        match &*block.info {
            "sh" => block.text.lines().for_each(|line| reader.types(line)),
            "rust" | "handlebars" => reader.writes(&block),
            _ => {}
        }
    }
    // What it shows is written as the tools have it.
    Run::of(cargo_in(reader.root()).args(["fmt", "--check"])).succeeded();
    Run::of(cargo_in(reader.root()).args(["clippy", "--all-targets", "--", "-D", "warnings"])).succeeded();
}
