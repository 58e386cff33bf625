//! Requests that pages of other sites have a visitor's browser send are refused.

use nova::App;
use nova::prelude::*;
use nova::session::MemoryStore;
use nova_tests::http::Response;
use nova_tests::server::serve;
use nova_tests::{Project, Server};

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const CROSS: (&str, &str) = ("sec-fetch-site", "cross-site");

#[derive(serde::Deserialize)]
struct Order {
    tea: String,
}

async fn order(Form(order): Form<Order>) -> String {
    order.tea
}

fn routes() -> Routes {
    let token = async |csrf: CsrfToken| Reply::json(json!({ "csrf": csrf, "again": csrf.to_string() }));
    let log_in = async |session: Session| session.rotate().is_ok().to_string();
    let shown = async |csrf: CsrfToken| Reply::view_named("form", json!({ "csrf": csrf }));
    Routes::new()
        .group(
            Group::new("/")
                .get("/token", token)
                .get("/form", shown)
                .post("/login", log_in)
                .post("/order", order)
                .put("/order", order)
                .post("/any", async || "done")
                .delete("/any", async || "done")
                .get("/any", async || "read"),
        )
        .group(Group::new("/big").body_limit(3_000_000).post("/order", order))
        .group(Group::new("/hooks").csrf(false).post("/order", order))
}

fn project() -> Project {
    Project::new().file("views/form.hbs", "<input name=\"_csrf\" value=\"{{csrf}}\">")
}

fn with_sessions() -> Server {
    project().serve(|| App::new(routes).sessions(MemoryStore::new()))
}

fn post(server: &Server, headers: &[(&str, &str)], body: &str) -> Response {
    let headers: Vec<_> = std::iter::once(FORM).chain(headers.iter().copied()).collect();
    server.request("POST", "/order", &headers, body)
}

/// A cookie with a token for it.
fn token(server: &Server) -> (String, String) {
    let response = server.get("/token");
    let cookie = response
        .header("set-cookie")
        .unwrap()
        .split(';')
        .next()
        .unwrap()
        .to_owned();
    let token: serde_json::Value = response.json();
    assert_eq!(token["csrf"], token["again"]);
    (cookie, token["csrf"].as_str().unwrap().to_owned())
}

#[test]
fn a_form_of_another_site_is_403_with_its_page() {
    let server = Project::new().serve(|| App::new(|| routes().status(403, async || "not from there")));
    for headers in [
        &[CROSS][..],
        &[CROSS, ("origin", "https://evil.example")],
        &[("sec-fetch-site", "same-site"), ("origin", "http://evil.localhost")],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
    ] {
        let response = post(&server, headers, "tea=green");
        assert_eq!(
            (response.status, response.text()),
            (403, "not from there"),
            "{headers:?}"
        );
    }
    for method in ["POST", "DELETE"] {
        assert_eq!(server.request(method, "/any", &[CROSS], "").status, 403);
    }
    let json = [CROSS, ("content-type", "application/json")];
    assert_eq!(server.request("POST", "/any", &json, "{}").status, 403);
}

#[test]
fn a_form_of_the_same_origin_passes_without_a_session() {
    let server = serve(routes);
    for headers in [
        &[("sec-fetch-site", "same-origin"), ("origin", "http://localhost")][..],
        &[("sec-fetch-site", "none")],
        &[("origin", "http://localhost")],
        &[],
    ] {
        let response = post(&server, headers, "tea=green");
        assert_eq!((response.status, response.text()), (200, "green"), "{headers:?}");
    }
}

#[test]
fn reading_is_for_every_page() {
    let server = serve(routes);
    assert_eq!(server.request("GET", "/any", &[CROSS], "").text(), "read");
    assert_eq!(server.request("OPTIONS", "/any", &[CROSS], "").status, 204);
}

#[test]
fn a_group_can_do_without() {
    let server = serve(routes);
    let response = server.request("POST", "/hooks/order", &[FORM, CROSS], "tea=green");
    assert_eq!((response.status, response.text()), (200, "green"));
}

