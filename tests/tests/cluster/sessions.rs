//! Sessions in NATS: what one node saves the others see, also after the broker was gone.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use nova::App;
use nova::prelude::*;
use nova::session::{Flash, NatsStore};
use nova_tests::http::Response;
use nova_tests::{Gate, Journal, Project, Server, broker};
use tempfile::TempDir;

use crate::kit::{Broker, PATIENCE};

const KEY: &str = "a key that all nodes have: of 32 bytes";

/// For the one request that is slow.
static ARRIVED: LazyLock<Journal> = LazyLock::new(Journal::new);
static GATE: LazyLock<Gate> = LazyLock::new(Gate::new);

fn routes() -> Routes {
    let add = async |session: Session, Path((key, value)): Path<(String, String)>| -> nova::Result<&'static str> {
        session.insert(&key, &value)?;
        Ok("saved")
    };
    let flash = async |session: Session| session.flash("info", "hello").is_ok().to_string();
    let slowly = async |session: Session, Path(key): Path<String>| -> nova::Result<&'static str> {
        session.insert(&key, &true)?;
        ARRIVED.note("loaded");
        GATE.pass().await;
        Ok("saved")
    };
    Routes::new().group(
        Group::new("/")
            .get("/plain", async || "plain")
            .get(
                "/log-in/{name}",
                async |session: Session, Path(name): Path<String>| -> nova::Result<_> {
                    session.rotate()?;
                    session.insert("user", &name)?;
                    Ok("in")
                },
            )
            .get("/log-out", async |session: Session| {
                session.destroy().is_ok().to_string()
            })
            .get("/set/{key}/{value}", add)
            .get("/slowly/{key}", slowly)
            .get("/flash", flash)
            .get("/flashes", async |session: Session| {
                let texts: Vec<_> = session.flashes().into_iter().map(|flash: Flash| flash.text).collect();
                texts.join(",")
            })
            .get("/get/{key}", async |session: Session, Path(key): Path<String>| {
                session.get::<serde_json::Value>(&key).unwrap_or_default().to_string()
            }),
    )
}

/// A broker that keeps things, in a directory.
fn start() -> Option<(Broker, TempDir)> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap().to_owned();
    broker::is_there().then(|| (Broker::start_with(&["-js", "-sd", &path]), directory))
}

fn node_with(url: &str, settings: &[(&str, &str)]) -> Server {
    let project = Project::new()
        .variable("NOVA_PUBSUB_URL", url)
        .variable("NOVA_SESSION_KEY", KEY);
    let project = settings
        .iter()
        .fold(project, |project, (name, value)| project.variable(name, value));
    project.serve(|| App::new(routes).sessions(NatsStore::new()))
}

fn node(broker: &Broker) -> Server {
    node_with(&broker.url(), &[])
}

fn send(node: &Server, cookie: &str, target: &str) -> Response {
    let headers = [("cookie", cookie), ("accept", "application/json")];
    node.request("GET", target, &headers, "")
}

fn get(node: &Server, cookie: &str, target: &str) -> String {
    let response = send(node, cookie, target);
    assert_eq!(response.status, 200, "{target}: {}", response.text());
    response.text().to_owned()
}

fn cookie(response: &Response) -> String {
    assert_eq!(response.status, 200, "{}", response.text());
    let cookie = response.header("set-cookie").expect("a cookie");
    cookie.split(';').next().unwrap().to_owned()
}

#[test]
fn a_login_on_one_node_is_seen_on_another() {
    let Some((broker, _directory)) = start() else { return };
    let (a, b) = (node(&broker), node(&broker));
    let anybody = cookie(&a.get("/set/seen/yes"));
    let ali = cookie(&send(&a, &anybody, "/log-in/ali"));
    assert_ne!(ali, anybody);
    assert_eq!(get(&b, &ali, "/get/user"), "\"ali\"");
    assert_eq!(get(&b, &ali, "/get/seen"), "\"yes\"");
    assert_eq!(get(&b, &anybody, "/get/user"), "null", "its old id is worth nothing");
    assert_eq!(get(&b, &ali, "/set/seat/7"), "saved");
    assert_eq!(get(&a, &ali, "/get/seat"), "\"7\"");
    assert_eq!(get(&b, &ali, "/log-out"), "true");
    assert_eq!(get(&a, &ali, "/get/user"), "null");
    assert_eq!(get(&b, &ali, "/get/user"), "null");
}

