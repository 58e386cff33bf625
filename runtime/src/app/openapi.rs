//! The route table as an `OpenAPI` document: every route as far as it is known, by its path and group, and by its
//! controller's types where they are told.

use std::collections::BTreeSet;

use http::Method;
use serde_json::{Map, Value, json};

use super::RouteTable;
use super::state::looked_at;
use crate::environment::Environment;
use crate::openapi::{Body, Documentation, Operation, Returns, Said, Schemas, references, rewrite};
use crate::problem::Problem;
use crate::routes::{Endpoint, Group, Route, Routes, TrailingSlash};

/// Changes a document before anybody sees it.
pub(super) type Change = Box<dyn FnOnce(&mut Value) + Send>;

/// The `OpenAPI` document of a table, in the environment `test`: for tests. See [`openapi`](crate::openapi).
///
/// ```
/// use nova::prelude::*;
///
/// fn routes() -> Routes {
///     Routes::new().group(Group::new("/").get("/heartbeat", async || Reply::status(200)))
/// }
///
/// let document = nova::openapi::document(routes);
/// assert!(document["paths"]["/heartbeat"]["get"].is_object());
/// ```
pub fn document<S, A>(routes: impl RouteTable<S, A>) -> Value
where
    S: Clone + Send + Sync + 'static,
{
    let routes = looked_at(routes.table(&Environment::TEST));
    of(&routes, TrailingSlash::default(), None)
}

/// The document of a table.
pub(super) fn of(routes: &Routes, slashes: TrailingSlash, change: Option<Change>) -> Value {
    let mut writer = Writer {
        schemas: Schemas::new(),
        paths: Map::new(),
        also: Vec::new(),
        ids: BTreeSet::new(),
    };
    for group in &routes.groups {
        for route in &group.routes {
            writer.route(group, route, slashes);
        }
    }
    let mut document = writer.finish();
    if let Some(change) = change {
        change(&mut document);
    }
    document
}

/// The same as a text.
pub(super) fn text(routes: &Routes, slashes: TrailingSlash, change: Option<Change>) -> String {
    of(routes, slashes, change).to_string()
}

struct Writer {
    schemas: Schemas,
    paths: Map<String, Value>,
    /// What a document can't have in its paths.
    also: Vec<Value>,
    ids: BTreeSet<String>,
}

/// A path as a document has it.
struct Template {
    path: String,
    /// The names of its parameters, and whether each is a wildcard.
    parameters: Vec<(String, bool)>,
}

impl Writer {
    fn route(&mut self, group: &Group, route: &Route, slashes: TrailingSlash) {
        let mut path = group.path_of(route, slashes);
        if let Endpoint::Assets(place) = &route.endpoint
            && place.extension().is_none()
        {
            path = format!("{}/{{*file}}", path.trim_end_matches('/'));
        }
        let template = template(&path);
        for method in route.endpoint.methods() {
            let operation = self.operation(group, route, &template, method);
            self.add(&template, method, group.host.as_deref(), operation);
        }
    }

    /// Puts an operation where it belongs. Two hosts can have the same path, and two paths the same form, in a table, but
    /// not in a document.
    fn add(&mut self, template: &Template, method: &Method, host: Option<&str>, mut operation: Value) {
        if let Some(host) = host {
            operation["servers"] = json!([{ "url": format!("//{host}") }]);
        }
        let form = |path: &str| -> Vec<String> {
            let parts = path.split('/');
            parts
                .map(|part| if part.starts_with('{') { "{}" } else { part }.to_owned())
                .collect()
        };
        let is_taken = self
            .paths
            .keys()
            .any(|path| *path != template.path && form(path) == form(&template.path));
        let name = method.as_str().to_ascii_lowercase();
        let is_known = *method != Method::CONNECT;
        let item = self.paths.get(&template.path);
        if is_taken || !is_known || item.is_some_and(|item| item.get(&name).is_some()) {
            self.also
                .push(json!({ "method": method.as_str(), "path": template.path, "operation": operation }));
            return;
        }
        let item = self.paths.entry(&template.path).or_insert_with(|| json!({}));
        item[name] = operation;
    }

