//! What a change on disk means: which files count, what they need, whether anything changed at all.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

use notify::EventKind;
use notify::event::ModifyKind;

use crate::settings;

/// What a changed file needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::serve) enum Need {
    /// The program is to be built.
    Build,
    /// The program is to be started again.
    Restart,
    /// The application is to be told: it reads views and assets by itself.
    Word,
}

/// What a directory is to the project: this decides which files in it count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::serve) enum Scope {
    /// The project's own.
    Project,
    /// A package elsewhere that the project is built from.
    Package,
    /// The root of the workspace around it, of which only the manifest and what goes with it counts.
    Manifests,
}

/// Files that changed together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::serve) struct Change {
    /// Those that need a build or a restart, from the project's root, sorted.
    pub(in crate::serve) files: Vec<PathBuf>,
    pub(in crate::serve) build: bool,
    pub(in crate::serve) restart: bool,
    /// Those that the application is told of, likewise.
    pub(in crate::serve) pages: Vec<PathBuf>,
}

impl Change {
    pub(in crate::serve) fn add(&mut self, file: PathBuf, need: Need) {
        let files = match need {
            Need::Build => {
                self.build = true;
                &mut self.files
            }
            Need::Restart => {
                self.restart = true;
                &mut self.files
            }
            Need::Word => &mut self.pages,
        };
        if let Err(place) = files.binary_search(&file) {
            files.insert(place, file);
        }
    }

    pub(in crate::serve) fn is_empty(&self) -> bool {
        self.files.is_empty() && self.pages.is_empty()
    }

    /// Whether a manifest is among the files, so that the project may be built from other packages than before.
    pub(in crate::serve) fn has_manifest(&self) -> bool {
        self.files.iter().any(|file| file.ends_with("Cargo.toml"))
    }
}

/// What a change of `file`, from the root of a directory with this scope, needs.
pub(super) fn need(scope: Scope, file: &Path) -> Option<Need> {
    if is_cargo_config(file) {
        return Some(Need::Build);
    }
    let name = file.file_name()?.to_str()?;
    if is_skipped(file) || is_editors(name) {
        return None;
    }
    let is_build = matches!(
        name,
        "Cargo.toml" | "Cargo.lock" | "rust-toolchain" | "rust-toolchain.toml"
    );
    let is_source = file.extension().is_some_and(|extension| extension == "rs");
    // Anything there may be included by the code: texts, queries, certificates.
    let is_beside_source = file.starts_with("src");
    match scope {
        Scope::Manifests => is_build.then_some(Need::Build),
        _ if is_source || is_build || is_beside_source => Some(Need::Build),
        Scope::Project if file == Path::new(settings::FILE) => Some(Need::Restart),
        Scope::Project if is_page(file) => Some(Need::Word),
        Scope::Project | Scope::Package => None,
    }
}

/// Endings of files that pages are made of.
const PAGES: [&str; 20] = [
    "hbs",
    "html",
    "css",
    "js",
    "mjs",
    "map",
    "wasm",
    "svg",
    "png",
    "jpg",
    "jpeg",
    "gif",
    "webp",
    "avif",
    "ico",
    "woff",
    "woff2",
    "ttf",
    "mp3",
    "webmanifest",
];

/// Whether a file is one that pages are made of. Views and assets may lie anywhere, so mostly their endings tell.
fn is_page(file: &Path) -> bool {
    const DIRECTORIES: [&str; 4] = ["views", "assets", "static", "public"];
    let ending = file.extension().and_then(|ending| ending.to_str());
    DIRECTORIES.iter().any(|directory| file.starts_with(directory))
        || ending.is_some_and(|ending| PAGES.contains(&ending))
}

fn is_cargo_config(file: &Path) -> bool {
    file == Path::new(".cargo/config.toml") || file == Path::new(".cargo/config")
}

/// Whether a path, from the project's root, lies where nothing is looked for: in something hidden, or in what is made by
/// tools.
pub(super) fn is_skipped(path: &Path) -> bool {
    let mut components = path.components();
    if path.starts_with(".cargo") {
        components.next();
    }
    components.any(|component| match component {
        Component::Normal(name) => {
            name == "target" || name == "node_modules" || name.as_encoded_bytes().starts_with(b".")
        }
        _ => false,
    })
}

