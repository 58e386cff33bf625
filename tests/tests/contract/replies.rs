//! Replies: every kind with its defaults, what the caller sets, and what can be returned in a reply's place.

use nova::App;
use nova::axum::response::Html;
use nova::http::{HeaderMap, StatusCode, header};
use nova::kind;
use nova::prelude::*;
use nova_tests::server::serve;
use nova_tests::{Project, Server};
use serde::{Serialize, Serializer};

/// Fails when it is serialised.
struct Unserialisable;

impl Serialize for Unserialisable {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("not today"))
    }
}

/// Panics when it is serialised.
struct Explosive;

impl Serialize for Explosive {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        panic!("boom")
    }
}

/// A server with one controller for GET and POST of `/`.
fn replying(reply: fn() -> Reply) -> Server {
    serve(move || {
        let controller = async move || reply();
        Routes::new().group(Group::new("/").get("/", controller).post("/", controller))
    })
}

#[test]
fn json_is_200_and_201_for_a_post() {
    let server = replying(|| Reply::json(json!({ "a": [1, null] })));
    let response = server.get("/");
    assert_eq!(response.status, 200);
    assert_eq!(response.header("content-type"), Some("application/json"));
    assert_eq!(response.text(), r#"{"a":[1,null]}"#);
    assert_eq!(server.request("POST", "/", &[], "").status, 201);
}

#[test]
fn json_takes_anything_that_serialises() {
    #[derive(Serialize)]
    struct User {
        name: &'static str,
    }
    let server = replying(|| Reply::json(vec![User { name: "ali" }]));
    assert_eq!(server.get("/").text(), r#"[{"name":"ali"}]"#);
}

#[test]
fn what_does_not_serialise_is_500() {
    assert_eq!(replying(|| Reply::json(Unserialisable)).get("/").status, 500);
}

#[test]
fn what_does_not_serialise_is_500_whatever_status_was_set() {
    assert_eq!(
        replying(|| Reply::json(Unserialisable).with_status(200))
            .get("/")
            .status,
        500
    );
}

#[test]
fn a_panic_while_a_reply_is_serialised_is_500() {
    let server = replying(|| Reply::json(Explosive));
    let mut connection = server.connect();
    connection.send("GET / HTTP/1.1\r\nhost: localhost\r\n\r\n");
    assert_eq!(
        connection.try_response("GET").map(|response| response.status),
        Some(500)
    );
}

#[test]
fn status_without_a_body_is_the_page_for_that_code() {
    let response = replying(|| Reply::status(418)).get("/");
    assert_eq!((response.status, response.text()), (418, "418 I'm a teapot\n"));
}

#[test]
fn a_status_that_is_no_error_has_no_body() {
    for code in [200, 202, 204] {
        let response =
            serve(move || Routes::new().group(Group::new("/").get("/", async move || Reply::status(code)))).get("/");
        assert_eq!((response.status, response.text()), (code, ""));
    }
}

#[test]
fn status_with_a_body_is_text_or_json() {
    let response = replying(|| Reply::status(404).with_body("gone fishing")).get("/");
    assert_eq!((response.status, response.text()), (404, "gone fishing"));
    assert_eq!(response.header("content-type"), Some("text/plain; charset=utf-8"));
    let response = replying(|| Reply::status(409).with_body(json!({ "a": 1 }))).get("/");
    assert_eq!((response.status, response.text()), (409, r#"{"a":1}"#));
    assert_eq!(response.header("content-type"), Some("application/json"));
}

#[test]
fn redirect_is_302_or_another_3xx() {
    let response = replying(|| Reply::redirect("/there?a=b")).get("/");
    assert_eq!(
        (response.status, response.header("location")),
        (302, Some("/there?a=b"))
    );
    for code in [301, 303, 307, 308] {
        let server = serve(move || {
            Routes::new().group(Group::new("/").get("/", async move || Reply::redirect("/there").with_status(code)))
        });
        let response = server.get("/");
        assert_eq!((response.status, response.header("location")), (code, Some("/there")));
    }
}

#[test]
fn a_control_character_in_a_redirect_is_an_error_and_no_header() {
    for location in ["/a\r\nset-cookie: evil=1", "/a\nb", "/a\rb", "/a\0b"] {
        for status in [302, 301] {
            let server = serve(move || {
                let controller = async move || Reply::redirect(location).with_status(status);
                Routes::new().group(Group::new("/").get("/", controller))
            });
            let response = server.get("/");
            assert_eq!(response.header("location"), None, "{location:?}");
            assert_eq!(response.header("set-cookie"), None, "{location:?}");
            assert_eq!(response.status, 500, "{location:?} with {status}");
        }
    }
}

#[test]
fn a_redirect_has_no_other_status() {
    let response = replying(|| Reply::redirect("/there").with_status(200)).get("/");
    assert_eq!((response.status, response.header("location")), (500, None));
}

#[test]
fn the_callers_status_headers_and_body_win() {
    let response = replying(|| {
        Reply::json(json!({ "a": 1 }))
            .with_status(202)
            .with_header("content-type", "application/vnd.a+json")
            .with_header("x-mine", "1")
    })
    .get("/");
    assert_eq!(response.status, 202);
    assert_eq!(response.header("content-type"), Some("application/vnd.a+json"));
    assert_eq!(response.header("x-mine"), Some("1"));
    assert_eq!(response.text(), r#"{"a":1}"#);
    let response = replying(|| Reply::json(json!({ "a": 1 })).with_body("mine")).get("/");
    assert_eq!((response.status, response.text()), (200, "mine"));
}

#[test]
fn every_kind_takes_a_status_headers_and_a_body() {
    let project = Project::new().file("views/home.hbs", "<p>").file("files/a.txt", "file");
    let server = project.serve(|| {
        let reply = async |Path((kind, body)): Path<(String, bool)>| {
            let reply = match kind.as_str() {
                "json" => Reply::json(1),
                "view" => Reply::view_named("home", json!({})),
                "ok" => {
                    let (name, variables) = (Some("home".into()), kind::Data::new(json!({})));
                    Reply::of(kind::OK, kind::View { name, variables })
                }
                "status" => Reply::status(500),
                "sendfile" => Reply::sendfile(SendFile::new("files", "a.txt")),
                _ => Reply::redirect("/there"),
            };
            let reply = reply.with_header("x-a", "b").with_header("content-type", "text/x-mine");
            match body {
                true => reply.with_status(307).with_body("mine"),
                false => reply.with_status(307),
            }
        };
        App::new(move || Routes::new().group(Group::new("/").get("/{kind}/{body}", reply)))
    });
    for (kind, content) in [
        ("json", "1"),
        ("view", "<p>"),
        ("ok", "<p>"),
        ("status", ""),
        ("sendfile", "file"),
        ("redirect", ""),
    ] {
        for (body, content) in [("false", content), ("true", "mine")] {
            let response = server.get(&format!("/{kind}/{body}"));
            assert_eq!((response.status, response.text()), (307, content), "{kind}");
            let headers = (response.header("x-a"), response.header("content-type"));
            assert_eq!(headers, (Some("b"), Some("text/x-mine")), "{kind}");
            let types = response.headers.iter().filter(|(name, _)| name == "content-type");
            assert_eq!(types.count(), 1, "{kind}");
        }
    }
}

#[test]
fn what_does_not_serialise_is_told_to_the_fallback() {
    let server = Project::new().serve(|| {
        App::new(|| Routes::new().group(Group::new("/").get("/", async || Reply::json(Unserialisable))))
            .fallback(async |_, invalid: nova::Invalid| Reply::status(503).with_body(invalid.to_string()))
    });
    let response = server.get("/");
    assert_eq!((response.status, response.text()), (503, "not today"));
}

#[test]
fn a_local_redirect_goes_nowhere_else() {
    #[derive(serde::Deserialize)]
    struct Login {
        return_to: String,
    }
    let server = serve(|| {
        let login = async |Query(login): Query<Login>| Reply::redirect_local(login.return_to, "/home");
        Routes::new().group(Group::new("/").get("/login", login))
    });
    for (return_to, location) in [
        ("/posts/7%3Fpage=2", "/posts/7?page=2"),
        ("//evil.example", "/home"),
        ("/%5Cevil.example", "/home"),
        ("%5C%5Cevil.example", "/home"),
        ("https://evil.example", "/home"),
        ("javascript:alert(1)", "/home"),
        ("/%09/evil.example", "/home"),
        ("/%0D%0Aset-cookie:%20a=b", "/home"),
        ("", "/home"),
    ] {
        let response = server.get(&format!("/login?return_to={return_to}"));
        assert_eq!(
            (response.status, response.header("location")),
            (302, Some(location)),
            "{return_to}"
        );
        assert_eq!(response.header("set-cookie"), None);
    }
}

#[test]
fn a_header_of_one_name_set_twice_is_sent_twice() {
    let response = replying(|| {
        Reply::status(200)
            .with_header("set-cookie", "a=1")
            .with_header("set-cookie", "b=2")
    })
    .get("/");
    let cookies = response.headers.iter().filter(|(name, _)| name == "set-cookie");
    assert_eq!(
        cookies.map(|(_, value)| value.as_str()).collect::<Vec<_>>(),
        ["a=1", "b=2"]
    );
}

#[test]
fn what_can_not_stand_in_a_response_is_500() {
    for reply in [
        || Reply::json(1).with_header("x-a", "b\r\nc: d"),
        || Reply::json(1).with_header("x a", "b"),
        || Reply::status(42),
        || Reply::json(1).with_status(1000),
    ] as [fn() -> Reply; 4]
    {
        let response = replying(reply).get("/");
        assert_eq!((response.status, response.header("x-a")), (500, None));
    }
}

#[test]
fn any_response_of_axums_works() {
    let server = serve(|| {
        Routes::new().group(
            Group::new("/")
                .get("/text", async || "text")
                .get("/html", async || Html("<p>"))
                .get("/json", async || Json(json!({ "a": 1 })))
                .get("/status", async || StatusCode::ACCEPTED)
                .get("/tuple", async || (StatusCode::CREATED, [("x-a", "b")], "made"))
                .get("/result", async || Err::<(), _>((StatusCode::CONFLICT, "no"))),
        )
    });
    assert_eq!(server.get("/text").text(), "text");
    assert_eq!(
        server.get("/html").header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert_eq!(server.get("/json").text(), r#"{"a":1}"#);
    assert_eq!(server.get("/status").status, 202);
    let tuple = server.get("/tuple");
    assert_eq!(
        (tuple.status, tuple.header("x-a"), tuple.text()),
        (201, Some("b"), "made")
    );
    let result = server.get("/result");
    assert_eq!((result.status, result.text()), (409, "no"));
}

#[test]
fn a_reply_in_a_tuple_takes_the_tuples_status_and_headers() {
    let server = serve(|| {
        let accepted = async || (StatusCode::ACCEPTED, [("x-a", "b")], Reply::json(1));
        let failed = async || (StatusCode::INTERNAL_SERVER_ERROR, Reply::json("down"));
        let ok = async || (StatusCode::OK, Reply::json(1));
        Routes::new().group(Group::new("/").get("/", accepted).get("/failed", failed).post("/", ok))
    });
    let response = server.get("/");
    assert_eq!(
        (response.status, response.header("x-a"), response.text()),
        (202, Some("b"), "1")
    );
    assert_eq!(server.request("POST", "/", &[], "").status, 200);
    let failed = server.get("/failed");
    assert_eq!((failed.status, failed.text()), (500, r#""down""#));
}

#[test]
fn a_tuples_status_does_not_hide_a_failure() {
    let server = serve(|| {
        let unhandled = async || (StatusCode::CREATED, Reply::of("unknown", ()));
        let malformed = async || (StatusCode::CREATED, Reply::redirect("a\r\nb"));
        Routes::new().group(
            Group::new("/")
                .get("/unhandled", unhandled)
                .get("/malformed", malformed),
        )
    });
    assert_eq!(server.get("/unhandled").status, 500);
    assert_eq!(server.get("/malformed").status, 500);
}

#[test]
fn controllers_take_every_extractor() {
    #[derive(serde::Deserialize)]
    struct Search {
        q: String,
    }
    async fn all(
        Path(id): Path<u32>,
        Query(search): Query<Search>,
        State(suffix): State<&'static str>,
        headers: HeaderMap,
        Json(body): Json<serde_json::Value>,
    ) -> String {
        let agent = headers[header::USER_AGENT].to_str().unwrap();
        format!("{id} {} {suffix} {agent} {body}", search.q)
    }
    async fn form(Form(search): Form<Search>) -> String {
        search.q
    }
    let server = Project::new().serve(|| {
        App::new(|| Routes::new().group(Group::new("/").post("/form", form).post("/{id}", all))).state("state")
    });
    let headers = [("user-agent", "me"), ("content-type", "application/json")];
    assert_eq!(
        server.request("POST", "/7?q=a%20b", &headers, "[1]").text(),
        "7 a b state me [1]"
    );
    assert_eq!(server.request("POST", "/x?q=a", &headers, "[1]").status, 400);
    assert_eq!(server.request("POST", "/7?q=a", &headers, "[").status, 400);
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    assert_eq!(server.request("POST", "/form", &headers, "q=a+b").text(), "a b");
}
