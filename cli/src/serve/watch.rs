//! The project's files as a source of changes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::changes::{self, Change, Contents, Found, Verdict};
use super::deadline;
use super::tree::Tree;
use crate::error::{Error, Result};

/// How long after the first event others are gathered. Long enough for the events of one save; a build that started too
/// early is cancelled by the next change, which costs less than waiting before every one.
const GATHER: Duration = Duration::from_millis(5);

/// How long a file may be empty or missing before that counts as a change.
const SETTLE: Duration = Duration::from_millis(50);

/// Hints that wait to be read. When it is full, further ones are dropped, and all files are looked at instead.
const HINTS: usize = 1024;

/// What the system tells: where to look. What has changed is found out there.
type Hint = Vec<PathBuf>;

/// Watches the directories of a project.
pub(super) struct Watch {
    tree: Tree,
    watcher: RecommendedWatcher,
    hints: mpsc::Receiver<Hint>,
    /// Set where hints were dropped, by the system or here.
    lost: Arc<AtomicBool>,
    directories: BTreeSet<PathBuf>,
    contents: Contents,
    /// Where to look, and since when.
    pending: BTreeMap<PathBuf, Instant>,
    due: Option<Instant>,
}

/// What the watch has to say.
#[derive(Debug)]
pub(super) enum Sighting {
    Changed(Change),
    /// Changes below a new directory will not be seen.
    Unwatched(PathBuf, String),
}

impl Watch {
    /// Watches the project at `root`, and remembers what is in its files now.
    pub(super) fn start(root: &Path) -> Result<Self> {
        let root = root
            .canonicalize()
            .map_err(|error| Error::failed(format!("can't watch {}: {error}", root.display())))?;
        let (sender, hints) = mpsc::channel(HINTS);
        let lost = Arc::new(AtomicBool::new(false));
        let watcher = notify::recommended_watcher(hinter(sender, Arc::clone(&lost)))
            .map_err(|error| unwatchable(&root, &error))?;
        let mut watch = Self {
            tree: Tree::at(root.clone()),
            watcher,
            hints,
            lost,
            directories: BTreeSet::new(),
            contents: Contents::default(),
            pending: BTreeMap::new(),
            due: None,
        };
        watch
            .register(&root)
            .map_err(|(directory, error)| unwatchable(&directory, &error))?;
        watch.compare(&root, &mut Change::default(), false);
        Ok(watch)
    }

    /// The next sighting. Progress lies in the watch, so nothing is lost when this is dropped at an await.
    pub(super) async fn next(&mut self) -> Sighting {
        loop {
            self.gather().await;
            match self.look() {
                Ok(change) if change.is_empty() => {}
                Ok(change) => return Sighting::Changed(change),
                Err((directory, error)) => return Sighting::Unwatched(directory, reason(&error)),
            }
        }
    }

    /// Waits for a hint, then for a moment longer.
    async fn gather(&mut self) {
        loop {
            tokio::select! {
                // The time first: hints that go on coming must not put off the look.
                biased;
                () = deadline::reached(self.due) => {
                    self.due = None;
                    return;
                }
                Some(paths) = self.hints.recv() => {
                    let now = Instant::now();
                    for path in paths {
                        self.pending.entry(path).or_insert(now);
                    }
                    self.due_at(now + GATHER);
                }
            }
        }
    }

    fn due_at(&mut self, time: Instant) {
        self.due = Some(self.due.map_or(time, |due| due.min(time)));
    }

    /// Looks wherever something may have changed.
    fn look(&mut self) -> Result<Change, (PathBuf, notify::Error)> {
        let mut pending = std::mem::take(&mut self.pending);
        let rules_changed = pending.keys().any(|path| changes::is_ignore_file(path));
        if self.lost.swap(false, Ordering::AcqRel) || rules_changed {
            pending = BTreeMap::from([(self.tree.root().to_path_buf(), Instant::now())]);
            self.forget_ignored();
        }
        let mut change = Change::default();
        let mut unwatched = None;
        for (path, since) in pending {
            if self.is_nothing_of_ours(&path) {
                continue;
            }
            if let Err(error) = self.register(&path) {
                unwatched.get_or_insert(error);
            }
            let until = since + SETTLE;
            if self.compare(&path, &mut change, Instant::now() < until) {
                self.pending.insert(path, since);
                self.due_at(until);
            }
        }
        match unwatched {
            // The change itself would be lost, so it comes first; the directory is tried again when something is in it.
            Some(error) if change.is_empty() => Err(error),
            _ => Ok(change),
        }
    }

