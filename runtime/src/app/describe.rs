//! The route table as JSON lines, for tools: see `docs/protocol.md`.

use std::io::Write as _;

use http::Method;
use serde::Serialize;

use crate::error::Result;
use crate::fallback::Fallback;
use crate::router::AppLayer;
use crate::routes::{Endpoint, Guard, Routes, TrailingSlash, in_type, of_layer};

/// A table, with what is said of it elsewhere.
#[derive(Clone, Copy)]
pub(super) struct Table<'a> {
    routes: &'a Routes,
    /// The application's.
    layers: &'a [AppLayer],
    /// The application's.
    fallback: Option<&'a Fallback>,
    slashes: TrailingSlash,
}

#[derive(Serialize)]
struct Description<'a> {
    kind: &'static str,
    methods: Vec<&'a str>,
    host: Option<&'a str>,
    path: String,
    handler: Option<String>,
    security: Option<String>,
    public: Option<&'a str>,
    middleware: Vec<String>,
    body_limit: Option<usize>,
    csrf: bool,
    fallback: Option<&'static str>,
    file: &'static str,
    line: u32,
}

impl<'a> Table<'a> {
    pub(super) fn of(
        routes: &'a Routes,
        layers: &'a [AppLayer],
        fallback: Option<&'a Fallback>,
        slashes: TrailingSlash,
    ) -> Self {
        Self {
            routes,
            layers,
            fallback,
            slashes,
        }
    }

    /// As JSON values.
    pub(super) fn values(self) -> Vec<serde_json::Value> {
        let lines = self.lines();
        lines.filter_map(|line| serde_json::to_value(line).ok()).collect()
    }

    /// Prints it on standard output.
    pub(super) fn print(self) -> Result<()> {
        print(self.lines())
    }

    fn lines(self) -> impl Iterator<Item = Description<'a>> {
        let groups = self.routes.groups.iter().flat_map(move |group| {
            let layers = self.layers.iter().map(|layer| layer.type_name);
            let layers = layers.chain(group.layers.iter().map(|layer| layer.type_name));
            let middleware: Vec<String> = layers.flat_map(of_layer).collect();
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
                    path: group.path_of(route, self.slashes),
                    handler,
                    security: security(&group.guards),
                    public: group.public.as_deref(),
                    middleware: middleware.clone(),
                    body_limit: group.body_limit,
                    csrf: group.csrf,
                    fallback: group
                        .fallback
                        .as_ref()
                        .or(self.fallback)
                        .map(|fallback| in_type(fallback.type_name).unwrap_or(CLOSURE)),
                    file: route.place.file(),
                    line: route.place.line(),
                }
            })
        });
        let pages = self.routes.pages.iter().map(|page| Description {
            kind: "status",
            methods: Vec::new(),
            host: None,
            path: format!("{}{}", page.prefix, if page.prefix.is_empty() { "" } else { " " }) + &page.code.to_string(),
            handler: page.controller.map(str::to_owned),
            security: None,
            public: None,
            middleware: Vec::new(),
            body_limit: None,
            csrf: false,
            fallback: None,
            file: page.place.file(),
            line: page.place.line(),
        });
        groups.chain(pages)
    }
}

/// Prints JSON on standard output, each value on a line of its own.
pub(super) fn print(values: impl IntoIterator<Item: Serialize>) -> Result<()> {
    let mut output = std::io::stdout().lock();
    for value in values {
        serde_json::to_writer(&mut output, &value)?;
        output.write_all(b"\n")?;
    }
    output.flush()?;
    Ok(())
}

const CLOSURE: &str = "a closure";

fn security(guards: &[Guard]) -> Option<String> {
    let names: Vec<_> = guards.iter().map(|guard| guard.name.unwrap_or(CLOSURE)).collect();
    (!names.is_empty()).then(|| names.join(", "))
}
