//! The project's files as a source of changes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::deadline;
use crate::error::{Error, Result};
use changes::{Contents, Found, Verdict};
use pace::Pace;
use places::Places;
use poll::Poll;

mod changes;
mod pace;
mod places;
pub(super) mod poll;
mod tree;

pub(super) use changes::{Change, Need, Scope};

/// How long a file may be empty or missing before that counts as a change.
const SETTLE: Duration = Duration::from_millis(50);

/// How often a project that has been removed is looked for.
const LOOK_FOR_IT: Duration = Duration::from_secs(1);

/// Hints that wait to be read. When it is full, further ones are dropped, and all files are looked at instead.
const HINTS: usize = 1024;

/// What the system tells: where to look. What has changed is found out there.
type Hint = Vec<PathBuf>;

/// Watches the directories of a project.
pub(super) struct Watch {
    places: Places,
    watcher: RecommendedWatcher,
    poll: Option<Poll>,
    hints: mpsc::Receiver<Hint>,
    /// Set where hints were dropped, by the system or here.
    lost: Arc<AtomicBool>,
    directories: BTreeSet<PathBuf>,
    contents: Contents,
    /// Files that count because the program was built from them, whatever their names.
    inputs: BTreeSet<PathBuf>,
    /// Where to look, and since when.
    pending: BTreeMap<PathBuf, Instant>,
    /// What was found and not told yet.
    found: Change,
    due: Option<Instant>,
    pace: Pace,
    is_gone: bool,
}

/// What the watch has to say.
#[derive(Debug)]
pub(super) enum Sighting {
    Changed(Change),
    /// Changes below a directory will not be seen.
    Unwatched(PathBuf, String),
    /// The project's directory is no longer there. It is waited for.
    Gone,
}

impl Watch {
    /// Watches the project at `root`, and remembers what is in its files now. With `poll` it looks that often, too.
    pub(super) fn start(root: &Path, poll: Option<Duration>) -> Result<Self> {
        let root = root
            .canonicalize()
            .map_err(|error| Error::failed(format!("can't watch {}: {error}", root.display())))?;
        let (sender, hints) = mpsc::channel(HINTS);
        let lost = Arc::new(AtomicBool::new(false));
        let places = Places::of(root.clone());
        let trees = || places.trees().cloned().collect();
        let poll = poll
            .map(|interval| Poll::start(interval, trees(), sender.clone()))
            .transpose()
            .map_err(|error| Error::failed(format!("can't watch {}: {error}", root.display())))?;
        let watcher = notify::recommended_watcher(hinter(sender, Arc::clone(&lost)))
            .map_err(|error| unwatchable(&root, &error))?;
        let mut watch = Self {
            places,
            watcher,
            poll,
            hints,
            lost,
            directories: BTreeSet::new(),
            contents: Contents::default(),
            inputs: BTreeSet::new(),
            pending: BTreeMap::new(),
            found: Change::default(),
            due: None,
            pace: Pace::default(),
            is_gone: false,
        };
        watch
            .register(&root)
            .map_err(|(directory, error)| unwatchable(&directory, &error))?;
        watch.compare(&root, false);
        watch.found = Change::default();
        Ok(watch)
    }

    /// Watches these directories besides the project's. What was written in new ones since `since` counts as changed.
    /// Returns what can't be watched.
    pub(super) fn also(&mut self, others: Vec<(Scope, PathBuf)>, since: SystemTime) -> Vec<(PathBuf, String)> {
        let mut unwatched = Vec::new();
        for root in self.places.set_others(others) {
            if let Err((directory, error)) = self.register(&root) {
                unwatched.push((directory, reason(&error)));
            }
            let told = std::mem::take(&mut self.found);
            self.compare(&root, false);
            self.found = told;
            let files = self.places.tree(&root).into_iter().flat_map(|tree| tree.files(&root));
            for path in files.filter(|path| is_newer(path, since)).collect::<Vec<_>>() {
                self.add(&path);
            }
        }
        self.due_where_found();
        if let Some(poll) = &self.poll {
            poll.set(self.places.trees().cloned().collect());
        }
        unwatched
    }

    /// Counts these files, from which the program was built, as well. Those that are new, and were written since `since`,
    /// count as changed.
    pub(super) fn set_inputs(&mut self, inputs: Vec<PathBuf>, since: SystemTime) {
        let is_news = |path: &PathBuf| !self.places.is_skipped(path) && self.places.need(path) != Some(Need::Build);
        let before = std::mem::replace(&mut self.inputs, inputs.into_iter().filter(is_news).collect());
        for path in self.inputs.difference(&before).cloned().collect::<Vec<_>>() {
            if path.is_file() {
                self.contents.learn(&path);
                if is_newer(&path, since) {
                    self.add(&path);
                }
            }
        }
        self.due_where_found();
    }

