//! Ready-made middleware: what each does to requests, and that WebSockets and streams of events pass through all of it.

use std::io::Read as _;
use std::time::Duration;

use nova::App;
use nova::http::{HeaderValue, Method, header};
use nova::middleware::cors::CorsLayer;
use nova::middleware::{Compression, RateLimit, RequestId, RequestIds, SecurityHeaders, timeout};
use nova::prelude::*;
use nova::sse::{Event, Sse};
use nova_tests::http::Response;
use nova_tests::server::serve;
use nova_tests::websocket::refused;
use nova_tests::{Client, Over, Project, Server};

struct Echo;

impl WebSocketHandler for Echo {
    async fn handle(&mut self, frame: Frame, _socket: &Socket) -> Commands {
        Commands::send(frame)
    }
}

async fn echo() -> Echo {
    Echo
}

const ORIGIN: &str = "https://app.example";

fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(HeaderValue::from_static(ORIGIN))
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([header::CONTENT_TYPE])
}

/// Something long that gets shorter.
fn long() -> String {
    "all work and no play ".repeat(500)
}

async fn forever() -> Reply {
    std::future::pending().await
}

fn preflight(server: &Server, target: &str) -> Response {
    let headers = [("origin", ORIGIN), ("access-control-request-method", "POST")];
    server.request("OPTIONS", target, &headers, "")
}

fn is_let_in(response: &Response) -> bool {
    response.header("access-control-allow-origin") == Some(ORIGIN)
}

#[test]
fn websockets_and_streams_of_events_pass_through_all_of_it() {
    for over in Over::ALL {
        let server = over
            .project()
            .variable("NOVA_WEBSOCKET_ALLOWED_ORIGINS", ORIGIN)
            .serve(|| {
                let events = async |sse: Sse| {
                    sse.events(3, async |left| {
                        (left > 0).then(|| (Event::new("x".repeat(5000)), left - 1))
                    })
                };
                let all = |group: Group| {
                    group
                        .layer(RequestIds::new())
                        .layer(cors())
                        .layer(timeout(Duration::from_hours(1)))
                        .layer(SecurityHeaders::new().hsts(Duration::from_mins(1)))
                        .layer(Compression::new().min_size(0))
                        .layer(RateLimit::per_hour(100))
                };
                App::new(move || Routes::new().group(all(Group::new("/").ws("/ws", echo).get("/events", events))))
                    .layer(RequestIds::new())
                    .layer(cors())
                    .layer(timeout(Duration::from_hours(1)))
                    .layer(SecurityHeaders::new().hsts(Duration::from_mins(1)))
                    .layer(Compression::new().min_size(0))
                    .layer(RateLimit::per_hour(100))
            });
        let mut client = Client::new(&server, over);
        for coding in ["gzip, br", "identity;q=0, *;q=0"] {
            let headers = [
                ("origin", ORIGIN),
                ("accept-encoding", coding),
                ("x-request-id", "mine"),
            ];
            let mut socket = client.open_with("/ws", &headers);
            assert_eq!(socket.handshake.header("x-request-id"), Some("mine"), "{over:?}");
            assert!(
                is_let_in(&socket.handshake) && socket.handshake.header("content-encoding").is_none(),
                "{over:?}"
            );
            for text in ["", "hello", &"long".repeat(50_000)] {
                socket.text(text);
                assert_eq!(socket.receive_text(), text, "{over:?}");
            }
        }
        if over == Over::Http1 {
            let events = server.request("GET", "/events", &[("accept-encoding", "gzip, br")], "");
            assert_eq!((events.header("content-encoding"), events.header("vary")), (None, None));
            assert_eq!(events.text().matches("data: xxx").count(), 3);
        }
    }
}

