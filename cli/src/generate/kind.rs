//! A kind of things that can be generated: its templates, and how what they give is wired in.
//!
//! The built-in ones are embedded. A file in `.nova/templates/<kind>/` of a project stands in for the built-in one at the
//! same place, and a folder with another name is a kind of its own: each of its files is written to the path that it has in
//! the folder, without `.hbs`. Paths and texts are Handlebars templates; a file without `.hbs` is copied as it is.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::disk;
use crate::error::{Error, Result};
use crate::plan::Content;
use crate::project::place;
use crate::template::{self, BuiltIn, KINDS};

/// Where a project has templates of its own.
pub(crate) const DIRECTORY: &str = ".nova/templates";
/// What a kind says of itself.
pub(crate) const MANIFEST: &str = "kind.toml";
/// What a file that is a template ends with.
const EXTENSION: &str = ".hbs";
/// No folder of templates is deeper.
const DEEPEST: usize = 16;

/// A kind, with its templates.
#[derive(Debug)]
pub(crate) struct Kind {
    pub(crate) name: String,
    /// The folder that has all or some of it.
    pub(crate) folder: Option<PathBuf>,
    pub(crate) is_built_in: bool,
    pub(crate) manifest: Manifest,
    pub(crate) sources: Vec<Source>,
}

/// `kind.toml`. Its texts are templates.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Manifest {
    /// What it is, on a line.
    pub(crate) about: String,
    /// A name that is always good.
    pub(crate) example: Option<String>,
    /// The documentation of the module that holds what is generated.
    pub(crate) module: Option<String>,
    /// Whether names with a `/` in them are taken.
    pub(crate) nested: Option<bool>,
    /// What was done, as in "controller `posts` at /posts".
    pub(crate) done: Option<String>,
    /// A path to look at in a browser, and how.
    pub(crate) visit: Option<String>,
    pub(crate) how: Option<String>,
    /// What to do next.
    pub(crate) next: Option<String>,
    /// Names that can't be used, each with the reason.
    pub(crate) taken: BTreeMap<String, String>,
    pub(crate) route: Vec<RouteSpec>,
    pub(crate) app: Vec<AppSpec>,
}

/// A route: `handler` is the path of a function, without `crate`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RouteSpec {
    pub(crate) verb: String,
    pub(crate) path: String,
    pub(crate) handler: String,
}

/// A call on the one `App::new(…)`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AppSpec {
    pub(crate) method: String,
    pub(crate) arguments: Vec<String>,
}

/// A template of a kind.
#[derive(Debug)]
pub(crate) struct Source {
    /// The path of what it gives, itself a template.
    pub(crate) destination: String,
    body: Body,
    /// The file that it is in, when it is a project's own.
    pub(crate) file: Option<PathBuf>,
}

/// What a file is made of.
#[derive(Debug)]
enum Body {
    Template(Cow<'static, str>),
    /// It is copied as it is.
    Raw(Content),
}

impl Kind {
    /// Every kind, one by one: the built-in ones, then those of the project. A broken one is in the way of no other.
    pub(crate) fn each(root: &Path) -> impl Iterator<Item = Result<Self>> {
        let mut names: Vec<String> = std::fs::read_dir(root.join(DIRECTORY))
            .into_iter()
            .flatten()
            .flatten()
            .filter(|entry| entry.path().is_dir())
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| !name.starts_with('.') && KINDS.iter().all(|kind| kind.name != name))
            .collect();
        names.sort();
        let built_in = KINDS.iter().map(|built_in| Self::built_in(built_in, root));
        built_in.chain(names.into_iter().map(|name| Self::own(&name, root)))
    }

    /// The kind of this name.
    pub(crate) fn find(name: &str, root: &Path) -> Result<Self> {
        if let Some(built_in) = KINDS.iter().find(|kind| kind.name == name) {
            return Self::built_in(built_in, root);
        }
        let folder = root.join(DIRECTORY).join(name);
        if !name.is_empty() && !name.contains(['/', '\\', '.']) && folder.is_dir() {
            return Self::own(name, root);
        }
        Err(unknown(name, root))
    }

