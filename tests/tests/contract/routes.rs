//! The route table: paths, methods, hosts, mounts, environments, and what is refused at start.

use nova::axum::extract::RawPathParams;
use nova::axum::routing::MethodFilter;
use nova::prelude::*;
use nova::{App, Environment};
use nova_tests::server::serve;
use nova_tests::{Project, Server};

async fn parameter(Path(value): Path<String>) -> String {
    value
}

async fn unit() {}

/// What a table is refused with.
fn refusal(routes: impl FnOnce() -> Routes + Send + 'static) -> String {
    Project::new().refusal(|| App::new(routes))
}

/// The table with these paths declared in this order, each answering with its own path.
fn declared(paths: [&'static str; 3]) -> Server {
    serve(move || {
        let add = |group: Group, path: &'static str| group.get(path, async move || path);
        Routes::new().group(paths.into_iter().fold(Group::new("/"), add))
    })
}

#[test]
fn literal_beats_parameter_beats_wildcard_whatever_the_order() {
    const LITERAL: &str = "/users/me";
    const PARAMETER: &str = "/users/{id}";
    const WILDCARD: &str = "/{*rest}";
    for order in [
        [LITERAL, PARAMETER, WILDCARD],
        [WILDCARD, PARAMETER, LITERAL],
        [PARAMETER, WILDCARD, LITERAL],
    ] {
        let server = declared(order);
        assert_eq!(server.get("/users/me").text(), LITERAL);
        assert_eq!(server.get("/users/you").text(), PARAMETER);
        assert_eq!(server.get("/users/you/again").text(), WILDCARD);
        assert_eq!(server.get("/other").text(), WILDCARD);
    }
}

#[test]
fn a_parameter_beats_a_wildcard_in_the_same_place() {
    let server = declared(["/users/{*rest}", "/users/{id}", "/users/me"]);
    assert_eq!(server.get("/users/me").text(), "/users/me");
    assert_eq!(server.get("/users/you").text(), "/users/{id}");
    assert_eq!(server.get("/users/you/again").text(), "/users/{*rest}");
}

#[test]
fn parameters_are_percent_decoded() {
    let server = serve(|| Routes::new().group(Group::new("/").get("/{name}", parameter)));
    assert_eq!(server.get("/a%20b").text(), "a b");
    assert_eq!(server.get("/gr%C3%BC%C3%9Fe").text(), "grüße");
    assert_eq!(server.get("/a%2Fb").text(), "a/b");
    assert_eq!(server.get("/100%25").text(), "100%");
    assert_eq!(server.get("/%FF").status, 400);
}

#[test]
fn a_wildcard_takes_the_rest_of_the_path() {
    let server = serve(|| Routes::new().group(Group::new("/files").get("/{*path}", parameter)));
    assert_eq!(server.get("/files/a/b%20c/d").text(), "a/b c/d");
    assert_eq!(server.get("/files").status, 404);
}

#[test]
fn a_group_adds_its_prefix() {
    let server = serve(|| {
        Routes::new().group(
            Group::new("/api/{version}")
                .get("/", async |Path(version): Path<String>| version)
                .get("/x", async |parameters: RawPathParams| {
                    parameters.iter().count().to_string()
                }),
        )
    });
    assert_eq!(server.get("/api/v1").text(), "v1");
    assert_eq!(server.get("/api/v1/x").text(), "1");
    assert_eq!(server.get("/x").status, 404);
}

#[test]
fn a_trailing_slash_is_ignored() {
    let server = serve(|| Routes::new().group(Group::new("/").get("/users", async || "users")));
    assert_eq!(server.get("/users").text(), "users");
    assert_eq!(server.get("/users/").text(), "users");
    assert_eq!(server.get("/users/?page=2").text(), "users");
}

#[test]
fn a_trailing_slash_in_the_declaration_is_ignored_too() {
    let server = serve(|| Routes::new().group(Group::new("/").get("/users/", async || "users")));
    assert_eq!(server.get("/users/").text(), "users");
    assert_eq!(server.get("/users").text(), "users");
}

#[test]
fn the_query_is_no_part_of_the_path() {
    let server = serve(|| Routes::new().group(Group::new("/").get("/a", async || "a")));
    assert_eq!(server.get("/a?b=/c").text(), "a");
}

#[test]
fn one_path_has_a_controller_for_each_method() {
    let server = serve(|| {
        Routes::new()
            .group(
                Group::new("/a")
                    .get("/", async || "get")
                    .post("/", async || "post")
                    .put("/", async || "put")
                    .patch("/", async || "patch"),
            )
            .group(Group::new("/").delete("/a", async || "delete"))
    });
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
        assert_eq!(server.request(method, "/a", &[], "").text(), method.to_lowercase());
    }
}

