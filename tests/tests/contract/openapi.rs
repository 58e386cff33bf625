//! The OpenAPI document: every route, the types that controllers tell, and a structure that generators of clients accept.

use std::collections::{BTreeMap, BTreeSet};

use nova::App;
use nova::axum::routing::MethodFilter;
use nova::http::StatusCode;
use nova::openapi::{Argument, JsonSchema, Operation, document, typed};
use nova::prelude::*;
use nova_tests::Project;
use nova_tests::server::serve;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Somebody who may log in.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(crate = "nova::openapi::schemars")]
struct User {
    /// Given by the server.
    #[serde(skip_deserializing)]
    id: u64,
    name: String,
    #[serde(default)]
    friends: Vec<Friend>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(crate = "nova::openapi::schemars")]
struct Friend {
    name: String,
}

/// How a list is cut into pages.
#[derive(Deserialize, JsonSchema)]
#[schemars(crate = "nova::openapi::schemars")]
struct Paging {
    /// Counted from 1.
    page: u32,
    size: Option<u8>,
}

#[derive(Deserialize, JsonSchema)]
#[schemars(crate = "nova::openapi::schemars")]
struct Place {
    room: String,
    seat: u16,
}

struct ApiKey;

impl<S: Send + Sync> nova::axum::extract::FromRequestParts<S> for ApiKey {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut nova::http::request::Parts, _state: &S) -> Result<Self, StatusCode> {
        let has_key = parts.headers.contains_key("x-api-key");
        has_key.then_some(Self).ok_or(StatusCode::UNAUTHORIZED)
    }
}

impl Argument for ApiKey {
    fn tell(operation: &mut Operation<'_>) {
        operation.header("x-api-key", "The key that you were sent");
    }
}

mod controllers {
    pub(super) mod users {
        use super::super::*;

        pub(crate) async fn list(Query(paging): Query<Paging>, _key: ApiKey) -> Json<Vec<User>> {
            let users = paging.page + u32::from(paging.size.unwrap_or_default());
            Json((0..users).map(|id| user(id.into())).collect())
        }

        pub(crate) async fn show(Path(id): Path<u64>) -> Result<Json<User>, nova::Error> {
            Ok(Json(user(id)))
        }

        pub(crate) async fn create(Json(user): Json<User>) -> (StatusCode, Json<User>) {
            (StatusCode::CREATED, Json(user))
        }

        pub(crate) async fn change(State(()): State<()>, Path(_id): Path<u64>, Form(user): Form<Friend>) -> Reply {
            Reply::json(json!({ "name": user.name }))
        }

        fn user(id: u64) -> User {
            User {
                id,
                name: "Ali".to_owned(),
                friends: Vec::new(),
            }
        }
    }
}
use controllers::users;

async fn nobody() -> Access {
    Access::deny()
}

struct Silent;

impl WebSocketHandler for Silent {
    async fn handle(&mut self, _frame: Frame, _socket: &Socket) -> Commands {
        Commands::none()
    }
}

async fn seen() -> Reply {
    Reply::view(json!({}))
}

fn routes() -> Routes {
    let list = typed(users::list).summary("Lists users").tag("people");
    let change = typed(users::change)
        .returns::<Friend>(200)
        .answers(409, "The name is taken.")
        .deprecated();
    Routes::new()
        .group(
            Group::new("/users")
                .security(nobody)
                .get("/", list)
                .post("/", typed(users::create))
                .get("/{id}", typed(users::show))
                .put("/{id}", change)
                .delete("/{id}", async || Reply::status(204)),
        )
        .group(
            Group::new("/")
                .get("/heartbeat", async || Reply::status(200))
                .get(
                    "/rooms/{room}/seats/{seat}",
                    typed(async |Path(place): Path<Place>| format!("{} {}", place.room, place.seat)),
                )
                .get(
                    "/a/{x}/b/{y}",
                    typed(async |Path((x, y)): Path<(i32, String)>| format!("{x} {y}")),
                )
                .on(MethodFilter::PUT.or(MethodFilter::PATCH), "/both", users::change)
                .get("/files/{*path}", async || "a file")
                .ws("/chat/{room}", async || Silent),
        )
        .group(Group::new("/").host("api.example").get("/heartbeat", async || "alive"))
        .status(404, async || "nothing")
}

