//! Files on disk, all of them or none.
//!
//! Each new text is first written beside its file; when all are there they are renamed into place. What was done is
//! noted before the next thing is tried, and undone from the end when that fails.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::check::File;
use crate::error::{Error, Result};

/// Brings the files below `root` from their text before to their text after.
pub(super) fn apply(root: &Path, files: &BTreeMap<PathBuf, File>) -> Result<()> {
    let mut undo = Vec::new();
    let Err(failure) = write(root, files, &mut undo) else {
        prune(root, files);
        return Ok(());
    };
    let mut left: Vec<String> = Vec::new();
    for step in undo.into_iter().rev() {
        if let Err(error) = step.run() {
            left.push(format!("{} is left as it is: {error}", step.path().display()));
        }
    }
    let error = Error::failed(format!("can't {}: {}", failure.what, failure.error));
    if left.is_empty() {
        return Err(error.detail("nothing was written"));
    }
    Err(left.into_iter().fold(error, Error::detail))
}

/// Something that was done, and can be undone.
enum Undo {
    /// A directory or a file was made.
    RemoveDirectory(PathBuf),
    RemoveFile(PathBuf),
    /// A file was there, with this text.
    Restore {
        path: PathBuf,
        text: String,
        permissions: fs::Permissions,
    },
}

struct Failure {
    what: String,
    error: io::Error,
}

/// A text that waits beside its file.
struct Staged<'a> {
    temporary: PathBuf,
    path: PathBuf,
    file: &'a File,
}

impl Undo {
    fn path(&self) -> &Path {
        match self {
            Self::RemoveDirectory(path) | Self::RemoveFile(path) | Self::Restore { path, .. } => path,
        }
    }

    fn run(&self) -> io::Result<()> {
        let result = match self {
            Self::RemoveDirectory(path) => fs::remove_dir(path),
            Self::RemoveFile(path) => fs::remove_file(path),
            Self::Restore {
                path,
                text,
                permissions,
            } => fs::write(path, text).and_then(|()| fs::set_permissions(path, permissions.clone())),
        };
        match result {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            result => result,
        }
    }
}

fn write(root: &Path, files: &BTreeMap<PathBuf, File>, undo: &mut Vec<Undo>) -> Result<(), Failure> {
    let changed = files.iter().filter(|(_, file)| file.before != file.after);
    let mut staged = Vec::new();
    for (relative, file) in changed {
        let path = root.join(relative);
        // A link stays a link: what it points to is what changes.
        let path = fs::canonicalize(&path).unwrap_or(path);
        let temporary = match &file.after {
            Some(text) => stage(&path, text, undo)?,
            None => PathBuf::new(),
        };
        staged.push(Staged { temporary, path, file });
    }
    for Staged { temporary, path, file } in staged {
        let failure = |error| Failure {
            what: format!("write {}", path.display()),
            error,
        };
        // Another program may have written since the plan was checked. What it wrote is not ours to replace.
        if current(&path).map_err(failure)? != file.before {
            return Err(failure(io::Error::other("it changed in the meantime")));
        }
        undo.push(match &file.before {
            None => Undo::RemoveFile(path.clone()),
            Some(text) => Undo::Restore {
                path: path.clone(),
                text: text.clone(),
                permissions: fs::metadata(&path).map_err(failure)?.permissions(),
            },
        });
        match file.after {
            Some(_) => fs::rename(&temporary, &path).map_err(failure)?,
            None => fs::remove_file(&path).map_err(failure)?,
        }
    }
    Ok(())
}

/// Writes `text` beside `path`, with the permissions of the file that it is to replace.
fn stage(path: &Path, text: &str, undo: &mut Vec<Undo>) -> Result<PathBuf, Failure> {
    let failure = |error| Failure {
        what: format!("write {}", path.display()),
        error,
    };
    let directory = path.parent().unwrap_or(Path::new(""));
    create_directories(directory, undo)?;
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = directory.join(name);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&temporary)
        .map_err(failure)?;
    undo.push(Undo::RemoveFile(temporary.clone()));
    file.write_all(text.as_bytes()).map_err(failure)?;
    if let Ok(metadata) = fs::metadata(path) {
        file.set_permissions(metadata.permissions()).map_err(failure)?;
    }
    Ok(temporary)
}

fn create_directories(directory: &Path, undo: &mut Vec<Undo>) -> Result<(), Failure> {
    let missing: Vec<&Path> = directory
        .ancestors()
        .take_while(|path| !path.as_os_str().is_empty() && !path.exists())
        .collect();
    for path in missing.into_iter().rev() {
        fs::create_dir(path).map_err(|error| Failure {
            what: format!("create the directory {}", path.display()),
            error,
        })?;
        undo.push(Undo::RemoveDirectory(path.to_owned()));
    }
    Ok(())
}

fn current(path: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Removes the directories that have lost their last file. One that can't be removed is not empty.
fn prune(root: &Path, files: &BTreeMap<PathBuf, File>) {
    let deleted = files
        .iter()
        .filter(|(_, file)| file.before.is_some() && file.after.is_none());
    for (path, _) in deleted {
        let directories = path.ancestors().skip(1).filter(|path| !path.as_os_str().is_empty());
        for directory in directories {
            if fs::remove_dir(root.join(directory)).is_err() {
                break;
            }
        }
    }
}