#[test]
fn it_is_refused_before_the_security_function() {
    let server = serve(|| {
        let group = Group::new("/").security(async || false);
        Routes::new().group(group.post("/", async || "done"))
    });
    assert_eq!(server.request("POST", "/", &[CROSS], "").status, 403);
    assert_eq!(server.request("POST", "/", &[], "").status, 401);
}

#[test]
fn an_allowed_origin_passes() {
    let server = Project::new()
        .variable("NOVA_CSRF_ALLOWED_ORIGINS", "https://app.example.com")
        .serve(|| App::new(routes));
    let allowed = [CROSS, ("origin", "https://app.example.com")];
    assert_eq!(post(&server, &allowed, "tea=green").status, 200);
    assert_eq!(
        post(&server, &[CROSS, ("origin", "https://evil.example")], "tea=green").status,
        403
    );
}

#[test]
fn a_token_passes_where_the_headers_say_too_little() {
    let server = with_sessions();
    let (cookie, token) = token(&server);
    let cookie = ("cookie", cookie.as_str());
    let body = format!("tea=green&_csrf={token}");
    let unclear = [
        &[cookie][..],
        &[cookie, ("origin", "null")],
        &[cookie, ("origin", "https://public.example")],
        &[cookie, ("sec-fetch-site", "same-site")],
    ];
    for headers in unclear {
        let response = post(&server, headers, &body);
        assert_eq!((response.status, response.text()), (200, "green"), "{headers:?}");
        let header = [headers, &[("x-csrf-token", token.as_str())]].concat();
        assert_eq!(post(&server, &header, "tea=green").status, 200, "{headers:?}");
        assert_eq!(post(&server, headers, "tea=green").status, 403, "{headers:?}");
    }
    // Not where they say enough.
    assert_eq!(post(&server, &[cookie, CROSS], &body).status, 403);
    assert_eq!(
        post(&server, &[cookie, ("sec-fetch-site", "same-origin")], "tea=green").status,
        200
    );
}

#[test]
fn a_token_is_for_its_own_session() {
    let server = with_sessions();
    let (cookie, own) = token(&server);
    let (_, other) = token(&server);
    let cookie = ("cookie", cookie.as_str());
    let long = "a".repeat(86);
    for wrong in [other.as_str(), "", "x", "%00", &long, &own[1..], &format!("{own}A")] {
        let response = post(&server, &[cookie], &format!("_csrf={wrong}&tea=green"));
        assert_eq!(response.status, 403, "{wrong}");
    }
    assert_eq!(post(&server, &[cookie], &format!("_csrf={own}&tea=green")).status, 200);
    // Without the cookie it is for nobody.
    let unclear = [("origin", "null")];
    assert_eq!(post(&server, &unclear, &format!("_csrf={own}&tea=green")).status, 403);
    let forged = [("origin", "null"), ("cookie", &format!("session={}", "a".repeat(68)))];
    assert_eq!(post(&server, &forged, &format!("_csrf={own}&tea=green")).status, 403);
}

#[test]
fn a_token_ends_with_the_id_of_its_session() {
    let server = with_sessions();
    let (cookie, token) = token(&server);
    let own = ("sec-fetch-site", "same-origin");
    let response = server.request("POST", "/login", &[("cookie", &cookie), own], "");
    let rotated = response
        .header("set-cookie")
        .unwrap()
        .split(';')
        .next()
        .unwrap()
        .to_owned();
    for cookie in [cookie, rotated] {
        let response = post(&server, &[("cookie", &cookie)], &format!("tea=green&_csrf={token}"));
        assert_eq!(response.status, 403);
    }
}

#[test]
fn it_is_another_text_in_every_response_and_stays_good() {
    let server = with_sessions();
    let (cookie, first) = token(&server);
    let response = server.request("GET", "/form", &[("cookie", &cookie)], "");
    let second = response.text().split('"').nth(3).unwrap().to_owned();
    assert_ne!(first, second);
    for token in [first, second] {
        let response = post(&server, &[("cookie", &cookie)], &format!("tea=green&_csrf={token}"));
        assert_eq!(response.status, 200, "{token}");
    }
}

