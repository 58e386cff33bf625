//! Applications of any number of controllers, on Nova and on bare axum, whose every edit can be told by a response.

mod axum;
mod nova;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

use crate::Result;
use crate::children::{self, Cost};

/// How many controllers come with a WebSocket handler.
const PER_HANDLER: usize = 8;
/// Where the first controller says which edit it is.
pub const EDITED_URL: &str = "/c0/about";

/// What an application is written for.
#[derive(Clone, Debug)]
pub enum Framework {
    /// Nova, with the runtime in this directory.
    Nova(PathBuf),
    /// axum alone.
    Axum,
}

/// What is changed besides the string by which an edit is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edit {
    /// Nothing.
    Text,
    /// The lines of the whole file move.
    Lines,
    /// A type that is read from the request has another field.
    Field,
}

impl Edit {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Text, Self::Lines, Self::Field];

    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Lines => "lines",
            Self::Field => "field",
        }
    }
}

/// An application in a directory of its own.
#[derive(Clone, Debug)]
pub struct Application {
    name: String,
    root: PathBuf,
    target: PathBuf,
    first: fn(&str) -> String,
}

impl Application {
    /// Writes an application of so many controllers to `directory/name`: for each a file with five actions, a WebSocket
    /// handler for every eighth, one table of routes, and the manifest that `nova new` writes. Those in one directory
    /// share what their dependencies are built to.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn write(nova: &Path, framework: &Framework, directory: &Path, name: &str, controllers: usize) -> Result<Self> {
        let root = directory.join(name);
        let runtime = match framework {
            Framework::Nova(runtime) => runtime.clone(),
            Framework::Axum => workspace()?.join("runtime"),
        };
        children::run(
            Command::new(nova)
                .args(["new", name, "--no-git", "--nova-path"])
                .arg(runtime)
                .current_dir(directory),
        )?;
        let application = Self {
            name: name.to_owned(),
            target: directory.join("target"),
            first: match framework {
                Framework::Nova(_) => nova::first,
                Framework::Axum => axum::first,
            },
            root,
        };
        let handlers = controllers.div_ceil(PER_HANDLER);
        match framework {
            Framework::Nova(_) => nova::write(&application, controllers, handlers)?,
            Framework::Axum => axum::write(&application, controllers, handlers)?,
        }
        application.edit(0, Edit::Text)?;
        Ok(application)
    }

    /// Where it is.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where cargo puts what it builds.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// Its program.
    pub fn program(&self) -> PathBuf {
        self.target.join("debug").join(&self.name)
    }

    /// The sizes of what its library and its program are compiled to, in bytes.
    ///
    /// # Errors
    /// When they are not built.
    pub fn sizes(&self) -> Result<[u64; 2]> {
        let library = self.target.join(format!("debug/lib{}.rlib", self.name));
        Ok([fs::metadata(library)?.len(), fs::metadata(self.program())?.len()])
    }

    /// Another string in the first controller, and what else this edit is about.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn edit(&self, number: usize, edit: Edit) -> Result<()> {
        let text = (self.first)(&format!("edit {number}."));
        let text = match edit {
            Edit::Text => text,
            Edit::Lines => {
                let lines = "// A line more, so that the lines below move.\n".repeat(number % 3);
                text.replacen("\n\n", &format!("\n\n{lines}"), 1)
            }
            Edit::Field => {
                let field = format!("    search: Option<String>,\n    pub more{number}: Option<u64>,");
                text.replacen("    search: Option<String>,", &field, 1)
            }
        };
        Ok(save(&self.root.join("src/controllers/c0.rs"), &text)?)
    }

    /// Runs cargo on it, in the way in which its owner would.
    ///
    /// # Errors
    /// When cargo fails, with what it said.
    pub fn cargo(&self, command: &str) -> Result<Cost> {
        children::run(
            Command::new("cargo")
                .args([command, "--quiet"])
                // Where the benchmark itself is built is no place for it.
                .env("CARGO_TARGET_DIR", &self.target)
                .current_dir(&self.root),
        )
    }

    fn source(&self, path: &str, text: &str) -> Result<()> {
        let path = self.root.join("src").join(path);
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)?;
        }
        Ok(fs::write(path, text)?)
    }

    fn crate_name(&self) -> String {
        self.name.replace('-', "_")
    }
}

/// Writes a file as editors do: to a new one, which then takes the old one's place.
///
/// # Errors
/// When it can't be written.
pub fn save(path: &Path, text: &str) -> io::Result<()> {
    let new = path.with_extension("new");
    fs::write(&new, text)?;
    fs::rename(new, path)
}

/// This workspace.
///
/// # Errors
/// When it is not where it was when this program was built.
pub fn workspace() -> Result<PathBuf> {
    Ok(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?)
}

/// Builds the workspace's own command, and says where it is.
///
/// # Errors
/// When it can't be built.
pub fn build_nova() -> Result<PathBuf> {
    let workspace = workspace()?;
    children::run(
        Command::new("cargo")
            .args(["build", "--quiet", "--release", "-p", "nova-framework-cli"])
            .current_dir(&workspace),
    )?;
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or("target".into());
    Ok(workspace.join(target).join("release/nova"))
}

/// `make(0)`, `make(1)`, … as one text.
fn each(count: usize, make: impl Fn(usize) -> String) -> String {
    (0..count).map(make).collect()
}

/// The parts of every application that name no framework.
fn common(application: &Application) -> Result<()> {
    application.source(
        "store.rs",
        r#"//! What the controllers share.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

#[derive(Clone, Default)]
pub struct Store(Arc<Mutex<BTreeMap<(&'static str, u64), String>>>);

/// There is no such record.
#[derive(Debug)]
pub struct Missing(u64);

impl Store {
    pub fn get(&self, table: &'static str, id: u64) -> Result<String, Missing> {
        let records = self.0.lock().unwrap();
        records.get(&(table, id)).cloned().ok_or(Missing(id))
    }

    pub fn put(&self, table: &'static str, id: u64, record: String) {
        self.0.lock().unwrap().insert((table, id), record);
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no record {}", self.0)
    }
}

impl std::error::Error for Missing {}
"#,
    )
}

/// The types that a controller reads and writes.
const RECORDS: &str = r"
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Item {
    id: u64,
    name: String,
    #[serde(default)]
    tags: Vec<String>,
    price: Option<f64>,
}

#[derive(Debug, Deserialize)]
pub struct Page {
    #[serde(default)]
    offset: u64,
    limit: Option<u64>,
    search: Option<String>,
}
";
