//! `nova gen` and `nova destroy`: each kind is a function from what was typed, and the project, to the parts of a plan.

mod controller;
mod generic;
mod infer;
pub(crate) mod kind;
mod named;
mod parts;
mod resource;
mod tables;

use std::path::Path;

pub(crate) use parts::rival;
use serde_json::json;

use crate::args;
use crate::error::{Error, Result};
use crate::name::{NamePath, Role, nearest};
use crate::plan::{Part, Plan};
use crate::project::Project;
use crate::work::{self, Note, Work};
use crate::{disk, settings, terminal};
use kind::Kind;

/// What is to be generated.
#[derive(Debug)]
struct Generated {
    parts: Vec<Part>,
    /// As in "controller `posts`".
    what: String,
    /// What comes next.
    next: Option<String>,
}

/// How something is wired in.
#[derive(Clone, Debug, Default)]
struct Wiring {
    /// The path, when it is not made from the name: without a `/` at its end.
    at: Option<String>,
    /// Whether it is wired in at all.
    routed: bool,
    /// Whether its tests call the whole application, which the project has as a function: older projects have none.
    app: bool,
}

impl Wiring {
    /// What has been generated, and where it is, as `controller `posts` at /posts`.
    fn told(&self, kind: &str, name: &NamePath, at: &str) -> String {
        let name = name.path();
        if self.routed {
            format!("{kind} `{name}` at {at}")
        } else {
            format!("{kind} `{name}`, which no route leads to")
        }
    }
}

