//! The directories that are watched, and which of them a path belongs to.

use std::path::{Path, PathBuf};

use super::changes::{self, Need, Scope};
use super::tree::Tree;
use crate::serve::place;

/// The project's directory, first, and those that it is built from besides.
#[derive(Debug)]
pub(super) struct Places {
    project: PathBuf,
    places: Vec<(Scope, Tree)>,
}

impl Places {
    /// The project at `root`, which must be absolute and have no symbolic link in it.
    pub(super) fn of(root: PathBuf) -> Self {
        Self {
            project: root.clone(),
            places: vec![(Scope::Project, Tree::at(root))],
        }
    }

    pub(super) fn project(&self) -> &Path {
        &self.project
    }

    /// All trees.
    pub(super) fn trees(&self) -> impl Iterator<Item = &Tree> {
        self.places.iter().map(|(_, tree)| tree)
    }

    /// Sets which other directories count, and returns those that are new.
    pub(super) fn set_others(&mut self, others: Vec<(Scope, PathBuf)>) -> Vec<PathBuf> {
        let before: Vec<PathBuf> = self.trees().map(|tree| tree.root().to_path_buf()).collect();
        self.places.truncate(1);
        for (scope, path) in others {
            let Ok(root) = path.canonicalize() else { continue };
            let is_known = match scope {
                // What lies in a tree is seen there, where that does not ignore it.
                Scope::Package => self.places.iter().any(|(_, tree)| tree.has(&root.join("Cargo.toml"))),
                Scope::Project | Scope::Manifests => self.trees().any(|tree| tree.root() == root),
            };
            if !is_known {
                let tree = match scope {
                    Scope::Manifests => Tree::shallow(root),
                    Scope::Project | Scope::Package => Tree::at(root),
                };
                self.places.push((scope, tree));
            }
        }
        let now = self.trees().map(Tree::root);
        now.filter(|root| !before.iter().any(|before| before == root))
            .map(Path::to_path_buf)
            .collect()
    }

    /// The tree that has `path`: of several the innermost.
    pub(super) fn tree(&self, path: &Path) -> Option<&Tree> {
        self.place(path).map(|(_, tree)| tree)
    }

    fn place(&self, path: &Path) -> Option<&(Scope, Tree)> {
        let holds = self.places.iter().filter(|(scope, tree)| match scope {
            Scope::Manifests => tree
                .relative(path)
                .is_some_and(|path| path.components().count() <= 1 || path.starts_with(".cargo")),
            Scope::Project | Scope::Package => tree.relative(path).is_some(),
        });
        holds.max_by_key(|(_, tree)| tree.root().components().count())
    }

    /// What a change of the file at `path` needs.
    pub(super) fn need(&self, path: &Path) -> Option<Need> {
        let (scope, tree) = self.place(path)?;
        changes::need(*scope, tree.relative(path)?)
    }

    /// Whether nothing at `path` or below it can count.
    pub(super) fn is_skipped(&self, path: &Path) -> bool {
        self.tree(path)
            .and_then(|tree| tree.relative(path))
            .is_none_or(changes::is_skipped)
    }

    /// `path` as it is told.
    pub(super) fn told(&self, path: &Path) -> PathBuf {
        place::from(&self.project, path)
    }
}
