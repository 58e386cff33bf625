//! Views, and the pages for statuses: wherever a status arises, in the form that the client prefers, without leaks.

use nova::http::StatusCode;
use nova::prelude::*;
use nova::{App, Config};
use nova_tests::server::serve;
use nova_tests::{Project, Server};

mod controllers {
    pub(super) mod posts {
        use nova::prelude::*;

        pub(crate) async fn show() -> Reply {
            Reply::view(json!({ "title": "<b>" }))
        }

        pub(crate) async fn ok() -> Reply {
            Reply::ok(json!({ "title": "fine" })).with_status(203)
        }
    }
}

async fn fails() -> nova::Result<Reply> {
    let error = "x".parse::<u8>().unwrap_err();
    Err(nova::Error::new(std::io::Error::other(error)))
}

async fn panics() -> Reply {
    panic!("the secret is 42")
}

fn views(project: Project, controllers: Group) -> Server {
    project.serve(|| App::new(|| Routes::new().group(controllers)))
}

/// This file's controllers are in a module of the test's own; their views are named after that.
const POSTS: &str = "views/views_and_pages/controllers/posts";

#[test]
fn a_view_is_the_controllers_own_and_escapes() {
    let project = Project::new()
        .file(&format!("{POSTS}/show.hbs"), "<p>{{title}}</p>")
        .file(&format!("{POSTS}/ok.hbs"), "{{title}}");
    let server = views(
        project,
        Group::new("/")
            .get("/show", controllers::posts::show)
            .get("/ok", controllers::posts::ok),
    );
    let response = server.get("/show");
    assert_eq!((response.status, response.text()), (200, "<p>&lt;b&gt;</p>"));
    assert_eq!(response.header("content-type"), Some("text/html; charset=utf-8"));
    let response = server.get("/ok");
    assert_eq!((response.status, response.text()), (203, "fine"));
}

#[test]
fn a_named_view_is_rendered_in_the_layout() {
    let project = Project::new()
        .file("views/layout.hbs", "<body>{{{content}}}</body>")
        .file("views/home.hbs", "{{name}}");
    let home = async || Reply::view_named("home", json!({ "name": "a & b" }));
    assert_eq!(
        views(project, Group::new("/").get("/", home)).get("/").text(),
        "<body>a &amp; b</body>"
    );
}

#[test]
fn a_missing_view_is_500() {
    let nameless = async || Reply::view(json!({}));
    let server = views(
        Project::new(),
        Group::new("/").get("/a", controllers::posts::show).get("/b", nameless),
    );
    assert_eq!(server.get("/a").status, 500);
    assert_eq!(server.get("/b").status, 500);
}

#[test]
fn a_missing_view_is_500_whatever_status_was_set() {
    let server = views(Project::new(), Group::new("/").get("/", controllers::posts::ok));
    assert_eq!(server.get("/").status, 500);
}

#[test]
fn a_broken_view_is_refused_at_start() {
    let project = Project::new().file("views/home.hbs", "{{#if}");
    let refusal = project.refusal(|| App::new(Routes::<()>::new));
    assert!(refusal.contains("home"), "{refusal}");
}

