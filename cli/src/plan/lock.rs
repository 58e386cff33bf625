//! One command at a time writes to a directory, and begins with what a killed one left.
//!
//! The lock is on the directory itself, so that it leaves nothing behind; it goes with the process.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::journal::{FILE, Journal};
use crate::error::{Error, Result};
use crate::terminal;

/// How long to wait for another command.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often to try.
const PAUSE: Duration = Duration::from_millis(10);
/// When to say what is waited for.
const SILENCE: Duration = Duration::from_millis(300);

/// The right to write below a directory.
#[derive(Debug)]
pub(crate) struct Lock {
    /// The directory of the journal: the nearest one that was there.
    pub(super) directory: PathBuf,
    _held: Option<File>,
}

impl Lock {
    /// Waits for the right to write below `root`, whether that is there or not, and takes back what commands that were
    /// killed had begun there.
    pub(crate) fn acquire(root: &Path) -> Result<Self> {
        // The journal of a new project is where the project is to be, or above it.
        for above in root.ancestors().skip(1).filter(|above| has_journal(above)) {
            if is_ours(above) {
                let _held = hold(above)?;
                recover(above)?;
            }
        }
        let directory = root
            .ancestors()
            .find(|directory| directory.is_dir())
            .unwrap_or(Path::new("/"))
            .to_path_buf();
        let held = hold(&directory)?;
        if has_journal(&directory) && !is_ours(&directory) {
            let shown = directory.join(FILE);
            return Err(
                Error::failed(format!("{} belongs to another user, or is no file", shown.display()))
                    .detail("a command of theirs was killed before it was done; nothing was written")
                    .help("have them run it again, or remove that file"),
            );
        }
        recover(&directory)?;
        Ok(Self { directory, _held: held })
    }
}

/// Whether a command was killed here, or is at work.
pub(crate) fn is_interrupted(root: &Path) -> bool {
    root.ancestors().any(|above| has_journal(above) && is_ours(above))
}

fn has_journal(directory: &Path) -> bool {
    directory.join(FILE).symlink_metadata().is_ok()
}

/// A journal says what is to be written where, so it is believed to its own user only: others can write to `/tmp`.
fn is_ours(directory: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let ours = rustix::process::geteuid().as_raw();
    fs::symlink_metadata(directory.join(FILE)).is_ok_and(|file| file.is_file() && file.uid() == ours)
}

/// `None` where the file system has no locks.
fn hold(directory: &Path) -> Result<Option<File>> {
    let Ok(file) = File::open(directory) else {
        return Ok(None);
    };
    let since = Instant::now();
    let mut told = false;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Some(file)),
            Err(TryLockError::Error(_)) => return Ok(None),
            Err(TryLockError::WouldBlock) => {}
        }
        if since.elapsed() > PATIENCE {
            return Err(
                Error::failed(format!("another nova command is writing to {}", directory.display()))
                    .detail(format!("it has not ended within {} s", PATIENCE.as_secs()))
                    .detail("nothing was written"),
            );
        }
        if !told && since.elapsed() > SILENCE {
            terminal::progress("Waiting", "for another nova command that is writing here");
            told = true;
        }
        std::thread::sleep(PAUSE);
    }
}

fn recover(directory: &Path) -> Result<()> {
    let failed = |error: std::io::Error| {
        Error::failed(format!("what a killed command left can't be taken back: {error}"))
            .detail(format!("it is noted in {}", directory.join(FILE).display()))
            .detail("nothing was written")
            .help("put right what is in the way; or remove that file, and everything stays as it is")
    };
    let refused = |error: std::io::Error| {
        Error::failed(format!("what a killed command left can't be taken back: {error}"))
            .detail(format!("it is noted in {}", directory.join(FILE).display()))
            .detail("a note may have come with the sources of somebody else: none is followed out of its directory")
            .detail("nothing was written")
            .help("put those files right, as it says they were before; then remove that file, and all else stays as it is")
    };
    let Some(journal) = Journal::load(directory).map_err(refused)? else {
        return Ok(());
    };
    let kept = journal.roll_back(directory).map_err(failed)?;
    terminal::warning(
        "Recovered",
        "a nova command was killed here; what it had begun is taken back",
    );
    for path in kept {
        terminal::warning("Kept", format!("{}, which has been changed since", path.display()));
    }
    Ok(())
}
