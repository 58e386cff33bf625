//! What `nova serve --json` says on standard output: an object on a line for everything that happens.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use serde_json::{Value, json};

use super::line::Closed;
use super::notice::{Fallback, Handed, Notice, Pages, Served};

/// Lines that wait for a reader. When it is full, further ones are dropped, and their number is told with `lost`: a reader
/// that does not read must not hold up the reload.
const WAITING: usize = 1024;

/// How long the last lines may take at the end.
const AT_THE_END: Duration = Duration::from_secs(1);

/// The writer of these lines; its thread is the only one that waits for the reader.
#[derive(Debug)]
pub(super) struct Json {
    lines: Option<SyncSender<Value>>,
    written: Receiver<()>,
    lost: u64,
}

impl Json {
    pub(super) fn start() -> std::io::Result<Self> {
        let (lines, queue) = sync_channel::<Value>(WAITING);
        let (done, written) = sync_channel(1);
        std::thread::Builder::new().name("json".to_owned()).spawn(move || {
            for line in queue {
                if writeln!(std::io::stdout(), "{line}").is_err() {
                    break;
                }
            }
            let _ = done.send(());
        })?;
        Ok(Self {
            lines: Some(lines),
            written,
            lost: 0,
        })
    }

    pub(super) fn say(&mut self, object: Value) {
        let Some(lines) = &self.lines else { return };
        if self.lost > 0 && lines.try_send(json!({ "event": "lost", "lines": self.lost })).is_ok() {
            self.lost = 0;
        }
        match lines.try_send(object) {
            Err(TrySendError::Full(_)) => self.lost += 1,
            // Nobody reads any more.
            Err(TrySendError::Disconnected(_)) | Ok(()) => {}
        }
    }
}

impl Drop for Json {
    /// Waits for what is still to be written.
    fn drop(&mut self) {
        self.lines = None;
        let _ = self.written.recv_timeout(AT_THE_END);
    }
}

/// `notice` as an object.
pub(super) fn object(notice: &Notice) -> Value {
    match notice {
        Notice::Building { build, files } => json!({ "event": "building", "build": build, "files": files }),
        Notice::Built { build, time } => {
            json!({ "event": "built", "build": build, "seconds": time.as_secs_f64() })
        }
        Notice::Cancelled { build } => json!({ "event": "cancelled", "build": build }),
        Notice::Changed(files) => json!({ "event": "changed", "files": files }),
        Notice::Serving(served) | Notice::Reloaded(served) => self::served(served),
        Notice::Unchanged { build } => json!({ "event": "unchanged", "build": build }),
        Notice::Pages(Pages { files, error, time }) => json!({
            "event": "views",
            "files": files,
            "seconds": time.map(|time| time.as_secs_f64()),
            "error": error.as_ref().map(|error| &error.message),
            "file": error.as_ref().and_then(|error| error.file.as_ref()),
            "line": error.as_ref().and_then(|error| error.line),
            "column": error.as_ref().and_then(|error| error.column),
        }),
        Notice::BuildFailed {
            build,
            failure,
            fallback,
        } => json!({
            "event": "failed",
            "build": build,
            "stage": "build",
            "summary": failure.to_string(),
            "diagnostics": failure.diagnostics,
            "serving": *fallback == Fallback::Previous,
        }),
        Notice::StartFailed {
            build,
            ending,
            fallback,
        } => json!({
            "event": "failed",
            "build": build,
            "stage": "start",
            "summary": ending.before_it_was_ready(),
            "diagnostics": [],
            "serving": *fallback == Fallback::Previous,
        }),
        Notice::Died(ending) => json!({ "event": "died", "summary": ending.to_string() }),
        Notice::Ending => json!({ "event": "stopping" }),
    }
}

fn served(served: &Served) -> Value {
    let (moved, closed, kept): (u64, &[Closed], Option<&str>) = match &served.handed {
        None => (0, &[], None),
        Some(Handed::Moved { moved, closed }) => (*moved, closed, None),
        Some(Handed::Kept(reason)) => (0, &[], Some(reason)),
    };
    json!({
        "event": "served",
        "build": served.build,
        "files": served.files,
        "seconds": served.total.as_secs_f64(),
        "build_seconds": served.built_in.map(|time| time.as_secs_f64()),
        "moved": moved,
        "closed": closed,
        "kept": kept,
    })
}

/// The first line: where the application will be found.
pub(super) fn started(project: &str, url: &str) -> Value {
    json!({ "event": "started", "project": project, "url": url, "process": std::process::id() })
}

/// What will not be seen.
pub(super) fn unwatched(directory: &PathBuf, reason: &str) -> Value {
    json!({ "event": "unwatched", "directory": directory, "reason": reason })
}

/// The last line.
pub(super) fn ended(exit: u8) -> Value {
    json!({ "event": "ended", "exit": exit })
}
