//! `nova gen ws-handler`: a type whose values are connections, and its route.

use serde::Serialize;

use super::{Generated, ROUTES};
use crate::args::GenWsHandler;
use crate::edit::{Import, Piece, Route};
use crate::error::Result;
use crate::name::Role;
use crate::plan::Part;
use crate::project::Project;
use crate::template::{WS, WS_HANDLER};

/// What the template needs to know.
#[derive(Debug, Serialize)]
struct Data {
    name: String,
    handler: String,
    path: String,
    /// A room's.
    lobby: String,
}

/// The handler and its route.
pub(super) fn generate(args: &GenWsHandler, project: &Project) -> Result<Generated> {
    let mut role = Role {
        what: "a WebSocket handler",
        command: "nova gen ws-handler ".to_owned(),
        example: "chat",
        taken: super::dependencies(project),
    };
    role.taken.push((
        "web_socket".to_owned(),
        "its type would be `WebSocketHandler`, as the trait is".to_owned(),
    ));
    let name = super::named(&args.name, &role)?;
    let data = Data {
        name: name.snake(),
        handler: format!("{}Handler", name.pascal()),
        path: format!("/{}/{{room}}", name.kebab()),
        lobby: format!("/{}/lobby", name.kebab()),
    };
    let mut parts = super::module(project, "ws", &WS, &data.name, WS_HANDLER.render(&data)?)?;
    let holder = Import {
        modules: vec!["ws".to_owned(), data.name.clone()],
        name: data.handler,
    };
    let route = Route {
        verb: "ws",
        path: data.path.clone(),
        holder: holder.clone(),
        function: "init".to_owned(),
    };
    parts.extend([Piece::Import(holder), Piece::Route(route)].map(|piece| Part::Piece {
        path: ROUTES.into(),
        piece,
    }));
    Ok(Generated {
        parts,
        what: format!("WebSocket handler `{}` at {}", data.name, data.path),
        visit: Some((data.lobby, " in two tabs")),
    })
}
