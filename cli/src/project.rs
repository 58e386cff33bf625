//! The project a command works on: the cargo package, here or above, that depends on the runtime.

use std::io::ErrorKind;
use std::ops::Range;
use std::path::{Component, Path, PathBuf};

use clap::ValueEnum;

use crate::error::{Error, Result};
use crate::name::nearest;
use crate::{disk, edit, workspace};

/// The runtime's package, by which a project is known.
pub(crate) const RUNTIME_PACKAGE: &str = "nova-framework";

/// A cargo package that depends on the runtime. Found by reading its manifest: nothing is built, cargo is not asked.
#[derive(Debug)]
pub(crate) struct Project {
    /// The directory of its `Cargo.toml`.
    pub(crate) root: PathBuf,
    /// `package.name`, as written.
    pub(crate) name: String,
    /// What its library is called in Rust.
    pub(crate) library: String,
    /// The file at the library's root, where the manifest says it.
    pub(crate) library_root: Option<PathBuf>,
    /// `package.version`, unless the workspace says it.
    pub(crate) version: Option<String>,
    /// The names of its dependencies, as its code says them.
    pub(crate) dependencies: Vec<String>,
    /// What its code calls the runtime, where that is not `nova`.
    pub(crate) renamed: Option<String>,
}

/// What keeps a project's records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Database {
    Sqlite,
    Postgres,
}

impl Project {
    /// The project of the current directory.
    pub(crate) fn here() -> Result<Self> {
        Self::find(&here()?)
    }

    /// The nearest project at `directory` or above it; at the root of a workspace with one, that one.
    pub(crate) fn find(directory: &Path) -> Result<Self> {
        let mut broken = None;
        for root in directory.ancestors() {
            match Self::at(root) {
                Some(Ok(project)) => return Ok(project),
                Some(Err(error)) => {
                    broken.get_or_insert(error);
                }
                None => {}
            }
        }
        if let Some(error) = broken {
            return Err(error);
        }
        let mut members = members(directory);
        match members.len() {
            0 => Err(
                Error::failed("no nova project here: no Cargo.toml in this directory or above depends on nova")
                    .help("nova new myapp"),
            ),
            1 => Ok(members.remove(0)),
            _ => {
                let names: Vec<&str> = members.iter().map(|project| project.name.as_str()).collect();
                Err(Error::failed("more than one nova project is here")
                    .detail(format!("the workspace has {}", names.join(", ")))
                    .help(format!("-p {} chooses one", names[0])))
            }
        }
    }

    /// The project whose manifest is in a directory; `None` when there is no manifest, or it is not a project's.
    fn at(root: &Path) -> Option<Result<Self>> {
        let manifest = root.join("Cargo.toml");
        let here = std::env::current_dir().unwrap_or_default();
        let shown = manifest.strip_prefix(here).unwrap_or(&manifest).display();
        let text = match disk::text(&manifest) {
            Ok(text) => text,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return None,
            Err(error) => {
                let error = Error::failed(format!("{shown} can't be read: {error}"));
                return Some(Err(error.detail("nothing was written")));
            }
        };
        match text.parse::<toml::Table>() {
            Ok(table) => Self::from_manifest(root, &table).map(Ok),
            Err(error) => {
                let (line, column) = place(&text, error.span());
                let error = Error::failed(format!("{shown}:{line}:{column}: {}", error.message()));
                Some(Err(error.detail("nothing was written")))
            }
        }
    }

    /// The file at the library's root, where its modules are not in `src`, where all is generated.
    pub(crate) fn library_elsewhere(&self) -> Option<&Path> {
        let root = self.library_root.as_deref()?;
        (root.parent() != Some(Path::new("src"))).then_some(root)
    }

    /// The file at the root of the crate that modules are declared in.
    pub(crate) fn crate_root(&self) -> PathBuf {
        if let Some(library) = &self.library_root {
            return library.clone();
        }
        let library = PathBuf::from("src/lib.rs");
        let program = PathBuf::from("src/main.rs");
        // What is there and is no file is told of when it is to be edited.
        let is_there = |place: &Path| self.root.join(place).symlink_metadata().is_ok();
        let only_program = !is_there(&library) && is_there(&program);
        if only_program { program } else { library }
    }

    /// The file with the table of routes.
    pub(crate) fn routes(&self) -> PathBuf {
        let usual = PathBuf::from("src/routes.rs");
        let places = [usual.clone(), "src/routes/mod.rs".into(), self.crate_root()];
        let has_table =
            |place: &PathBuf| disk::text(&self.root.join(place)).is_ok_and(|text| text.contains("fn routes"));
        let with_table = places.iter().find(|place| has_table(place));
        with_table.cloned().unwrap_or(usual)
    }

    /// The file with the application, `App::new(…)`: that of `fn app`, which may be in a module of its own that the root
    /// publishes it of, or `src/main.rs` where an older project has it.
    pub(crate) fn application(&self) -> PathBuf {
        let program = PathBuf::from("src/main.rs");
        let root = self.crate_root();
        let makes_it = |place: &Path| {
            let bytes = disk::bytes(&self.root.join(place)).unwrap_or_default();
            edit::makes_application(&String::from_utf8_lossy(&bytes))
        };
        if makes_it(&root) {
            let is_there = self.has_app() || !makes_it(&program);
            return if is_there { root } else { program };
        }
        let module = self.has_app().then(|| self.module_with_app()).flatten();
        module.unwrap_or(program)
    }

