//! What was typed when something was generated, read from what is there: nothing is kept beside the project's own files.
//!
//! What can't be told for certain is tried, and the guess whose files are the ones on disk is the right one.

use super::kind::{Kind, MANIFEST};
use super::{Generated, Wiring, controller, generic, parts, resource};
use std::io::ErrorKind;
use std::path::Path;

use crate::disk;
use crate::edit::{self, Piece, RouteTo};
use crate::error::Result;
use crate::name::{Name, NamePath, Role};
use crate::plan::{Content, Part};
use crate::project::Project;

/// What was generated under this name, and the routes that lead to it, wherever they have been moved to.
pub(super) fn generated(kind: &Kind, name: &NamePath, project: &Project) -> Result<Generated> {
    let mut generated = nearest(kind, name, project)?;
    // What holds the functions of others too, as a module that is no file of this one, keeps the routes to those.
    let goes = |holder: &String| parts::named(holder, &generated.parts).is_some();
    let Some(holder) = holder(kind, name, project).filter(goes) else {
        return Ok(generated);
    };
    for RouteTo { verb, path, function } in routes(&holder, project) {
        let wired = parts::route(verb, &path, &format!("{holder}::{function}"), project, &generated.parts);
        generated.parts.extend(wired.into_iter().flatten());
    }
    Ok(generated)
}

/// Of what may have been generated, that which is on disk.
fn nearest(kind: &Kind, name: &NamePath, project: &Project) -> Result<Generated> {
    let mut best: Option<(usize, Generated)> = None;
    for wiring in wirings(kind, name, project) {
        for candidate in candidates(kind, name, &wiring, project)? {
            let (score, of) = score(&candidate, project);
            if score == of {
                return Ok(candidate);
            }
            if best.as_ref().is_none_or(|(least, _)| score > *least) {
                best = Some((score, candidate));
            }
        }
    }
    match best {
        Some((_, generated)) => Ok(generated),
        None => generic::generate(kind, name, &Wiring::default(), project),
    }
}

fn candidates(kind: &Kind, name: &NamePath, wiring: &Wiring, project: &Project) -> Result<Vec<Generated>> {
    match kind.name.as_str() {
        "controller" => {
            let actions = actions(name, project);
            Ok(vec![controller::generate(kind, name, &actions, wiring, project)?])
        }
        "resource" => {
            let fields = fields(kind, name, wiring, project)?;
            let database = project.database();
            let shapes = [(false, database), (true, database), (false, None), (true, None)];
            let shapes = shapes.map(|(views, database)| resource::Shape {
                fields: fields.clone(),
                views,
                database,
            });
            // Without a database the last two are the first two.
            let different = if database.is_some() { 4 } else { 2 };
            shapes[..different]
                .iter()
                .map(|shape| resource::generate(kind, name, shape, wiring, project))
                .collect()
        }
        _ => Ok(vec![generic::generate(kind, name, wiring, project)?]),
    }
}

/// How it may have been wired in: at its own path or at one that a route has, or not at all.
fn wirings(kind: &Kind, name: &NamePath, project: &Project) -> Vec<Wiring> {
    let mut bases = vec![None];
    let holder = holder(kind, name, project);
    let routes = holder.map(|holder| routes(&holder, project));
    for RouteTo { path, function, .. } in routes.into_iter().flatten() {
        let below = match kind.name.as_str() {
            "controller" => controller::below(&function),
            "resource" if function == "list" => String::new(),
            "resource" => continue,
            _ => {
                let Some(own) = kind.manifest.route.first() else {
                    continue;
                };
                own.path.replacen("{{url}}", "", 1)
            }
        };
        let base = path
            .strip_suffix(&below)
            .map(|base| base.trim_end_matches('/').to_owned());
        let usual = base.as_ref() == Some(&name.url());
        if base.is_some() && !usual && !bases.contains(&base) {
            bases.push(base);
        }
    }
    // What was generated before the project had its application as a function does not call it.
    let has_app = project.has_app();
    let wired = [(true, has_app), (false, has_app), (true, !has_app), (false, !has_app)].map(|(routed, app)| {
        let at = bases.iter().cloned();
        at.map(|at| Wiring { at, routed, app }).collect::<Vec<_>>()
    });
    wired.concat()
}

