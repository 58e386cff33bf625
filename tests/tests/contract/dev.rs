//! What `dev` serves, to whom, and that nothing else does.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};

use nova::App;
use nova::axum::middleware::map_response;
use nova::axum::response::{Html, Response};
use nova::http::header::{CONTENT_ENCODING, CONTENT_SECURITY_POLICY};
use nova::prelude::*;
use nova_tests::http::Connection;
use nova_tests::{PATIENCE, Project, Server, Supervised, WebSocket};
use serde_json::{Value, json};

const PAGE: &str = "<!doctype html><title>t</title><body>here</body>";
const OWN: [&str; 7] = [
    "/__nova",
    "/__nova/",
    "/__nova/live.js",
    "/__nova/events",
    "/__nova/socket",
    "/__nova/dashboard.js",
    "/__nova/dashboard.css",
];

struct Quiet;

impl WebSocketHandler for Quiet {
    async fn handle(&mut self, _frame: Frame, _socket: &Socket) -> Commands {
        Commands::none()
    }
}

fn routes() -> Routes {
    let group = Group::new("/")
        .get("/page", async || Html(PAGE))
        .get("/part", async || Html("<p>a part</p>"))
        .get("/text", async || PAGE)
        .get("/packed", async || ([(CONTENT_ENCODING, "gzip")], Html(PAGE)))
        .get("/strict", async || {
            ([(CONTENT_SECURITY_POLICY, "default-src 'none'")], Html(PAGE))
        })
        .get("/nonce", async || {
            ([(CONTENT_SECURITY_POLICY, "script-src 'nonce-x'")], Html(PAGE))
        })
        .get("/fails", async || -> nova::Result<Reply> {
            Err(nova::Error::new("it fails"))
        })
        .get("/__nova/own", async || "the application's")
        .ws("/quiet", async |socket: Socket| {
            socket.join("lobby");
            Quiet
        })
        .assets("/file", "page.html");
    Routes::new().group(group)
}

fn serve(environment: &'static str) -> Server {
    Project::new()
        .environment(environment)
        .file("page.html", PAGE)
        .file("nova.toml", "[app]\nsession_secret = \"hush\"\n")
        .serve(|| App::new(routes).layer(map_response(mark)))
}

/// A middleware that leaves its mark on all that it sees.
async fn mark(mut response: Response) -> Response {
    response.headers_mut().insert("x-seen", "yes".parse().unwrap());
    response
}

fn has_script(text: &str) -> bool {
    text.contains("<script src=\"/__nova/live.js\" data-build=\"")
}

#[test]
fn a_script_goes_into_whole_html_pages_and_into_nothing_else() {
    let server = serve("dev");
    let page = server.get("/page");
    assert!(has_script(page.text()) && page.text().ends_with("</body>"));
    assert_eq!(
        page.header("content-length"),
        Some(page.body.len().to_string().as_str())
    );
    assert_eq!(page.text().matches("<script").count(), 1);
    for path in ["/part", "/text", "/packed", "/strict"] {
        assert!(!has_script(&String::from_utf8_lossy(&server.get(path).body)), "{path}");
    }
    assert!(server.get("/nonce").text().contains(" nonce=\"x\""));
    let navigation = [("sec-fetch-dest", "document")];
    assert!(has_script(server.request("GET", "/part", &navigation, "").text()));
    let fetched = [("sec-fetch-dest", "empty")];
    assert_eq!(server.request("GET", "/page", &fetched, "").text(), PAGE);
    let head = server.request("HEAD", "/page", &[], "");
    assert_eq!(head.header("content-length"), Some(PAGE.len().to_string().as_str()));
    let file = server.get("/file");
    assert!(has_script(file.text()));
    assert_eq!((file.header("etag"), file.header("last-modified")), (None, None));
    let part = server.request("GET", "/file", &[("range", "bytes=0-40")], "");
    assert_eq!((part.status, part.body.len()), (206, 41));
}

#[test]
fn error_pages_have_the_script() {
    let server = serve("dev");
    for (path, status) in [("/nothing", 404), ("/fails", 500), ("/quiet", 426)] {
        let page = server.get_accepting(path, "text/html");
        assert_eq!(page.status, status);
        assert!(has_script(page.text()), "{path}");
        assert!(
            !has_script(server.get_accepting(path, "application/json").text()),
            "{path}"
        );
    }
}