    /// The next sighting. Progress lies in the watch, so nothing is lost when this is dropped at an await.
    pub(super) async fn next(&mut self) -> Sighting {
        loop {
            self.gather().await;
            let was_gone = std::mem::replace(&mut self.is_gone, !self.places.project().exists());
            if self.is_gone {
                // Nothing that happens there can be built.
                self.pending.clear();
                self.due = Some(Instant::now() + LOOK_FOR_IT);
                if !was_gone {
                    return Sighting::Gone;
                }
                continue;
            }
            if was_gone {
                self.lost.store(true, Ordering::Release);
            }
            let looked = self.look();
            if !self.found.is_empty() {
                self.pace.found(Instant::now());
                return Sighting::Changed(std::mem::take(&mut self.found));
            }
            // The directory is tried again when something is in it.
            if let Err((directory, error)) = looked {
                return Sighting::Unwatched(directory, reason(&error));
            }
        }
    }

    /// Waits for a hint, then as long as the pace says.
    async fn gather(&mut self) {
        loop {
            tokio::select! {
                // The time first: hints that go on coming must not put off the look.
                biased;
                () = deadline::reached(self.due) => {
                    self.due = None;
                    while let Ok(paths) = self.hints.try_recv() {
                        self.hinted(paths);
                    }
                    return;
                }
                Some(paths) = self.hints.recv() => {
                    self.hinted(paths);
                    self.due_at(self.pace.due(Instant::now()));
                }
            }
        }
    }

    fn hinted(&mut self, paths: Hint) {
        let now = Instant::now();
        for path in paths {
            self.pending.entry(path).or_insert(now);
        }
    }

    fn due_at(&mut self, time: Instant) {
        self.due = Some(self.due.map_or(time, |due| due.min(time)));
    }

    fn due_where_found(&mut self) {
        if !self.found.is_empty() {
            self.due_at(Instant::now());
        }
    }

    /// Looks wherever something may have changed.
    fn look(&mut self) -> Result<(), (PathBuf, notify::Error)> {
        let mut pending = std::mem::take(&mut self.pending);
        let rules_changed = pending.keys().any(|path| changes::is_ignore_file(path));
        if self.lost.swap(false, Ordering::AcqRel) || rules_changed {
            let roots = self.places.trees().map(|tree| tree.root().to_path_buf());
            pending = roots.map(|root| (root, Instant::now())).collect();
            self.forget_ignored();
        }
        let mut unwatched = Ok(());
        for (path, since) in pending {
            if self.places.is_skipped(&path) {
                continue;
            }
            let registered = self.register(&path);
            if unwatched.is_ok() {
                unwatched = registered;
            }
            let until = since + SETTLE;
            if self.compare(&path, Instant::now() < until) {
                self.pending.insert(path, since);
                self.due_at(until);
            }
        }
        unwatched
    }

    /// Watches the directories at `path` and below it, where it is one.
    fn register(&mut self, path: &Path) -> Result<(), (PathBuf, notify::Error)> {
        if !path.is_dir() {
            self.directories.retain(|directory| !directory.starts_with(path));
            return Ok(());
        }
        let Some(tree) = self.places.tree(path) else {
            return Ok(());
        };
        let mut paths = self.watcher.paths_mut();
        for directory in tree.directories(path) {
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
    fn compare(&mut self, path: &Path, patient: bool) -> bool {
        let mut files: BTreeSet<PathBuf> = self.contents.below(path).into_iter().collect();
        if !self.contents.knows(path)
            && let Some(tree) = self.places.tree(path)
        {
            files.extend(tree.files(path));
        }
        let mut unsettled = false;
        for file in files {
            if self.need(&file).is_none() {
                continue;
            }
            match self.contents.judge(&file, Found::at(&file), patient) {
                Verdict::Same => {}
                Verdict::Changed => self.add(&file),
                Verdict::Unsettled => unsettled = true,
            }
        }
        unsettled
    }

    fn add(&mut self, file: &Path) {
        if let Some(need) = self.need(file) {
            self.found.add(self.places.told(file), need);
        }
    }

    /// What a change of `file` needs.
    fn need(&self, file: &Path) -> Option<Need> {
        // A build script may have named a directory.
        if file.ancestors().any(|path| self.inputs.contains(path)) {
            return Some(Need::Build);
        }
        self.places.need(file)
    }

    /// Stops watching what is ignored by now.
    fn forget_ignored(&mut self) {
        let trees = || self.places.trees();
        let now: BTreeSet<PathBuf> = trees().flat_map(|tree| tree.directories(tree.root())).collect();
        for gone in self.directories.difference(&now) {
            // One that was removed is not watched any more.
            let _ = self.watcher.unwatch(gone);
        }
        let files: BTreeSet<PathBuf> = trees().flat_map(|tree| tree.files(tree.root())).collect();
        self.contents.forget(|path| !files.contains(path) && path.exists());
        self.directories = now;
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

fn is_newer(path: &Path, since: SystemTime) -> bool {
    let written = std::fs::metadata(path).and_then(|metadata| metadata.modified());
    written.is_ok_and(|written| written > since)
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
