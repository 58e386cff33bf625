//! A client that ends its side when it has sent what it wants: it is answered.

use nova::prelude::*;
use nova_tests::server::serve;
use nova_tests::{Gate, PATIENCE};

const REQUEST: &str = "GET /slow HTTP/1.1\r\nhost: localhost\r\n\r\n";

#[test]
fn who_has_ended_its_side_is_answered() {
    let gate = Gate::new();
    let held = gate.clone();
    let (arrive, arrived) = std::sync::mpsc::channel();
    let slow = async move || -> nova::Result<&'static str> {
        arrive.send(())?;
        held.pass().await;
        Ok("here")
    };
    let server = serve(move || Routes::new().group(Group::new("/").get("/slow", slow)));
    let mut client = server.connect();
    client.send(REQUEST);
    arrived.recv_timeout(PATIENCE).unwrap();
    client.finish();
    gate.open();
    assert_eq!(client.response("GET").text(), "here");
    assert!(client.is_ended());
}

#[test]
fn each_of_its_requests_is_answered() {
    let server = serve(|| {
        let plain = async || {
            tokio::task::yield_now().await;
            "plain"
        };
        let json = async || Reply::json([1]);
        Routes::new().group(Group::new("/").get("/slow", plain).get("/json", json))
    });
    for _ in 0..20 {
        let mut client = server.connect();
        client.send([REQUEST, &REQUEST.replace("slow", "json"), REQUEST].concat());
        client.finish();
        for expected in ["plain", "[1]", "plain"] {
            assert_eq!(client.response("GET").text(), expected);
        }
        assert!(client.is_ended());
    }
}

#[test]
fn half_a_request_is_not() {
    let server = serve(|| Routes::new().group(Group::new("/").post("/slow", async |body: String| body)));
    let mut client = server.connect();
    client.send("POST /slow HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\nhalf");
    client.finish();
    let response = client.try_response("POST");
    assert!(response.is_none_or(|response| response.status == 400));
    assert!(client.is_ended());
}
