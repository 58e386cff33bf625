//! Lines of the project's own files. Which file is said by the program itself, and never by a request.

use std::path::{Path, PathBuf};

/// How many lines are shown before the one that is meant, and how many after it.
const AROUND: (usize, usize) = (6, 5);
/// The longest line.
const MAX_LINE: usize = 400;
/// The largest file that is read for it.
const MAX_FILE: u64 = 2 * 1024 * 1024;

/// A place in a file of the project's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Below the project's root.
    pub(super) file: PathBuf,
    /// From 1.
    pub(super) line: usize,
    /// From 1.
    pub(super) column: usize,
}

/// A line as it is shown.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) number: usize,
    pub(super) text: String,
    /// Whether it is the one that is meant.
    pub(super) is_meant: bool,
}

impl Place {
    /// A place in a file, where that is the project's: a source or a view below its root, and no dependency's. A path that is
    /// not absolute is of the root or of where the program runs.
    pub(super) fn new(root: &Path, file: &Path, line: usize, column: usize) -> Option<Self> {
        let root = root.canonicalize().ok()?;
        let current = std::env::current_dir().ok();
        let found = [Some(&root), current.as_ref()]
            .into_iter()
            .flatten()
            .find_map(|directory| directory.join(file).canonicalize().ok())?;
        let below = found.strip_prefix(&root).ok()?;
        let is_source = below
            .extension()
            .is_some_and(|extension| extension == "rs" || extension == "hbs");
        let mut directories = below.iter();
        let is_own = directories.all(|name| name != "target" && !name.to_string_lossy().starts_with('.'));
        (is_source && is_own && found.is_file()).then(|| Self {
            file: below.to_path_buf(),
            line: line.max(1),
            column: column.max(1),
        })
    }

    /// `src/main.rs:1`.
    pub(super) fn short(&self) -> String {
        format!("{}:{}", self.file.display(), self.line)
    }

    /// The lines around it. None where the file is not as it was when the program was built.
    pub(super) fn lines(&self, root: &Path) -> Vec<Line> {
        let path = root.join(&self.file);
        if !path.metadata().is_ok_and(|metadata| metadata.len() <= MAX_FILE) {
            return Vec::new();
        }
        let Ok(text) = std::fs::read_to_string(path) else {
            return Vec::new();
        };
        if text.lines().count() < self.line {
            return Vec::new();
        }
        let first = self.line.saturating_sub(AROUND.0).max(1);
        let numbered = text.lines().enumerate().map(|(index, text)| (index + 1, text));
        let shown = numbered.skip(first - 1).take(self.line + AROUND.1 + 1 - first);
        let cut = |text: &str| text.chars().take(MAX_LINE).collect();
        shown
            .map(|(number, text)| Line {
                number,
                text: cut(text),
                is_meant: number == self.line,
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_of_the_projects_own_sources_alone() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("project");
        std::fs::create_dir_all(root.join("src")).unwrap();
        std::fs::create_dir_all(root.join("target")).unwrap();
        std::fs::create_dir_all(root.join(".cargo")).unwrap();
        for file in ["src/a.rs", "target/a.rs", ".cargo/a.rs", "secret.toml", "../out.rs"] {
            let lines: Vec<_> = (1..=20).map(|line| format!("line {line}")).collect();
            std::fs::write(root.join(file), lines.join("\n")).unwrap();
        }
        #[cfg(unix)]
        std::os::unix::fs::symlink(directory.path().join("out.rs"), root.join("link.rs")).unwrap();
        let place = |file: &str| Place::new(&root, Path::new(file), 10, 1);
        for other in [
            "target/a.rs",
            ".cargo/a.rs",
            "secret.toml",
            "../out.rs",
            "src/../../out.rs",
            "link.rs",
            "src",
            "none.rs",
            "/etc/passwd",
            "",
        ] {
            assert_eq!(place(other), None, "{other}");
        }
        let place = place("./src/a.rs").unwrap();
        assert_eq!(place.short(), "src/a.rs:10");
        assert_eq!(Place::new(&root, &root.join("src/a.rs"), 10, 1).unwrap(), place);
        let lines = place.lines(&root);
        assert_eq!((lines.len(), lines[0].number, &*lines[0].text), (12, 4, "line 4"));
        let meant: Vec<_> = lines
            .iter()
            .filter(|line| line.is_meant)
            .map(|line| line.number)
            .collect();
        assert_eq!(meant, [10]);
        let at = |line| Place { line, ..place.clone() }.lines(&root).len();
        assert_eq!((at(1), at(20), at(21)), (6, 7, 0));
    }
}