/// What is wrong with a document's structure, by the parts of the specification that it uses.
#[expect(clippy::too_many_lines, reason = "a list of rules")]
fn faults(document: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    let mut fault = |is_one: bool, what: String| {
        if is_one {
            faults.push(what);
        }
    };
    fault(document["openapi"] != "3.1.0", "its version".to_owned());
    for member in ["title", "version"] {
        fault(!document["info"][member].is_string(), format!("info.{member}"));
    }
    let known = ["openapi", "info", "servers", "paths", "components", "security", "tags"];
    for member in document.as_object().unwrap().keys() {
        fault(
            !known.contains(&member.as_str()) && !member.starts_with("x-"),
            format!("unknown member {member}"),
        );
    }
    let (mut ids, mut forms) = (BTreeSet::new(), BTreeSet::new());
    for (path, item) in document["paths"].as_object().unwrap() {
        fault(!path.starts_with('/'), format!("{path} begins with no slash"));
        let parts = path.split('/');
        let (named, form): (Vec<_>, Vec<_>) = parts
            .map(
                |part| match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
                    Some(name) => (Some(name), "{}"),
                    None => (None, part),
                },
            )
            .unzip();
        fault(!forms.insert(form.join("/")), format!("two paths like {path}"));
        let named: BTreeSet<&str> = named.into_iter().flatten().collect();
        for (method, operation) in item.as_object().unwrap() {
            let place = format!("{method} {path}");
            let methods = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];
            fault(!methods.contains(&method.as_str()), format!("{place}: no method"));
            let known = [
                "operationId",
                "tags",
                "summary",
                "description",
                "parameters",
                "requestBody",
                "responses",
                "deprecated",
                "servers",
            ];
            for member in operation.as_object().unwrap().keys() {
                fault(
                    !known.contains(&member.as_str()) && !member.starts_with("x-"),
                    format!("{place}: {member}"),
                );
            }
            if let Some(id) = operation["operationId"].as_str() {
                fault(!ids.insert(id.to_owned()), format!("{place}: {id} is twice"));
            }
            let none = Vec::new();
            let parameters = operation["parameters"].as_array().unwrap_or(&none);
            let mut seen = BTreeSet::new();
            for parameter in parameters {
                let name = parameter["name"].as_str().unwrap();
                let location = parameter["in"].as_str().unwrap();
                fault(!seen.insert((location, name)), format!("{place}: {name} is twice"));
                fault(
                    !["path", "query", "header"].contains(&location),
                    format!("{place}: {location}"),
                );
                fault(
                    location == "path" && parameter["required"] != true,
                    format!("{place}: {name} must be required"),
                );
                fault(
                    !parameter["schema"].is_object(),
                    format!("{place}: {name} has no schema"),
                );
            }
            let in_path: BTreeSet<&str> = parameters
                .iter()
                .filter(|parameter| parameter["in"] == "path")
                .map(|parameter| parameter["name"].as_str().unwrap())
                .collect();
            fault(in_path != named, format!("{place}: {in_path:?} are its parameters"));
            if let Some(body) = operation.get("requestBody") {
                fault(
                    body["content"].as_object().is_none_or(serde_json::Map::is_empty),
                    format!("{place}: an empty body"),
                );
            }
            let responses = operation["responses"].as_object().unwrap();
            fault(responses.is_empty(), format!("{place}: no responses"));
            for (status, response) in responses {
                let digits = status.trim_end_matches("XX");
                let is_status = status == "default"
                    || (digits.parse::<u16>().is_ok() && digits.len() + 2 * usize::from(digits.len() == 1) == 3);
                fault(!is_status, format!("{place}: {status}"));
                fault(
                    !response["description"].is_string(),
                    format!("{place}: {status} has no description"),
                );
            }
        }
    }
    for reference in references(document) {
        let target = reference
            .strip_prefix('#')
            .and_then(|pointer| document.pointer(pointer));
        fault(target.is_none(), format!("{reference} leads nowhere"));
    }
    faults
}

fn references(value: &Value) -> Vec<String> {
    match value {
        Value::Object(members) => {
            let own = members.get("$ref").and_then(Value::as_str).map(str::to_owned);
            own.into_iter().chain(members.values().flat_map(references)).collect()
        }
        Value::Array(elements) => elements.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}

fn parameters(operation: &Value) -> BTreeMap<(String, String), (bool, Value)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let parameters = operation["parameters"].as_array().unwrap().iter();
    parameters
        .map(|one| {
            let key = (text(&one["in"]), text(&one["name"]));
            (key, (one["required"] == true, one["schema"]["type"].clone()))
        })
        .collect()
}

