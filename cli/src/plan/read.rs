//! What is on the disk where a plan has a file, or what is in the way of one.

use std::io::ErrorKind;
use std::path::Path;

use super::Content;
use crate::disk;

/// What the file at `path` below `root` holds, if there is one. The error is a sentence in which `shown` stands in front of
/// the path.
pub(super) fn content(root: &Path, shown: &Path, path: &Path) -> Result<Option<Content>, String> {
    let absolute = root.join(path);
    let shown = shown.join(path);
    let error = match disk::bytes(&absolute) {
        Ok(bytes) => return Ok(Some(bytes.into())),
        Err(error) => error,
    };
    // What is in the way may be above: a file where a directory is to be, or a link that leads nowhere.
    let mut above = absolute.ancestors().enumerate();
    let nearest = above.find(|(_, place)| place.symlink_metadata().is_ok());
    let in_the_way = nearest.filter(|(_, place)| !place.is_dir()).map(|(up, _)| up);
    let named = |up: usize| {
        let shown = shown.ancestors().nth(up).filter(|shown| !shown.as_os_str().is_empty());
        let path = shown.or(absolute.ancestors().nth(up)).unwrap_or(path);
        path.display().to_string()
    };
    match (error.kind(), in_the_way) {
        // It is there, and still it is not found.
        (ErrorKind::NotFound, Some(up)) => Err(format!("{} is in the way: it is a link that leads nowhere", named(up))),
        (ErrorKind::NotFound, _) => Ok(None),
        (ErrorKind::NotADirectory, Some(up)) => Err(format!(
            "{} is in the way: it is a file, and is to be a directory",
            named(up)
        )),
        (ErrorKind::IsADirectory, _) => Err(format!("{} is in the way: it is a directory", named(0))),
        (ErrorKind::InvalidInput, _) => Err(format!("{} is in the way: {error}", named(0))),
        _ => Err(format!("{} can't be read: {error}", named(0))),
    }
}
