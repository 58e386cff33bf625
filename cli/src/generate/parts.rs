//! What a kind comes to in a project: files with their modules, routes, calls on the application.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::Wiring;
use super::kind::{AppSpec, Kind, RouteSpec, Source};
use crate::edit::{Import, Module, Piece, Route, Setup};
use crate::error::{Error, Result};
use crate::name::NamePath;
use crate::plan::{Content, Part};
use crate::project::Project;

/// What templates know.
pub(super) fn data(name: &NamePath, url: &str, wiring: &Wiring, project: &Project) -> Map<String, Value> {
    let snake = name.name.snake();
    let data = json!({
        "name": snake,
        "screaming": snake.to_uppercase(),
        "kebab": name.name.kebab(),
        "pascal": name.name.pascal(),
        "title": name.name.title(),
        "path": name.path(),
        "module": name.module(),
        "url": url,
        "crate": project.library,
        "package": project.name,
        "routed": wiring.routed,
        "app": wiring.app,
        "application": match (wiring.routed, wiring.app) {
            (true, true) => "crate::app().into_test().await",
            (true, false) => "testing::app(crate::routes)",
            (false, _) => "testing::app(routes)",
        },
        // So that a template can give a template.
        "o": "{{",
        "c": "}}",
    });
    match data {
        Value::Object(data) => data,
        _ => Map::new(),
    }
}

/// A file, and the modules that lead to it.
pub(super) fn file(kind: &Kind, source: &Source, data: &Map<String, Value>, project: &Project) -> Result<Vec<Part>> {
    let (path, content) = kind.render(source, data)?;
    let docs = match &kind.manifest.module {
        Some(docs) => Some(kind.say(docs, data)?),
        None => None,
    };
    Ok(module(project, path, content, docs.as_deref()))
}

/// A new file; when it is a module, also those that it is in and its declaration.
pub(super) fn module(project: &Project, path: PathBuf, content: Content, docs: Option<&str>) -> Vec<Part> {
    let modules = modules(&path);
    let of = Some(path.clone());
    let mut parts = vec![Part::file(path, content)];
    let Some((last, above)) = modules.split_last() else {
        return parts;
    };
    let declare = |name: &String| Piece::Module(Module { name: name.clone() });
    let mut declared_in = project.crate_root();
    let mut directory = PathBuf::from("src");
    for (depth, name) in above.iter().enumerate() {
        directory.push(name);
        let flat = directory.with_extension("rs");
        let shared = if project.root.join(&flat).is_file() {
            flat
        } else {
            directory.join("mod.rs")
        };
        let content = match docs {
            Some(docs) if depth == 0 => format!("//! {docs}\n"),
            _ => format!("//! What is below `{name}`.\n"),
        };
        parts.push(Part::SharedModule {
            path: shared.clone(),
            content,
            declared_in,
            declaration: declare(name),
            of: of.clone(),
        });
        declared_in = shared;
    }
    parts.push(Part::Piece {
        path: declared_in,
        piece: declare(last),
        of,
    });
    parts
}

/// The same parts, where a file among them belongs to another.
pub(super) fn belonging(parts: Vec<Part>, owner: &Path) -> impl Iterator<Item = Part> {
    let owner = owner.to_owned();
    parts.into_iter().map(move |part| match part {
        Part::File { path, content, .. } => Part::File {
            path,
            content,
            of: Some(owner.clone()),
        },
        part => part,
    })
}

/// The file whose module some code names: of `controllers::posts::index` that of `controllers::posts`.
pub(super) fn named<'a>(code: &str, parts: &'a [Part]) -> Option<&'a Path> {
    let is_in_a_name = |c: char| c.is_alphanumeric() || c == '_';
    let names: Vec<&str> = code
        .split(|c| !is_in_a_name(c))
        .filter(|name| !name.is_empty())
        .collect();
    let files = parts.iter().filter_map(|part| match part {
        Part::File { path, .. } => Some((modules(path), path)),
        _ => None,
    });
    files
        .filter(|(modules, _)| !modules.is_empty() && names.windows(modules.len()).any(|run| run == modules.as_slice()))
        .max_by_key(|(modules, _)| modules.len())
        .map(|(_, path)| path.as_path())
}

/// `src/ws/chat.rs` is the module `chat` in `ws`. What is not a module of the library has none.
pub(super) fn modules(path: &Path) -> Vec<String> {
    let inside = path
        .strip_prefix("src")
        .ok()
        .filter(|_| path.extension().is_some_and(|rs| rs == "rs"));
    let names: Option<Vec<String>> = inside.and_then(|inside| {
        let names = inside.with_extension("");
        let names = names.iter().map(|name| name.to_str().map(str::to_owned));
        names.collect()
    });
    let mut names = names.unwrap_or_default();
    let is_identifier = |name: &String| syn::parse_str::<syn::Ident>(name).is_ok();
    match names.as_slice() {
        [first, ..] if first == "bin" => return Vec::new(),
        [only] if only == "main" || only == "lib" => return Vec::new(),
        [.., last] if last == "mod" => {
            names.pop();
        }
        _ => {}
    }
    if names.iter().all(is_identifier) {
        names
    } else {
        Vec::new()
    }
}