    fn is_nothing_of_ours(&self, path: &Path) -> bool {
        self.tree.relative(path).is_none_or(changes::is_skipped)
    }

    /// Watches the directories at `path` and below it, where it is one.
    fn register(&mut self, path: &Path) -> Result<(), (PathBuf, notify::Error)> {
        if !path.is_dir() {
            self.directories.retain(|directory| !directory.starts_with(path));
            return Ok(());
        }
        let mut paths = self.watcher.paths_mut();
        for directory in self.tree.directories(path) {
            // Also those that are watched: a directory of the same name may be a new one.
            match paths.add(&directory, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    self.directories.insert(directory);
                }
                // It was there a moment ago.
                Err(_) if !directory.exists() => {}
                Err(error) => return Err((directory, error)),
            }
        }
        paths.commit().map_err(|error| (path.to_path_buf(), error))
    }

    /// Compares what is at `path` and below it with what was there. Says whether to look once more.
    fn compare(&mut self, path: &Path, change: &mut Change, patient: bool) -> bool {
        let mut files: BTreeSet<PathBuf> = self.contents.below(path).into_iter().collect();
        if !self.contents.knows(path) {
            files.extend(self.tree.files(path));
        }
        let mut unsettled = false;
        for file in files {
            let Some(relative) = self.tree.relative(&file).filter(|file| changes::need(file).is_some()) else {
                continue;
            };
            match self.contents.judge(&file, Found::at(&file), patient) {
                Verdict::Same => {}
                Verdict::Changed => change.add(relative.to_path_buf()),
                Verdict::Unsettled => unsettled = true,
            }
        }
        unsettled
    }

    /// Stops watching what is ignored by now.
    fn forget_ignored(&mut self) {
        let now: BTreeSet<PathBuf> = self.tree.directories(self.tree.root()).collect();
        for gone in self.directories.difference(&now) {
            // One that was removed is not watched any more.
            let _ = self.watcher.unwatch(gone);
        }
        self.directories = now;
        let files: BTreeSet<PathBuf> = self.tree.files(self.tree.root()).collect();
        self.contents.forget(|path| !files.contains(path) && path.exists());
    }
}

/// The watcher's callback, on its own thread. It never waits: the reader may be about to ask the same thread for
/// something, and then both would wait for ever.
fn hinter(hints: mpsc::Sender<Hint>, lost: Arc<AtomicBool>) -> impl FnMut(notify::Result<notify::Event>) {
    move |event| {
        let hint = match event {
            Ok(event) if event.need_rescan() => {
                lost.store(true, Ordering::Release);
                Vec::new()
            }
            Ok(event) if changes::concerns(event.kind) => event.paths,
            Ok(_) => return,
            Err(error) => {
                lost.store(true, Ordering::Release);
                error.paths
            }
        };
        if hints.try_send(hint).is_err() {
            lost.store(true, Ordering::Release);
        }
    }
}

fn unwatchable(directory: &Path, error: &notify::Error) -> Error {
    let failed = Error::failed(format!("can't watch {}: {}", directory.display(), reason(error)));
    if cfg!(target_os = "linux") && matches!(error.kind, notify::ErrorKind::MaxFilesWatch) {
        failed.help("sudo sysctl fs.inotify.max_user_watches=524288")
    } else {
        failed
    }
}

fn reason(error: &notify::Error) -> String {
    match &error.kind {
        notify::ErrorKind::MaxFilesWatch => "the system's limit on watched directories is reached".to_owned(),
        notify::ErrorKind::Io(error) => error.to_string(),
        kind => format!("{kind:?}"),
    }
}