#[test]
fn looking_for_a_token_keeps_to_the_limit_of_the_body() {
    let server = project()
        .variable("NOVA_SERVER_BODY_LIMIT", "300")
        .serve(|| App::new(routes).sessions(MemoryStore::new()));
    let (cookie, token) = token(&server);
    let body = format!("_csrf={token}&tea={}", "a".repeat(400));
    let mut connection = server.connect();
    connection.send(format!(
        "POST /order HTTP/1.1\r\nhost: localhost\r\ncookie: {cookie}\r\n{}: {}\r\ntransfer-encoding: chunked\r\n\r\n\
         {:x}\r\n{body}\r\n0\r\n\r\n",
        FORM.0,
        FORM.1,
        body.len()
    ));
    assert_eq!(connection.response("POST").status, 413);
    // A group's own limit may be above what axum's extractors take.
    let body = format!("tea={}&_csrf={token}", "a".repeat(2_500_000));
    let response = server.request("POST", "/big/order", &[("cookie", &cookie), FORM], &body);
    assert_eq!((response.status, response.body.len()), (200, 2_500_000));
    let response = post(&server, &[("cookie", &cookie)], &format!("_csrf={token}&tea=green"));
    assert_eq!(response.text(), "green");
}

#[test]
fn a_view_has_a_token_and_messages_by_itself() {
    let project = Project::new()
        .file(
            "views/layout.hbs",
            "{{#each flashes}}[{{kind}}: {{text}}]{{/each}}{{{content}}}",
        )
        .file("views/form.hbs", "{{#each items}}{{csrf_token}};{{/each}}")
        .file("views/plain.hbs", "plain");
    let server = project.serve(|| {
        let form = async || Reply::view_named("form", json!({ "items": [1, 2] }));
        let leave = async |session: Session| session.flash("info", "<saved>").is_ok().to_string();
        let clash = async || Reply::view_named("plain", json!({ "flashes": [] }));
        let routes = move || {
            let group = Group::new("/")
                .get("/form", form)
                .get("/leave", leave)
                .get("/clash", clash);
            Routes::new().group(
                group
                    .get("/plain", async || Reply::view_named("plain", ()))
                    .post("/order", order),
            )
        };
        App::new(routes).sessions(MemoryStore::new())
    });
    let page = server.get("/form");
    let cookie = page.header("set-cookie").unwrap().split(';').next().unwrap();
    let tokens: Vec<_> = page.text().split_terminator(';').collect();
    assert_eq!((tokens.len(), tokens[0]), (2, tokens[1]));
    let order = format!("tea=green&_csrf={}", tokens[0]);
    let headers = [("cookie", cookie), ("sec-fetch-site", "same-site")];
    assert_eq!(post(&server, &headers, &order).text(), "green");
    let get = |target| server.request("GET", target, &[("cookie", cookie)], "");
    get("/leave");
    assert_eq!(get("/plain").text(), "[info: &lt;saved&gt;]plain");
    assert_eq!(get("/plain").text(), "plain");
    assert_eq!(get("/clash").status, 500, "never silently");
}

#[test]
fn a_view_that_uses_neither_costs_no_session_and_needs_none() {
    let views = || {
        Project::new()
            .file("views/plain.hbs", "the light flashes: {{user.flashes}}")
            .file("views/form.hbs", "{{csrf_token}}")
    };
    let routes = || {
        let plain = async || Reply::view_named("plain", json!({ "user": { "flashes": 7 } }));
        let form = async || Reply::view_named("form", ());
        Routes::new().group(Group::new("/").get("/plain", plain).get("/form", form))
    };
    let server = views().serve(move || App::new(routes).sessions(MemoryStore::new()));
    let response = server.get("/plain");
    assert_eq!(
        (response.text(), response.header("set-cookie")),
        ("the light flashes: 7", None)
    );
    let without = views().serve(move || App::new(routes));
    assert_eq!(without.get("/plain").text(), "the light flashes: 7");
    assert_eq!(without.get("/form").status, 500);
}