/// What has the functions that its routes lead to, as `controllers::posts`.
fn holder(kind: &Kind, name: &NamePath, project: &Project) -> Option<String> {
    if matches!(kind.name.as_str(), "controller" | "resource") {
        return Some(format!("controllers::{}", name.module()));
    }
    let data = parts::data(name, &name.url(), &Wiring::default(), project);
    let route = kind.manifest.route.first()?;
    let handler = kind.say(&route.handler, &data).ok()?;
    let (holder, _) = handler.rsplit_once("::")?;
    Some(holder.to_owned())
}

/// The routes that lead to functions of `holder`.
fn routes(holder: &str, project: &Project) -> Vec<RouteTo> {
    let text = disk::text(&project.root.join(project.routes())).unwrap_or_default();
    edit::routes_to(&text, holder)
}

/// The actions of a controller: its public functions, then others that routes name. Who has taken a function out may have left
/// its route.
fn actions(name: &NamePath, project: &Project) -> Vec<Name> {
    let path = project.root.join(format!("src/controllers/{}.rs", name.path()));
    let mut functions = edit::public_functions(&disk::text(&path).unwrap_or_default());
    let routes = routes(&format!("controllers::{}", name.module()), project);
    functions.extend(routes.into_iter().map(|route| route.function));
    let names = functions
        .iter()
        .filter_map(|function| Name::parse(function, &role()).ok());
    let mut actions: Vec<Name> = Vec::new();
    for name in names {
        if !actions.contains(&name) {
            actions.push(name);
        }
    }
    actions
}

/// The fields of a resource, as its model has them.
fn fields(kind: &Kind, name: &NamePath, wiring: &Wiring, project: &Project) -> Result<Vec<resource::Field>> {
    let data = parts::data(name, &super::url(name, wiring), wiring, project);
    let path = kind.say(resource::MODEL, &data)?;
    let text = disk::text(&project.root.join(path)).unwrap_or_default();
    let fields = edit::fields_of(&text, "Draft").into_iter();
    let known = fields.filter_map(|(field, of)| resource::field(&Name::parse(&field, &role()).ok()?, &of));
    Ok(known.collect())
}

/// How much of it is on disk as it was generated, and how much there is: a whole file weighs more than a piece, of which the
/// first tells how all were wired in.
fn score(generated: &Generated, project: &Project) -> (usize, usize) {
    let read = |path: &Path| disk::bytes(&project.root.join(path)).ok().map(Content::from);
    let (mut score, mut of) = (0, 0);
    for part in &generated.parts {
        if let Part::File { path, content, .. } = part {
            of += 100;
            score += if read(path).as_ref() == Some(content) { 100 } else { 0 };
        }
    }
    let wired = generated.parts.iter().find_map(|part| match part {
        Part::Piece {
            path,
            piece: piece @ (Piece::Route(_) | Piece::Setup(_)),
            ..
        } => Some((path, piece)),
        _ => None,
    });
    if let Some((path, piece)) = wired {
        of += 1;
        // Where nobody can tell, it is there: the plan then says what is wrong with that file, and nothing is left in it
        // that leads nowhere.
        let is_there = match disk::text(&project.root.join(path)) {
            Ok(text) => piece.is_in(&text).unwrap_or(true),
            Err(error) => error.kind() != ErrorKind::NotFound,
        };
        score += usize::from(is_there);
    }
    (score, of)
}

fn role() -> Role<'static> {
    Role {
        what: format!("a {MANIFEST}"),
        command: String::new(),
        example: "index",
        taken: Vec::new(),
    }
}
