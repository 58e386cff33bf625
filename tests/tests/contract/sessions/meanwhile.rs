//! Sessions that two requests change at once.

use nova::App;
use nova::prelude::*;
use nova::session::MemoryStore;
use nova_tests::{Gate, PATIENCE, Server};

use super::{Jar, project, routes, session_cookie};

#[test]
fn a_session_that_has_ended_meanwhile_does_not_come_back() {
    let gate = Gate::new();
    let held = gate.clone();
    let (arrive, arrived) = std::sync::mpsc::channel();
    let server = project().serve(move || {
        App::new(move || {
            let slow = async move |session: Session| -> nova::Result<&'static str> {
                session.insert("slow", &true)?;
                arrive.send(())?;
                held.pass().await;
                Ok("slow")
            };
            routes().group(Group::new("/slow").get("/", slow))
        })
        .sessions(MemoryStore::new())
    });
    let mut jar = Jar::default();
    jar.send(&server, "POST", "/login");
    let cookie = jar.0.clone().unwrap();
    let mut slow = server.connect();
    slow.send(format!(
        "GET /slow HTTP/1.1\r\nhost: localhost\r\ncookie: {cookie}\r\n\r\n"
    ));
    arrived.recv_timeout(PATIENCE).unwrap();
    jar.send(&server, "POST", "/logout");
    gate.open();
    let response = slow.response("GET");
    assert_eq!((response.status, session_cookie(&response)), (200, None));
    assert_eq!(Jar(Some(cookie)).get(&server, "/who"), "nobody");
}

/// The session that a request leaves which gives it a new id, where others do something to it meanwhile.
fn moved_while(meanwhile: impl FnOnce(&mut Jar, &Server)) -> (Server, Jar) {
    let gate = Gate::new();
    let held = gate.clone();
    let (arrive, arrived) = std::sync::mpsc::channel();
    let server = project().serve(move || {
        App::new(move || {
            let slow = async move |session: Session| -> nova::Result<&'static str> {
                arrive.send(())?;
                held.pass().await;
                session.rotate()?;
                session.insert("slow", &true)?;
                Ok("slow")
            };
            let has_slow = async |session: Session| session.get::<bool>("slow").unwrap_or(false).to_string();
            routes().group(Group::new("/slow").get("/", slow).get("/is", has_slow))
        })
        .sessions(MemoryStore::new())
    });
    let mut jar = Jar::default();
    jar.send(&server, "POST", "/login");
    let mut slow = server.connect();
    slow.send(format!(
        "GET /slow HTTP/1.1\r\nhost: localhost\r\ncookie: {}\r\n\r\n",
        jar.0.clone().unwrap()
    ));
    arrived.recv_timeout(PATIENCE).unwrap();
    meanwhile(&mut jar, &server);
    gate.open();
    let mut moved = Jar::default();
    moved.take(&slow.response("GET"));
    assert_eq!(moved.get(&server, "/slow/is"), "true");
    (server, moved)
}

#[test]
fn what_others_changed_meanwhile_goes_on_under_the_new_id() {
    let (server, mut moved) = moved_while(|jar, server| assert_eq!(jar.get(server, "/count"), "1"));
    assert_eq!(moved.get(&server, "/who"), "ali");
    assert_eq!(moved.get(&server, "/count"), "2");
}

#[test]
fn a_new_id_does_not_bring_back_what_has_ended_meanwhile() {
    let (server, mut moved) = moved_while(|jar, server| drop(jar.send(server, "POST", "/logout")));
    assert_eq!(moved.get(&server, "/who"), "nobody");
}
