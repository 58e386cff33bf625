//! What a client is told that sent something else than a controller takes: one shape for all, in the form that it prefers.

use std::collections::BTreeMap;

use nova::App;
use nova::axum::Extension;
use nova::prelude::*;
use nova_tests::http::Response;
use nova_tests::server::serve;
use nova_tests::websocket::refused;
use nova_tests::{Journal, Project, Server};

#[derive(serde::Deserialize)]
struct User {
    name: String,
    age: u8,
}

#[derive(serde::Deserialize)]
struct Search {
    q: String,
    page: Option<u32>,
}

async fn create(Json(user): Json<User>) -> String {
    format!("{} {}", user.name, user.age)
}

async fn check(Json(user): Json<User>) -> nova::Result<Reply> {
    Problem::new(422)
        .with_detail("there is something wrong")
        .require(!user.name.is_empty(), "/name", "must not be empty")
        .require(user.age >= 18, "/age", "must be 18 or more")
        .check()?;
    Ok(Reply::status(204))
}

async fn search(Query(search): Query<Search>) -> String {
    format!("{} {:?}", search.q, search.page)
}

async fn form(Form(search): Form<Search>) -> String {
    format!("{} {:?}", search.q, search.page)
}

fn routes() -> Routes {
    Routes::new().group(
        Group::new("/")
            .post("/users", create)
            .post("/check", check)
            .get("/search", search)
            .get("/form", form)
            .post("/form", form)
            .get("/users/{id}", async |Path(id): Path<u32>| id.to_string())
            .get("/pairs/{a}/{b}", async |Path((a, b)): Path<(String, u8)>| {
                format!("{a} {b}")
            })
            .post("/any", async |Json(any): Json<nova::serde_json::Value>| any.to_string())
            .post("/names", async |Json(names): Json<BTreeMap<String, u8>>| {
                names.len().to_string()
            })
            .post("/maybe", async |user: Option<Json<User>>| user.is_some().to_string()),
    )
}

