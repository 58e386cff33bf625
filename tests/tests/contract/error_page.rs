//! The page for an error: everything for the developer in `dev`, and nothing of it elsewhere.

use nova::App;
use nova::http::HeaderMap;
use nova::prelude::*;
use nova_tests::{Project, Server};
use serde_json::Value;

/// This file, which is in the project's directory too.
const SOURCE: &str = include_str!("error_page.rs");

async fn fails() -> nova::Result<Reply> {
    let number: u8 = "x".parse()?; // here it fails
    Ok(Reply::json(number))
}

async fn panics() -> Reply {
    panic!("the <secret> is {{error}} 42") // here it panics
}

async fn view() -> Reply {
    Reply::view_named("broken", json!({ "name": "a" }))
}

async fn layer(
    _headers: HeaderMap,
    _request: nova::axum::extract::Request,
    _next: nova::axum::middleware::Next,
) -> Reply {
    panic!("in middleware") // here it panics around all
}

fn server(environment: &'static str) -> Server {
    // Where the program was built its files have other names than where it runs.
    Project::new()
        .environment(environment)
        .file("tests/contract/error_page.rs", SOURCE)
        .file("tests/tests/contract/error_page.rs", SOURCE)
        .file(
            "views/broken.hbs",
            "<p>one\n<p>two\n<p>{{unknown_helper name}}\n<p>four",
        )
        .serve(|| {
            App::new(|| {
                let around = nova::axum::middleware::from_fn(layer);
                Routes::new()
                    .group(
                        Group::new("/")
                            .get("/fails", fails)
                            .get("/panics", panics)
                            .get("/view", view),
                    )
                    .group(Group::new("/around").layer(around).get("/", fails))
            })
        })
}

/// The number of the line that has this in it.
fn line_of(mark: &str) -> usize {
    // Not the one that asks.
    let is_meant = |line: &str| line.contains(&format!("// {mark}"));
    1 + SOURCE.lines().position(is_meant).unwrap()
}

#[test]
fn the_line_that_fails_is_shown_among_its_neighbours() {
    let server = server("dev");
    for (target, mark) in [
        ("/fails", "here it fails"),
        ("/panics", "here it panics"),
        ("/around", "here it panics around all"),
    ] {
        let line = line_of(mark);
        let html = server.get_accepting(target, "text/html");
        let (html, status) = (html.text(), html.status);
        assert_eq!(status, 500);
        let meant = format!("<li value=\"{line}\" class=\"meant\"");
        assert!(
            html.contains(&meant) && html.contains(&format!("error_page.rs:{line}")),
            "{target}: {html}"
        );
        assert_eq!(html.matches("class=\"meant\"").count(), 1, "{target}");
        assert!(html.contains(&format!("<li value=\"{}\"", line - 1)));

        let json: Value = server.get_accepting(target, "application/json").json();
        assert_eq!(json["place"]["line"], line, "{target}");
        let source = json["source"].as_array().unwrap();
        assert!(
            source
                .iter()
                .any(|shown| shown["line"] == line && shown["text"].as_str().unwrap().contains(mark))
        );

        let text = server.get_accepting(target, "*/*");
        let shown = format!("> {line:>5} | ");
        assert!(
            text.text()
                .lines()
                .any(|line| line.starts_with(&shown) && line.contains(mark)),
            "{}",
            text.text()
        );
    }
}

#[test]
fn the_backtrace_is_folded_to_the_applications_own_frames() {
    let server = server("dev");
    let json: Value = server.get_accepting("/fails", "application/json").json();
    let frames = json["frames"].as_array().unwrap();
    assert!(
        frames[0]["name"].as_str().unwrap().ends_with("error_page::fails"),
        "{frames:?}"
    );
    assert!(
        frames
            .iter()
            .all(|frame| frame["place"]["file"].as_str().unwrap().ends_with("error_page.rs"))
    );
    assert!(json["backtrace"].as_str().unwrap().lines().count() > 2 * frames.len());
}

#[test]
fn a_view_that_can_not_be_rendered_is_shown_where_it_fails() {
    let text = server("dev").get("/view");
    assert!(text.text().contains("at views/broken.hbs:3"), "{}", text.text());
    assert!(
        text.text().contains(">     3 | <p>{{unknown_helper name}}"),
        "{}",
        text.text()
    );
}

#[test]
fn what_is_shown_is_escaped_and_not_filled_in_again() {
    let html = server("dev").get_accepting("/panics", "text/html");
    let html = html.text();
    assert!(
        html.contains("the &lt;secret&gt; is {error} 42") && !html.contains("<secret>"),
        "{html}"
    );
}

#[test]
fn the_request_is_shown_and_its_secrets_are_not() {
    let server = server("dev");
    let headers = [
        ("accept", "text/html"),
        ("user-agent", "a <browser>"),
        ("cookie", "session=alpha"),
        ("authorization", "Bearer beta"),
        ("x-api-key", "gamma"),
    ];
    let page = server.request("GET", "/fails?page=2&token=delta", &headers, "");
    let page = page.text();
    for shown in [
        "GET",
        "/fails?page=2&amp;token=•••",
        "a &lt;browser&gt;",
        "cookie",
        "127.0.0.1:",
        "page=2",
    ] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    for secret in ["alpha", "beta", "gamma", "delta"] {
        assert!(!page.contains(secret), "{secret}");
    }
}

#[test]
fn who_is_not_at_this_machine_is_shown_no_source_and_no_request() {
    let server = server("dev");
    for accept in ["text/html", "application/json", "text/plain"] {
        // As a page of another site would ask that has led its own name here, and as a tunnel's end on this machine does.
        for from in [("host", "evil.example"), ("x-forwarded-for", "203.0.113.7")] {
            let headers = [from, ("accept", accept), ("x-mine", "alpha")];
            let page = server.request("GET", "/fails", &headers, "");
            assert_eq!(page.status, 500);
            assert!(page.text().contains("invalid digit"));
            for hidden in ["here it fails", "alpha", "class=\"meant\"", "\"source\"", "  | "] {
                assert!(!page.text().contains(hidden), "{accept}: {hidden}");
            }
        }
    }
}

#[test]
fn elsewhere_there_is_none_of_it() {
    for environment in ["test", "prod", "staging"] {
        let server = server(environment);
        for target in ["/fails", "/panics", "/view", "/around"] {
            for accept in ["text/html", "application/json", "text/plain"] {
                let page = server.request("GET", target, &[("accept", accept), ("x-mine", "alpha")], "");
                assert_eq!(page.status, 500, "{environment} {target}");
                let all = format!("{:?} {}", page.headers, page.text());
                for leak in [
                    "here it",
                    "invalid digit",
                    "secret",
                    "error_page",
                    "broken",
                    "middleware",
                    ".rs",
                    ".hbs",
                    "alpha",
                    "backtrace",
                    "chain",
                ] {
                    assert!(!all.contains(leak), "{environment} {target} {accept}: {leak}: {all}");
                }
                assert_eq!(page.header("content-security-policy"), None);
            }
        }
    }
}