    fn built_in(built_in: &BuiltIn, root: &Path) -> Result<Self> {
        let mut kind = Self {
            name: built_in.name.to_owned(),
            folder: None,
            is_built_in: true,
            manifest: manifest(built_in.manifest, Path::new(MANIFEST))?,
            sources: built_in
                .files
                .iter()
                .map(|(destination, text)| Source {
                    destination: (*destination).to_owned(),
                    body: Body::Template(Cow::Borrowed(text)),
                    file: None,
                })
                .collect(),
        };
        kind.read(root)?;
        Ok(kind)
    }

    fn own(name: &str, root: &Path) -> Result<Self> {
        let mut kind = Self {
            name: name.to_owned(),
            folder: None,
            is_built_in: false,
            manifest: Manifest::default(),
            sources: Vec::new(),
        };
        kind.read(root)?;
        if kind.sources.is_empty() {
            return Err(Error::failed(format!("{DIRECTORY}/{name} has no templates in it"))
                .detail("nothing was written")
                .help(format!(
                    "a file `{DIRECTORY}/{name}/src/{name}s/{{{{path}}}}.rs.hbs` is written to src/{name}s/"
                )));
        }
        Ok(kind)
    }

    /// The names under which there is something where the kind writes its files.
    pub(crate) fn written(&self, root: &Path) -> Vec<String> {
        let variables = ["{{path}}", "{{name}}"];
        let place = self.sources.iter().find_map(|source| {
            let variable = variables
                .iter()
                .find(|variable| source.destination.contains(**variable))?;
            let (folder, ending) = source.destination.split_once(*variable)?;
            Some((folder.to_owned(), ending.to_owned()))
        });
        let mut names = Vec::new();
        if let Some((folder, ending)) = place {
            collect_names(&root.join(folder), "", &ending, 0, &mut names);
        }
        names.sort();
        names
    }

    /// What the project has in the kind's folder.
    fn read(&mut self, root: &Path) -> Result<()> {
        let folder = Path::new(DIRECTORY).join(&self.name);
        let mut files = Vec::new();
        collect(&root.join(&folder), Path::new(""), 0, &mut files);
        files.sort();
        for inside in files {
            let file = folder.join(&inside);
            let failed = |error: std::io::Error| {
                Error::failed(format!("{} can't be read: {error}", file.display())).detail("nothing was written")
            };
            self.folder = Some(folder.clone());
            let Some(inside) = inside.to_str() else {
                continue;
            };
            if inside == MANIFEST {
                self.manifest = manifest(&disk::text(&root.join(&file)).map_err(failed)?, &file)?;
                continue;
            }
            let (destination, body) = if let Some(destination) = inside.strip_suffix(EXTENSION) {
                let text = disk::text(&root.join(&file)).map_err(failed)?;
                (destination, Body::Template(Cow::Owned(text)))
            } else {
                let bytes = disk::bytes(&root.join(&file)).map_err(failed)?;
                (inside, Body::Raw(bytes.into()))
            };
            let source = Source {
                destination: destination.to_owned(),
                body,
                file: Some(file),
            };
            // It stands where the built-in one stood: the first is the one by which things are known.
            let own = self.sources.iter_mut().find(|own| own.destination == destination);
            match own {
                Some(own) => *own = source,
                None => self.sources.push(source),
            }
        }
        Ok(())
    }

    /// Whether all of its texts are templates.
    pub(crate) fn check(&self) -> Result<()> {
        for source in &self.sources {
            let Body::Template(text) = &source.body else {
                continue;
            };
            template::parse(&source.destination)
                .and_then(|()| template::parse(text))
                .map_err(|broken| broken_at(source.file.as_deref(), &self.name, &source.destination, &broken))?;
        }
        Ok(())
    }

    /// The template of what goes to `destination`.
    pub(crate) fn source(&self, destination: &str) -> Result<&Source> {
        let source = self.sources.iter().find(|source| source.destination == destination);
        source.ok_or_else(|| Error::failed(format!("the kind {} has no template for {destination}", self.name)))
    }

    /// A text of the manifest, with its variables filled in.
    pub(crate) fn say(&self, text: &str, data: &impl Serialize) -> Result<String> {
        let file = self.folder.as_ref().map(|folder| folder.join(MANIFEST));
        template::render(text, data).map_err(|broken| broken_at(file.as_deref(), &self.name, MANIFEST, &broken))
    }