fn key(location: &str, name: &str) -> (String, String) {
    (location.to_owned(), name.to_owned())
}

#[test]
fn the_document_has_the_structure_that_openapi_asks_for() {
    assert_eq!(faults(&document(routes)), [""; 0]);
}

#[test]
fn a_document_that_is_none_has_faults() {
    let mut broken = document(routes);
    broken["paths"]["/users"]["get"]["responses"]["200"] =
        json!({ "content": { "a/b": { "schema": { "$ref": "#/x" } } } });
    broken["paths"]["/users/{id}"]["get"]["parameters"] = json!([]);
    assert_eq!(faults(&broken).len(), 3, "{:?}", faults(&broken));
}

#[test]
fn every_route_is_listed_whatever_its_types_say() {
    let document = document(routes);
    let paths = document["paths"].as_object().unwrap();
    let listed: Vec<String> = paths
        .iter()
        .flat_map(|(path, item)| {
            item.as_object()
                .unwrap()
                .keys()
                .map(move |method| format!("{method} {path}"))
        })
        .collect();
    assert_eq!(
        listed,
        [
            "get /a/{x}/b/{y}",
            "patch /both",
            "put /both",
            "get /chat/{room}",
            "get /files/{path}",
            "get /heartbeat",
            "get /rooms/{room}/seats/{seat}",
            "get /users",
            "post /users",
            "delete /users/{id}",
            "get /users/{id}",
            "put /users/{id}",
        ]
    );
    let also = &document["x-nova-also"][0];
    assert_eq!((&also["path"], &also["method"]), (&json!("/heartbeat"), &json!("GET")));
    assert_eq!(also["operation"]["servers"][0]["url"], "//api.example");
    let untyped = &paths["/users/{id}"]["delete"];
    assert_eq!(parameters(untyped)[&key("path", "id")], (true, json!("string")));
    assert_eq!(untyped["x-nova-security"], json!(["openapi::nobody"]));
    let statuses: Vec<_> = untyped["responses"].as_object().unwrap().keys().collect();
    assert_eq!(statuses, ["2XX", "401", "default"]);
    assert!(paths["/chat/{room}"]["get"]["responses"]["101"].is_object());
    assert!(paths["/heartbeat"]["get"].get("x-nova-security").is_none());
}

#[test]
fn what_a_controller_takes_is_told() {
    let document = document(routes);
    let paths = &document["paths"];
    let list = &paths["/users"]["get"];
    assert_eq!(
        (&list["summary"], &list["tags"]),
        (&json!("Lists users"), &json!(["people"]))
    );
    let found = parameters(list);
    assert_eq!(found[&key("query", "page")], (true, json!("integer")));
    assert_eq!(found[&key("query", "size")], (false, json!(["integer", "null"])));
    assert_eq!(found[&key("header", "x-api-key")], (false, json!("string")));
    assert_eq!(list["parameters"][0]["description"], "Counted from 1.");

    let id = parameters(&paths["/users/{id}"]["get"]);
    assert_eq!(id[&key("path", "id")], (true, json!("integer")));
    let place = parameters(&paths["/rooms/{room}/seats/{seat}"]["get"]);
    assert_eq!(place[&key("path", "seat")], (true, json!("integer")));
    let tuple = parameters(&paths["/a/{x}/b/{y}"]["get"]);
    assert_eq!(tuple[&key("path", "x")], (true, json!("integer")));
    assert_eq!(tuple[&key("path", "y")], (true, json!("string")));

    let body = &paths["/users"]["post"]["requestBody"];
    assert_eq!(
        body["content"]["application/json"]["schema"]["$ref"],
        "#/components/schemas/User"
    );
    let responses = paths["/users"]["post"]["responses"].as_object().unwrap();
    let statuses: Vec<_> = responses.keys().collect();
    assert_eq!(statuses, ["2XX", "400", "401", "413", "415", "422", "default"]);
    let form = &paths["/users/{id}"]["put"];
    assert!(form["requestBody"]["content"]["application/x-www-form-urlencoded"].is_object());
    assert_eq!(form["deprecated"], true);
}