/// Whether a file of this name decides which files git knows.
pub(super) fn is_ignore_file(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == ".gitignore")
}

/// Names that editors give to files of their own: copies before saving, and vim's probe of the directory.
fn is_editors(name: &str) -> bool {
    let swap = name
        .rsplit_once('.')
        .is_some_and(|(_, extension)| matches!(extension, "swp" | "swo" | "swx" | "tmp"));
    swap || name.ends_with('~') || name == "4913" || name.starts_with('#') || name.contains("___jb_")
}

/// Whether an event can mean other content. Reading a file, ours too, and touching it do not.
pub(super) fn concerns(kind: EventKind) -> bool {
    !matches!(kind, EventKind::Access(_) | EventKind::Modify(ModifyKind::Metadata(_)))
}

/// From this length on a file's content is not looked at, in bytes.
const LARGE: u64 = 1024 * 1024;

/// What was found at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Nothing,
    Empty,
    Content(u64),
}

impl Found {
    /// Reads the file at `path`, or, where it is large, when and how it was written. What can't be read isn't there.
    pub(super) fn at(path: &Path) -> Self {
        let mut hasher = DefaultHasher::new();
        match std::fs::metadata(path) {
            Ok(metadata) if metadata.len() > LARGE => {
                (metadata.ino(), metadata.len(), metadata.mtime(), metadata.mtime_nsec()).hash(&mut hasher);
                return Self::Content(hasher.finish());
            }
            Ok(metadata) if metadata.is_file() => {}
            // A pipe, for one, which would be waited for.
            Ok(_) | Err(_) => return Self::Nothing,
        }
        match std::fs::read(path) {
            Ok(content) if content.is_empty() => Self::Empty,
            Ok(content) => {
                hasher.write(&content);
                Self::Content(hasher.finish())
            }
            Err(_) => Self::Nothing,
        }
    }
}

/// What follows from what was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Same,
    Changed,
    /// It looks like the middle of a save: to be looked at once more.
    Unsettled,
}

/// Whether the name of a file says what it is, so that it is not one that an editor is about to move elsewhere.
fn has_known_kind(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str());
    ending.is_some_and(|ending| matches!(ending, "rs" | "toml" | "lock") || PAGES.contains(&ending))
}

/// The content of every file that counts, as last seen.
#[derive(Debug, Default)]
pub(super) struct Contents {
    known: HashMap<PathBuf, Found>,
}

impl Contents {
    /// Compares what is there now with what was there before. `patient` as long as it may be the middle of a save: an
    /// editor that empties the file and then writes it, or moves it away and a new one into its place. A new file of no
    /// known kind may be that one.
    pub(super) fn judge(&mut self, path: &Path, found: Found, patient: bool) -> Verdict {
        let before = self.known.get(path).copied().unwrap_or(Found::Nothing);
        if before == found {
            return Verdict::Same;
        }
        match found {
            Found::Nothing | Found::Empty if patient => return Verdict::Unsettled,
            Found::Content(_) if patient && before == Found::Nothing && !has_known_kind(path) => {
                return Verdict::Unsettled;
            }
            Found::Nothing => self.known.remove(path),
            Found::Empty | Found::Content(_) => self.known.insert(path.to_path_buf(), found),
        };
        Verdict::Changed
    }

    /// Remembers what is at `path`, without a word.
    pub(super) fn learn(&mut self, path: &Path) {
        if let Entry::Vacant(unknown) = self.known.entry(path.to_path_buf()) {
            unknown.insert(Found::at(path));
        }
    }

    pub(super) fn knows(&self, path: &Path) -> bool {
        self.known.contains_key(path)
    }

    /// Forgets the files that are `ignored` by now, without a word: they are still there.
    pub(super) fn forget(&mut self, ignored: impl Fn(&Path) -> bool) {
        self.known.retain(|path, _| !ignored(path));
    }

    /// The known files at `path` and below it.
    pub(super) fn below(&self, path: &Path) -> Vec<PathBuf> {
        self.known
            .keys()
            .filter(|known| known.starts_with(path))
            .cloned()
            .collect()
    }
}

#[cfg(test)]
mod tests;