#[test]
fn one_controller_answers_several_methods() {
    let methods = MethodFilter::PUT.or(MethodFilter::PATCH);
    let server = serve(move || Routes::new().group(Group::new("/").on(methods, "/a", async || "changed")));
    assert_eq!(server.request("PUT", "/a", &[], "").text(), "changed");
    assert_eq!(server.request("PATCH", "/a", &[], "").text(), "changed");
    assert_eq!(server.get("/a").status, 405);
}

#[test]
fn a_known_path_with_another_method_gives_405_with_allow() {
    let server = serve(|| Routes::new().group(Group::new("/").get("/a", unit).post("/a", unit)));
    for method in ["DELETE", "BREW"] {
        let response = server.request(method, "/a", &[], "");
        assert_eq!(response.status, 405, "{method}");
        assert_eq!(response.header("allow"), Some("GET, POST, HEAD, OPTIONS"));
    }
}

#[test]
fn head_follows_get() {
    let server = serve(|| Routes::new().group(Group::new("/").get("/a", async || "12345")));
    let mut connection = server.connect();
    let head = connection.request("HEAD", "/a", &[], "");
    assert_eq!((head.status, head.header("content-length")), (200, Some("5")));
    // The next response shows that no body was sent.
    assert_eq!(connection.request("GET", "/a", &[], "").text(), "12345");
}

#[test]
fn head_of_its_own_is_preferred() {
    let server = serve(|| {
        Routes::new().group(
            Group::new("/")
                .head("/a", async || [("x-from", "head")])
                .get("/a", async || [("x-from", "get")]),
        )
    });
    assert_eq!(server.request("HEAD", "/a", &[], "").header("x-from"), Some("head"));
    assert_eq!(server.get("/a").header("x-from"), Some("get"));
}

#[test]
fn options_lists_the_methods() {
    let server = serve(|| Routes::new().group(Group::new("/").get("/a", unit).delete("/a", unit)));
    let response = server.request("OPTIONS", "/a", &[], "");
    assert_eq!(response.status, 204);
    assert_eq!(response.header("allow"), Some("GET, DELETE, HEAD, OPTIONS"));
}

#[test]
fn options_of_its_own_is_preferred() {
    let server = serve(|| Routes::new().group(Group::new("/").get("/a", unit).options("/a", async || "mine")));
    assert_eq!(server.request("OPTIONS", "/a", &[], "").text(), "mine");
}

fn on_host(server: &Server, host: &str, target: &str) -> String {
    let response = server.request("GET", target, &[("host", host)], "");
    format!("{} {}", response.status, response.text().trim_end())
}

#[test]
fn a_host_has_routes_of_its_own() {
    let server = serve(|| {
        Routes::new()
            .group(Group::new("/").get("/", async || "any"))
            .group(Group::new("/").host("API.example").get("/", async || "api"))
            .group(Group::new("/").host("www.example").get("/", async || "www"))
    });
    assert_eq!(on_host(&server, "api.example", "/"), "200 api");
    assert_eq!(on_host(&server, "Api.Example:8080", "/"), "200 api");
    assert_eq!(on_host(&server, "www.example", "/"), "200 www");
    assert_eq!(on_host(&server, "api.example.evil", "/"), "200 any");
}

