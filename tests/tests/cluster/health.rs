//! What an application says of itself when its link to other nodes goes and comes.

use std::time::Instant;

use nova::App;
use nova::prelude::*;
use nova_tests::{Broker, Server, broker};

use crate::kit::{PATIENCE, project};

fn routes() -> Routes {
    Routes::new().group(Group::new("/").get("/health", nova::health))
}

/// Asks until the cluster is as it is to be. Whatever it is, the application serves.
#[track_caller]
fn becomes(server: &Server, cluster: &str) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let health = server.get("/health");
        assert_eq!(health.status, 200);
        let health: serde_json::Value = health.json();
        assert_eq!(health["status"], "serving");
        if health["cluster"] == cluster {
            return;
        }
        assert!(Instant::now() < deadline, "{health} and not {cluster}");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

#[test]
fn health_tells_a_link_that_is_down_from_an_application_that_does_not_serve() {
    if !broker::is_there() {
        return;
    }
    let mut broker = Broker::start();
    let server = project("health", &broker.url(), &[]).serve(|| App::new(routes));
    becomes(&server, "up");
    broker.kill();
    becomes(&server, "down");
    broker.restart();
    becomes(&server, "up");
}
