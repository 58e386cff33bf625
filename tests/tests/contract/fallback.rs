//! Fallback controllers: what they are told of, and what becomes of what they return.

use std::fmt;

use nova::prelude::*;
use nova::{App, Invalid, RequestContext};
use nova_tests::{Project, Server};

#[derive(Debug)]
struct Unavailable(std::num::ParseIntError);

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the shop is closed")
    }
}

impl std::error::Error for Unavailable {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

async fn fails() -> nova::Result<Reply> {
    Err(Unavailable("x".parse::<u8>().unwrap_err()).into())
}

async fn unhandled() -> Reply {
    Reply::of("unknown", 7_u8)
}

async fn works() -> nova::Result<Reply> {
    Ok(Reply::json("fine"))
}

/// Tells what it was told.
async fn tell(request: RequestContext, invalid: Invalid) -> Reply {
    let told = match invalid {
        Invalid::Error(error) => {
            let is_known = error.downcast_ref::<Unavailable>().is_some();
            let chain: Vec<_> = error.chain().map(ToString::to_string).collect();
            format!("{is_known}: {}", chain.join(" <- "))
        }
        Invalid::Unhandled(reply) => format!("{} {:?}", reply.kind(), reply.payload::<u8>()),
        other => other.to_string(),
    };
    Reply::status(503).with_body(format!("{} {}: {told}", request.method, request.uri))
}

fn controllers(group: Group) -> Group {
    group
        .get("/fails", fails)
        .get("/unhandled", unhandled)
        .get("/works", works)
}

fn with_app_fallback<F, Fut>(resolve: F) -> Server
where
    F: Fn(RequestContext, Invalid) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: nova::axum::response::IntoResponse> + Send + 'static,
{
    Project::new().serve(|| App::new(|| Routes::new().group(controllers(Group::new("/")))).fallback(resolve))
}

#[test]
fn it_is_told_of_an_error_with_its_chain() {
    let response = with_app_fallback(tell).get("/fails");
    assert_eq!(response.status, 503);
    assert_eq!(
        response.text(),
        "GET /fails: true: the shop is closed <- invalid digit found in string"
    );
}

#[test]
fn it_is_told_of_a_reply_without_a_handler() {
    let response = with_app_fallback(tell).get("/unhandled");
    assert_eq!(
        (response.status, response.text()),
        (503, "GET /unhandled: unknown Some(7)")
    );
}

#[test]
fn it_is_not_told_of_what_works() {
    assert_eq!(with_app_fallback(tell).get("/works").text(), r#""fine""#);
}

#[test]
fn a_groups_fallback_comes_before_the_applications() {
    let server = Project::new().serve(|| {
        App::new(|| {
            let mine = Group::new("/mine").fallback(async |_, _| "mine");
            Routes::new()
                .group(controllers(mine))
                .group(controllers(Group::new("/other")))
        })
        .fallback(async |_, _| "the application's")
    });
    assert_eq!(server.get("/mine/fails").text(), "mine");
    assert_eq!(server.get("/other/fails").text(), "the application's");
}

#[test]
fn its_reply_is_dispatched_normally() {
    let server = with_app_fallback(async |_, _| Reply::redirect("/login").with_header("x-a", "b"));
    let response = server.get("/fails");
    assert_eq!((response.status, response.header("location")), (302, Some("/login")));
    assert_eq!(response.header("x-a"), Some("b"));
    let page = with_app_fallback(async |_, _| Reply::status(404)).get("/fails");
    assert_eq!((page.status, page.text()), (404, "404 Not Found\n"));
}

#[test]
fn without_one_it_is_the_500_page() {
    let server = Project::new().serve(|| App::new(|| Routes::new().group(controllers(Group::new("/")))));
    for target in ["/fails", "/unhandled"] {
        let response = server.get(target);
        assert_eq!((response.status, response.text()), (500, "500 Internal Server Error\n"));
    }
}

#[test]
fn one_that_resolves_nothing_is_500_and_no_loop() {
    let unknown = with_app_fallback(async |_, _| Reply::of("unknown as well", ()));
    let error = with_app_fallback(async |_, _| Err::<Reply, _>(nova::Error::new("no")));
    let malformed = with_app_fallback(async |_, _| Reply::redirect("/a\r\nb"));
    for server in [unknown, error, malformed] {
        assert_eq!(server.get("/fails").status, 500);
        assert_eq!(server.get("/unhandled").status, 500);
    }
}

#[test]
fn one_that_panics_is_500() {
    async fn panics(_request: RequestContext, _invalid: Invalid) -> Reply {
        panic!("boom")
    }
    let server = with_app_fallback(panics);
    assert_eq!(server.get("/fails").status, 500);
    assert_eq!(server.get("/works").status, 200);
}

#[test]
fn a_panic_in_a_controller_is_the_500_page_and_the_server_goes_on() {
    async fn panics() -> Reply {
        panic!("boom")
    }
    let server = Project::new().serve(|| {
        App::new(|| Routes::new().group(controllers(Group::new("/")).get("/panics", panics)))
            .fallback(async |_, _| "not for panics")
    });
    let mut connection = server.connect();
    let response = connection.request("GET", "/panics", &[], "");
    assert_eq!((response.status, response.text()), (500, "500 Internal Server Error\n"));
    assert_eq!(connection.request("GET", "/works", &[], "").status, 200);
}
