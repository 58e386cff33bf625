//! `nova gen controller`: functions that reply, a view for each page, the routes.

use std::path::PathBuf;

use serde::Serialize;
use serde_json::json;

use super::kind::Kind;
use super::{Generated, Note, Wiring, parts, url};
use crate::error::Result;
use crate::name::{Name, NamePath, Role};
use crate::project::Project;

/// The template of the controller, and that of a view.
pub(super) const CONTROLLER: &str = "src/controllers/{{path}}.rs";
const VIEW: &str = "views/{{path}}/{{action}}.hbs";

/// The actions whose route is known by their name; any other is a page below the controller's.
const KNOWN: &[(&str, &str, &str, Answer)] = &[
    ("index", "get", "", Answer::Page),
    ("new", "get", "/new", Answer::Page),
    ("show", "get", "/{id}", Answer::Record),
    ("create", "post", "", Answer::Create),
    ("edit", "get", "/{id}/edit", Answer::Record),
    ("update", "put", "/{id}", Answer::Done),
    ("delete", "delete", "/{id}", Answer::Done),
];

/// rustfmt breaks a chain of calls that is longer than this.
const WIDEST_CHAIN: usize = 60;
/// It breaks any line that is longer than this.
const WIDEST_LINE: usize = 100;

/// What an action replies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Answer {
    Page,
    /// A page about one record.
    Record,
    /// A way to the page that lists it.
    Create,
    /// That it was done.
    Done,
}

#[derive(Debug, Serialize)]
struct Action {
    name: String,
    title: String,
    #[serde(skip)]
    verb: &'static str,
    method: String,
    path: String,
    /// A path that the route takes.
    request: String,
    /// Whether rustfmt breaks the chain of calls that makes the request,
    broken: bool,
    /// and the line that calls the function.
    broken_call: bool,
    reply: Answer,
    view: Option<String>,
}

/// The controller, its views and its routes.
pub(super) fn generate(
    kind: &Kind,
    name: &NamePath,
    actions: &[Name],
    wiring: &Wiring,
    project: &Project,
) -> Result<Generated> {
    let base = url(name, wiring);
    let actions: Vec<Action> = actions.iter().map(|action| self::action(action, name, &base)).collect();
    let at = if base.is_empty() { "/" } else { &base };
    let mut data = parts::data(name, at, wiring, project);
    data.insert("actions".to_owned(), json!(actions));
    let mut all = parts::file(kind, kind.source(CONTROLLER)?, &data, project)?;
    let file = PathBuf::from(format!("src/controllers/{}.rs", name.path()));
    let view = kind.source(VIEW)?;
    for action in actions.iter().filter(|action| action.view.is_some()) {
        let mut data = data.clone();
        data.insert("action".to_owned(), json!(action.name));
        data.insert("view".to_owned(), json!(action.view));
        data.insert("record".to_owned(), json!(action.reply == Answer::Record));
        data.insert("controller".to_owned(), json!(file));
        all.extend(parts::belonging(parts::file(kind, view, &data, project)?, &file));
    }
    for source in &kind.sources {
        if source.destination != CONTROLLER && source.destination != VIEW {
            all.extend(parts::file(kind, source, &data, project)?);
        }
    }
    if wiring.routed {
        for action in &actions {
            let handler = format!("controllers::{}::{}", name.module(), action.name);
            let route = parts::route(action.verb, &action.path, &handler, project, &all);
            all.extend(route.into_iter().flatten());
        }
    }
    let page = actions.iter().find(|action| action.reply == Answer::Page);
    Ok(Generated {
        parts: all,
        what: wiring.told("controller", name, at),
        next: page
            .filter(|_| wiring.routed)
            .map(|page| super::visit(project, &page.path, "")),
    })
}

/// The actions that were typed, each once; `index` when there are none.
pub(super) fn actions(typed: &[String], controller: &NamePath, notes: &mut Vec<Note>) -> Result<Vec<Name>> {
    let role = Role {
        what: "an action".to_owned(),
        command: format!("nova gen controller {} ", controller.path()),
        example: "index",
        taken: Vec::new(),
    };
    let default = ["index".to_owned()];
    let typed = if typed.is_empty() { &default[..] } else { typed };
    let mut actions: Vec<Name> = Vec::new();
    for typed in typed {
        let action = Name::parse(typed, &role)?;
        super::note_spelling(typed, &action.snake(), notes);
        if !actions.contains(&action) {
            actions.push(action);
        }
    }
    Ok(actions)
}

/// What the route of an action adds to the controller's path.
pub(super) fn below(action: &str) -> String {
    let known = KNOWN.iter().find(|(known, ..)| *known == action);
    known.map_or_else(
        || format!("/{}", action.replace('_', "-")),
        |(_, _, below, _)| (*below).to_owned(),
    )
}

fn action(name: &Name, controller: &NamePath, base: &str) -> Action {
    let snake = name.snake();
    let known = KNOWN.iter().find(|(known, ..)| *known == snake);
    let (verb, reply) = known.map_or(("get", Answer::Page), |(_, verb, _, reply)| (*verb, *reply));
    let mut path = format!("{base}{}", below(&snake));
    if path.is_empty() {
        path.push('/');
    }
    let request = path.replace("{id}", "1");
    let is_page = matches!(reply, Answer::Page | Answer::Record);
    let title = controller.name.title();
    Action {
        title: match snake.as_str() {
            "index" => title,
            _ => format!("{title}: {}", name.title().to_lowercase()),
        },
        method: verb.to_uppercase(),
        broken: format!("app.get(\"{request}\").await").len() > WIDEST_CHAIN,
        broken_call: format!("            let reply = super::{snake}().await;").len() > WIDEST_LINE,
        request,
        view: is_page.then(|| format!("views/{}/{snake}.hbs", controller.path())),
        name: snake,
        verb,
        path,
        reply,
    }
}