#[test]
fn a_request_has_an_id_of_its_own_or_the_one_it_brings() {
    let server = serve(|| {
        let show = async |id: RequestId, headers: nova::http::HeaderMap| {
            let header = headers["x-request-id"].to_str().unwrap().to_owned();
            assert_eq!(header, id.as_str());
            header
        };
        let without = async |id: Option<RequestId>| format!("{id:?}");
        Routes::new()
            .group(
                Group::new("/a")
                    .layer(RequestIds::new())
                    .get("/", show)
                    .get("/error", async || Reply::status(404)),
            )
            .group(Group::new("/b").layer(RequestIds::new().all_new()).get("/", show))
            .group(
                Group::new("/c")
                    .get("/", without)
                    .get("/must", async |id: RequestId| id.to_string()),
            )
    });
    let id = |target, brought: Option<&str>| {
        let headers: Vec<_> = brought.iter().map(|id| ("x-request-id", *id)).collect();
        let response = server.request("GET", target, &headers, "");
        assert_eq!(response.header("x-request-id"), Some(response.text()));
        response.text().to_owned()
    };
    assert_eq!(id("/a", Some("7f-3")), "7f-3");
    assert_ne!(id("/a", None), id("/a", None));
    let long = "x".repeat(129);
    for unfit in ["a b", "\"", "", &long, "a{}"] {
        assert_eq!(id("/a", Some(unfit)).len(), 32, "{unfit}");
    }
    assert_ne!(id("/b", Some("7f-3")), "7f-3");
    let page = server.request("GET", "/a/error", &[("x-request-id", "7f-3")], "");
    assert_eq!(
        (page.header("x-request-id"), page.text()),
        (Some("7f-3"), "404 Not Found\n")
    );
    assert_eq!(server.get("/c").text(), "None");
    assert_eq!(server.get("/c/must").status, 500);
}

#[test]
fn a_preflight_is_answered_for_every_path_before_any_security() {
    let server = Project::new().serve(|| {
        App::new(|| {
            let closed = Group::new("/closed").security(async || false);
            Routes::new()
                .group(
                    Group::new("/")
                        .get("/", async || "here")
                        .post("/post", async || "posted"),
                )
                .group(closed.post("/", async || "never").ws("/ws", echo))
        })
        .layer(cors())
    });
    for target in ["/", "/post", "/closed", "/closed/ws", "/nowhere"] {
        let response = preflight(&server, target);
        assert!(
            response.status == 200 && is_let_in(&response),
            "{target}: {}",
            response.status
        );
        assert_eq!(
            response.header("access-control-allow-methods"),
            Some("GET,POST"),
            "{target}"
        );
        assert_eq!(
            response.header("access-control-allow-headers"),
            Some("content-type"),
            "{target}"
        );
    }
    // A page that is let in may read errors too.
    for (method, target, status) in [
        ("GET", "/", 200),
        ("GET", "/post", 405),
        ("GET", "/nowhere", 404),
        ("POST", "/closed", 403),
    ] {
        let response = server.request(method, target, &[("origin", ORIGIN)], "");
        assert!(
            is_let_in(&response) && response.status == status,
            "{target}: {}",
            response.status
        );
    }
    let other = server.request("GET", "/", &[("origin", "https://evil.example")], "");
    assert_ne!(
        other.header("access-control-allow-origin"),
        Some("https://evil.example")
    );
}

#[test]
fn a_group_answers_the_preflights_of_its_own_paths() {
    let server = serve(|| {
        let api = Group::new("/api").layer(cors()).security(async || false);
        Routes::new()
            .group(api.post("/users", async || "never"))
            .group(Group::new("/").post("/other", async || "other"))
    });
    let response = preflight(&server, "/api/users");
    assert!(response.status == 200 && is_let_in(&response));
    assert!(
        is_let_in(&server.request("GET", "/api/users", &[("origin", ORIGIN)], "")),
        "a 405 too"
    );
    let other = preflight(&server, "/other");
    assert_eq!(
        (other.status, is_let_in(&other), other.header("allow")),
        (204, false, Some("POST, OPTIONS"))
    );
}