#[test]
fn a_request_has_one_host() {
    let server = serve(|| {
        Routes::new()
            .group(Group::new("/").get("/", async || "any"))
            .group(Group::new("/").host("a.example").get("/", async || "own"))
    });
    let answer = |head: &str| {
        let mut connection = server.connect();
        connection.send(format!("{head}\r\n\r\n"));
        let response = connection.response("GET");
        (response.status, response.text().to_owned())
    };
    let (own, any) = ((200, "own".to_owned()), (200, "any".to_owned()));
    assert_eq!(answer("GET / HTTP/1.1\r\nhost: a.example"), own);
    // RFC 9112 §3.2.2: the host of the target is what counts.
    assert_eq!(answer("GET http://a.example/ HTTP/1.1\r\nhost: b.example"), own);
    assert_eq!(answer("GET http://b.example/ HTTP/1.1\r\nhost: a.example"), any);
    // RFC 9112 §3.2: none, or more than one, is an error.
    for head in [
        "GET / HTTP/1.1",
        "GET / HTTP/1.1\r\nhost: a.example\r\nhost: b.example",
        "GET / HTTP/1.1\r\nhost: a.example\r\nhost: a.example",
        "GET http://a.example/ HTTP/1.1\r\nhost: a.example\r\nhost: b.example",
    ] {
        assert_eq!(answer(head).0, 400, "{head}");
    }
    assert_eq!(answer("GET / HTTP/1.0"), any);
}

#[test]
fn a_group_without_a_host_answers_every_host() {
    let server = serve(|| {
        Routes::new()
            .group(Group::new("/").get("/heartbeat", async || "alive"))
            .group(Group::new("/").host("api.example").get("/users", async || "users"))
    });
    assert_eq!(on_host(&server, "other.example", "/heartbeat"), "200 alive");
    assert_eq!(on_host(&server, "api.example", "/users"), "200 users");
    assert_eq!(on_host(&server, "other.example", "/users"), "404 404 Not Found");
    assert_eq!(on_host(&server, "api.example", "/heartbeat"), "200 alive");
}

#[test]
fn mounted_tables_stay_below_their_prefixes() {
    let server = serve(|| {
        let part = |name: &'static str| Routes::new().group(Group::new("/v1").get("/name", async move || name));
        Routes::new()
            .group(Group::new("/").get("/name", async || "main"))
            .mount("/shop", part("shop"))
            .mount("/blog/", part("blog"))
    });
    assert_eq!(server.get("/name").text(), "main");
    assert_eq!(server.get("/shop/v1/name").text(), "shop");
    assert_eq!(server.get("/blog/v1/name").text(), "blog");
    assert_eq!(server.get("/v1/name").status, 404);
}

#[test]
fn the_main_tables_page_wins_over_a_mounted_one_whatever_the_order() {
    let server = serve(|| {
        Routes::new()
            .mount("/shop", Routes::new().status(404, async || "the shop's"))
            .status(404, async || "the main one's")
    });
    assert_eq!(server.get("/nowhere").text(), "the main one's");
}

#[test]
fn an_environment_has_routes_that_another_lacks() {
    fn routes(environment: &Environment) -> Routes {
        let routes = Routes::new().group(Group::new("/").get("/name", async |name: Environment| name.to_string()));
        match environment.is_dev() {
            true => routes.group(Group::new("/").get("/debug", unit)),
            false => routes,
        }
    }
    for (name, status) in [("dev", 200), ("test", 404), ("prod", 404), ("staging", 404)] {
        let server = Project::new().environment(name).serve(|| App::new(routes));
        assert_eq!(server.get("/name").text(), name);
        assert_eq!(server.get("/debug").status, status, "{name}");
    }
}

/// Whether a message names these lines of this file.
fn names(message: &str, lines: [u32; 2]) -> bool {
    lines
        .iter()
        .all(|line| message.contains(&format!("{}:{line}:", file!())))
}

