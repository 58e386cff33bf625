//! The cookie: who may read it, who can make one, and to whom it is sent.

use nova::App;
use nova::prelude::*;
use nova::session::MemoryStore;
use nova_tests::Project;

use super::stores::Watched;
use super::{Jar, pair, project, routes, serve, session_cookie};

#[test]
fn the_cookie_is_for_http_alone_for_this_site_and_ends() {
    let response = serve().get("/count");
    let cookie = session_cookie(&response).unwrap();
    let (_, attributes) = cookie.split_once("; ").unwrap();
    assert_eq!(attributes, "Path=/; Max-Age=1209600; HttpOnly; SameSite=Lax");
    assert_eq!(response.header("cache-control"), Some("private"));
}

#[test]
fn in_prod_it_is_sent_over_tls_alone() {
    let server = project()
        .environment("prod")
        .serve(|| App::new(routes).sessions(MemoryStore::new()));
    let response = server.get("/count");
    assert!(session_cookie(&response).unwrap().ends_with("; Secure"));
    let server = project()
        .environment("prod")
        .variable("NOVA_SESSION_SECURE", "false")
        .variable("NOVA_SESSION_IDLE_TIMEOUT", "60")
        .serve(|| App::new(routes).sessions(MemoryStore::new()));
    let response = server.get("/count");
    assert!(
        session_cookie(&response)
            .unwrap()
            .ends_with("; Max-Age=60; HttpOnly; SameSite=Lax")
    );
}

#[test]
fn without_a_key_only_dev_and_test_start() {
    for environment in ["prod", "staging"] {
        let project = Project::new().environment(environment);
        let refusal = project.refusal(|| App::new(routes).sessions(MemoryStore::new()));
        assert!(
            refusal.contains("NOVA_SESSION_KEY") && refusal.contains("openssl rand -hex 32"),
            "{refusal}"
        );
    }
    let project = Project::new().variable("NOVA_SESSION_KEY", "too short");
    let refusal = project.refusal(|| App::new(routes).sessions(MemoryStore::new()));
    assert!(
        refusal.contains("session.key") && !refusal.contains("too short"),
        "{refusal}"
    );
    let server = Project::new().serve(|| App::new(routes).sessions(MemoryStore::new()));
    assert_eq!(server.get("/count").text(), "1");
    // Who has no sessions needs no key.
    let server = Project::new()
        .environment("prod")
        .serve(|| App::new(|| Routes::new().group(Group::new("/").get("/", async || "plain"))));
    assert_eq!(server.get("/").text(), "plain");
}

#[test]
fn whatever_a_client_sends_as_a_cookie_is_no_error_and_reaches_no_store() {
    let store = Watched::default();
    let kept = store.clone();
    let server = project().serve(move || App::new(routes).sessions(kept));
    let good = pair(session_cookie(&server.get("/count")).unwrap()).to_owned();
    store.calls();
    let last = if good.ends_with('A') { "B" } else { "A" };
    let forged = format!("{}{last}", &good[..good.len() - 1]);
    let other_id = format!("session={}{}", "A".repeat(24), &good["session=".len() + 24..]);
    let long = format!("session={}", "a".repeat(8000));
    let many = format!("{forged}; ").repeat(100);
    let cookies = [
        "session",
        "session=",
        "=",
        ";;;=;",
        "session=\"",
        "session=a.b",
        "session=%00%ff",
        "session=\u{e4}\u{1f375}",
        &forged,
        &other_id,
        &long,
        &many,
    ];
    for cookie in cookies {
        let response = server.request("GET", "/read", &[("cookie", cookie)], "");
        assert_eq!((response.status, response.text()), (200, "0"), "{cookie:.80}");
        assert_eq!(store.calls(), 0, "{cookie:.80}");
    }
    // The good one is found behind a forged one.
    let both = format!("{other_id}; x=1; {good}");
    assert_eq!(server.request("GET", "/read", &[("cookie", &both)], "").text(), "1");
}

#[test]
fn an_id_that_the_store_does_not_know_is_never_used_again() {
    let first = serve();
    let cookie = pair(session_cookie(&first.get("/count")).unwrap()).to_owned();
    // The same key, and another store: as after a restart.
    let second = serve();
    let response = second.request("GET", "/count", &[("cookie", &cookie)], "");
    assert_eq!(response.text(), "1");
    assert_ne!(pair(session_cookie(&response).unwrap()), cookie);
}

#[test]
fn a_session_of_one_application_is_none_of_another() {
    let first = serve();
    let second = Project::new()
        .variable("NOVA_SESSION_KEY", "another key which also has its 32 bytes")
        .serve(|| App::new(routes).sessions(MemoryStore::new()));
    let mut jar = Jar::default();
    jar.get(&first, "/count");
    assert_eq!(jar.get(&second, "/read"), "0");
    assert_eq!(jar.get(&first, "/read"), "1");
    let named = project()
        .variable("NOVA_SESSION_COOKIE", "__Host-shop")
        .serve(|| App::new(routes).sessions(MemoryStore::new()));
    let response = named.get("/count");
    assert!(response.header("set-cookie").unwrap().starts_with("__Host-shop="));
    let refusal = project()
        .variable("NOVA_SESSION_COOKIE", "a b")
        .refusal(|| App::new(routes).sessions(MemoryStore::new()));
    assert!(refusal.contains("session.cookie"), "{refusal}");
}

#[test]
fn other_cookies_of_the_response_stay() {
    let response = serve().get("/both");
    let cookies = response.headers.iter().filter(|(name, _)| name == "set-cookie");
    let names: Vec<_> = cookies.map(|(_, value)| value.split('=').next().unwrap()).collect();
    assert_eq!(names, ["theme", "session"]);
}
