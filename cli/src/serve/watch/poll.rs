//! Looking for changes now and then, where the file system tells of none.

use std::collections::HashMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;

use super::Hint;
use super::tree::Tree;

/// How often, where nobody says it.
pub(in crate::serve) const INTERVAL: Duration = Duration::from_secs(1);

/// File systems whose files change elsewhere, so that no event comes of it.
const WITHOUT_EVENTS: [&str; 9] = [
    "9p",
    "drvfs",
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "vboxsf",
    "fuse.sshfs",
    "fuse.grpcfuse",
];

/// When a file was written, and how long it is.
type Stamp = (u64, i64, i64, u64);

/// A thread that looks at all files, and hints at those that were written. It ends soon after this is dropped.
#[derive(Debug)]
pub(super) struct Poll {
    trees: Arc<Mutex<Vec<Tree>>>,
}

impl Poll {
    /// Looks every `interval`. A thread of its own: such a file system may take long to answer.
    pub(super) fn start(interval: Duration, trees: Vec<Tree>, hints: mpsc::Sender<Hint>) -> std::io::Result<Self> {
        let trees = Arc::new(Mutex::new(trees));
        let looked_at = Arc::downgrade(&trees);
        std::thread::Builder::new().name("poll".to_owned()).spawn(move || {
            // So that the first look hints at everything: what was written since the command looked is found, too.
            let mut known = HashMap::new();
            loop {
                let Some(trees) = looked_at.upgrade() else { return };
                let trees = trees.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let now = stamps(&trees);
                let changed = differences(&known, &now);
                known = now;
                // Waits while the command is busy: there is nothing to look at meanwhile.
                if !changed.is_empty() && hints.blocking_send(changed).is_err() {
                    return;
                }
                std::thread::sleep(interval);
            }
        })?;
        Ok(Self { trees })
    }

    pub(super) fn set(&self, trees: Vec<Tree>) {
        *self.trees.lock().unwrap_or_else(PoisonError::into_inner) = trees;
    }
}

fn stamps(trees: &[Tree]) -> HashMap<PathBuf, Stamp> {
    let files = trees.iter().flat_map(|tree| tree.files(tree.root()));
    files
        .filter_map(|path| {
            let metadata = std::fs::metadata(&path).ok()?;
            let stamp = (metadata.ino(), metadata.mtime(), metadata.mtime_nsec(), metadata.len());
            Some((path, stamp))
        })
        .collect()
}

/// The files that are new, gone or not as they were.
fn differences(before: &HashMap<PathBuf, Stamp>, now: &HashMap<PathBuf, Stamp>) -> Vec<PathBuf> {
    let gone = before.keys().filter(|path| !now.contains_key(*path));
    let changed = now.iter().filter(|(path, stamp)| before.get(*path) != Some(stamp));
    gone.chain(changed.map(|(path, _)| path)).cloned().collect()
}

/// The file system at `path`, if it is one without events.
pub(in crate::serve) fn without_events(path: &Path) -> Option<String> {
    let mounts = std::fs::read_to_string("/proc/self/mounts").ok()?;
    file_system(&mounts, path).filter(|kind| WITHOUT_EVENTS.contains(&kind.as_str()))
}

/// The kind of the file system that has `path`, from the text of `/proc/self/mounts`: of the mounts above it the
/// innermost, and of those at one place the last.
fn file_system(mounts: &str, path: &Path) -> Option<String> {
    let mount = |line: &str| {
        let mut fields = line.split(' ');
        let (_, place, kind) = (fields.next()?, fields.next()?, fields.next()?);
        let place = PathBuf::from(place.replace("\\040", " ").replace("\\134", "\\"));
        path.starts_with(&place)
            .then(|| (place.components().count(), kind.to_owned()))
    };
    let above = mounts.lines().filter_map(mount);
    above.max_by_key(|(depth, _)| *depth).map(|(_, kind)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_mount_tells() {
        let mounts = "/dev/sda / ext4 rw 0 0\nC: /mnt/c 9p rw 0 0\nx /mnt/c/my\\040disk ext4 rw 0 0\n\
                      h /home nfs4 rw 0 0\ny /home ext4 rw 0 0\n";
        let kind = |path: &str| file_system(mounts, Path::new(path)).unwrap();
        assert_eq!(kind("/srv"), "ext4");
        assert_eq!(kind("/mnt/c/app"), "9p");
        assert_eq!(kind("/mnt/c/my disk/app"), "ext4");
        assert_eq!(kind("/mnt/cd"), "ext4", "another directory");
        assert_eq!(kind("/home/me"), "ext4", "mounted over it");
        assert_eq!(file_system("", Path::new("/")), None);
    }

    #[test]
    fn what_was_written_is_found() {
        let stamps = |files: &[(&str, u64)]| -> HashMap<PathBuf, Stamp> {
            files
                .iter()
                .map(|(name, ino)| (PathBuf::from(name), (*ino, 0, 0, 0)))
                .collect()
        };
        let mut found = differences(
            &stamps(&[("a", 1), ("b", 2), ("c", 3)]),
            &stamps(&[("a", 1), ("b", 9), ("d", 4)]),
        );
        found.sort();
        assert_eq!(found, ["b", "c", "d"].map(PathBuf::from));
    }
}