#[test]
fn a_duplicate_names_both_places() {
    let first = line!() + 3;
    let refusal = refusal(|| {
        Routes::new()
            .group(Group::new("/a").get("/b", unit))
            .group(Group::new("/").get("/a/b", unit))
    });
    assert!(
        refusal.contains("GET /a/b") && names(&refusal, [first, first + 1]),
        "{refusal}"
    );
}

#[test]
fn a_duplicate_is_one_whatever_its_trailing_slash() {
    assert!(refusal(|| Routes::new().group(Group::new("/").get("/a", unit).get("/a/", unit))).contains("GET /a"));
}

#[test]
fn a_conflict_names_both_places() {
    let first = line!() + 3;
    let refusal = refusal(|| {
        Routes::new()
            .group(Group::new("/").get("/users/{id}", unit))
            .group(Group::new("/").post("/users/{name}", unit))
    });
    assert!(
        refusal.contains("/users/{id}") && refusal.contains("/users/{name}"),
        "{refusal}"
    );
    assert!(names(&refusal, [first, first + 1]), "{refusal}");
}

#[test]
fn the_same_path_on_two_hosts_is_no_duplicate() {
    let server = serve(|| {
        let host = |name: &'static str| Group::new("/").host(name).get("/", async move || name);
        Routes::new().group(host("a.example")).group(host("b.example"))
    });
    assert_eq!(on_host(&server, "a.example", "/"), "200 a.example");
    assert_eq!(on_host(&server, "b.example", "/"), "200 b.example");
}

#[test]
fn assets_and_a_controller_for_the_same_files_conflict() {
    let project = Project::new().file("public/a.txt", "a");
    let refusal = project.refusal(|| {
        App::new(|| {
            let group = Group::new("/").get("/public/{*file}", unit);
            Routes::new().group(group.assets("/public", "public"))
        })
    });
    assert!(refusal.contains("/public/{*file}"), "{refusal}");
}

#[test]
fn assets_at_the_root_leave_the_root_itself_to_a_controller() {
    let project = Project::new().file("public/a.txt", "a");
    let server = project.serve(|| {
        App::new(|| {
            let group = Group::new("/").get("/", async || "home");
            Routes::new().group(group.assets("/", "public"))
        })
    });
    assert_eq!(server.get("/").text(), "home");
    assert_eq!(server.get("/a.txt").text(), "a");
}

#[test]
fn a_path_that_is_none_is_refused_with_its_place() {
    let old = refusal(|| Routes::new().group(Group::new("/").get("/users/:id", unit)));
    assert!(old.contains("`{id}`") && old.contains(file!()), "{old}");
    let open = refusal(|| Routes::new().group(Group::new("/").get("/users/{id", unit)));
    assert!(open.contains("/users/{id") && open.contains(file!()), "{open}");
    let bare = refusal(|| Routes::new().group(Group::new("/").get("users", unit)));
    assert!(bare.contains("begins with `/`"), "{bare}");
}

#[test]
fn a_path_below_a_prefix_begins_with_a_slash_too() {
    let refusal = refusal(|| Routes::new().group(Group::new("/api").get("users", unit)));
    assert!(refusal.contains("begins with `/`"), "{refusal}");
}

#[test]
fn two_pages_for_a_status_are_refused_with_both_places() {
    let refusal = refusal(|| Routes::new().status(404, unit).status(404, unit));
    assert!(
        refusal.contains("404") && refusal.matches(file!()).count() == 2,
        "{refusal}"
    );
}

#[test]
fn a_page_is_for_an_error_status() {
    for code in [200, 302, 42, 1000] {
        let refusal = refusal(move || Routes::new().status(code, unit));
        assert!(refusal.contains(&code.to_string()), "{refusal}");
    }
}

#[test]
fn assets_that_are_not_there_are_refused() {
    let refusal = refusal(|| Routes::new().group(Group::new("/").assets("/assets", "no/such/place")));
    assert!(
        refusal.contains("no/such/place") && refusal.contains(file!()),
        "{refusal}"
    );
}
