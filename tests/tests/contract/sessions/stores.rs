//! Stores: when they are asked, and what becomes of requests when they fail.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nova::App;
use nova::prelude::*;
use nova::session::{Changes, MemoryStore, Record, Store};
use nova_tests::websocket::refused;

use super::{Jar, project, routes, session_cookie};

/// A store that counts its calls, and fails when it is told to.
#[derive(Clone, Default)]
pub(super) struct Watched {
    inner: Arc<MemoryStore>,
    calls: Arc<AtomicUsize>,
    fails: Arc<Mutex<Option<&'static str>>>,
}

impl Watched {
    fn call(&self) -> nova::Result<()> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        match *self.fails.lock().unwrap() {
            Some("a problem") => Err(Problem::new(503).with_detail("later").into()),
            Some(why) => Err(nova::Error::new(why)),
            None => Ok(()),
        }
    }

    pub(super) fn calls(&self) -> usize {
        self.calls.swap(0, Ordering::SeqCst)
    }
}

impl Store for Watched {
    async fn load(&self, key: &str) -> nova::Result<Option<Record>> {
        self.call()?;
        self.inner.load(key).await
    }

    async fn create(&self, key: &str, record: Record, lifetime: Duration) -> nova::Result<()> {
        self.call()?;
        self.inner.create(key, record, lifetime).await
    }

    async fn update(&self, key: &str, changes: &Changes, lifetime: Duration) -> nova::Result<bool> {
        self.call()?;
        self.inner.update(key, changes, lifetime).await
    }

    async fn delete(&self, key: &str) -> nova::Result<()> {
        self.call()?;
        self.inner.delete(key).await
    }
}

#[test]
fn a_request_that_does_not_ask_costs_the_store_nothing() {
    let store = Watched::default();
    let kept = store.clone();
    let server = project().serve(move || App::new(routes).sessions(kept));
    let mut jar = Jar::default();
    assert!(session_cookie(&jar.send(&server, "GET", "/read")).is_none());
    assert_eq!(store.calls(), 0, "a new session that is only read");
    jar.get(&server, "/count");
    assert_eq!(store.calls(), 1, "created");
    jar.get(&server, "/plain");
    assert_eq!(store.calls(), 0);
    let response = jar.send(&server, "GET", "/read");
    assert!(session_cookie(&response).is_none());
    assert_eq!(store.calls(), 1, "loaded, and not saved");
    jar.get(&server, "/count");
    assert_eq!(store.calls(), 2, "loaded and saved");
}

#[test]
fn a_store_that_fails_is_500_and_no_more() {
    let store = Watched::default();
    let kept = store.clone();
    let server = project().serve(move || App::new(routes).sessions(kept));
    let mut jar = Jar::default();
    jar.send(&server, "POST", "/login");
    *store.fails.lock().unwrap() = Some("the database is away");
    assert_eq!(jar.send(&server, "GET", "/who").status, 500);
    assert_eq!(jar.send(&server, "GET", "/plain").status, 200);
    // One that can be loaded from nowhere, and not saved.
    let response = server.get("/count");
    assert_eq!((response.status, session_cookie(&response)), (500, None));
    let cookie = jar.0.clone().unwrap();
    assert_eq!(refused(&server, "/ws", &[("cookie", &cookie)]).status, 500);
    // Accepted, and then not saved.
    assert_eq!(refused(&server, "/anyone", &[]).status, 500);
    *store.fails.lock().unwrap() = None;
    assert_eq!(jar.get(&server, "/who"), "ali");
}

#[test]
fn a_store_that_fails_with_a_problem_is_that_response() {
    let store = Watched::default();
    let kept = store.clone();
    let server = project().serve(move || App::new(routes).sessions(kept));
    let mut jar = Jar::default();
    jar.send(&server, "POST", "/login");
    *store.fails.lock().unwrap() = Some("a problem");
    let later = r#"{"type":"about:blank","title":"Service Unavailable","status":503,"detail":"later"}"#;
    let cookie = jar.0.clone().unwrap();
    // It can't be loaded; and it can't be saved.
    for headers in [&[("cookie", &*cookie)][..], &[]] {
        let response = server.request("GET", "/count", headers, "");
        assert_eq!((response.status, response.text()), (503, later));
        assert_eq!(session_cookie(&response), None);
    }
    assert_eq!(refused(&server, "/ws", &[("cookie", &cookie)]).status, 503);
    assert_eq!(refused(&server, "/anyone", &[]).status, 503);
}
