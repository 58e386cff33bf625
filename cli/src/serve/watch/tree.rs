//! The project's directories as git sees them: what is ignored is never entered.

use std::path::{Path, PathBuf};

use ignore::{Walk, WalkBuilder};

use super::changes::is_skipped;

/// The project's files and directories.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    root: PathBuf,
    rules: Rules,
}

/// Whose ignore files count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rules {
    /// Those of the repository around the project, up to its root.
    Repository,
    /// Only those in the project.
    Project,
    /// None, and of the root nothing but its own files and cargo's configuration.
    Shallow,
}

impl Tree {
    /// The tree at `root`, which must be absolute.
    pub(super) fn at(root: PathBuf) -> Self {
        let in_repository = root.ancestors().any(|directory| directory.join(".git").exists());
        let mut tree = Self {
            root,
            rules: if in_repository {
                Rules::Repository
            } else {
                Rules::Project
            },
        };
        // An example made in a directory that its repository ignores is to be served all the same.
        let manifest = tree.root.join("Cargo.toml");
        if !tree.has(&manifest) {
            tree.rules = Rules::Project;
        }
        tree
    }

    /// Of the directory at `root` its own files, and those in `.cargo`.
    pub(super) fn shallow(root: PathBuf) -> Self {
        Self {
            root,
            rules: Rules::Shallow,
        }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// `path` from the root.
    pub(super) fn relative<'a>(&self, path: &'a Path) -> Option<&'a Path> {
        path.strip_prefix(&self.root).ok()
    }

    /// The directories at `path` and below it; none where it is ignored.
    pub(super) fn directories(&self, path: &Path) -> impl Iterator<Item = PathBuf> + use<> {
        self.entries(path, |kind| kind.is_dir())
    }

    /// The files at `path` and below it; none where it is ignored.
    pub(super) fn files(&self, path: &Path) -> impl Iterator<Item = PathBuf> + use<> {
        self.entries(path, |kind| kind.is_file())
    }

    /// Whether the file at `path` is there and not ignored.
    pub(super) fn has(&self, path: &Path) -> bool {
        self.files(path).next().is_some()
    }

    fn entries(&self, path: &Path, wanted: fn(std::fs::FileType) -> bool) -> impl Iterator<Item = PathBuf> + use<> {
        let below = path.to_path_buf();
        self.walk(path)
            .flatten()
            .filter(move |entry| entry.path().starts_with(&below) && entry.file_type().is_some_and(wanted))
            .map(ignore::DirEntry::into_path)
    }

    /// A walk from the root to `path` and on: only on the way down does the walker meet every ignore file.
    fn walk(&self, path: &Path) -> Walk {
        let in_repository = self.rules == Rules::Repository;
        let is_shallow = self.rules == Rules::Shallow;
        let (root, target) = (self.root.clone(), path.to_path_buf());
        WalkBuilder::new(&self.root)
            .standard_filters(false)
            .git_ignore(!is_shallow)
            .git_exclude(!is_shallow)
            .git_global(!is_shallow)
            .parents(in_repository)
            .require_git(in_repository)
            .filter_entry(move |entry| {
                let here = entry.path();
                let is_deep = is_shallow
                    && entry.depth() > 0
                    && entry.file_type().is_some_and(|kind| kind.is_dir())
                    && entry.file_name() != ".cargo";
                if is_deep {
                    return false;
                }
                let on_the_way = target.starts_with(here) || here.starts_with(&target);
                on_the_way && here.strip_prefix(&root).is_ok_and(|path| !is_skipped(path)) && !is_cache(entry)
            })
            .build()
    }
}