#[test]
fn other_environments_have_nothing_of_it() {
    for environment in ["prod", "test", "staging"] {
        let server = serve(environment);
        for path in OWN {
            let response = server.get_accepting(path, "text/html");
            assert_eq!(
                (response.status, response.header("x-seen")),
                (404, Some("yes")),
                "{path}"
            );
        }
        for path in ["/page", "/file", "/strict"] {
            assert_eq!(server.get(path).text(), PAGE);
        }
        assert!(!server.get_accepting("/nothing", "text/html").text().contains("nova"));
        assert_eq!(server.get("/__nova/own").text(), "the application's");
    }
}

#[test]
fn it_is_outside_the_application_and_shadows_none_of_its_routes() {
    let server = serve("dev");
    for path in [
        "/__nova",
        "/__nova/",
        "/__nova/live.js",
        "/__nova/dashboard.js",
        "/__nova/dashboard.css",
    ] {
        let response = server.get(path);
        assert_eq!((response.status, response.header("x-seen")), (200, None), "{path}");
        assert_eq!(response.header("cross-origin-resource-policy"), Some("same-origin"));
    }
    assert_eq!(server.get("/__nova/own").text(), "the application's");
    assert_eq!(server.get("/__nova/other").status, 404);
    assert_eq!(server.request("POST", "/__nova/", &[], "").status, 404);
}

#[test]
fn it_is_for_this_machine_by_its_own_names() {
    let server = serve("dev");
    for path in OWN {
        let headers = [("host", "attacker.example"), ("accept", "text/html")];
        let response = server.request("GET", path, &headers, "");
        assert_eq!(
            (response.status, response.header("x-seen")),
            (404, Some("yes")),
            "{path}"
        );
    }
    let page = server.request("GET", "/page", &[("host", "attacker.example")], "");
    assert_eq!(page.text(), PAGE);
    let named = server.request("GET", "/__nova/", &[("host", "shop.localhost:8080")], "");
    assert_eq!(named.status, 200);
}

