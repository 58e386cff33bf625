//! What a command is about to write, noted before it begins, so that a command that is killed leaves either the old tree
//! or the new one: whoever comes next takes back what it had begun.
//!
//! The journal is one file, there from the first change to the last. It is renamed into place, so it is whole or not
//! there; its removal is the moment at which the new tree is the one that counts. This is about a process that ends, not a
//! machine: nothing is flushed to the disk.

use std::ffi::OsString;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::write::{PRIVATE, current, replace, temporary};
use super::{Content, fault};
use crate::disk;

/// The file's name, in the directory that is locked.
pub(super) const FILE: &str = ".nova.journal";
/// What it is called while it is written.
const UNFINISHED: &str = ".nova.journal.new";

/// The changes that a command has begun.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Journal {
    /// Where the files are, from the directory of the journal.
    pub(super) root: OsString,
    pub(super) entries: Vec<Entry>,
    /// The directories that are made, from the directory of the journal, those above first.
    pub(super) directories: Vec<OsString>,
}

/// What a file holds before and afterwards; `None` where there is no file.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Entry {
    pub(super) path: PathBuf,
    pub(super) before: Option<Content>,
    pub(super) after: Option<Content>,
    /// The permissions of a file that goes.
    pub(super) mode: Option<u32>,
}

impl Journal {
    /// Notes everything.
    pub(super) fn save(&self, directory: &Path) -> io::Result<()> {
        let text = serde_json::to_string(self).map_err(io::Error::other)?;
        let unfinished = directory.join(UNFINISHED);
        // It holds texts of files that may be their owner's only.
        let private = fs::Permissions::from_mode(PRIVATE);
        let result = super::write::in_two_halves(&unfinished, text.as_bytes(), Some(private))
            .and_then(|()| fs::rename(&unfinished, directory.join(FILE)))
            .and_then(|()| fault::point());
        if result.is_err() {
            let _ = fs::remove_file(&unfinished);
            let _ = fs::remove_file(directory.join(FILE));
        }
        result
    }

    /// The journal of a command that was killed, if there is one. What it had not finished writing counts for nothing.
    pub(super) fn load(directory: &Path) -> io::Result<Option<Self>> {
        // On a file system that is read-only, to remove what is not there is an error too.
        let unfinished = directory.join(UNFINISHED);
        if unfinished.symlink_metadata().is_ok() {
            absent(fs::remove_file(unfinished))?;
        }
        // Nor is there one in a directory that nobody may look into: that it can't be written to is told later.
        if directory.join(FILE).symlink_metadata().is_err() {
            return Ok(None);
        }
        match disk::text(&directory.join(FILE)) {
            Ok(text) => {
                let journal: Self = serde_json::from_str(&text).map_err(io::Error::other)?;
                journal.stays_below(directory)?;
                Ok(Some(journal))
            }
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Refuses a journal that would write elsewhere than below its directory, or into a repository's own files: it may
    /// have come with the sources of somebody else.
    fn stays_below(&self, directory: &Path) -> io::Result<()> {
        let directory = fs::canonicalize(directory)?;
        let root = Path::new(&self.root);
        let files = self.entries.iter().map(|entry| root.join(&entry.path));
        let made = self.directories.iter().map(PathBuf::from);
        for path in files.chain(made).chain([root.to_path_buf()]) {
            let is_plain = path
                .components()
                .all(|part| matches!(part, Component::Normal(name) if !name.eq_ignore_ascii_case(".git")));
            let absolute = directory.join(&path);
            // Of a path that is not there, what is there of it: a link that leads nowhere is there.
            let there = absolute.ancestors().find(|above| above.symlink_metadata().is_ok());
            let leads_out = there
                .and_then(|there| fs::canonicalize(there).ok())
                .is_none_or(|there| !there.starts_with(&directory));
            let shown = path.display();
            if !is_plain {
                return Err(io::Error::other(format!("it names {shown}, which is not in there")));
            }
            if leads_out {
                let out = there.and_then(|there| fs::canonicalize(there).ok());
                let out = out.map_or_else(|| "nowhere".to_owned(), |out| format!("to {}", out.display()));
                let message = format!("it names {shown}, which is not in there: a link leads {out}");
                return Err(io::Error::other(message));
            }
        }
        Ok(())
    }

    /// Everything is done.
    pub(super) fn remove(directory: &Path) -> io::Result<()> {
        fault::point()?;
        fs::remove_file(directory.join(FILE))?;
        // It can be killed here, but nothing can fail any more.
        let _ = fault::point();
        Ok(())
    }

    /// Makes everything as it was before. A file that has been changed since by somebody else stays, and is in the answer.
    pub(super) fn roll_back(&self, directory: &Path) -> io::Result<Vec<PathBuf>> {
        let mut kept = Vec::new();
        for entry in self.entries.iter().rev() {
            let path = super::write::resolved(&directory.join(&self.root).join(&entry.path));
            fault::point()?;
            absent(fs::remove_file(temporary(&path)))?;
            let now = match current(&path) {
                // Somebody has put something there that no command writes.
                Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::IsADirectory) => {
                    kept.push(entry.path.clone());
                    continue;
                }
                now => now?,
            };
            if now == entry.before {
                continue;
            }
            if now != entry.after {
                kept.push(entry.path.clone());
                continue;
            }
            fault::point()?;
            match &entry.before {
                Some(content) => {
                    if let Some(parent) = path.parent() {
                        fs::create_dir_all(parent)?;
                    }
                    replace(&path, content.as_bytes(), entry.mode)?;
                }
                None => absent(fs::remove_file(&path))?,
            }
        }
        for made in self.directories.iter().rev() {
            fault::point()?;
            match fs::remove_dir(directory.join(made)) {
                // Somebody has put something there since.
                Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty => {}
                result => absent(result)?,
            }
        }
        absent(Self::remove(directory))?;
        Ok(kept)
    }
}

/// What is not there needs not be removed.
fn absent(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if is_absent(&error) => Ok(()),
        result => result,
    }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}
