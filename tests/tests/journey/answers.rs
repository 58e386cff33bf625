//! What a project answers over HTTP, and what `nova routes` says that it will.

use serde_json::Value;

use crate::kit::Project;
use crate::kit::http::{Connection, Request};

#[test]
fn serve_answers_over_http() {
    let project = Project::with_chat("answers");
    project
        .nova("gen controller posts index show new create edit update delete publish")
        .succeeded();
    let serve = project.serve();

    let home = serve.get("/");
    assert_eq!(home.status, 200);
    assert_eq!(home.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(home.text().contains("<h1>answers</h1>"), "{}", home.text());

    for (method, path, status) in [
        ("GET", "/heartbeat", 200),
        ("HEAD", "/", 200),
        ("GET", "/assets/app.css", 200),
        ("GET", "/assets/icon.svg", 200),
        ("GET", "/assets/../nova.toml", 404),
        ("GET", "/assets/%2e%2e/nova.toml", 404),
        ("GET", "/nothing/here", 404),
        ("GET", "/posts", 200),
        ("GET", "/posts/7", 200),
        ("GET", "/posts/new", 200),
        ("GET", "/posts/7/edit", 200),
        ("GET", "/posts/publish", 200),
        ("POST", "/posts", 302),
        ("PUT", "/posts/7", 204),
        ("DELETE", "/posts/7", 204),
        ("DELETE", "/posts", 405),
        ("GET", "/chat/lobby", 426),
    ] {
        let response = Request::new(method, path).send(serve.address()).unwrap();
        assert_eq!(response.status, status, "{method} {path}");
    }

    let post = serve.get("/posts/%3Cb%3E");
    assert!(post.text().contains("&lt;b&gt;"), "{}", post.text());
    let css = serve.get("/assets/app.css");
    assert_eq!(css.header("content-type"), Some("text/css; charset=utf-8"));
    assert_eq!(css.text(), project.read("assets/app.css"));
    let missing = Request::get("/nothing/here").header("accept", "text/html");
    let missing = missing.send(serve.address()).unwrap();
    assert!(missing.text().contains("<h1>404</h1>"), "{}", missing.text());
}

#[test]
fn one_connection_takes_many_requests() {
    let project = Project::new("kept");
    let serve = project.serve();
    let mut connection = Connection::open(serve.address()).unwrap();
    for path in ["/", "/heartbeat", "/nothing", "/assets/app.css", "/"] {
        let response = connection.send(&Request::get(path)).unwrap();
        assert_eq!(response.status, if path == "/nothing" { 404 } else { 200 }, "{path}");
    }
}

#[test]
fn routes_lists_what_is_declared() {
    let project = Project::with_chat("listed");
    project.nova("gen controller posts index show").succeeded();
    let source = project.read("src/routes.rs");
    let line_of = |text: &str| source.lines().position(|line| line.contains(text)).unwrap() + 1;
    let expected = [
        ("GET", "/", "controllers::home::index", line_of("home::index)")),
        ("GET", "/heartbeat", "-", line_of("heartbeat")),
        ("WS", "/chat/{room}", "ws::chat::ChatHandler::init", line_of(".ws(")),
        ("GET", "/posts", "controllers::posts::index", line_of("posts::index)")),
        (
            "GET",
            "/posts/{id}",
            "controllers::posts::show",
            line_of("posts::show)"),
        ),
        ("GET", "/assets", "assets", line_of(".assets(")),
    ];

    let table = project.nova("routes").succeeded();
    let mut rows = table
        .stdout
        .lines()
        .map(|row| row.split_whitespace().collect::<Vec<_>>());
    assert_eq!(rows.next().unwrap(), ["METHOD", "PATH", "HANDLER", "SECURITY", "PLACE"]);
    for (method, path, handler, line) in expected {
        let place = format!("src/routes.rs:{line}");
        assert_eq!(rows.next().unwrap(), [method, path, handler, "-", &place]);
    }
    assert_eq!(rows.next(), None);

    let json = project.nova("routes --json").succeeded();
    let mut rows = json
        .stdout
        .lines()
        .map(|row| serde_json::from_str::<Value>(row).unwrap());
    for (method, path, handler, line) in expected {
        let row = rows.next().unwrap();
        let kind = match (method, path) {
            ("WS", _) => "websocket",
            (_, "/assets") => "assets",
            _ => "http",
        };
        assert_eq!(row["kind"], kind);
        assert_eq!(row["path"], path);
        assert_eq!(row["handler"].as_str().unwrap_or("-"), handler);
        assert_eq!(row["line"], line);
    }
    assert!(rows.next().is_none());
}

#[test]
fn a_panic_is_a_page_that_leads_to_its_line() {
    let project = Project::new("panics");
    project.edit(
        "src/controllers/home.rs",
        "Reply::view(json!({",
        "let posts: Vec<u8> = Vec::new();\n    assert_eq!(posts[3], 7);\n    Reply::view(json!({",
    );
    let mut serve = project.serve();
    let page = Request::get("/")
        .header("accept", "text/html")
        .send(serve.address())
        .unwrap();
    assert_eq!(page.status, 500);
    let source = project.read("src/controllers/home.rs");
    let line = source.lines().position(|line| line.contains("posts[3]")).unwrap() + 1;
    let place = format!("src/controllers/home.rs:{line}");
    let (heading, backtrace) = page.text().split_once("Backtrace").expect("a backtrace");
    for (part, what) in [
        (heading, "the len is 0 but the index is 3"),
        (heading, "controllers::home::index"),
        (heading, &place),
        (backtrace, &place),
    ] {
        assert!(part.contains(what), "{what:?} is not in {part}");
    }
    serve.says("panicked at src/controllers/home.rs:");
    assert_eq!(serve.get("/heartbeat").status, 200);
}