    fn operation(&mut self, group: &Group, route: &Route, template: &Template, method: &Method) -> Value {
        let documentation = match &route.endpoint {
            Endpoint::Http { controller, .. } => controller.documentation(),
            Endpoint::WebSocket(_) | Endpoint::Assets(_) => None,
        };
        let said = documentation.map(|documentation| self.said(documentation, method));
        let mut operation = Map::new();
        if let Some(name) = route.name {
            operation.insert("operationId".to_owned(), self.id(name, method).into());
        }
        let tag = documentation.and_then(|documentation| documentation.tag.clone());
        if let Some(tag) = tag.or_else(|| module(route.name?).map(str::to_owned)) {
            operation.insert("tags".to_owned(), json!([tag]));
        }
        if let Some(documentation) = documentation {
            let texts = [
                ("summary", &documentation.summary),
                ("description", &documentation.description),
            ];
            for (member, text) in texts {
                if let Some(text) = text {
                    operation.insert(member.to_owned(), text.as_str().into());
                }
            }
            if documentation.is_deprecated {
                operation.insert("deprecated".to_owned(), true.into());
            }
        }
        let parameters = self.parameters(template, said.as_ref());
        if !parameters.is_empty() {
            operation.insert("parameters".to_owned(), parameters.into());
        }
        if let Some(body) = said.as_ref().and_then(|said| said.body.as_ref()) {
            let body = json!({ "required": !body.is_optional, "content": content(&body.content) });
            operation.insert("requestBody".to_owned(), body);
        }
        let guards: Vec<_> = group
            .guards
            .iter()
            .map(|guard| guard.name.unwrap_or("a closure"))
            .collect();
        let responses = responses(&route.endpoint, said.as_ref(), !guards.is_empty());
        operation.insert("responses".to_owned(), responses);
        if !guards.is_empty() {
            operation.insert("x-nova-security".to_owned(), json!(guards));
        }
        operation.into()
    }

    /// What the types of a controller tell.
    fn said(&mut self, documentation: &Documentation, method: &Method) -> Said {
        let reads = matches!(*method, Method::GET | Method::HEAD);
        let mut operation = Operation::new(&mut self.schemas, reads);
        (documentation.types)(&mut operation);
        for (status, returns) in &documentation.returns {
            operation.forget(*status);
            match returns {
                Returns::Type(tell) => tell(&mut operation, *status),
                Returns::Nothing(meaning) => operation.answers(*status, meaning),
            }
        }
        operation.into_said()
    }

    /// A name for generated clients: `controllers::users::show` is `users_show`. No two operations have the same.
    fn id(&mut self, name: &str, method: &Method) -> String {
        let name = name.strip_prefix("controllers::").unwrap_or(name).replace("::", "_");
        let with_method = format!("{name}_{}", method.as_str().to_ascii_lowercase());
        let numbered = (2_u32..).map(|number| format!("{with_method}_{number}"));
        let mut candidates = [name, with_method.clone()].into_iter().chain(numbered);
        let free = candidates.find(|id| !self.ids.contains(id));
        let id = free.unwrap_or_default();
        self.ids.insert(id.clone());
        id
    }