/// Whether it is a directory that says of itself that it can be made again, such as a target directory of another name.
fn is_cache(entry: &ignore::DirEntry) -> bool {
    entry.file_type().is_some_and(|kind| kind.is_dir()) && entry.path().join("CACHEDIR.TAG").exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A project in `at` below a new directory, with these files; a name that ends in `/` is a directory.
    fn tree(at: &str, files: &[(&str, &str)]) -> (tempfile::TempDir, Tree) {
        let directory = tempfile::tempdir().unwrap();
        for (name, content) in files {
            let path = directory.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            if name.ends_with('/') {
                std::fs::create_dir_all(path).unwrap();
            } else {
                std::fs::write(path, content).unwrap();
            }
        }
        let tree = Tree::at(directory.path().canonicalize().unwrap().join(at));
        (directory, tree)
    }

    fn files(tree: &Tree, path: &str) -> Vec<String> {
        let path = if path.is_empty() {
            tree.root().to_path_buf()
        } else {
            tree.root().join(path)
        };
        let name = |path: PathBuf| tree.relative(&path).unwrap().to_str().unwrap().to_owned();
        let mut files: Vec<String> = tree.files(&path).map(name).collect();
        files.sort();
        files
    }

    #[test]
    fn nested_ignore_files_count_also_without_a_repository() {
        let (_directory, tree) = tree(
            "",
            &[
                ("Cargo.toml", ""),
                (".gitignore", "/out\n*.log"),
                ("src/.gitignore", "made.rs"),
                ("src/main.rs", ""),
                ("src/made.rs", ""),
                ("src/a/made.rs", ""),
                ("out/x.rs", ""),
                ("x.log", ""),
                ("target/debug/x.rs", ""),
                ("build/CACHEDIR.TAG", ""),
                ("build/x.rs", ""),
                (".cargo/config.toml", ""),
                (".idea/x.rs", ""),
            ],
        );
        assert_eq!(files(&tree, ""), [".cargo/config.toml", "Cargo.toml", "src/main.rs"]);
        assert_eq!(files(&tree, "src"), ["src/main.rs"]);
        assert!(files(&tree, "out").is_empty());
        assert!(!tree.has(&tree.root().join("src/made.rs")));
        assert!(tree.has(&tree.root().join("src/main.rs")));
        let directories: Vec<_> = tree.directories(tree.root()).collect();
        assert_eq!(directories.len(), 4, "{directories:?}");
    }

    #[test]
    fn the_repository_around_the_project_has_its_say() {
        let (_directory, tree) = tree(
            "apps/a",
            &[
                (".git/info/exclude", "mine.rs"),
                (".gitignore", "made.rs"),
                ("apps/a/Cargo.toml", ""),
                ("apps/a/src/main.rs", ""),
                ("apps/a/src/made.rs", ""),
                ("apps/a/src/mine.rs", ""),
            ],
        );
        assert_eq!(files(&tree, ""), ["Cargo.toml", "src/main.rs"]);
    }

    #[test]
    fn of_a_shallow_tree_only_what_lies_at_its_root_is_seen() {
        let (directory, _) = tree(
            "",
            &[
                ("Cargo.toml", ""),
                (".gitignore", "Cargo.lock"),
                ("Cargo.lock", ""),
                (".cargo/config.toml", ""),
                ("app/Cargo.toml", ""),
            ],
        );
        let tree = Tree::shallow(directory.path().canonicalize().unwrap());
        assert_eq!(files(&tree, ""), [".cargo/config.toml", "Cargo.lock", "Cargo.toml"]);
    }

    #[test]
    fn a_project_that_its_repository_ignores_goes_by_its_own_rules() {
        let (_directory, tree) = tree(
            "tmp/a",
            &[
                (".git/HEAD", ""),
                ("tmp/.gitignore", "*"),
                ("tmp/a/Cargo.toml", ""),
                ("tmp/a/.gitignore", "made.rs"),
                ("tmp/a/src/main.rs", ""),
                ("tmp/a/src/made.rs", ""),
            ],
        );
        assert_eq!(files(&tree, ""), ["Cargo.toml", "src/main.rs"]);
    }
}
