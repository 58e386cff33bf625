//! `nova gen`: each kind is a function from what was typed, and the project, to a plan.

mod controller;
mod ws_handler;

use std::path::{Path, PathBuf};

use crate::args;
use crate::edit::{Module, Piece};
use crate::error::{Error, Result};
use crate::name::{Name, Role};
use crate::plan::{Part, Plan, Tense};
use crate::project::Project;
use crate::template::Template;
use crate::terminal;

/// Where the table of routes is.
const ROUTES: &str = "src/routes.rs";
/// Where the modules at the root of the crate are declared.
const LIBRARY: &str = "src/lib.rs";

/// What is to be generated.
#[derive(Debug)]
struct Generated {
    parts: Vec<Part>,
    /// As in "controller `posts`".
    what: String,
    /// The path to look at in a browser, and what to do there.
    visit: Option<(String, &'static str)>,
}

/// Runs `nova gen`.
pub(crate) fn run(args: &args::Gen) -> Result<()> {
    let directory = std::env::current_dir()
        .map_err(|error| Error::failed(format!("the current directory can't be used: {error}")))?;
    let project = Project::find(&directory)?;
    let (generated, write) = match &args.kind {
        args::Kind::Controller(args) => (controller::generate(args, &project)?, args.write),
        args::Kind::WsHandler(args) => (ws_handler::generate(args, &project)?, args.write),
    };
    let checked = Plan::adding(&project.root, generated.parts).check()?;
    if write.dry_run {
        checked.print(Tense::Future);
        terminal::status("Finished", "dry run, nothing was written");
        return Ok(());
    }
    checked.apply()?;
    checked.print(Tense::Past);
    if checked.is_done() {
        terminal::status("Finished", "nothing to do");
        return Ok(());
    }
    terminal::status("Finished", generated.what);
    if let Some((path, how)) = generated.visit {
        terminal::plain(format!(
            "\nnext: nova serve, then open {}{path}{how}",
            address(&project.root)
        ));
    }
    Ok(())
}

/// Generates the WebSocket handler of a chat in a project that has just been made, and gives the number of files.
pub(crate) fn chat(root: &Path) -> Result<usize> {
    let args = args::GenWsHandler {
        name: "chat".to_owned(),
        write: args::Write { dry_run: false },
    };
    let generated = ws_handler::generate(&args, &Project::find(root)?)?;
    let checked = Plan::adding(root, generated.parts).check()?;
    checked.apply()?;
    Ok(checked.created())
}

/// Parses the name of something, and says so when it is used in another spelling.
fn named(typed: &str, role: &Role<'_>) -> Result<Name> {
    let name = Name::parse(typed, role)?;
    if name.snake() != typed {
        terminal::status(
            "Named",
            format!("{} (`{typed}` in the spelling of modules)", name.snake()),
        );
    }
    Ok(name)
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

/// A new module `name` in the shared module `parent`, which is there afterwards: the file's text and its declaration.
fn module(project: &Project, parent: &str, beginning: &Template, name: &str, content: String) -> Result<Vec<Part>> {
    let declare = |name: &str| Piece::Module(Module { name: name.to_owned() });
    let flat = PathBuf::from(format!("src/{parent}.rs"));
    let nested = PathBuf::from(format!("src/{parent}/mod.rs"));
    let shared = if project.root.join(&flat).is_file() {
        flat
    } else {
        nested
    };
    Ok(vec![
        Part::File {
            path: format!("src/{parent}/{name}.rs").into(),
            content,
        },
        Part::SharedModule {
            path: shared.clone(),
            content: beginning.render(&())?,
            declared_in: LIBRARY.into(),
            declaration: declare(parent),
        },
        Part::Piece {
            path: shared,
            piece: declare(name),
        },
    ])
}

/// Where the application will listen, as its configuration has it.
fn address(root: &Path) -> String {
    let configuration = std::fs::read_to_string(root.join("nova.toml")).unwrap_or_default();
    let table: toml::Table = configuration.parse().unwrap_or_default();
    let port = table
        .get("server")
        .and_then(|server| server.get("port"))
        .and_then(toml::Value::as_integer);
    format!("http://127.0.0.1:{}", port.unwrap_or(8080))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::tree;
    use crate::template::PROJECT;

    /// A new project whose files have these newlines.
    fn project(newline: &str) -> (tempfile::TempDir, Project) {
        let directory = tempfile::tempdir().unwrap();
        let data = serde_json::json!({
            "package": "app", "crate": "app", "title": "app", "own_workspace": false, "nats": false,
            "runtime": "nova = { package = \"nova-framework\", version = \"0.1\" }",
        });
        for (path, template) in PROJECT {
            let path = directory.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, template.render(&data).unwrap().replace('\n', newline)).unwrap();
        }
        let project = Project::find(directory.path()).unwrap();
        (directory, project)
    }

    fn controller(name: &str, actions: &[&str], project: &Project) -> Plan {
        let args = args::GenController {
            name: name.to_owned(),
            actions: actions.iter().map(|&action| action.to_owned()).collect(),
            write: args::Write { dry_run: false },
        };
        Plan::adding(&project.root, controller::generate(&args, project).unwrap().parts)
    }

    fn ws_handler(name: &str, project: &Project) -> Plan {
        let args = args::GenWsHandler {
            name: name.to_owned(),
            write: args::Write { dry_run: false },
        };
        Plan::adding(&project.root, ws_handler::generate(&args, project).unwrap().parts)
    }

    #[test]
    fn everything_generated_can_be_taken_back_in_any_order() {
        let long = "x".repeat(64);
        let every = ["index", "new", "show", "create", "edit", "update", "delete", "archive"];
        for newline in ["\n", "\r\n"] {
            let (directory, project) = project(newline);
            let before = tree(directory.path());
            let plans = [
                controller("posts", &every, &project),
                ws_handler("chat", &project),
                controller(&long, &["show"], &project),
                controller("about", &[], &project),
                ws_handler("blog-post", &project),
            ];
            for plan in &plans {
                plan.check().unwrap().apply().unwrap();
                assert!(plan.check().unwrap().is_done());
            }
            for at in [2, 0, 4, 1, 3] {
                plans[at].clone().invert().check().unwrap().apply().unwrap();
            }
            assert_eq!(tree(directory.path()), before);
        }
    }
}