    fn parameters(&self, template: &Template, said: Option<&Said>) -> Vec<Value> {
        let mut parameters = Vec::new();
        let whole = said
            .and_then(|said| said.path.as_ref())
            .map(|schema| self.schemas.resolved(schema));
        for (index, (name, is_wildcard)) in template.parameters.iter().enumerate() {
            let schema = whole.and_then(|whole| {
                let by_name = || whole.get("properties")?.get(name);
                let by_place = || whole.get("prefixItems")?.get(index);
                let alone = || (template.parameters.len() == 1 && whole.get("properties").is_none()).then_some(whole);
                by_name().or_else(by_place).or_else(alone)
            });
            let mut parameter = json!({
                "name": name,
                "in": "path",
                "required": true,
                "schema": schema.cloned().unwrap_or_else(|| json!({ "type": "string" })),
            });
            if *is_wildcard {
                parameter["description"] = "The rest of the path, slashes included.".into();
            }
            lift_description(&mut parameter);
            parameters.push(parameter);
        }
        let Some(said) = said else { return parameters };
        for schema in &said.query {
            let whole = self.schemas.resolved(schema);
            let Some(members) = whole.get("properties").and_then(Value::as_object) else {
                // Any names.
                parameters.push(json!({
                    "name": "query", "in": "query", "style": "form", "explode": true, "schema": schema,
                }));
                continue;
            };
            for (name, member) in members {
                let required = whole.get("required").and_then(Value::as_array);
                let is_required = required.is_some_and(|names| names.iter().any(|other| other == name));
                let mut parameter = json!({ "name": name, "in": "query", "required": is_required, "schema": member });
                lift_description(&mut parameter);
                parameters.push(parameter);
            }
        }
        for (name, description) in &said.headers {
            parameters.push(json!({
                "name": name, "in": "header", "description": description, "schema": { "type": "string" },
            }));
        }
        parameters
    }

    fn finish(self) -> Value {
        let mut paths = self.paths;
        let mut also = self.also;
        let (definitions, different) = self.schemas.into_definitions();
        let items = paths.values_mut().filter_map(Value::as_object_mut);
        let operations = items.flat_map(Map::values_mut);
        for operation in operations.chain(also.iter_mut().map(|also| &mut also["operation"])) {
            rewrite(&mut operation["responses"], &different);
        }
        let mut schemas = Map::new();
        schemas.insert("Problem".to_owned(), problem_schema());
        let mut needed: Vec<String> = paths.values().chain(&also).flat_map(references).collect();
        while let Some(name) = needed.pop() {
            if let Some(schema) = definitions.get(&name).filter(|_| !schemas.contains_key(&name)) {
                needed.extend(references(schema));
                schemas.insert(name, schema.clone());
            }
        }
        let mut document = json!({
            "openapi": "3.1.0",
            "info": { "title": title(), "version": version() },
            "paths": paths,
            "components": { "schemas": schemas },
        });
        if !also.is_empty() {
            document["x-nova-also"] = also.into();
        }
        document
    }
}

/// As cargo has it, where it runs the program, or the program's file.
fn title() -> String {
    let executable = || {
        let executable = std::env::current_exe().ok()?;
        Some(executable.file_stem()?.to_string_lossy().into_owned())
    };
    let name = std::env::var("CARGO_PKG_NAME").ok();
    name.or_else(executable).unwrap_or_else(|| "application".to_owned())
}

fn version() -> String {
    std::env::var("CARGO_PKG_VERSION").unwrap_or_else(|_| "0.0.0".to_owned())
}

/// The last module of a controller's path: what follows may be a type.
fn module(name: &str) -> Option<&str> {
    let (path, _) = name.rsplit_once("::")?;
    path.rsplit("::").find(|part| part.starts_with(char::is_lowercase))
}

fn template(path: &str) -> Template {
    let mut parameters = Vec::new();
    let parts: Vec<String> = path
        .split('/')
        .map(|part| match part.split_once('{') {
            Some((before, name)) if !name.starts_with('{') => {
                let name = name.trim_end_matches('}');
                let bare = name.strip_prefix('*').unwrap_or(name);
                parameters.push((bare.to_owned(), bare != name));
                format!("{before}{{{bare}}}")
            }
            // A brace that is doubled is itself, which a document can't say but in this way.
            _ => part.replace("{{", "%7B").replace("}}", "%7D"),
        })
        .collect();
    Template {
        path: parts.join("/"),
        parameters,
    }
}