#[test]
fn the_default_page_has_the_form_that_the_client_prefers() {
    let server = serve(Routes::new);
    let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    for (accept, content_type, part) in [
        (browser, "text/html; charset=utf-8", "<!doctype html>"),
        ("application/json", "application/problem+json", r#""status":404"#),
        (
            "application/json;q=0.4, text/html;q=0.5",
            "text/html; charset=utf-8",
            "<!doctype html>",
        ),
        (
            "text/html;q=0, application/*",
            "application/problem+json",
            r#""status":404"#,
        ),
        ("*/*", "text/plain; charset=utf-8", "404 Not Found"),
        ("image/png", "text/plain; charset=utf-8", "404 Not Found"),
        ("", "text/plain; charset=utf-8", "404 Not Found"),
    ] {
        let response = server.get_accepting("/nowhere", accept);
        assert_eq!(response.status, 404, "{accept}");
        assert_eq!(response.header("content-type"), Some(content_type), "{accept}");
        assert!(response.text().contains(part), "{accept}: {}", response.text());
    }
}

fn with_pages() -> Server {
    let page = |code: u16| async move || format!("page {code}");
    Project::new().serve(move || {
        App::new(move || {
            let group = Group::new("/")
                .get("/fails", fails)
                .get("/panics", panics)
                .get("/reply/{code}", async |Path(code): Path<u16>| Reply::status(code))
                .get("/with-body", async || Reply::status(404).with_body("mine"));
            let closed = Group::new("/closed")
                .security(async || false)
                .get("/", async || "never");
            [401, 404, 405, 500, 418]
                .into_iter()
                .fold(Routes::new().group(group).group(closed), |routes, code| {
                    routes.status(code, page(code))
                })
        })
    })
}

#[test]
fn a_declared_page_is_used_wherever_its_status_arises() {
    let server = with_pages();
    for (method, target, status) in [
        ("GET", "/nowhere", 404),
        ("POST", "/fails", 405),
        ("GET", "/closed", 401),
        ("GET", "/fails", 500),
        ("GET", "/panics", 500),
        ("GET", "/reply/404", 404),
        ("GET", "/reply/418", 418),
        ("GET", "/reply/500", 500),
    ] {
        let response = server.request(method, target, &[], "");
        assert_eq!(
            (response.status, response.text()),
            (status, &*format!("page {status}")),
            "{target}"
        );
    }
    assert_eq!(server.get("/with-body").text(), "mine");
    assert_eq!(
        server.request("POST", "/fails", &[], "").header("allow"),
        Some("GET, HEAD, OPTIONS")
    );
}

#[test]
fn a_declared_page_is_used_for_a_bare_status_of_axums() {
    let server = serve(|| {
        Routes::new()
            .group(Group::new("/").get("/", async || StatusCode::NOT_FOUND))
            .status(404, async || "page 404")
    });
    let response = server.get("/");
    assert_eq!((response.status, response.text()), (404, "page 404"));
}

#[test]
fn a_page_keeps_its_status_whatever_the_requests_method() {
    let server = serve(|| Routes::new().status(404, async || Reply::json(json!({ "error": "none" }))));
    for method in ["GET", "POST", "PUT"] {
        let response = server.request(method, "/nowhere", &[], "");
        assert_eq!(
            (response.status, response.text()),
            (404, r#"{"error":"none"}"#),
            "{method}"
        );
    }
}

#[test]
fn a_page_may_set_another_status() {
    let server = serve(|| Routes::new().status(404, async || Reply::redirect("/home")));
    let response = server.get("/nowhere");
    assert_eq!((response.status, response.header("location")), (302, Some("/home")));
}

#[test]
fn a_page_extracts_what_controllers_extract() {
    async fn page(config: Config, environment: Environment, _pubsub: PubSub) -> String {
        format!("{environment} {}", config.environment())
    }
    let server = serve(|| Routes::new().status(404, page));
    assert_eq!(server.get("/nowhere").text(), "test test");
}

#[test]
fn a_page_may_be_a_view() {
    let project = Project::new().file("views/missing.hbs", "<h1>{{what}}</h1>");
    let page = async || Reply::view_named("missing", json!({ "what": "nothing" }));
    let server = project.serve(move || App::new(move || Routes::new().status(404, page)));
    let response = server.get("/nowhere");
    assert_eq!((response.status, response.text()), (404, "<h1>nothing</h1>"));
}

#[test]
fn a_page_that_fails_panics_or_asks_for_itself_is_the_default_one() {
    let server = serve(|| {
        Routes::new()
            .status(404, fails)
            .status(405, panics)
            .status(500, async || Reply::status(500))
            .group(Group::new("/").get("/", fails))
    });
    assert_eq!(server.get("/nowhere").text(), "404 Not Found\n");
    assert_eq!(server.request("POST", "/", &[], "").text(), "405 Method Not Allowed\n");
    assert_eq!(server.get("/").text(), "500 Internal Server Error\n");
}

#[test]
fn outside_dev_an_error_is_never_shown() {
    for environment in ["test", "prod", "staging"] {
        let group = Group::new("/").get("/fails", fails).get("/panics", panics);
        let server = views(Project::new().environment(environment), group);
        for target in ["/fails", "/panics"] {
            for accept in ["text/html", "application/json", "text/plain"] {
                let response = server.get_accepting(target, accept);
                assert_eq!(response.status, 500);
                for leak in ["invalid digit", "secret", "backtrace", ".rs"] {
                    assert!(!response.text().contains(leak), "{environment} {target}: {leak}");
                }
            }
        }
    }
}

#[test]
fn in_dev_the_page_shows_the_error_its_chain_and_a_backtrace() {
    #[derive(Debug)]
    struct Outer(std::num::ParseIntError);
    impl std::fmt::Display for Outer {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("no <such> page")
        }
    }
    impl std::error::Error for Outer {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&self.0)
        }
    }
    let chained = async || Err::<Reply, nova::Error>(Outer("x".parse::<u8>().unwrap_err()).into());
    let group = Group::new("/").get("/fails", chained).get("/panics", panics);
    let server = views(Project::new().environment("dev"), group);
    let html = server.get_accepting("/fails", "text/html");
    assert_eq!(html.status, 500);
    for part in [
        "no &lt;such&gt; page",
        "invalid digit found in string",
        "Backtrace",
        "views_and_pages.rs",
    ] {
        assert!(html.text().contains(part), "{part}");
    }
    let json: serde_json::Value = server.get_accepting("/fails", "application/json").json();
    assert_eq!(
        json["chain"],
        json!(["no <such> page", "invalid digit found in string"])
    );
    let panic = server.get_accepting("/panics", "text/html");
    assert!(panic.text().contains("the secret is 42") && panic.text().contains("views_and_pages.rs"));
}

#[test]
fn in_dev_alone_a_websockets_url_shows_a_console_to_a_browser() {
    struct Silent;
    impl WebSocketHandler for Silent {
        async fn handle(&mut self, _frame: Frame, _socket: &Socket) -> Commands {
            Commands::none()
        }
    }
    for (environment, has_console) in [("dev", true), ("prod", false)] {
        let server = views(
            Project::new().environment(environment),
            Group::new("/").ws("/ws", async || Silent),
        );
        let response = server.get_accepting("/ws?%3Cscript%3E", "text/html");
        assert_eq!(response.status, 426);
        assert_eq!(response.text().contains("<script>"), has_console, "{environment}");
    }
}
