//! The handler registry: kinds of the application's own, and changes to the built-in ones.

use nova::kind;
use nova::prelude::*;
use nova::{App, Invalid, Kind, Registry, RegistryError, Replying, RequestContext};
use nova_tests::Project;

async fn csv(reply: Replying<Vec<u32>>, request: RequestContext) -> ([(&'static str, &'static str); 1], String) {
    let cells: Vec<_> = reply.payload.iter().map(u32::to_string).collect();
    (
        [("content-type", "text/csv")],
        format!("{} {}", request.uri, cells.join(",")),
    )
}

#[test]
fn a_registered_kind_has_its_handler() {
    let server = Project::new().serve(|| {
        let controller = async || {
            Reply::of("csv", vec![1_u32, 2])
                .with_header("x-a", "b")
                .with_status(203)
        };
        App::new(move || Routes::new().group(Group::new("/").get("/a", controller))).reply_handler("csv", csv)
    });
    let response = server.get("/a?b");
    assert_eq!((response.status, response.text()), (203, "/a?b 1,2"));
    assert_eq!(response.header("content-type"), Some("text/csv"));
    assert_eq!(response.header("x-a"), Some("b"));
}

#[test]
fn a_handler_sees_the_callers_status_and_headers() {
    async fn seen(reply: Replying<()>, _request: RequestContext) -> String {
        format!(
            "{:?} {:?}",
            reply.status.map(|status| status.as_u16()),
            reply.headers.get("x-a")
        )
    }
    let server = Project::new().serve(|| {
        let controller = async || Reply::of("seen", ()).with_header("x-a", "b").with_status(203);
        App::new(move || Routes::new().group(Group::new("/").get("/", controller))).reply_handler("seen", seen)
    });
    assert_eq!(server.get("/").text(), r#"Some(203) Some("b")"#);
}

#[test]
fn a_typed_kind_is_checked_by_the_compiler() {
    const CSV: Kind<Vec<u32>> = Kind::new("csv");
    let server = Project::new().serve(|| {
        let controller = async || Reply::of(CSV, vec![3]);
        App::new(move || Routes::new().group(Group::new("/").get("/", controller))).reply_handler(CSV, csv)
    });
    assert_eq!(server.get("/").text(), "/ 3");
}

#[test]
fn a_handlers_error_and_panic_are_500() {
    async fn error(_reply: Replying<()>, _request: RequestContext) -> nova::Result<&'static str> {
        Err(nova::Error::new("no"))
    }
    async fn panics(_reply: Replying<()>, _request: RequestContext) -> &'static str {
        panic!("boom")
    }
    let server = Project::new().serve(|| {
        let controller = async |Path(kind): Path<String>| match kind.as_str() {
            "error" => Reply::of("error", ()),
            _ => Reply::of("panic", ()),
        };
        App::new(move || Routes::new().group(Group::new("/").get("/{kind}", controller)))
            .reply_handler("error", error)
            .reply_handler("panic", panics)
    });
    assert_eq!(server.get("/error").status, 500);
    assert_eq!(server.get("/panic").status, 500);
    assert_eq!(server.get("/error").status, 500, "the server goes on");
}

#[test]
fn a_handler_that_replies_with_its_own_kind_ends_in_500() {
    async fn again(_reply: Replying<()>, _request: RequestContext) -> Reply {
        Reply::of("again", ())
    }
    let server = Project::new().serve(|| {
        let controller = async || Reply::of("again", ());
        App::new(move || Routes::new().group(Group::new("/").get("/", controller))).reply_handler("again", again)
    });
    assert_eq!(server.get("/").status, 500);
}

#[test]
fn a_taken_kind_is_an_error_that_says_so_and_keeps_the_first() {
    let mut registry = Registry::new();
    registry.register("csv", csv).unwrap();
    let error = registry.register("csv", async |_: Replying<()>, _| ()).unwrap_err();
    assert_eq!(error, RegistryError::Taken { kind: "csv".into() });
    assert!(
        error.to_string().contains("`csv`") && error.to_string().contains("`replace`"),
        "{error}"
    );
    assert_eq!(registry.kinds().collect::<Vec<_>>(), ["csv"]);
}

#[test]
fn a_taken_kind_is_refused_at_start() {
    let refusal = Project::new().refusal(|| App::new(Routes::<()>::new).reply_handler("json", csv));
    assert!(refusal.contains("`json`"), "{refusal}");
}

#[test]
fn the_registry_is_listed_changed_and_emptied() {
    let server = Project::new().serve(|| {
        let controller = async |Path(kind): Path<String>| match kind.as_str() {
            "json" => Reply::of("json", vec![1_u32]),
            _ => Reply::redirect("/"),
        };
        App::new(move || Routes::new().group(Group::new("/").get("/{kind}", controller))).reply_handlers(|registry| {
            let kinds: Vec<_> = registry.kinds().collect();
            assert_eq!(kinds, ["json", "ok", "redirect", "sendfile", "status", "view"]);
            registry.replace("json", csv);
            assert!(registry.unregister("redirect"));
            assert!(!registry.unregister("redirect"));
            assert!(!registry.contains("redirect") && registry.contains("json"));
            Ok(())
        })
    });
    assert_eq!(server.get("/json").text(), "/json 1");
    assert_eq!(server.get("/redirect").status, 500);
}

#[test]
fn a_handler_that_is_found_can_be_called_by_another() {
    let server = Project::new().serve(|| {
        let controller = async || Reply::json(json!({ "a": 1 })).with_header("x-a", "b");
        App::new(move || Routes::new().group(Group::new("/").post("/", controller))).reply_handlers(|registry| {
            assert!(registry.get("unknown").is_none());
            let json = registry.get("json").unwrap();
            registry.replace(kind::JSON, move |reply: Replying<kind::Data>, request| {
                let json = json.clone();
                async move {
                    let mut response = json.respond(reply, &request).await?;
                    response.headers_mut().insert("x-wrapped", "yes".parse().unwrap());
                    Ok::<_, nova::Error>(response)
                }
            });
            Ok(())
        })
    });
    let response = server.request("POST", "/", &[], "");
    assert_eq!((response.status, response.text()), (201, "{\"a\":1}"));
    assert_eq!(
        (response.header("x-a"), response.header("x-wrapped")),
        (Some("b"), Some("yes"))
    );
}

#[test]
fn a_payload_of_another_type_goes_to_the_fallback_with_a_clear_message() {
    async fn resolve(_request: RequestContext, invalid: Invalid) -> Reply {
        Reply::status(422).with_body(invalid.to_string())
    }
    let server = Project::new().serve(|| {
        let controller = async || Reply::of("csv", "no numbers");
        App::new(move || Routes::new().group(Group::new("/").get("/", controller)))
            .reply_handler("csv", csv)
            .fallback(resolve)
    });
    let response = server.get("/");
    assert_eq!(response.status, 422);
    assert!(
        response.text().contains("`csv`") && response.text().contains("Vec<u32>"),
        "{}",
        response.text()
    );
}