/// What is said of a member is said of the parameter.
fn lift_description(parameter: &mut Value) {
    let schema = parameter.get_mut("schema").and_then(Value::as_object_mut);
    if let Some(description) = schema.and_then(|schema| schema.remove("description")) {
        parameter["description"] = description;
    }
}

fn content(content: &std::collections::BTreeMap<String, Value>) -> Value {
    let types = content
        .iter()
        .map(|(media_type, schema)| (media_type.clone(), json!({ "schema": schema })));
    Value::Object(types.collect())
}

fn problem(description: &str) -> Value {
    json!({
        "description": description,
        "content": { Problem::MEDIA_TYPE: { "schema": { "$ref": "#/components/schemas/Problem" } } },
    })
}

fn responses(endpoint: &Endpoint, said: Option<&Said>, is_guarded: bool) -> Value {
    let mut responses = Map::new();
    if is_guarded {
        responses.insert("401".to_owned(), problem("The security function denies it."));
    }
    if let Some(said) = said {
        if said.path.is_some() || !said.query.is_empty() {
            responses.insert("400".to_owned(), problem("A parameter is not of its type."));
        }
        if let Some(body) = &said.body {
            let has_parameters = responses.contains_key("400");
            refusals(body, has_parameters, &mut responses);
        }
        for (status, response) in &said.responses {
            let mut answer = Map::new();
            let description = response.description.clone().unwrap_or_else(|| meaning(status));
            answer.insert("description".to_owned(), description.into());
            if !response.content.is_empty() {
                answer.insert("content".to_owned(), content(&response.content));
            }
            responses.insert(status.clone(), answer.into());
        }
    }
    let (status, description) = match endpoint {
        Endpoint::WebSocket(_) => ("101", "The connection is a WebSocket from here on (RFC 6455)."),
        Endpoint::Assets(_) => ("200", "The file."),
        Endpoint::Http { .. } => ("2XX", "What the controller replies."),
    };
    let has_success = responses.keys().any(|status| !status.starts_with(['4', '5']));
    if !has_success {
        responses.insert(status.to_owned(), json!({ "description": description }));
    }
    responses.insert("default".to_owned(), problem("Anything that goes wrong."));
    responses.into()
}

/// What the extractors of a body refuse.
fn refusals(body: &Body, has_parameters: bool, responses: &mut Map<String, Value>) {
    let is_read = body.content.keys().any(|media_type| media_type != "text/plain");
    responses.insert("413".to_owned(), problem("The body is too long."));
    if is_read {
        let unreadable = match has_parameters {
            true => "A parameter is not of its type, or the body can't be read.",
            false => "The body can't be read.",
        };
        responses.insert("400".to_owned(), problem(unreadable));
        responses.insert("415".to_owned(), problem("The body is of another media type."));
        responses.insert("422".to_owned(), problem("The body has another form."));
    }
}

fn meaning(status: &str) -> String {
    let status = status.parse().ok();
    let status: Option<http::StatusCode> = status.and_then(|code: u16| http::StatusCode::from_u16(code).ok());
    let reason = status.and_then(|status| status.canonical_reason());
    reason.map_or_else(
        || "What the controller replies.".to_owned(),
        |reason| format!("{reason}."),
    )
}

/// What a [`Problem`] is (RFC 9457).
fn problem_schema() -> Value {
    json!({
        "description": "What is wrong (RFC 9457).",
        "type": "object",
        "required": ["title", "status"],
        "properties": {
            "type": { "type": "string", "format": "uri-reference" },
            "title": { "type": "string" },
            "status": { "type": "integer", "minimum": 400, "maximum": 599 },
            "detail": { "type": "string" },
            "errors": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["detail"],
                    "properties": {
                        "pointer": { "type": "string", "format": "json-pointer" },
                        "parameter": { "type": "string" },
                        "detail": { "type": "string" },
                    },
                },
            },
        },
    })
}
