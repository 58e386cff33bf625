//! Too much at once, of what each is allowed.

use std::sync::Barrier;

use nova::App;
use nova::prelude::*;
use nova_tests::http::Connection;
use nova_tests::http2::{Connection as Http2, open};
use nova_tests::{Gate, Journal, Project};

use crate::kit::{goes_on, server};

#[test]
fn a_thousand_requests_in_one_write_have_a_thousand_answers_in_order() {
    let server = server("");
    let request = |nth: usize| {
        let body = "x".repeat(nth % 100);
        format!(
            "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let all: String = (0..1_000).map(request).collect();
    let mut connection = server.connect();
    connection.send(all);
    for nth in 0..1_000 {
        assert_eq!(connection.response("POST").text(), (nth % 100).to_string());
    }
}

#[test]
fn hundreds_of_panics_at_once_are_as_many_500() {
    const AT_ONCE: usize = 20;
    const EACH: usize = 20;
    let server = server("");
    let (address, start) = (server.address(), Barrier::new(AT_ONCE));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                let mut connection = Connection::open(address);
                start.wait();
                for _ in 0..EACH {
                    // On the same connection: it is not the worse for it.
                    assert_eq!(connection.request("GET", "/panic", &[], "").status, 500);
                }
            });
        }
    });
    goes_on(&server);
}

#[cfg(target_os = "linux")]
#[test]
fn panics_and_large_responses_leave_no_memory_behind() {
    /// What may differ by the allocator's mood.
    const MORE: usize = 8_000_000;
    let (process, _directory) = crate::kit::stronghold(&[]);
    let address = process.address();
    let round = || {
        let mut connection = Connection::open(address);
        for _ in 0..300 {
            assert_eq!(connection.request("GET", "/panic", &[], "").status, 500);
        }
        for _ in 0..20 {
            assert_eq!(connection.request("GET", "/large", &[], "").body.len(), 1 << 20);
        }
    };
    round();
    let before = process.memory();
    (0..3).for_each(|_| round());
    let after = process.memory();
    assert!(after <= before + MORE, "{before} bytes before, {after} after");
}

#[test]
fn requests_over_the_limit_are_503_and_say_when_to_ask_again() {
    type Stage = (Journal, Gate);
    let stage = (Journal::new(), Gate::new());
    let state = stage.clone();
    let project = Project::new().file("nova.toml", "[server]\nmax_requests = 10\n");
    let wait = async |State((journal, gate)): State<Stage>| {
        journal.note("begun");
        gate.pass().await;
        "waited"
    };
    let server = project.serve(move || {
        let group = Group::new("/").get("/", async || "here").get("/wait", wait);
        App::new(move || Routes::new().group(group)).state(state)
    });
    // On few connections: it is not them who are counted.
    let mut clients: [Http2; 2] = [open(&server), open(&server)];
    let begun: Vec<_> = (0..10)
        .map(|nth| clients[nth % 2].begin("GET", "/wait", &[], ""))
        .collect();
    for _ in 0..10 {
        assert_eq!(stage.0.next(), "begun");
    }
    let mut over_http1 = server.connect();
    let refused = [over_http1.request("GET", "/", &[], ""), clients[0].get("/")];
    for response in &refused {
        assert_eq!((response.status, response.header("retry-after")), (503, Some("1")));
    }
    stage.1.open();
    for pending in begun {
        assert_eq!(pending.response().unwrap().text(), "waited");
    }
    // The connection is none the worse for it.
    crate::kit::until("there is room again", || {
        over_http1.request("GET", "/", &[], "").status == 200
    });
    assert_eq!(clients[0].get("/").text(), "here");
}
