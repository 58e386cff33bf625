//! `nova gen controller`: functions that reply, a view for each page, the routes.

use serde::Serialize;

use super::{Generated, ROUTES};
use crate::args::GenController;
use crate::edit::{Import, Piece, Route};
use crate::error::Result;
use crate::name::{Name, Role};
use crate::plan::Part;
use crate::project::Project;
use crate::template::{CONTROLLER, CONTROLLERS, VIEW};

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

/// What the template needs to know.
#[derive(Debug, Serialize)]
struct Data {
    name: String,
    url: String,
    actions: Vec<Action>,
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
    /// Whether rustfmt breaks the chain of calls that makes the request.
    broken: bool,
    reply: Answer,
    view: Option<String>,
}

/// What a view's template needs to know.
#[derive(Debug, Serialize)]
struct Page<'a> {
    view: &'a str,
    controller: String,
    record: bool,
}

/// The controller, its views and its routes.
pub(super) fn generate(args: &GenController, project: &Project) -> Result<Generated> {
    let role = Role {
        what: "a controller",
        command: "nova gen controller ".to_owned(),
        example: "posts",
        taken: super::dependencies(project),
    };
    let name = super::named(&args.name, &role)?;
    let data = Data {
        name: name.snake(),
        url: format!("/{}", name.kebab()),
        actions: actions(args, &name)?,
    };
    let mut parts = super::module(
        project,
        "controllers",
        &CONTROLLERS,
        &data.name,
        CONTROLLER.render(&data)?,
    )?;
    for action in &data.actions {
        parts.extend(view(action, &data)?);
    }
    let holder = Import {
        modules: vec!["controllers".to_owned()],
        name: data.name.clone(),
    };
    let mut pieces = vec![Piece::Import(holder.clone())];
    pieces.extend(data.actions.iter().map(|action| {
        Piece::Route(Route {
            verb: action.verb,
            path: action.path.clone(),
            holder: holder.clone(),
            function: action.name.clone(),
        })
    }));
    parts.extend(pieces.into_iter().map(|piece| Part::Piece {
        path: ROUTES.into(),
        piece,
    }));
    let page = data.actions.iter().find(|action| action.reply == Answer::Page);
    Ok(Generated {
        parts,
        what: format!("controller `{}` at {}", data.name, data.url),
        visit: page.map(|page| (page.path.clone(), "")),
    })
}

/// The actions that were typed, each once.
fn actions(args: &GenController, controller: &Name) -> Result<Vec<Action>> {
    let role = Role {
        what: "an action",
        command: format!("nova gen controller {} ", controller.snake()),
        example: "index",
        taken: Vec::new(),
    };
    let default = ["index".to_owned()];
    let typed = if args.actions.is_empty() {
        &default[..]
    } else {
        &args.actions
    };
    let mut actions: Vec<Action> = Vec::new();
    for typed in typed {
        let action = action(&super::named(typed, &role)?, controller);
        if actions.iter().all(|other| other.name != action.name) {
            actions.push(action);
        }
    }
    Ok(actions)
}

fn action(name: &Name, controller: &Name) -> Action {
    let snake = name.snake();
    let known = KNOWN.iter().find(|(known, ..)| *known == snake);
    let (verb, below, reply) = match known {
        Some((_, verb, below, reply)) => (*verb, (*below).to_owned(), *reply),
        None => ("get", format!("/{}", name.kebab()), Answer::Page),
    };
    let path = format!("/{}{below}", controller.kebab());
    let request = path.replace("{id}", "1");
    let is_page = matches!(reply, Answer::Page | Answer::Record);
    Action {
        title: match snake.as_str() {
            "index" => controller.title(),
            _ => format!("{}: {}", controller.title(), name.title().to_lowercase()),
        },
        method: verb.to_uppercase(),
        broken: format!("app.get(\"{request}\").await").len() > WIDEST_CHAIN,
        request,
        view: is_page.then(|| format!("views/{}/{snake}.hbs", controller.snake())),
        name: snake,
        verb,
        path,
        reply,
    }
}

/// The view that an action renders.
fn view(action: &Action, data: &Data) -> Result<Option<Part>> {
    let Some(view) = &action.view else {
        return Ok(None);
    };
    let content = VIEW.render(&Page {
        view,
        controller: format!("src/controllers/{}.rs", data.name),
        record: action.reply == Answer::Record,
    })?;
    Ok(Some(Part::File {
        path: view.into(),
        content,
    }))
}
