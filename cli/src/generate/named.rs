//! What other files of a project say of what comes or goes: only one table of routes is edited, and a project may have more.

use std::path::{Path, PathBuf};

use super::Note;
use super::parts::modules;
use crate::disk;
use crate::edit::{self, Piece};
use crate::plan::{Checked, Part};
use crate::project::Project;

/// Where a project has Rust of its own.
const FOLDERS: [&str; 4] = ["src", "tests", "examples", "benches"];
/// No folder of sources is deeper.
const DEEPEST: usize = 16;

/// The files that name a module still when it is gone.
pub(super) fn still(parts: &[Part], checked: &Checked, project: &Project) -> Vec<Note> {
    let gone: Vec<Vec<String>> = files(parts).filter(|path| checked.deletes(path)).map(modules).collect();
    let notes = places(&gone, project, |path| checked.text(path));
    notes.map(|place| ("Still", format!("named in {place}"))).collect()
}

/// The other tables of routes that name a module already, where it gets routes in the one that is edited.
pub(super) fn already(parts: &[Part], checked: &Checked, project: &Project) -> Vec<Note> {
    let table = project.routes();
    let routes_come = parts.iter().any(|part| match part {
        Part::Piece {
            path,
            piece: Piece::Route(_),
            ..
        } => *path == table && checked.changes(path),
        _ => false,
    });
    if !routes_come {
        return Vec::new();
    }
    let own: Vec<&Path> = files(parts).collect();
    let wired: Vec<Vec<String>> = own.iter().map(|path| modules(path)).collect();
    let notes = places(&wired, project, |path| {
        let text = disk::text(&project.root.join(path)).ok()?;
        let is_table = path != table && !own.contains(&path) && path.starts_with("src");
        (is_table && text.contains("Group::new")).then_some(text)
    });
    notes
        .map(|place| ("Already", format!("named in {place}, beside the routes here")))
        .collect()
}

/// The paths of whole files.
fn files(parts: &[Part]) -> impl Iterator<Item = &Path> {
    parts.iter().filter_map(|part| match part {
        Part::File { path, .. } => Some(path.as_path()),
        _ => None,
    })
}

/// As `src/routes/admin.rs:7`: where the first of these modules is named in each file that has a text.
fn places<'a>(
    names: &'a [Vec<String>],
    project: &'a Project,
    text: impl Fn(&Path) -> Option<String> + 'a,
) -> impl Iterator<Item = String> + 'a {
    let mut sources = Vec::new();
    if names.iter().any(|module| !module.is_empty()) {
        for folder in FOLDERS {
            collect(&project.root, Path::new(folder), 0, &mut sources);
        }
    }
    sources.sort();
    sources.into_iter().filter_map(move |path| {
        let text = text(&path)?;
        let here = if path.starts_with("src") {
            modules(&path)
        } else {
            Vec::new()
        };
        let lines = names.iter().filter(|module| !module.is_empty());
        let line = lines
            .filter_map(|module| edit::line_naming(&text, module, &here, &project.library))
            .min()?;
        Some(format!("{}:{line}", path.display()))
    })
}

fn collect(root: &Path, folder: &Path, depth: usize, sources: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(root.join(folder)).into_iter().flatten().flatten() {
        let path = folder.join(entry.file_name());
        // Not through links, which may lead round in a circle.
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            if depth < DEEPEST {
                collect(root, &path, depth + 1, sources);
            }
        } else if path.extension().is_some_and(|rs| rs == "rs") {
            sources.push(path);
        }
    }
}
