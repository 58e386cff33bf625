//! Mounted applications: each below its prefix, with its own status pages and fallbacks, and the main one untouched.

use nova::axum::middleware::map_response;
use nova::axum::response::Response;
use nova::prelude::*;
use nova::{App, Invalid, RequestContext};
use nova_tests::server::serve;
use nova_tests::websocket::refused;
use nova_tests::{Project, Server};

async fn fails() -> nova::Result<Reply> {
    Err(nova::Error::new("it fails"))
}

struct Silent;

impl WebSocketHandler for Silent {
    async fn handle(&mut self, _frame: Frame, _socket: &Socket) -> Commands {
        Commands::none()
    }
}

async fn refuses() -> Result<Silent, Rejection> {
    Err(Reply::status(400).into())
}

/// One that is written on its own: every way to an error status, and pages that say whose they are.
fn part(name: &'static str) -> Routes {
    let page = move |code: u16| async move || format!("{name} {code}");
    let closed = Group::new("/closed").security(async || false);
    let tiny = Group::new("/tiny").body_limit(1);
    Routes::new()
        .group(
            Group::new("/")
                .get("/", async move || name)
                .get("/fails", fails)
                .get("/panics", async || -> Reply { panic!("on purpose") })
                .get("/reply", async || Reply::status(418))
                .get("/number/{number}", async |Path(number): Path<u8>| number.to_string())
                .ws("/refuses", refuses),
        )
        .group(closed.get("/", async || "never").ws("/ws", async || Silent))
        .group(tiny.post("/", async |body: String| body))
        .status(400, page(400))
        .status(401, page(401))
        .status(404, page(404))
        .status(405, page(405))
        .status(413, page(413))
        .status(418, page(418))
        .status(500, page(500))
}

fn two_parts() -> Server {
    serve(|| {
        Routes::new()
            .group(Group::new("/").get("/", async || "main").get("/fails", fails))
            .mount("/shop", part("shop"))
            .mount("/blog/", part("blog"))
            .status(404, async || "main 404")
    })
}

#[test]
fn each_is_below_its_prefix_and_the_main_one_untouched() {
    let server = two_parts();
    assert_eq!(server.get("/").text(), "main");
    assert_eq!(server.get("/shop").text(), "shop");
    assert_eq!(server.get("/blog").text(), "blog");
    for target in ["/number/1", "/closed", "/shops", "/shop/blog"] {
        assert_eq!(server.get(target).status, 404, "{target}");
    }
}

#[test]
fn a_mounted_ones_status_pages_are_used_wherever_the_status_arises_below_it() {
    let server = two_parts();
    for name in ["shop", "blog"] {
        for (method, target, body, status) in [
            ("GET", "/nowhere", "", 404),
            ("GET", "/nowhere/at/all/", "", 404),
            ("DELETE", "/fails", "", 405),
            ("GET", "/closed", "", 401),
            ("GET", "/fails", "", 500),
            ("GET", "/panics", "", 500),
            ("GET", "/reply", "", 418),
            ("GET", "/number/x", "", 400),
            ("POST", "/tiny", "too long", 413),
        ] {
            let target = format!("/{name}{target}");
            let accept = [("accept", "text/html")];
            let response = server.request(method, &target, &accept, body);
            let expected = format!("{name} {status}");
            assert_eq!(
                (response.status, response.text()),
                (status, expected.as_str()),
                "{method} {target}"
            );
        }
        for (target, status) in [("/closed/ws", 401), ("/refuses", 400)] {
            let response = refused(&server, &format!("/{name}{target}"), &[]);
            assert_eq!(
                (response.status, response.text()),
                (status, &*format!("{name} {status}")),
                "{target}"
            );
        }
    }
}

#[test]
fn a_mounted_ones_status_pages_are_for_nothing_else() {
    let server = two_parts();
    assert_eq!(server.get("/nowhere").text(), "main 404");
    assert_eq!(server.get("/shops").text(), "main 404");
    assert_eq!(server.get("/fails").text(), "500 Internal Server Error\n");
}

