//! The test kit as an application uses it: WebSockets in memory, in a time of their own.

use std::time::Duration;

use nova::prelude::*;
use nova::testing::{self, Instant, Link, TestApp};
use nova_tests::{Gate, Journal};

use crate::puppet::{Puppet, Stage};

async fn members_only(headers: nova::http::HeaderMap) -> Access {
    match headers.get("authorization") {
        Some(_) => Access::allow(),
        None => Access::deny(),
    }
}

fn app() -> (TestApp, Journal) {
    let (journal, gate) = (Journal::new(), Gate::new());
    gate.open();
    let state: Stage = (journal.clone(), gate);
    let routes = || {
        Routes::new()
            .group(Group::new("/").ws("/", Puppet::init))
            .group(Group::new("/members").security(members_only).ws("/", Puppet::init))
    };
    (nova::App::new(routes).state(state).into_test(), journal)
}

#[test]
fn a_handshake_passes_the_whole_application() {
    testing::run(async {
        let (app, _) = app();
        let refusal = app.websocket("/members").open().await.unwrap_err();
        assert_eq!(refusal.status(), 401);
        let mut member = app.websocket("/members").header("authorization", "tea").await;
        member.send("hello");
        assert_eq!(member.receive_text().await, "hello");
        let refusal = app
            .websocket("/")
            .origin("https://evil.example")
            .open()
            .await
            .unwrap_err();
        assert_eq!(refusal.status(), 403);
        let refusal = app.websocket("/").header("sec-websocket-key", "short").open().await;
        assert_eq!(refusal.unwrap_err().status(), 400);
    });
}

#[test]
fn a_minute_of_silence_takes_no_time() {
    testing::run_paused(async {
        let (app, journal) = app();
        let mut client = app.websocket("/").await;
        let begun = Instant::now();
        let last = client.receive_within(Duration::from_secs(66)).await;
        assert_eq!(last, Frame::close(1000, ""));
        assert!(begun.elapsed() >= Duration::from_mins(1));
        assert_eq!(journal.next(), "terminate Timeout");
    });
}

#[test]
fn a_puppet_says_the_same_over_any_link() {
    testing::seeds(50, async |mut rng| {
        let (app, journal) = app();
        let mut client = app.websocket("/").link(Link::random(&mut rng)).await;
        for _ in 0..rng.below(10) {
            let (command, answers): (_, &[&str]) = rng.pick(&[
                ("echo", &["echo"] as &[_]),
                ("list", &["a", "b", "c"]),
                ("wait", &["waited"]),
                ("once", &["once"]),
            ]);
            client.send(command);
            for answer in answers {
                assert_eq!(client.receive_text().await, *answer);
            }
        }
        assert_eq!(client.close(1000, "").await.code, Some(1000));
        let notes = journal.take();
        let ends = notes.iter().filter(|note| note.starts_with("terminate")).count();
        assert_eq!(ends, 1, "{notes:?}");
    });
}
