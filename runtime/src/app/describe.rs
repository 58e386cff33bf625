//! The route table as JSON lines, for tools: see `docs/protocol.md`.

use std::io::Write as _;

use http::Method;
use serde::Serialize;

use crate::error::Result;
use crate::routes::{Endpoint, Guard, Routes};

#[derive(Serialize)]
struct Description<'a> {
    kind: &'static str,
    methods: Vec<&'a str>,
    host: Option<&'a str>,
    path: String,
    handler: Option<String>,
    security: Option<String>,
    file: &'static str,
    line: u32,
}

/// A table as JSON values.
pub(super) fn values(routes: &Routes) -> Vec<serde_json::Value> {
    lines(routes)
        .filter_map(|line| serde_json::to_value(line).ok())
        .collect()
}

/// Prints a table on standard output.
pub(super) fn print(routes: &Routes) -> Result<()> {
    let mut output = std::io::stdout().lock();
    for line in lines(routes) {
        serde_json::to_writer(&mut output, &line)?;
        output.write_all(b"\n")?;
    }
    output.flush()?;
    Ok(())
}

fn lines(routes: &Routes) -> impl Iterator<Item = Description<'_>> {
    let groups = routes.groups.iter().flat_map(|group| {
        group.routes.iter().map(move |route| {
            let (kind, handler) = match &route.endpoint {
                Endpoint::Http { .. } => ("http", route.name.map(str::to_owned)),
                Endpoint::WebSocket(_) => ("websocket", route.name.map(str::to_owned)),
                Endpoint::Assets(directory) => ("assets", Some(directory.display().to_string())),
            };
            Description {
                kind,
                methods: route.endpoint.methods().iter().map(Method::as_str).collect(),
                host: group.host.as_deref(),
                path: group.path_of(route),
                handler,
                security: security(&group.guards),
                file: route.place.file(),
                line: route.place.line(),
            }
        })
    });
    let pages = routes.pages.iter().map(|page| Description {
        kind: "status",
        methods: Vec::new(),
        host: None,
        path: page.code.to_string(),
        handler: page.controller.map(str::to_owned),
        security: None,
        file: page.place.file(),
        line: page.place.line(),
    });
    groups.chain(pages)
}

fn security(guards: &[Guard]) -> Option<String> {
    let names: Vec<_> = guards.iter().map(|guard| guard.name.unwrap_or("a closure")).collect();
    (!names.is_empty()).then(|| names.join(", "))
}