#[test]
fn status_pages_of_one_mounted_below_a_parameter_are_for_each_value_of_it() {
    let server = serve(|| {
        let tenant = Routes::new()
            .group(Group::new("/").get("/name", async |Path(tenant): Path<String>| tenant))
            .status(404, async || "the tenant's");
        Routes::new()
            .mount("/tenants/{tenant}", tenant)
            .status(404, async || "the main one's")
    });
    assert_eq!(server.get("/tenants/tea/name").text(), "tea");
    assert_eq!(server.get("/tenants/tea/nowhere").text(), "the tenant's");
    assert_eq!(server.get("/tenants").text(), "the main one's");
}

fn says(who: &'static str) -> impl Fn(RequestContext, Invalid) -> std::future::Ready<Reply> + Send + Sync + 'static {
    move |_, _| std::future::ready(Reply::status(503).with_body(who))
}

#[test]
fn a_mounted_one_brings_its_own_fallback() {
    let project = Project::new();
    let server = project.serve(|| {
        App::new(|| {
            let shop = Routes::new()
                .group(Group::new("/").get("/", fails))
                .group(Group::new("/own").fallback(says("the group's")).get("/", fails))
                .mount(
                    "/cart",
                    Routes::new()
                        .fallback(says("the cart's"))
                        .group(Group::new("/").get("/", fails)),
                )
                .mount("/tea", Routes::new().group(Group::new("/").get("/", fails)))
                .fallback(says("the shop's"));
            Routes::new()
                .mount("/shop", shop)
                .mount("/blog", Routes::new().group(Group::new("/").get("/", fails)))
                .group(Group::new("/").get("/", fails))
        })
        .fallback(says("the application's"))
    });
    for (target, who) in [
        ("/shop", "the shop's"),
        ("/shop/own", "the group's"),
        ("/shop/cart", "the cart's"),
        ("/shop/tea", "the shop's"),
        ("/blog", "the application's"),
        ("/", "the application's"),
    ] {
        let response = server.get(target);
        assert_eq!((response.status, response.text()), (503, who), "{target}");
    }
}

#[test]
fn a_mounted_ones_middleware_hosts_and_methods_are_its_own() {
    async fn mark(mut response: Response) -> Response {
        response.headers_mut().insert("x-mark", "shop".parse().unwrap());
        response
    }
    let server = serve(|| {
        let shop = Routes::new()
            .group(Group::new("/").layer(map_response(mark)).get("/", async || "shop"))
            .group(Group::new("/").host("own.example").get("/", async || "own"));
        Routes::new()
            .mount("/shop", shop)
            .group(Group::new("/").get("/", async || "main"))
    });
    assert_eq!(server.get("/shop").header("x-mark"), Some("shop"));
    assert_eq!(server.get("/").header("x-mark"), None);
    let own = server.request("GET", "/shop", &[("host", "own.example")], "");
    assert_eq!((own.text(), own.header("x-mark")), ("own", None));
    let options = server.request("OPTIONS", "/shop", &[], "");
    assert_eq!(
        (options.status, options.header("allow")),
        (204, Some("GET, HEAD, OPTIONS"))
    );
    let wrong = server.request("POST", "/shop", &[], "");
    assert_eq!((wrong.status, wrong.header("allow")), (405, Some("GET, HEAD, OPTIONS")));
    assert_eq!(wrong.header("x-mark"), Some("shop"));
}

#[test]
fn a_route_of_a_mounted_one_and_of_the_main_one_are_a_duplicate_at_both_places() {
    let first = line!() + 3;
    let refusal = Project::new().refusal(|| {
        App::new(|| {
            let shop = Routes::new().group(Group::new("/").get("/tea", fails));
            let main = Group::new("/shop").get("/tea", fails);
            Routes::new().mount("/shop", shop).group(main)
        })
    });
    for line in [first, first + 1] {
        assert!(refusal.contains(&format!("{}:{line}:", file!())), "{refusal}");
    }
}

#[test]
fn a_mounted_prefix_begins_with_a_slash() {
    for part in [
        Routes::new().status(404, fails),
        Routes::new().group(Group::new("/").get("/", fails)),
    ] {
        let refusal = Project::new().refusal(move || App::new(move || Routes::new().mount("shop", part)));
        assert!(
            refusal.contains("begins with `/`") && refusal.contains(file!()),
            "{refusal}"
        );
    }
}