    /// The path and the text of a file.
    pub(crate) fn render(&self, source: &Source, data: &impl Serialize) -> Result<(PathBuf, Content)> {
        let file = source.file.as_deref();
        let failed = |broken: template::Broken| broken_at(file, &self.name, &source.destination, &broken);
        let path = template::render(&source.destination, data).map_err(failed)?;
        if path.is_empty()
            || path.starts_with('/')
            || path
                .split(['/', '\\'])
                .any(|part| matches!(part, "" | "." | "..") || part.eq_ignore_ascii_case(".git"))
        {
            return Err(
                Error::failed(format!("a template of {} would be written to `{path}`", self.name))
                    .detail("that is not a path in the project; nothing was written"),
            );
        }
        let text = match &source.body {
            Body::Raw(content) => return Ok((path.into(), content.clone())),
            Body::Template(text) => template::render(text, data).map_err(failed)?,
        };
        if Path::new(&path).extension().is_some_and(|rs| rs == "rs")
            && let Err(error) = syn::parse_file(&text)
            && let Some(file) = file
        {
            let start = error.span().start();
            return Err(
                Error::failed(format!("{}: what it gives is not Rust: {error}", file.display()))
                    .detail(format!("at {path}:{}:{}", start.line, start.column + 1))
                    .detail("nothing was written"),
            );
        }
        Ok((path.into(), text.into()))
    }
}

/// The text of every file of a built-in kind, as `nova eject` writes it.
pub(crate) fn files(kind: &BuiltIn) -> Vec<(PathBuf, String)> {
    let folder = Path::new(DIRECTORY).join(kind.name);
    let templates = kind
        .files
        .iter()
        .map(|(destination, text)| (folder.join(format!("{destination}{EXTENSION}")), (*text).to_owned()));
    let manifest = (folder.join(MANIFEST), kind.manifest.to_owned());
    std::iter::once(manifest).chain(templates).collect()
}

fn collect(folder: &Path, inside: &Path, depth: usize, files: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        if entry.file_name().to_str().is_some_and(is_left_over) {
            continue;
        }
        let (path, inside) = (entry.path(), inside.join(entry.file_name()));
        if path.is_dir() {
            if depth < DEEPEST {
                collect(&path, &inside, depth + 1, files);
            }
        } else {
            files.push(inside);
        }
    }
}

fn collect_names(folder: &Path, above: &str, ending: &str, depth: usize, names: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        if entry.path().is_dir() {
            if depth < 8 {
                collect_names(&entry.path(), &format!("{above}{name}/"), ending, depth + 1, names);
            }
        } else if let Some(name) = name.strip_suffix(ending).filter(|name| *name != "mod") {
            names.push(format!("{above}{name}"));
        }
    }
}

/// Whether a file is what an editor or a system leaves beside what somebody writes.
fn is_left_over(name: &str) -> bool {
    let by_editors = [".swp", ".swo", ".swx", "~"].iter().any(|end| name.ends_with(end));
    let by_emacs = name.starts_with(".#") || name.starts_with('#') && name.ends_with('#');
    by_editors || by_emacs || matches!(name, ".DS_Store" | "Thumbs.db" | "desktop.ini")
}

fn manifest(text: &str, file: &Path) -> Result<Manifest> {
    toml::from_str(text).map_err(|error| {
        let (line, column) = place(text, error.span());
        Error::failed(format!("{}:{line}:{column}: {}", file.display(), error.message())).detail("nothing was written")
    })
}

fn broken_at(file: Option<&Path>, kind: &str, destination: &str, broken: &template::Broken) -> Error {
    let file = file.map_or_else(
        || format!("the built-in template {kind}/{destination}"),
        |file| file.display().to_string(),
    );
    let place = match (broken.line, broken.column) {
        (Some(line), Some(column)) => format!("{file}:{line}:{column}"),
        (Some(line), None) => format!("{file}:{line}"),
        _ => file,
    };
    Error::failed(format!("{place}: {}", broken.reason)).detail("nothing was written")
}

/// That there is no such kind, and which may have been meant.
fn unknown(name: &str, root: &Path) -> Error {
    let names: Vec<String> = Kind::each(root).flatten().map(|kind| kind.name).collect();
    let shown: String = name.chars().take(64).flat_map(char::escape_debug).collect();
    let error = Error::usage(format!("there is no kind `{shown}`")).detail("nothing was written");
    match crate::name::nearest(name, names.iter().map(String::as_str)) {
        Some(near) => error.help(format!("did you mean `{near}`? nova gen --list shows all kinds")),
        None => error.help(format!("the kinds are {}", names.join(", "))),
    }
}