#[test]
fn what_takes_too_long_is_503_with_its_page() {
    let server = serve(|| {
        let short = || timeout(Duration::from_millis(20));
        Routes::new()
            .group(
                Group::new("/")
                    .layer(short())
                    .get("/slow", forever)
                    .get("/quick", async || "quick")
                    .ws("/ws", async || {
                        forever().await;
                        Echo
                    }),
            )
            .status(503, async || "come again")
    });
    let response = server.get("/slow");
    assert_eq!((response.status, response.text()), (503, "come again"));
    assert_eq!(server.get("/quick").text(), "quick");
    assert_eq!(refused(&server, "/ws", &[]).status, 503);
}

#[test]
fn headers_for_safety_are_added_where_there_are_none() {
    let server = Project::new().serve(|| {
        let mine = async || ([("x-frame-options", "DENY")], "mine");
        App::new(move || {
            Routes::new().group(
                Group::new("/")
                    .get("/mine", mine)
                    .get("/fails", async || -> Reply { panic!("boom") }),
            )
        })
        .layer(
            SecurityHeaders::new()
                .unset(header::REFERRER_POLICY)
                .hsts(Duration::from_mins(1)),
        )
    });
    for (target, frames) in [("/mine", "DENY"), ("/nowhere", "SAMEORIGIN"), ("/fails", "SAMEORIGIN")] {
        let response = server.get(target);
        assert_eq!(response.header("x-frame-options"), Some(frames), "{target}");
        assert_eq!(response.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(response.header("cross-origin-opener-policy"), Some("same-origin"));
        assert!(
            response
                .header("content-security-policy")
                .unwrap()
                .contains("default-src 'self'")
        );
        assert_eq!(
            response.header("strict-transport-security"),
            Some("max-age=60; includeSubDomains")
        );
        assert_eq!(response.header("referrer-policy"), None);
    }
}

#[test]
fn the_pages_for_developers_work_behind_headers_for_safety() {
    let server = Project::new().environment("dev").serve(|| {
        let fails = async || -> nova::Result<Reply> { Err(nova::Error::new("it fails")) };
        App::new(move || {
            Routes::new().group(
                Group::new("/")
                    .get("/fails", fails)
                    .ws("/ws", echo)
                    .get("/page", async || nova::axum::response::Html("<body></body>")),
            )
        })
        .layer(SecurityHeaders::new())
    });
    let policy = |target| {
        let page = server.get_accepting(target, "text/html");
        let policies = page
            .headers
            .iter()
            .filter(|(name, _)| name == "content-security-policy");
        assert_eq!(policies.count(), 1, "{target}");
        assert!(
            page.text().contains("/__nova/live.js"),
            "{target}: it is loaded again by itself"
        );
        page.header("content-security-policy").unwrap().to_owned()
    };
    assert!(policy("/ws").contains("'unsafe-inline'"), "its script is in the page");
    assert!(policy("/fails").contains("default-src 'none'"));
    assert!(policy("/page").contains("default-src 'self'"));
}

fn compressing() -> Server {
    let project = Project::new()
        .file("files/app.css", &long())
        .file("files/app.css.br", "in brotli already")
        .file("files/photo.png", &long());
    project.serve(|| {
        App::new(|| {
            let tagged = async || ([("etag", "\"1\""), ("content-type", "text/plain")], long());
            let private = async || ([("cache-control", "private, No-Transform")], long());
            Routes::new().group(
                Group::new("/")
                    .get("/long", async || long())
                    .get("/json", async || Reply::json(json!({ "long": long() })))
                    .get("/short", async || "short")
                    .get("/tagged", tagged)
                    .get("/private", private)
                    .assets("/assets", "files"),
            )
        })
        .layer(Compression::new())
    })
}

fn inflated(response: &Response) -> String {
    let mut text = String::new();
    flate2::read::GzDecoder::new(&*response.body)
        .read_to_string(&mut text)
        .unwrap();
    text
}

#[test]
fn long_text_is_compressed_for_those_who_take_it() {
    let server = compressing();
    for target in ["/long", "/json", "/tagged", "/assets/app.css"] {
        let plain = server.get(target);
        assert_eq!(
            (plain.header("content-encoding"), plain.header("vary").is_some()),
            (None, true),
            "{target}"
        );
        let gzip = server.request("GET", target, &[("accept-encoding", "gzip")], "");
        assert_eq!(gzip.header("content-encoding"), Some("gzip"), "{target}");
        assert!(
            gzip.header("vary").is_some_and(|vary| vary.contains("accept-encoding")),
            "{target}"
        );
        assert!(
            gzip.body.len() < plain.body.len() / 5 && inflated(&gzip) == plain.text(),
            "{target}"
        );
    }
    let brotli = server.request("GET", "/long", &[("accept-encoding", "gzip, br")], "");
    assert_eq!(brotli.header("content-encoding"), Some("br"));
    let tagged = server.request("GET", "/tagged", &[("accept-encoding", "gzip")], "");
    assert_eq!(tagged.header("etag"), Some("W/\"1\""), "the bytes are others");
    let head = server
        .connect()
        .request("HEAD", "/long", &[("accept-encoding", "gzip")], "");
    assert_eq!((head.status, head.body.len()), (200, 0));
}

#[test]
fn what_is_short_compressed_partial_or_no_text_is_left_as_it_is() {
    let server = compressing();
    for target in ["/short", "/private", "/assets/photo.png", "/nowhere"] {
        let response = server.request("GET", target, &[("accept-encoding", "gzip")], "");
        assert_eq!(response.header("content-encoding"), None, "{target}");
    }
    let before = server.request("GET", "/assets/app.css", &[("accept-encoding", "br")], "");
    assert_eq!(
        (before.header("content-encoding"), before.text()),
        (Some("br"), "in brotli already")
    );
    assert!(before.header("etag").unwrap().starts_with('"'));
    let part = [("accept-encoding", "gzip"), ("range", "bytes=0-2000")];
    let part = server.request("GET", "/assets/app.css", &part, "");
    assert_eq!(
        (part.status, part.header("content-encoding"), part.body.len()),
        (206, None, 2001)
    );
    let refusing = server.request("GET", "/long", &[("accept-encoding", "identity;q=0, *;q=0")], "");
    assert_eq!((refusing.status, refusing.text()), (200, &*long()));
}

#[test]
fn what_comes_too_often_is_429_with_its_page_and_when_to_come_back() {
    let server = serve(|| {
        let limited = Group::new("/")
            .layer(RateLimit::per_hour(2))
            .get("/a", async || "a")
            .post("/b", async || "b")
            .ws("/ws", echo);
        let named = Group::new("/named").layer(
            RateLimit::per_hour(1).by(|request| request.headers().get("x-key")?.to_str().ok().map(str::to_owned)),
        );
        Routes::new()
            .group(limited)
            .group(named.get("/", async || "named"))
            .group(Group::new("/free").get("/", async || "free"))
    });
    assert_eq!(server.get("/a").status, 200);
    assert_eq!(server.request("POST", "/b", &[], "").status, 200, "they count together");
    let refused_with = refused(&server, "/ws", &[]);
    assert_eq!(
        (refused_with.status, refused_with.header("retry-after")),
        (429, Some("1800"))
    );
    let page = server.get_accepting("/a", "text/html");
    assert!(page.status == 429 && page.text().contains("<h1>429</h1>") && page.text().contains("Try again in 1800 s."));
    let problem: serde_json::Value = server.get_accepting("/a", "application/json").json();
    assert_eq!(
        (&problem["status"], &problem["title"]),
        (&json!(429), &json!("Too Many Requests"))
    );
    assert_eq!(server.get("/free").status, 200);
    let named = |key: Option<&str>| {
        let headers: Vec<_> = key.iter().map(|key| ("x-key", *key)).collect();
        server.request("GET", "/named", &headers, "").status
    };
    assert_eq!(
        [
            named(Some("a")),
            named(Some("b")),
            named(Some("a")),
            named(None),
            named(None)
        ],
        [200, 200, 429, 200, 429]
    );
}