    /// The one file of `src`, beside the roots of its crates, with an `fn app` that makes the application.
    fn module_with_app(&self) -> Option<PathBuf> {
        let entries = std::fs::read_dir(self.root.join("src")).ok()?;
        let files = entries.flatten().map(|entry| Path::new("src").join(entry.file_name()));
        let mut found = files.filter(|place| {
            let is_module = place.extension().is_some_and(|rs| rs == "rs") && !place.ends_with("main.rs");
            is_module
                && *place != self.crate_root()
                && disk::text(&self.root.join(place))
                    .is_ok_and(|text| edit::makes_application(&text) && edit::gives(&text, "app"))
        });
        let only = found.next()?;
        found.next().is_none().then_some(only)
    }

    /// Whether the crate has a `pub fn app` that gives the whole application.
    pub(crate) fn has_app(&self) -> bool {
        let text = disk::text(&self.root.join(self.crate_root())).unwrap_or_default();
        // Most projects of an older form are told apart without a parser.
        text.contains("app") && edit::gives(&text, "app")
    }

    /// The database that the project keeps things in, by the type `Db` in `src/db.rs`.
    pub(crate) fn database(&self) -> Option<Database> {
        let text = disk::text(&self.root.join("src/db.rs")).ok()?;
        let pool = edit::alias(&text, "Db")?;
        let kinds = [
            ("Sqlite", Database::Sqlite),
            ("Pg", Database::Postgres),
            ("Postgres", Database::Postgres),
        ];
        kinds
            .iter()
            .find(|(kind, _)| pool.contains(kind))
            .map(|(_, database)| *database)
    }

    fn from_manifest(root: &Path, manifest: &toml::Table) -> Option<Self> {
        let package = manifest.get("package")?;
        let name = package.get("name")?.as_str()?;
        let dependencies = manifest.get("dependencies")?.as_table()?;
        let library = |key: &str| manifest.get("lib")?.get(key)?.as_str();
        let (runtime, _) = dependencies
            .iter()
            .find(|(name, value)| is_runtime(name, value, root))?;
        Some(Self {
            root: root.to_path_buf(),
            name: name.to_owned(),
            library: library("name").unwrap_or(name).replace('-', "_"),
            library_root: library("path").map(|path| {
                let parts = Path::new(path).components();
                parts.filter(|part| *part != Component::CurDir).collect()
            }),
            version: package.get("version").and_then(toml::Value::as_str).map(str::to_owned),
            dependencies: dependencies.keys().map(|name| name.replace('-', "_")).collect(),
            // By the name of its package the library has its own.
            renamed: (!["nova", RUNTIME_PACKAGE].contains(&runtime.as_str())).then(|| runtime.replace('-', "_")),
        })
    }
}

/// The current directory.
pub(crate) fn here() -> Result<PathBuf> {
    std::env::current_dir().map_err(|error| Error::failed(format!("the current directory can't be used: {error}")))
}

/// The line and the column, both from 1, at which a span begins.
pub(crate) fn place(text: &str, span: Option<Range<usize>>) -> (usize, usize) {
    let before = text.get(..span.map_or(0, |span| span.start)).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (line, column)
}

/// Whether a dependency is the runtime, also where the workspace says so.
fn is_runtime(name: &str, value: &toml::Value, root: &Path) -> bool {
    if name == RUNTIME_PACKAGE || value.get("package").and_then(toml::Value::as_str) == Some(RUNTIME_PACKAGE) {
        return true;
    }
    if value.get("workspace").and_then(toml::Value::as_bool) != Some(true) {
        return false;
    }
    let inherited = root.ancestors().find_map(|above| {
        let manifest: toml::Table = disk::text(&above.join("Cargo.toml")).ok()?.parse().ok()?;
        Some(manifest.get("workspace")?.get("dependencies")?.get(name)?.clone())
    });
    inherited.is_some_and(|value| value.get("package").and_then(toml::Value::as_str) == Some(RUNTIME_PACKAGE))
}

/// The projects of the workspace at `directory` or above it.
pub(crate) fn members(directory: &Path) -> Vec<Project> {
    let members = workspace::members(directory).into_iter();
    members.filter_map(|root| Project::at(&root)?.ok()).collect()
}

/// The directory of a package of the workspace here.
pub(crate) fn of_package(name: &str) -> Result<PathBuf> {
    let here = here()?;
    let mut projects = members(&here);
    // A package may stand alone.
    projects.extend(here.ancestors().filter_map(|above| Project::at(above)?.ok()));
    if let Some(project) = projects.iter().find(|project| project.name == name) {
        return Ok(project.root.clone());
    }
    let shown: String = name.chars().take(64).flat_map(char::escape_debug).collect();
    let error = Error::usage(format!("no nova project here is called `{shown}`"));
    let names: Vec<&str> = projects.iter().map(|project| project.name.as_str()).collect();
    Err(match nearest(name, names.iter().copied()) {
        Some(near) => error.help(format!("did you mean -p {near}?")),
        None if names.is_empty() => error.help("nova new myapp"),
        None => error.help(format!("the projects are {}", names.join(", "))),
    })
}