#[test]
fn what_tells_of_the_application_is_not_for_pages_of_other_sites() {
    let server = serve("dev");
    let upgrade = [
        ("connection", "upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    for other in [
        ("origin", "http://attacker.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        assert_eq!(
            server.request("GET", "/__nova/events", &[other], "").status,
            404,
            "{other:?}"
        );
        let headers = [&upgrade[..], &[other]].concat();
        assert_eq!(
            server.request("GET", "/__nova/socket", &headers, "").status,
            404,
            "{other:?}"
        );
    }
    let own = [
        &upgrade[..],
        &[("origin", "http://localhost"), ("sec-fetch-site", "same-origin")],
    ]
    .concat();
    assert_eq!(server.request("GET", "/__nova/socket", &own, "").status, 101);
}

/// What a dashboard is told of a section.
fn told(dashboard: &mut WebSocket, section: &str) -> Value {
    loop {
        let told: Value = serde_json::from_str(&dashboard.receive_text()).unwrap();
        if told["section"] == section {
            return told["data"].clone();
        }
    }
}

#[test]
fn a_dashboard_tells_of_the_applications_connections_and_requests_and_not_of_its_own() {
    let server = serve("dev");
    let mut dashboard = WebSocket::open(&server, "/__nova/socket");
    dashboard.text(r#"{"section":"connections"}"#);
    assert_eq!(told(&mut dashboard, "connections")["all"], 0);
    let mut client = WebSocket::open(&server, "/quiet");
    client.text("12345");
    let row = loop {
        let connections = told(&mut dashboard, "connections");
        if connections["rows"][0]["in"] == json!([1, 5]) {
            break connections["rows"][0].clone();
        }
    };
    assert_eq!((&row["route"], &row["named"]), (&json!("/quiet"), &json!(["lobby"])));
    assert_eq!(row["queue"], json!([0, 0]));
    dashboard.text(r#"{"section":"connections","filter":"no such"}"#);
    let connections = told(&mut dashboard, "connections");
    assert_eq!((&connections["all"], &connections["matching"]), (&json!(1), &json!(0)));

    server.get("/page?token=hush");
    dashboard.text(r#"{"section":"requests"}"#);
    let rows = told(&mut dashboard, "requests")["rows"].clone();
    let rows: Vec<_> = rows
        .as_array()
        .unwrap()
        .iter()
        .map(|row| [&row["path"], &row["status"], &row["route"]])
        .collect();
    assert_eq!(
        rows,
        [
            [&json!("/quiet"), &json!(101), &json!("/quiet")],
            [&json!("/page"), &json!(200), &json!("/page")]
        ]
    );

    dashboard.text(r#"{"section":"settings"}"#);
    let settings = told(&mut dashboard, "settings");
    assert!(!settings.to_string().contains("hush"));
    let secret = settings
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["key"] == "app.session_secret");
    assert_eq!(secret.unwrap()["origin"], "nova.toml:2");

    dashboard.text(r#"{"section":"routes"}"#);
    assert_eq!(told(&mut dashboard, "routes")[0]["path"], "/page");
    dashboard.text("nonsense");
    assert!(matches!(dashboard.rest().last(), Some(nova_tests::Received::Close(..))));
}

#[test]
fn a_dashboard_listens_to_a_channel_without_being_in_it() {
    let server = Project::new().environment("dev").serve(|| {
        App::new(|| {
            Routes::new().group(Group::new("/").get("/say", async |pubsub: PubSub| {
                let outcome = pubsub.broadcast("lobby", "greeting", "<b>".repeat(400));
                outcome.local.to_string()
            }))
        })
    });
    let mut dashboard = WebSocket::open(&server, "/__nova/socket");
    dashboard.text(r#"{"section":"channels","channel":"lobby"}"#);
    assert_eq!(told(&mut dashboard, "channels")["all"], 0);
    assert_eq!(server.get("/say").text(), "0", "nobody is a member");
    let messages = told(&mut dashboard, "messages");
    let message = &messages["messages"][0];
    assert_eq!(
        (&message["event"], &message["bytes"]),
        (&json!("greeting"), &json!(1200))
    );
    assert_eq!(
        (message["payload"].as_str().map(str::len), &message["cut"]),
        (Some(500), &json!(true))
    );
}

/// A stream of events.
struct Events(BufReader<TcpStream>);

impl Events {
    fn open(address: SocketAddr) -> Self {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
            .write_all(b"GET /__nova/events HTTP/1.1\r\nhost: localhost\r\n\r\n")
            .unwrap();
        Self(BufReader::new(stream))
    }

    /// The next event with its data; `None` at the end.
    fn next(&mut self) -> Option<(String, Value)> {
        let mut name = String::new();
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).unwrap() == 0 {
                return None;
            }
            if let Some(event) = line.trim_end().strip_prefix("event: ") {
                event.clone_into(&mut name);
            } else if let Some(data) = line.strip_prefix("data: ") {
                return Some((name, serde_json::from_str(data).unwrap()));
            }
        }
    }
}

#[test]
fn a_page_is_told_what_the_supervisor_says_until_the_process_drains() {
    let project = Project::new()
        .file("views/page.hbs", "<!doctype html><body>one</body>")
        .file("assets/app.css", "p {}");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut process = Supervised::start(env!("CARGO_BIN_EXE_pages"), project.path(), &listener, 7);
    let mut events = Events::open(process.address());
    let (name, hello) = events.next().unwrap();
    assert_eq!(name, "hello");
    let build = hello["build"].as_str().unwrap();
    assert!(build.starts_with("7-"), "{build}");
    let page = Connection::open(process.address()).request("GET", "/", &[], "");
    assert!(
        page.text().contains(&format!("data-build=\"{build}\"")),
        "{}",
        page.text()
    );

    process.tell(
        &json!({ "event": "failed", "build": 8, "stage": "build", "text": "\u{1b}[31m<x>", "diagnostics": [
        { "level": "error", "message": "m", "file": "src/a.rs", "line": 2, "column": 3 }] }),
    );
    let (name, failed) = events.next().unwrap();
    assert_eq!(
        (name.as_str(), &failed["html"]),
        ("failed", &json!("<span class=\"c1\">&lt;x&gt;</span>"))
    );
    let href = failed["places"][0]["href"].as_str().unwrap();
    assert!(
        href.starts_with("editor:///") && href.ends_with("/src/a.rs:2:3"),
        "{href}"
    );
    let mut late = Events::open(process.address());
    assert_eq!(late.next().unwrap().0, "hello");
    assert_eq!(late.next().unwrap().0, "failed");

    process.tell(&json!({ "event": "changed", "files": ["assets/app.css"] }));
    let (name, changed) = events.next().unwrap();
    assert_eq!(
        (name.as_str(), &changed["css"]),
        ("changed", &json!(["/assets/app.css"]))
    );

    std::fs::write(project.path().join("views/page.hbs"), "{{#if").unwrap();
    process.tell(&json!({ "event": "changed", "files": ["views/page.hbs"] }));
    assert_eq!(events.next().unwrap().0, "failed");
    let report = process.hears();
    assert_eq!(
        (&report["event"], &report["file"]),
        (&json!("views"), &json!("views/page.hbs"))
    );
    let page = Connection::open(process.address()).request("GET", "/", &[], "");
    assert!(page.text().contains("one"), "the old view is in use");

    process.end();
    assert!(events.next().is_none());
}