#[test]
fn of_changes_at_a_time_each_is_kept() {
    let Some((broker, _directory)) = start() else { return };
    let nodes = [node(&broker), node(&broker)];
    let ali = cookie(&nodes[0].get("/log-in/ali"));
    let mut requests: Vec<_> = (0..20).map(|number| nodes[number % 2].connect()).collect();
    for (number, connection) in requests.iter_mut().enumerate() {
        let target = format!("/set/key{number}/{number}");
        connection.send(format!(
            "GET {target} HTTP/1.1\r\nhost: localhost\r\ncookie: {ali}\r\n\r\n"
        ));
    }
    for mut connection in requests {
        assert_eq!(connection.response("GET").text(), "saved");
    }
    for number in 0..20 {
        let found = get(&nodes[0], &ali, &format!("/get/key{number}"));
        assert_eq!(found, format!("\"{number}\""));
    }
}

#[test]
fn what_one_node_has_ended_no_other_brings_back() {
    let Some((broker, _directory)) = start() else { return };
    let (a, b) = (node(&broker), node(&broker));
    let ali = cookie(&a.get("/log-in/ali"));
    let mut slow = a.connect();
    slow.send(format!(
        "GET /slowly/late HTTP/1.1\r\nhost: localhost\r\ncookie: {ali}\r\n\r\n"
    ));
    assert_eq!(ARRIVED.next(), "loaded");
    assert_eq!(get(&b, &ali, "/log-out"), "true");
    GATE.open();
    let response = slow.response("GET");
    assert_eq!((response.status, response.header("set-cookie")), (200, None));
    assert_eq!(get(&a, &ali, "/get/late"), "null");
    assert_eq!(get(&b, &ali, "/get/user"), "null");
}

#[test]
fn a_flash_is_read_once_on_any_node() {
    let Some((broker, _directory)) = start() else { return };
    let (a, b) = (node(&broker), node(&broker));
    let ali = cookie(&a.get("/flash"));
    assert_eq!(get(&b, &ali, "/flashes"), "hello");
    assert_eq!(get(&a, &ali, "/flashes"), "");
}

#[test]
fn without_the_broker_it_is_503_in_time_and_nothing_is_lost() {
    let Some((mut broker, _directory)) = start() else {
        return;
    };
    let (a, b) = (node(&broker), node(&broker));
    let ali = cookie(&a.get("/log-in/ali"));
    assert_eq!(get(&b, &ali, "/get/user"), "\"ali\"");
    for _ in 0..2 {
        broker.kill();
        let begun = Instant::now();
        for (node, target) in [(&a, "/get/user"), (&b, "/set/x/y")] {
            let response = send(node, &ali, target);
            assert_eq!(response.status, 503, "{}", response.text());
            let problem: serde_json::Value = response.json();
            assert_eq!(problem["detail"], "sessions can't be reached for now");
        }
        assert!(begun.elapsed() < PATIENCE);
        assert_eq!(a.get("/plain").text(), "plain");
        broker.restart();
        let deadline = Instant::now() + PATIENCE;
        for node in [&a, &b] {
            while send(node, &ali, "/get/user").status == 503 {
                assert!(Instant::now() < deadline, "it is not back");
            }
            assert_eq!(get(node, &ali, "/get/user"), "\"ali\"");
        }
        assert_eq!(get(&b, &ali, "/set/after/it"), "saved");
        assert_eq!(get(&a, &ali, "/get/after"), "\"it\"");
    }
}

#[test]
fn a_node_that_starts_without_a_broker_has_it_when_it_comes() {
    let Some((mut broker, _directory)) = start() else {
        return;
    };
    broker.kill();
    let node = node(&broker);
    assert_eq!(node.get("/plain").text(), "plain");
    assert_eq!(send(&node, "", "/set/a/b").status, 503);
    broker.restart();
    let deadline = Instant::now() + PATIENCE;
    while node.get("/set/a/b").status == 503 {
        assert!(Instant::now() < deadline, "it is not there");
    }
}

#[test]
fn it_ends_when_it_is_not_used() {
    let Some((broker, _directory)) = start() else { return };
    let short = [("NOVA_SESSION_IDLE_TIMEOUT", "1")];
    let (a, b) = (node_with(&broker.url(), &short), node_with(&broker.url(), &short));
    let ali = cookie(&a.get("/log-in/ali"));
    let deadline = Instant::now() + PATIENCE;
    while get(&b, &ali, "/get/user") != "null" {
        // To ask for it would be to use it.
        std::thread::sleep(Duration::from_millis(2100));
        assert!(Instant::now() < deadline, "it is still there");
    }
}

#[test]
fn a_broker_without_jetstream_is_503() {
    if !broker::is_there() {
        return;
    }
    let broker = Broker::start();
    let node = node(&broker);
    for _ in 0..2 {
        assert_eq!(send(&node, "", "/set/a/b").status, 503);
    }
}