#[test]
fn what_a_controller_returns_is_told_and_what_it_is_said_to() {
    let document = document(routes);
    let paths = &document["paths"];
    let schema = |operation: &Value, status: &str| {
        operation["responses"][status]["content"]["application/json"]["schema"].clone()
    };
    assert_eq!(
        schema(&paths["/users/{id}"]["get"], "200")["$ref"],
        "#/components/schemas/UserOutput"
    );
    assert_eq!(
        schema(&paths["/users"]["get"], "200")["items"]["$ref"],
        "#/components/schemas/UserOutput"
    );
    assert_eq!(
        schema(&paths["/users"]["post"], "2XX")["$ref"],
        "#/components/schemas/UserOutput"
    );
    let change = &paths["/users/{id}"]["put"];
    assert_eq!(schema(change, "200")["$ref"], "#/components/schemas/Friend");
    assert_eq!(change["responses"]["409"]["description"], "The name is taken.");
    assert_eq!(
        paths["/a/{x}/b/{y}"]["get"]["responses"]["200"]["content"]["text/plain"]["schema"]["type"],
        "string"
    );
}

#[test]
fn a_type_that_is_read_otherwise_than_it_is_written_is_two() {
    let schemas = &document(routes)["components"]["schemas"];
    let (read, written) = (&schemas["User"], &schemas["UserOutput"]);
    assert_eq!(read["description"], "Somebody who may log in.");
    assert!(read["properties"].get("id").is_none() && written["properties"]["id"].is_object());
    assert_eq!(read["required"], json!(["name"]));
    assert_eq!(written["required"], json!(["id", "name", "friends"]));
    assert!(schemas.get("FriendOutput").is_none());
    // What nothing refers to is not there.
    assert!(schemas.get("Paging").is_none() && schemas["Problem"].is_object());
}

#[test]
fn a_typed_controller_is_called_as_it_would_be_without() {
    let server = serve(|| {
        let view = typed(controllers::users::show);
        Routes::new().group(Group::new("/").get("/{id}", view).post("/", typed(users::create)))
    });
    assert_eq!(
        server.get("/7").json::<Value>(),
        json!({ "id": 7, "name": "Ali", "friends": [] })
    );
    assert_eq!(server.get("/x").status, 400);
    let created = server.request("POST", "/", &[("content-type", "application/json")], r#"{"name":"Bo"}"#);
    assert_eq!(
        (created.status, created.json::<Value>()["name"].clone()),
        (201, json!("Bo"))
    );
}

#[test]
fn a_typed_controller_keeps_its_name() {
    let document = document(routes);
    assert_eq!(
        document["paths"]["/users/{id}"]["get"]["operationId"],
        "openapi_controllers_users_show"
    );
    let project = Project::new().file("views/openapi/seen.hbs", "seen");
    let server = project.serve(|| App::new(|| Routes::new().group(Group::new("/").get("/", typed(seen)))));
    assert_eq!(server.get("/").text(), "seen");
}

#[test]
fn in_dev_alone_the_document_is_served_with_a_page() {
    let serve = |environment| {
        let project = Project::new().environment(environment);
        project.serve(|| {
            App::new(routes).openapi(|document| {
                document["info"]["title"] = json!("The tea shop");
            })
        })
    };
    let server = serve("dev");
    let document: Value = server.get("/__nova/openapi.json").json();
    assert_eq!(document["info"]["title"], "The tea shop");
    assert_eq!(faults(&document), [""; 0]);
    let page = server.get_accepting("/__nova/openapi", "text/html");
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(
        page.header("content-security-policy")
            .unwrap()
            .contains("script-src 'self'")
    );
    for part in ["/__nova/openapi.js", "/__nova/openapi.css"] {
        assert!(page.text().contains(part), "{part}");
        assert_eq!(server.get(part).status, 200, "{part}");
    }
    let of_another = server.request("GET", "/__nova/openapi.json", &[("host", "evil.example")], "");
    assert_eq!(of_another.status, 404);
    for environment in ["test", "prod"] {
        let server = serve(environment);
        for target in ["/__nova/openapi", "/__nova/openapi.json", "/__nova/openapi.js"] {
            assert_eq!(server.get(target).status, 404, "{environment} {target}");
        }
    }
}