/// Something to generate, as it was typed.
enum Asked<'a> {
    Controller(&'a args::GenController),
    Resource(&'a args::GenResource),
    Named(&'a args::GenNamed),
}

/// Runs `nova gen`.
pub(crate) fn run(args: args::Gen) -> Result<()> {
    if args.list {
        return list(args.json);
    }
    let Some(kind) = &args.kind else {
        return Err(Error::usage("no kind was given").help("nova gen --list shows what can be generated"));
    };
    let own;
    let (kind, asked) = match kind {
        args::Kind::Controller(args) => ("controller", Asked::Controller(args)),
        args::Kind::Resource(args) => ("resource", Asked::Resource(args)),
        args::Kind::WsHandler(args) => ("ws-handler", Asked::Named(args)),
        args::Kind::Security(args) => ("security", Asked::Named(args)),
        args::Kind::Fallback(args) => ("fallback", Asked::Named(args)),
        args::Kind::ReplyHandler(args) => ("reply-handler", Asked::Named(args)),
        args::Kind::Test(args) => ("test", Asked::Named(args)),
        args::Kind::Own(typed) => {
            let none = || Error::usage("no kind was given");
            let kind = typed.first().ok_or_else(none)?;
            let root = Project::here()?.root;
            // That there is no such kind goes before what is wrong behind it.
            Kind::find(kind, &root)?;
            own = args.own.ok_or_else(none)??;
            (kind.as_str(), Asked::Named(&own.args))
        }
    };
    let (typed, wire, write) = match &asked {
        Asked::Controller(args) => (&args.name, &args.wire, args.write),
        Asked::Resource(args) => (&args.name, &args.wire, args.write),
        Asked::Named(args) => (&args.name, &args.wire, args.write),
    };
    let root = Project::here()?.root;
    let mut told = None;
    let done = work::carry_out(&root, write.show, work::conflicts(write), || {
        let project = with_sources(&root)?;
        let kind = Kind::find(kind, &root)?;
        let mut notes = Vec::new();
        let name = named(typed, &kind, "gen", &project, &mut notes)?;
        let wiring = wiring(wire, &kind, &project)?;
        let generated = match asked {
            Asked::Controller(args) => {
                let typed: Vec<String> = args.positional.iter().chain(&args.actions).cloned().collect();
                let actions = controller::actions(&typed, &name, &mut notes)?;
                controller::generate(&kind, &name, &actions, &wiring, &project)?
            }
            Asked::Resource(args) => {
                let shape = resource::Shape {
                    fields: resource::fields(&args.fields, &name, &mut notes)?,
                    views: args.views,
                    database: resource::database(args, &project)?,
                };
                resource::generate(&kind, &name, &shape, &wiring, &project)?
            }
            Asked::Named(_) => generic::generate(&kind, &name, &wiring, &project)?,
        };
        parts::refuse_doubles(&generated.parts, &kind, &name)?;
        parts::refuse_rivals(&generated.parts, &project)?;
        tables::refuse_of_another(&generated.parts, &name, &project)?;
        told = Some((generated.what, generated.next));
        Ok(Work {
            plan: Plan::adding(&project.root, generated.parts.clone()),
            about: json!({ "command": "gen", "kind": kind.name, "name": name.path() }),
            notes,
            look: Some(Box::new(move |checked| {
                named::already(&generated.parts, checked, &project)
            })),
        })
    })?;
    let (what, next) = told.unwrap_or_default();
    done.finish(&what, next.as_deref());
    Ok(())
}

/// Runs `nova destroy`.
pub(crate) fn destroy(args: &args::Destroy) -> Result<()> {
    let root = Project::here()?.root;
    let mut told = String::new();
    let done = work::carry_out(&root, args.write.show, work::conflicts(args.write), || {
        let project = with_sources(&root)?;
        let kind = Kind::find(&args.kind, &root)?;
        let mut notes = Vec::new();
        let name = named(&args.name, &kind, "destroy", &project, &mut notes)?;
        let generated = infer::generated(&kind, &name, &project)?;
        parts::refuse_others(&generated.parts, &name, &project)?;
        told = format!("{} `{}` removed", kind.name, name.path());
        notes.extend(tables::that_stays(&generated.parts, &project));
        notes.extend(mistyped(&generated.parts, &kind, &name, &project));
        Ok(Work {
            plan: Plan::adding(&project.root, generated.parts.clone()).invert(),
            about: json!({ "command": "destroy", "kind": kind.name, "name": name.path() }),
            notes,
            look: Some(Box::new(move |checked| {
                named::still(&generated.parts, checked, &project)
            })),
        })
    })?;
    done.finish(&told, None);
    Ok(())
}

/// That there is nothing of this name, and something of one like it.
fn mistyped(parts: &[Part], kind: &Kind, name: &NamePath, project: &Project) -> Option<Note> {
    let is_there = |part: &Part| matches!(part, Part::File { path, .. } if project.root.join(path).exists());
    if parts.iter().any(is_there) {
        return None;
    }
    let names = kind.written(&project.root);
    let near = nearest(&name.path(), names.iter().map(String::as_str))?;
    let name = name.path();
    Some((
        "Missing",
        format!("there is no {} `{name}`; did you mean `{near}`?", kind.name),
    ))
}

/// Generates the WebSocket handler of a chat in a project that is to be: what it would add.
pub(crate) fn chat(project: &Project) -> Result<Vec<Part>> {
    let kind = Kind::find("ws-handler", &project.root)?;
    let role = Role {
        what: "a ws-handler".to_owned(),
        command: String::new(),
        example: "chat",
        taken: Vec::new(),
    };
    let wiring = Wiring {
        at: None,
        routed: true,
        app: true,
    };
    Ok(generic::generate(&kind, &NamePath::parse("chat", &role)?, &wiring, project)?.parts)
}

/// Prints every kind, and where its templates are.
fn list(json: bool) -> Result<()> {
    let root = Project::here().map(|project| project.root);
    // Outside a project there are the built-in ones.
    let root = root.unwrap_or_default();
    let (mut kinds, mut broken) = (Vec::new(), Vec::new());
    for kind in Kind::each(&root) {
        match kind {
            Ok(kind) => kinds.push(kind),
            Err(error) => broken.push(error),
        }
    }
    let width = kinds
        .iter()
        .map(|kind| kind.name.chars().count())
        .max()
        .unwrap_or_default();
    for kind in kinds {
        let place = kind.folder.as_ref().map(|folder| folder.display().to_string());
        let about = kind.manifest.about.as_str();
        if json {
            terminal::answer(json!({
                "kind": kind.name, "about": about, "templates": place, "built_in": kind.is_built_in,
            }));
            continue;
        }
        let place = place.map_or_else(String::new, |place| terminal::dim(&format!("  {place}")));
        terminal::answer(format!("{:width$}  {about}{place}", kind.name).trim_end());
    }
    let Some((first, others)) = broken.split_first() else {
        return Ok(());
    };
    let error = Error::failed(first.message());
    let error = others.iter().fold(error, |error, other| error.detail(other.message()));
    Err(match first.help_text() {
        Some(help) => error.help(help),
        None => error.help("nova doctor reads the templates too"),
    })
}

/// Parses the name of something, and notes when it is used in another spelling.
fn named(typed: &str, kind: &Kind, command: &str, project: &Project, notes: &mut Vec<Note>) -> Result<NamePath> {
    let mut taken = dependencies(project);
    let own = kind.manifest.taken.iter();
    taken.extend(own.map(|(name, reason)| (name.clone(), reason.clone())));
    let role = Role {
        what: format!("a {}", kind.name),
        command: format!("nova {command} {} ", kind.name),
        example: kind.manifest.example.as_deref().unwrap_or("example"),
        taken,
    };
    let name = NamePath::parse(typed, &role)?;
    if kind.manifest.nested == Some(false) && name.path().contains('/') {
        return Err(Error::usage(format!(
            "`{}` can't be a {} name: it has a `/` in it",
            name.path(),
            kind.name
        ))
        .detail("nothing was written")
        .help(format!("{}{}", role.command, name.path().replace('/', "_"))));
    }
    note_spelling(typed, &name.path(), notes);
    Ok(name)
}

fn note_spelling(typed: &str, used: &str, notes: &mut Vec<Note>) {
    if used != typed {
        notes.push(("Named", format!("{used} (`{typed}` in the spelling of modules)")));
    }
}

fn wiring(wire: &args::Wire, kind: &Kind, project: &Project) -> Result<Wiring> {
    let at = match &wire.at {
        None => None,
        Some(typed) => {
            let refused = |reason: &str| {
                let shown: String = typed.chars().take(64).flat_map(char::escape_debug).collect();
                Err(Error::usage(format!("`{shown}` can't be where it is: {reason}"))
                    .detail("nothing was written")
                    .help("a path such as --at /news"))
            };
            let good = |c: char| c.is_ascii_alphanumeric() || "-_.~/".contains(c);
            if !typed.starts_with('/') {
                return refused("it does not begin with a `/`");
            }
            if typed.len() > 64 {
                return refused("it is longer than 64 characters");
            }
            if !typed.chars().all(good) {
                return refused("only letters, digits and `-_.~/` can be used");
            }
            if typed.contains("//") || typed.split('/').any(|part| part == "." || part == "..") {
                return refused("no client asks for such a path");
            }
            Some(typed.trim_end_matches('/').to_owned())
        }
    };
    if at.is_some() && !matches!(kind.name.as_str(), "controller" | "resource") && kind.manifest.route.is_empty() {
        return Err(Error::usage(format!("a {} is at no path", kind.name))
            .detail("nothing was written")
            .help("leave --at out"));
    }
    Ok(Wiring {
        at,
        routed: !wire.no_route,
        app: project.has_app(),
    })
}

/// Where something is, without a `/` at the end: empty for the root.
fn url(name: &NamePath, wiring: &Wiring) -> String {
    wiring.at.clone().unwrap_or_else(|| name.url())
}

/// What the project's own crates are called, which no module beside them can be.
fn dependencies(project: &Project) -> Vec<(String, String)> {
    let reason = "the project depends on a crate of that name";
    project
        .dependencies
        .iter()
        .map(|name| (name.clone(), reason.to_owned()))
        .collect()
}

/// The project there, whose modules are where all is generated.
fn with_sources(root: &Path) -> Result<Project> {
    let project = Project::find(root)?;
    match project.library_elsewhere() {
        None => Ok(project),
        Some(library) => Err(Error::failed(format!(
            "modules go to src, and the library of {} is {}",
            project.name,
            library.display()
        ))
        .detail("nothing was written")
        .help("move its files to src, and take `path` out of [lib] in Cargo.toml")),
    }
}

fn visit(project: &Project, path: &str, how: &str) -> String {
    format!("next: nova serve, then open {}{path}{how}", address(&project.root))
}

/// Where the application will listen, as its configuration has it.
fn address(root: &Path) -> String {
    let configuration = disk::text(&root.join(settings::FILE)).unwrap_or_default();
    let table: toml::Table = configuration.parse().unwrap_or_default();
    let port = table
        .get("server")
        .and_then(|server| server.get("port"))
        .and_then(toml::Value::as_integer);
    format!("http://127.0.0.1:{}", port.unwrap_or(8080))
}

#[cfg(test)]
mod tests;
