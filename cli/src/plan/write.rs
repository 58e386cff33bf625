//! Files on disk, all of them or none.
//!
//! Everything is noted in the journal first; then each new text is written beside its file and renamed into place. When
//! something fails, the journal says how it was.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File as Handle, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::check::File;
use super::journal::{Entry, Journal};
use super::lock::Lock;
use super::{Content, fault};
use crate::disk;
use crate::error::{Error, Result};

/// Nobody but its owner reads or writes the file.
pub(super) const PRIVATE: u32 = 0o600;

/// Brings the files below `root` from their text before to their text after.
pub(super) fn apply(lock: &Lock, root: &Path, files: &BTreeMap<PathBuf, File>) -> Result<()> {
    let directory = &lock.directory;
    let Some(journal) = journal(directory, root, files) else {
        return Ok(());
    };
    let unwritten = |what: &str, error: &io::Error| {
        Error::failed(format!("can't write {what}: {error}")).detail("nothing was written")
    };
    journal
        .save(directory)
        .map_err(|error| unwritten(&format!("to {}", directory.display()), &error))?;
    let Err(failure) = carry_out(directory, root, &journal) else {
        return Ok(());
    };
    let error = unwritten(&failure.path.display().to_string(), &failure.error);
    match journal.roll_back(directory) {
        Ok(_) => Err(error),
        Err(second) => Err(Error::failed(error.message())
            .detail(format!("what was begun can't be taken back yet: {second}"))
            .help("the next nova command that writes here takes it back")),
    }
}

/// What was not done, and why.
struct Failure {
    path: PathBuf,
    error: io::Error,
}

/// The changes as they are noted; `None` when there are none.
fn journal(directory: &Path, root: &Path, files: &BTreeMap<PathBuf, File>) -> Option<Journal> {
    let mode = |path: &Path| fs::metadata(root.join(path)).ok().map(|file| file.permissions().mode());
    let entries: Vec<Entry> = files
        .iter()
        .filter(|(_, file)| file.before != file.after)
        .map(|(path, file)| Entry {
            path: path.clone(),
            before: file.before.clone(),
            after: file.after.clone(),
            mode: file.after.is_none().then(|| mode(path)).flatten(),
        })
        .collect();
    let mut directories: Vec<PathBuf> = Vec::new();
    for entry in entries.iter().filter(|entry| entry.after.is_some()) {
        let path = root.join(&entry.path);
        let missing: Vec<_> = path
            .ancestors()
            .skip(1)
            .take_while(|above| !above.exists())
            .map(|above| above.strip_prefix(directory).unwrap_or(above).to_path_buf())
            .collect();
        for above in missing.into_iter().rev() {
            if !directories.contains(&above) {
                directories.push(above);
            }
        }
    }
    (!entries.is_empty()).then(|| Journal {
        root: root.strip_prefix(directory).unwrap_or(root).into(),
        entries,
        directories: directories.into_iter().map(PathBuf::into_os_string).collect(),
    })
}

fn carry_out(directory: &Path, root: &Path, journal: &Journal) -> Result<(), Failure> {
    let failure = |path: &Path| {
        let path = path.to_path_buf();
        move |error| Failure { path, error }
    };
    for made in &journal.directories {
        let path = directory.join(made);
        fault::point().map_err(failure(&path))?;
        fs::create_dir(&path).map_err(failure(&path))?;
    }
    for entry in &journal.entries {
        let path = resolved(&root.join(&entry.path));
        fault::point().map_err(failure(&path))?;
        // Another program may have written since the plan was checked. What it wrote is not ours to replace.
        if current(&path).map_err(failure(&path))? != entry.before {
            return Err(failure(&path)(io::Error::other("it changed in the meantime")));
        }
        match &entry.after {
            Some(content) => replace(&path, content.as_bytes(), None).map_err(failure(&path))?,
            // Of a link it is the link that goes: what it points to may be elsewhere, and somebody's.
            None => fs::remove_file(root.join(&entry.path)).map_err(failure(&path))?,
        }
    }
    prune(root, journal).map_err(failure(root))?;
    Journal::remove(directory).map_err(failure(directory))
}

/// A link stays a link: what it points to is what changes.
pub(super) fn resolved(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf())
}

/// Puts these bytes at `path`, whole or not at all, with the permissions of what is there, or these.
pub(super) fn replace(path: &Path, bytes: &[u8], mode: Option<u32>) -> io::Result<()> {
    let existing = fs::metadata(path).ok().map(|file| file.permissions());
    let temporary = temporary(path);
    in_two_halves(&temporary, bytes, existing.or(mode.map(Permissions::from_mode)))?;
    fs::rename(&temporary, path)?;
    fault::point()
}

/// Where what is to be in a file waits beside it.
pub(super) fn temporary(path: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".nova.tmp");
    path.with_file_name(name)
}

/// Writes a file that nobody reads yet, with these permissions or the usual ones; a test stops it half-way.
pub(super) fn in_two_halves(path: &Path, bytes: &[u8], permissions: Option<Permissions>) -> io::Result<()> {
    fault::point()?;
    // What a command left there that was killed; or somebody's link, which is not to be written through.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = Handle::options();
    options.write(true).create_new(true);
    if permissions.is_some() {
        // Until it has its own, it is its owner's only.
        options.mode(PRIVATE);
    }
    let mut file = options.open(path)?;
    let (first, second) = bytes.split_at(bytes.len() / 2);
    file.write_all(first)?;
    fault::point()?;
    file.write_all(second)?;
    if let Some(permissions) = permissions {
        file.set_permissions(permissions)?;
    }
    fault::point()
}

pub(super) fn current(path: &Path) -> io::Result<Option<Content>> {
    match disk::bytes(path) {
        Ok(bytes) => Ok(Some(bytes.into())),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Removes the directories that have lost their last file. One that can't be removed is not empty.
fn prune(root: &Path, journal: &Journal) -> io::Result<()> {
    let deleted = journal.entries.iter().filter(|entry| entry.after.is_none());
    for entry in deleted {
        let directories = entry.path.ancestors().skip(1);
        for directory in directories.filter(|path| !path.as_os_str().is_empty()) {
            fault::point()?;
            if fs::remove_dir(root.join(directory)).is_err() {
                break;
            }
        }
    }
    Ok(())
}