const API: (&str, &str) = ("accept", "application/json");
const BROWSER: (&str, &str) = ("accept", "text/html,application/xhtml+xml,*/*;q=0.8");
const JSON: (&str, &str) = ("content-type", "application/json");
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// Expects a problem with this status and what is behind it in the body.
fn expect(response: &Response, status: u16, title: &str, rest: &str) {
    let body = format!(r#"{{"type":"about:blank","title":"{title}","status":{status}{rest}}}"#);
    assert_eq!((response.status, response.text()), (status, &*body));
    assert_eq!(response.header("content-type"), Some("application/problem+json"));
    assert_eq!(response.header("vary"), Some("accept"));
}

fn post(server: &Server, path: &str, content_type: (&str, &str), body: &str) -> Response {
    server.request("POST", path, &[API, content_type], body)
}

#[test]
fn json_of_another_form_is_422_and_names_the_field() {
    let server = serve(routes);
    let cases = [
        (r#"{"name":"a","age":"x"}"#, "/age", "invalid type: string, expected u8"),
        (
            r#"{"name":"a","age":300}"#,
            "/age",
            "invalid value: integer `300`, expected u8",
        ),
        (r#"{"name":"a"}"#, "/age", "missing field `age`"),
        (r#"{"name":"a","name":"b","age":1}"#, "/name", "duplicate field `name`"),
        ("[]", "", "invalid length 0, expected an object"),
    ];
    for (body, pointer, detail) in cases {
        let rest = format!(
            r#","detail":"the body does not have the expected form","errors":[{{"pointer":"{pointer}","detail":"{detail}"}}]"#
        );
        expect(&post(&server, "/users", JSON, body), 422, "Unprocessable Entity", &rest);
    }
    assert_eq!(post(&server, "/users", JSON, r#"{"name":"a","age":1}"#).text(), "a 1");
    let suffix = ("content-type", "Application/Vnd.User+JSON; charset=utf-8");
    assert_eq!(post(&server, "/users", suffix, r#"{"name":"a","age":1}"#).status, 200);
}

#[test]
fn what_is_no_json_is_400() {
    let server = serve(routes);
    let deep = "[".repeat(200_000);
    let cases = [
        ("", "EOF while parsing a value at line 1 column 0"),
        ("{", "EOF while parsing an object at line 1 column 1"),
        ("[1,]", "trailing comma at line 1 column 4"),
        ("1 2", "trailing characters at line 1 column 3"),
        ("1e400", "number out of range at line 1 column 5"),
        (&*deep, "recursion limit exceeded at line 1 column 128"),
    ];
    for (body, said) in cases {
        let rest = format!(r#","detail":"the body is not valid JSON: {said}""#);
        expect(&post(&server, "/any", JSON, body), 400, "Bad Request", &rest);
    }
    let mut connection = server.connect();
    connection
        .send("POST /any HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 3\r\n\r\n");
    connection.send(b"\"\xff\"");
    let rest = r#","detail":"the body is not valid JSON: invalid unicode code point at line 1 column 2""#;
    expect(&connection.response("POST"), 400, "Bad Request", rest);
}

#[test]
fn another_content_type_is_415() {
    let server = serve(routes);
    for content_type in [
        FORM,
        ("content-type", "text/json"),
        ("content-type", "application/jsonx"),
        ("x-none", ""),
    ] {
        let rest = r#","detail":"expected a body with the content type `application/json`""#;
        let response = post(&server, "/users", content_type, "{}");
        expect(&response, 415, "Unsupported Media Type", rest);
    }
    let rest = r#","detail":"expected a body with the content type `application/x-www-form-urlencoded`""#;
    expect(&post(&server, "/form", JSON, "{}"), 415, "Unsupported Media Type", rest);
}

#[test]
fn a_body_that_may_be_missing_is_none_without_a_content_type() {
    let server = serve(routes);
    assert_eq!(server.request("POST", "/maybe", &[], "").text(), "false");
    assert_eq!(post(&server, "/maybe", JSON, r#"{"name":"a","age":1}"#).text(), "true");
    assert_eq!(post(&server, "/maybe", JSON, "").status, 400);
}

#[test]
fn a_parameter_that_is_wrong_is_named() {
    let server = serve(routes);
    let query = r#","detail":"the query does not have the expected form","errors":["#;
    let form = r#","detail":"the form does not have the expected fields","errors":["#;
    let cases = [
        ("", r#"{"parameter":"q","detail":"missing field `q`"}]"#),
        ("q=a&page=x", r#"{"parameter":"page","detail":"expected an integer"}]"#),
        ("q=a&q=b", r#"{"parameter":"q","detail":"duplicate field `q`"}]"#),
    ];
    for (text, error) in cases {
        let rest = format!("{query}{error}");
        for path in ["/search", "/form"] {
            let response = server.get_accepting(&format!("{path}?{text}"), API.1);
            expect(&response, 400, "Bad Request", &rest);
        }
        let response = post(&server, "/form", FORM, text);
        expect(&response, 422, "Unprocessable Entity", &format!("{form}{error}"));
    }
    assert_eq!(server.get("/search?q=a%20b&page=2").text(), "a b Some(2)");
    assert_eq!(server.get("/form?q=a").text(), "a None");
    assert_eq!(post(&server, "/form", FORM, "q=%C3%A9&page=2").text(), "é Some(2)");
}

#[test]
fn a_part_of_the_path_that_is_wrong_is_named() {
    let server = serve(routes);
    let cases = [
        ("/users/x", "id", "expected a value of type u32"),
        ("/pairs/a/x", "b", "expected a value of type u8"),
        ("/pairs/a/300", "b", "expected a value of type u8"),
        ("/pairs/%ff/1", "a", "expected UTF-8"),
    ];
    for (path, parameter, detail) in cases {
        let rest = format!(
            r#","detail":"the path does not have the expected form","errors":[{{"parameter":"{parameter}","detail":"{detail}"}}]"#
        );
        expect(&server.get_accepting(path, API.1), 400, "Bad Request", &rest);
    }
    assert_eq!(server.get("/pairs/%C3%A9/7").text(), "é 7");
}

#[test]
fn a_controller_that_does_not_fit_its_route_is_500_and_tells_nothing() {
    let server = serve(|| {
        let two = async |Path((a, b)): Path<(String, String)>| a + &b;
        Routes::new().group(Group::new("/").get("/{id}", two))
    });
    expect(&server.get_accepting("/x", API.1), 500, "Internal Server Error", "");
}

#[test]
fn what_a_controller_finds_wrong_has_the_same_shape() {
    let server = serve(routes);
    let rest = concat!(
        r#","detail":"there is something wrong","errors":[{"pointer":"/name","detail":"must not be empty"},"#,
        r#"{"pointer":"/age","detail":"must be 18 or more"}]"#
    );
    let response = post(&server, "/check", JSON, r#"{"name":"","age":1}"#);
    expect(&response, 422, "Unprocessable Entity", rest);
    assert_eq!(post(&server, "/check", JSON, r#"{"name":"a","age":18}"#).status, 204);
}

#[test]
fn a_problem_is_no_error_for_the_fallback() {
    let journal = Journal::new();
    let told = journal.clone();
    let server = Project::new().serve(move || {
        App::new(routes).fallback(move |_, invalid: nova::Invalid| {
            told.note(invalid.to_string());
            async { "the fallback" }
        })
    });
    let response = post(&server, "/check", JSON, r#"{"name":"","age":1}"#);
    assert_eq!(response.status, 422);
    assert_eq!(journal.take(), Vec::<String>::new());
}

#[test]
fn who_leaves_the_choice_gets_the_problem() {
    let server = serve(routes);
    for headers in [
        &[][..],
        &[("accept", "*/*")],
        &[("accept", "application/problem+json")],
        &[("accept", "image/png")],
    ] {
        let response = server.request("GET", "/users/x", headers, "");
        assert_eq!(response.header("content-type"), Some("application/problem+json"));
    }
    let response = server.get_accepting("/users/x", "text/plain");
    assert_eq!(response.header("content-type"), Some("text/plain; charset=utf-8"));
    let text = "400 Bad Request\nthe path does not have the expected form\nid: expected a value of type u32\n";
    assert_eq!((response.status, response.text()), (400, text));
}

#[test]
fn a_browser_gets_a_page_that_escapes() {
    let server = serve(routes);
    let response = server.request("POST", "/names", &[BROWSER, JSON], r#"{"<b>{reason}":"x"}"#);
    assert_eq!(
        (response.status, response.header("content-type")),
        (422, Some("text/html; charset=utf-8"))
    );
    assert_eq!(response.header("vary"), Some("accept"));
    let main = response
        .text()
        .split_once("<main>")
        .unwrap()
        .1
        .split_once("</main>")
        .unwrap()
        .0;
    let expected = concat!(
        "\n<h1>422</h1>\n<p>Unprocessable Entity</p>\n<p>the body does not have the expected form</p>\n<ul>\n",
        "<li><code>/&lt;b&gt;{reason}</code> invalid type: string, expected u8</li>\n</ul>\n"
    );
    assert_eq!(main, expected);
}

#[test]
fn a_browser_gets_the_applications_page_that_may_show_the_problem() {
    let server = serve(|| {
        routes().status(422, async |Extension(problem): Extension<Problem>| {
            format!("page: {problem}")
        })
    });
    let body = r#"{"name":"a"}"#;
    let response = server.request("POST", "/users", &[BROWSER, JSON], body);
    let text = "page: the body does not have the expected form; /age: missing field `age`";
    assert_eq!((response.status, response.text()), (422, text));
    assert_eq!(response.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(
        post(&server, "/users", JSON, body).header("content-type"),
        Some("application/problem+json")
    );
}

#[test]
fn a_form_of_too_many_fields_is_413() {
    let count = async |Form(fields): Form<Vec<(String, String)>>| fields.len().to_string();
    let server = serve(move || Routes::new().group(Group::new("/").post("/", count)));
    let kind = [("content-type", "application/x-www-form-urlencoded")];
    let response = server.request("POST", "/", &kind, &"a&".repeat(10_000));
    assert_eq!((response.status, response.text()), (200, "10000"));
    let response = server.request("POST", "/", &kind, &"a&".repeat(10_001));
    let rest = r#","detail":"there are more than 10000 fields""#;
    expect(&response, 413, "Payload Too Large", rest);
}

#[test]
fn a_body_over_the_limit_is_413_in_the_same_shape() {
    let project = Project::new().file("nova.toml", "[server]\nbody_limit = 10\n");
    let server = project.serve(|| App::new(routes));
    // Before any of it has come.
    let mut connection = server.connect();
    let head =
        "POST /users HTTP/1.1\r\nhost: localhost\r\naccept: application/json\r\ncontent-type: application/json\r\n";
    connection.send(format!("{head}content-length: 11\r\n\r\n"));
    expect(&connection.response("POST"), 413, "Payload Too Large", "");
    // Where it did not say how long it is.
    let mut connection = server.connect();
    connection.send(format!(
        "{head}transfer-encoding: chunked\r\n\r\nb\r\n{{\"name\":\"ab\r\n0\r\n\r\n"
    ));
    let rest = r#","detail":"the body is longer than is accepted here""#;
    expect(&connection.response("POST"), 413, "Payload Too Large", rest);
}

#[test]
fn a_body_shorter_than_it_says_is_never_read_as_whole() {
    let journal = Journal::new();
    let noted = journal.clone();
    let server = serve(move || {
        let note = async move |Json(any): Json<nova::serde_json::Value>| noted.note(any.to_string());
        Routes::new().group(Group::new("/").post("/", note))
    });
    let mut connection = server.connect();
    let head = "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
    connection.send(format!("{head}content-length: 9\r\n\r\n[1]"));
    connection.finish();
    if let Some(response) = connection.try_response("POST") {
        assert_eq!(response.status, 400);
    }
    // One that is longer is the next request's beginning, which is none.
    let mut connection = server.connect();
    connection.send(format!("{head}content-length: 3\r\n\r\n[2]]]\r\n\r\n"));
    assert_eq!(connection.response("POST").status, 200);
    assert_eq!(
        connection.try_response("POST").map(|response| response.status),
        Some(400)
    );
    assert_eq!(journal.take(), ["[2]"]);
}

#[test]
fn security_and_websockets_refuse_in_the_same_shape() {
    struct Echo;
    impl WebSocketHandler for Echo {
        async fn handle(&mut self, frame: Frame, _: &Socket) -> Commands {
            Commands::send(frame)
        }
    }
    async fn init(Path(id): Path<u8>) -> nova::Result<Echo, Rejection> {
        Problem::new(403).require(id < 9, "id", "must be less than 9").check()?;
        Ok(Echo)
    }
    let server = serve(|| {
        let guard = async |Query(_): Query<BTreeMap<String, u8>>| Access::allow();
        let problem =
            async || -> nova::Result<bool> { Ok(Problem::new(402).error("/", "pay").check().map(|()| true)?) };
        Routes::new()
            .group(Group::new("/").security(guard).ws("/ws/{id}", init))
            .group(Group::new("/paid").security(problem).get("/", async || "reached"))
    });
    let rest = r#","errors":[{"pointer":"/","detail":"pay"}]"#;
    expect(&server.get("/paid"), 402, "Payment Required", rest);
    let rest = r#","detail":"the query does not have the expected form","errors":[{"parameter":"a","detail":"expected an integer"}]"#;
    expect(&refused(&server, "/ws/1?a=x", &[]), 400, "Bad Request", rest);
    let rest = r#","detail":"the path does not have the expected form","errors":[{"parameter":"id","detail":"expected a value of type u8"}]"#;
    expect(&refused(&server, "/ws/x", &[]), 400, "Bad Request", rest);
    let rest = r#","errors":[{"parameter":"id","detail":"must be less than 9"}]"#;
    expect(&refused(&server, "/ws/9", &[]), 403, "Forbidden", rest);
}

#[test]
fn axums_own_extractors_and_json_as_a_response_work_as_they_do() {
    #[derive(serde::Serialize)]
    struct Name {
        name: &'static str,
    }
    struct Secret;
    impl serde::Serialize for Secret {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("the secret is 42"))
        }
    }
    let server = serve(|| {
        Routes::new().group(
            Group::new("/")
                .get("/json", async || Json(Name { name: "é" }))
                .get("/form", async || Form(Name { name: "é&" }))
                .get("/secret", async || Json(Secret))
                .get(
                    "/axum",
                    async |nova::axum::extract::Query(search): nova::axum::extract::Query<Search>| search.q,
                ),
        )
    });
    let response = server.get("/json");
    assert_eq!((response.status, response.text()), (200, r#"{"name":"é"}"#));
    assert_eq!(response.header("content-type"), Some("application/json"));
    let response = server.get("/form");
    assert_eq!(
        response.header("content-type"),
        Some("application/x-www-form-urlencoded")
    );
    assert_eq!(response.text(), "name=%C3%A9%26");
    let response = server.get("/secret");
    assert_eq!((response.status, response.text()), (500, "500 Internal Server Error\n"));
    assert_eq!(server.get("/axum?q=a").text(), "a");
    assert_eq!(server.get("/axum").status, 400);
}
