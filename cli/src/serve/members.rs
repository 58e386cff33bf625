//! The packages that the project is built from and that lie elsewhere, as cargo knows them.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::Stdio;
use std::time::{Duration, SystemTime};

use serde::Deserialize;
use tokio::process::Command;

use super::group::Group;
use super::watch::Scope;

/// How long cargo may take to say it. It works beside everything else, and is asked again after the next build.
const WITHIN: Duration = Duration::from_mins(1);

/// Directories from which a project is built.
pub(super) type Directories = Vec<(Scope, PathBuf)>;

/// What is known of them. Cargo is asked beside the builds, never before one.
pub(super) struct Members {
    /// It is not known, or not any more.
    are_stale: bool,
    asked: Option<Pin<Box<dyn Future<Output = Option<Directories>>>>>,
    /// When the newest build began.
    since: SystemTime,
}

impl Members {
    pub(super) fn unknown() -> Self {
        Self {
            are_stale: true,
            asked: None,
            since: SystemTime::now(),
        }
    }

    /// They have to be asked for again.
    pub(super) fn are_stale(&mut self) {
        self.are_stale = true;
    }

    pub(super) fn build_begins(&mut self) {
        self.since = SystemTime::now();
    }

    /// When the newest build began: what was written since then in a directory that was not watched is a change.
    pub(super) fn since(&self) -> SystemTime {
        self.since
    }

    /// Asks cargo about the project at `root`, where it is not known and nobody has asked.
    pub(super) fn ask(&mut self, root: &Path) {
        if self.are_stale && self.asked.is_none() {
            self.are_stale = false;
            self.asked = Some(Box::pin(ask(root.to_path_buf())));
        }
    }

    /// The next answer; none where cargo can't tell. Nothing is lost when this is dropped.
    pub(super) async fn next(&mut self) -> Option<Directories> {
        let Some(asked) = &mut self.asked else {
            return std::future::pending().await;
        };
        let directories = asked.await;
        self.asked = None;
        directories
    }
}

/// Asks cargo which directories the project at `root` is built from. It must not write a lock file or use the network:
/// that is the build's. Dropped, it leaves nothing behind.
async fn ask(root: PathBuf) -> Option<Directories> {
    let child = Command::new("cargo")
        .args(["metadata", "--format-version=1", "--locked", "--offline", "--quiet"])
        .current_dir(&root)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .ok()?;
    let _group = Group::led_by(&child);
    let output = tokio::time::timeout(WITHIN, child.wait_with_output())
        .await
        .ok()?
        .ok()?;
    if !output.status.success() {
        return None;
    }
    let metadata: Metadata = serde_json::from_slice(&output.stdout).ok()?;
    Some(metadata.directories(&root))
}

/// The part of `cargo metadata` that is needed: the whole has every target and feature of every package.
#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Option<Resolve>,
    workspace_root: PathBuf,
}

#[derive(Debug, Deserialize)]
struct Package {
    id: String,
    /// None where it is a path's.
    source: Option<String>,
    manifest_path: PathBuf,
}

#[derive(Debug, Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Debug, Deserialize)]
struct Node {
    id: String,
    dependencies: Vec<String>,
}

impl Metadata {
    /// Packages that the one at `root` needs, however far away, and the workspace's root.
    fn directories(&self, root: &Path) -> Directories {
        let directory = |package: &Package| package.manifest_path.parent().map(Path::to_path_buf);
        let is_ours = |package: &&Package| {
            let found = directory(package).and_then(|path| path.canonicalize().ok());
            found.is_some() && found == root.canonicalize().ok()
        };
        let edges: HashMap<&str, &[String]> = self
            .resolve
            .iter()
            .flat_map(|resolve| &resolve.nodes)
            .map(|node| (node.id.as_str(), node.dependencies.as_slice()))
            .collect();
        let mut open: Vec<&str> = self
            .packages
            .iter()
            .filter(is_ours)
            .map(|package| package.id.as_str())
            .collect();
        let mut reached = HashSet::new();
        while let Some(id) = open.pop() {
            if reached.insert(id) {
                open.extend(edges.get(id).copied().unwrap_or_default().iter().map(String::as_str));
            }
        }
        let needed = self
            .packages
            .iter()
            .filter(|package| package.source.is_none() && reached.contains(package.id.as_str()));
        let packages = needed.filter_map(directory).map(|path| (Scope::Package, path));
        packages
            .chain([(Scope::Manifests, self.workspace_root.clone())])
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_project_needs_counts() {
        let text = r#"{
            "packages": [
                {"id": "app", "source": null, "manifest_path": "/nowhere/ws/app/Cargo.toml", "targets": []},
                {"id": "near", "source": null, "manifest_path": "/nowhere/ws/near/Cargo.toml"},
                {"id": "far", "source": null, "manifest_path": "/nowhere/far/Cargo.toml"},
                {"id": "other", "source": null, "manifest_path": "/nowhere/ws/other/Cargo.toml"},
                {"id": "serde", "source": "registry+x", "manifest_path": "/nowhere/registry/serde/Cargo.toml"}
            ],
            "resolve": {"nodes": [
                {"id": "app", "dependencies": ["near", "serde"]},
                {"id": "near", "dependencies": ["far"]},
                {"id": "far", "dependencies": []},
                {"id": "other", "dependencies": ["app"]},
                {"id": "serde", "dependencies": []}
            ]},
            "workspace_root": "/nowhere/ws"
        }"#;
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().to_str().unwrap();
        let metadata: Metadata = serde_json::from_str(&text.replace("/nowhere/ws/app", root)).unwrap();
        assert_eq!(
            metadata.directories(directory.path()),
            [
                (Scope::Package, directory.path().to_path_buf()),
                (Scope::Package, PathBuf::from("/nowhere/ws/near")),
                (Scope::Package, PathBuf::from("/nowhere/far")),
                (Scope::Manifests, PathBuf::from("/nowhere/ws")),
            ]
        );
    }
}
