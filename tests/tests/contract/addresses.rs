//! Which paths are the same: a slash at the end, percent-encoding, and what is preferred.

use nova::App;
use nova::prelude::*;
use nova_tests::server::serve;
use nova_tests::websocket::refused;
use nova_tests::{Project, Server, WebSocket};

async fn rest(Path(rest): Path<String>) -> String {
    rest
}

/// Served with this `server.trailing_slash`.
fn with_slashes(setting: &str, routes: fn() -> Routes) -> Server {
    let project = Project::new().file("nova.toml", &format!("[server]\ntrailing_slash = \"{setting}\""));
    project.serve(move || App::new(routes))
}

fn users() -> Routes {
    Routes::new()
        .group(
            Group::new("/users")
                .get("/", async || "all")
                .post("/", async || "created")
                .get("/{id}", rest),
        )
        .group(Group::new("/").get("/", async || "home").get("/files/{*path}", rest))
}

#[test]
fn a_trailing_slash_redirects_where_that_is_set() {
    let server = with_slashes("redirect", users);
    for (method, target, location) in [
        ("GET", "/users/", "/users"),
        ("POST", "/users/?a=b", "/users?a=b"),
        ("GET", "/users/1//", "/users/1"),
        ("GET", "/files/a/b/", "/files/a/b"),
        ("GET", "/nowhere/", "/nowhere"),
    ] {
        let response = server.request(method, target, &[], "");
        assert_eq!(
            (response.status, response.header("location")),
            (308, Some(location)),
            "{target}"
        );
    }
    assert_eq!(server.get("/users").text(), "all");
    assert_eq!(server.get("/").text(), "home");
}

#[test]
fn a_trailing_slash_never_redirects_to_another_host() {
    let server = with_slashes("redirect", users);
    for target in [
        "//evil.example/",
        "///evil.example//",
        "/\\evil.example/",
        "//evil.example/%2F/",
    ] {
        let response = server.get(target);
        assert_eq!((response.status, response.header("location")), (404, None), "{target}");
    }
}

#[test]
fn a_redirected_request_passes_the_applications_middleware() {
    use nova::axum::middleware::map_response;
    use nova::axum::response::Response;

    let project = Project::new().file("nova.toml", "[server]\ntrailing_slash = \"redirect\"");
    let server = project.serve(|| {
        App::new(users).layer(map_response(async |mut response: Response| {
            response.headers_mut().insert("x-seen", "yes".parse().unwrap());
            response
        }))
    });
    let response = server.get("/users/");
    assert_eq!((response.status, response.header("x-seen")), (308, Some("yes")));
}

#[test]
fn a_trailing_slash_is_another_path_where_that_is_set() {
    fn routes() -> Routes {
        let group = Group::new("/docs")
            .get("/", async || "docs")
            .get("/guide/", async || "guide");
        users().group(group).group(
            Group::new("/both")
                .get("/a", async || "without")
                .get("/a/", async || "with"),
        )
    }
    let server = with_slashes("strict", routes);
    for (target, status, text) in [
        ("/users", 200, "all"),
        ("/users/", 404, ""),
        ("/users/1", 200, "1"),
        ("/users/1/", 404, ""),
        ("/docs", 200, "docs"),
        ("/docs/", 404, ""),
        ("/docs/guide/", 200, "guide"),
        ("/docs/guide", 404, ""),
        ("/both/a", 200, "without"),
        ("/both/a/", 200, "with"),
        ("/files/a/", 200, "a/"),
        ("/", 200, "home"),
    ] {
        let response = server.get(target);
        assert_eq!(response.status, status, "{target}");
        assert!(
            status == 404 || response.text() == text,
            "{target}: {}",
            response.text()
        );
    }
}

#[test]
fn a_setting_for_slashes_that_is_none_is_refused() {
    let project = Project::new().file("nova.toml", "[server]\ntrailing_slash = \"maybe\"");
    let refusal = project.refusal(|| App::new(users));
    assert!(
        refusal.contains("server.trailing_slash") && refusal.contains("redirect"),
        "{refusal}"
    );
}

#[test]
fn a_literal_path_is_found_however_it_is_encoded() {
    let server = serve(|| {
        Routes::new().group(
            Group::new("/")
                .get("/grüße", async || "grüße")
                .get("/two words", async || "two words")
                .get("/admin", async || "admin")
                .get("/{name}", rest),
        )
    });
    for (target, text) in [
        ("/gr%C3%BC%C3%9Fe", "grüße"),
        ("/gr%c3%bc%c3%9fe", "grüße"),
        ("/two%20words", "two words"),
        ("/%61dmin", "admin"),
        ("/%61dm%69n/", "admin"),
        ("/a%2Fdmin", "a/dmin"),
        ("/%2561dmin", "%61dmin"),
    ] {
        assert_eq!(server.get(target).text(), text, "{target}");
    }
}

#[test]
fn a_security_function_is_asked_however_the_path_is_encoded() {
    let server = serve(|| {
        Routes::new()
            .group(Group::new("/admin").security(async || false).get("/{page}", rest))
            .group(Group::new("/").get("/{*rest}", rest))
    });
    assert_eq!(server.get("/other").text(), "other");
    for target in ["/admin/a", "/%61dmin/a", "/admi%6E/%61", "/admin/a/"] {
        assert_eq!(server.get(target).status, 401, "{target}");
    }
}

#[test]
fn a_wildcard_is_preferred_to_one_that_begins_before_it_whatever_stands_beside_them() {
    let paths = ["/a/{id}", "/a/{*rest}", "/{*all}", "/{x}/b"];
    for turn in 0..paths.len() {
        let server = serve(move || {
            let add = |group: Group, path: &'static str| group.get(path, async move || path);
            let (before, after) = paths.split_at(turn);
            Routes::new().group(after.iter().chain(before).copied().fold(Group::new("/"), add))
        });
        for (target, path) in [
            ("/a/1", "/a/{id}"),
            ("/a/b", "/a/{id}"),
            ("/a/b/c", "/a/{*rest}"),
            ("/c/b", "/{x}/b"),
            ("/c/d", "/{*all}"),
            ("/c", "/{*all}"),
        ] {
            assert_eq!(server.get(target).text(), path, "{target}");
        }
    }
}

struct Silent;

impl WebSocketHandler for Silent {
    async fn handle(&mut self, _frame: Frame, _socket: &Socket) -> Commands {
        Commands::none()
    }
}

#[test]
fn a_websockets_path_is_like_any_other() {
    let routes = || {
        let group = Group::new("/").ws("/räume/{room}", async |Path(_): Path<String>| Silent);
        Routes::new().group(group.get("/{*rest}", async || "the rest"))
    };
    let server = serve(routes);
    drop(WebSocket::open(&server, "/r%C3%A4ume/lobby/"));
    assert_eq!(server.request("POST", "/r%C3%A4ume/lobby", &[], "").status, 405);
    assert_eq!(server.get("/r%C3%A4ume/lobby/1").text(), "the rest");
    let server = with_slashes("strict", || {
        Routes::new().group(Group::new("/").ws("/ws", async || Silent))
    });
    drop(WebSocket::open(&server, "/ws"));
    assert_eq!(refused(&server, "/ws/", &[]).status, 404);
}