/// A module that is there twice is none: `a.rs` beside `a/mod.rs`.
pub(super) fn refuse_rivals(parts: &[Part], project: &Project) -> Result<()> {
    match rival(parts, &project.root) {
        None => Ok(()),
        Some((path, rival)) => Err(Error::failed(format!("{} is that module already", rival.display()))
            .detail("nothing was written")
            .help(format!("choose another name, or move it to {} first", path.display()))),
    }
}

/// A module in one of the same name is an error to clippy, which projects are checked by.
pub(super) fn refuse_doubles(parts: &[Part], kind: &Kind, name: &NamePath) -> Result<()> {
    for part in parts {
        let Part::File { path, .. } = part else {
            continue;
        };
        let modules = modules(path);
        let double = modules
            .windows(2)
            .find_map(|pair| (pair[0] == pair[1]).then(|| &pair[0]));
        if let Some(module) = double {
            let typed = name.path();
            return Err(Error::usage(format!(
                "`{typed}` can't be a {} name: a module `{module}` would be in another of that name",
                kind.name
            ))
            .detail("nothing was written")
            .help(format!("nova gen {} {}", kind.name, my(&typed))));
        }
    }
    Ok(())
}

/// `admin/my_users` for `admin/users`
fn my(path: &str) -> String {
    match path.rsplit_once('/') {
        Some((above, name)) => format!("{above}/my_{name}"),
        None => format!("my_{path}"),
    }
}

/// What was generated is never in `a/mod.rs`: the declaration of such a module, and its routes, are somebody's.
pub(super) fn refuse_others(parts: &[Part], name: &NamePath, project: &Project) -> Result<()> {
    match rival(parts, &project.root) {
        None => Ok(()),
        Some((_, rival)) => Err(
            Error::failed(format!("{} is that module, and was not generated", rival.display()))
                .detail("nothing was written")
                .help(format!(
                    "what is below it goes by its own name, such as {}/users",
                    name.path()
                )),
        ),
    }
}

/// A file of these parts, and the one that has its module already.
pub(crate) fn rival<'a>(parts: &'a [Part], root: &Path) -> Option<(&'a Path, PathBuf)> {
    parts.iter().find_map(|part| {
        let Part::File { path, .. } = part else {
            return None;
        };
        let rival = if path.ends_with("mod.rs") {
            path.parent()?.with_extension("rs")
        } else {
            path.with_extension("").join("mod.rs")
        };
        let is_there = path.extension().is_some_and(|rs| rs == "rs") && root.join(&rival).is_file();
        is_there.then_some((path.as_path(), rival))
    })
}

/// A route to a function in a file of these parts, and the import of what answers it.
pub(super) fn route(
    verb: &'static str,
    path: &str,
    handler: &str,
    project: &Project,
    parts: &[Part],
) -> Option<[Part; 2]> {
    let mut modules: Vec<String> = handler.split("::").map(str::to_owned).collect();
    let function = modules.pop()?;
    let name = modules.pop()?;
    let holder = Import { modules, name };
    let route = Route {
        verb,
        path: path.to_owned(),
        holder: holder.clone(),
        function,
    };
    Some([Piece::Import(holder), Piece::Route(route)].map(|piece| Part::Piece {
        path: project.routes(),
        piece,
        of: named(handler, parts).map(Path::to_owned),
    }))
}

/// The routes that a kind's manifest asks for.
pub(super) fn routes(kind: &Kind, data: &Map<String, Value>, project: &Project, files: &[Part]) -> Result<Vec<Part>> {
    let mut parts = Vec::new();
    for RouteSpec { verb, path, handler } in &kind.manifest.route {
        let verb = Route::verb(verb).ok_or_else(|| {
            Error::failed(format!("kind.toml of {}: `{verb}` is no method of a group", kind.name))
                .detail("nothing was written")
        })?;
        let (path, handler) = (kind.say(path, data)?, kind.say(handler, data)?);
        let wired = route(verb, &path, &handler, project, files);
        parts.extend(wired.into_iter().flatten());
    }
    Ok(parts)
}

/// The calls on the application that a kind's manifest asks for.
pub(super) fn setups(kind: &Kind, data: &Map<String, Value>, project: &Project, files: &[Part]) -> Result<Vec<Part>> {
    let path = project.application();
    let mut data = data.clone();
    if path == project.crate_root() || path != Path::new("src/main.rs") {
        // A crate does not know itself by its name.
        data.insert("crate".to_owned(), json!("crate"));
    }
    let mut parts = Vec::new();
    for AppSpec { method, arguments } in &kind.manifest.app {
        let arguments = arguments.iter().map(|argument| kind.say(argument, &data));
        let arguments: Vec<String> = arguments.collect::<Result<_>>()?;
        parts.push(Part::Piece {
            path: path.clone(),
            of: named(&arguments.join(", "), files).map(Path::to_owned),
            piece: Piece::Setup(Setup {
                method: method.clone(),
                arguments,
            }),
        });
    }
    Ok(parts)
}
