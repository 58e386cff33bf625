//! The end of `nova serve`: in order, by force, in the middle of a build. Nothing is left.

use rustix::process::Signal;

use crate::kit::process::running_in;
use crate::kit::{Project, eventually};

#[track_caller]
fn nothing_is_left(project: &Project) {
    eventually("every process of the project ends", || {
        running_in(project.root()).is_empty()
    });
}

#[test]
fn ctrl_c_leaves_no_process_behind() {
    let project = Project::with_chat("ctrl-c");
    let mut serve = project.serve();
    assert_eq!(project.applications().len(), 1);
    let mut socket = serve.websocket("/chat/lobby");
    serve.process.signal_group(Signal::INT);
    assert_eq!(serve.process.end().code(), Some(130));
    assert_eq!(running_in(project.root()), [], "left behind");
    let Ok(tungstenite::Message::Close(Some(frame))) = socket.read() else {
        panic!("the socket was not closed in order");
    };
    assert_eq!(u16::from(frame.code), 1001);
    let heard = serve.heard();
    assert!(heard.ends_with("Stopping ctrl-c"), "{heard}");
}

#[test]
fn ctrl_c_during_a_build_leaves_no_compiler_behind() {
    let project = Project::new("ctrl-c-build");
    let mut serve = project.serve();
    project.edit(
        "src/controllers/home.rs",
        "\"title\": \"ctrl-c-build\"",
        "\"title\": \"changed\"",
    );
    serve.says("Changed");
    serve.process.signal_group(Signal::INT);
    assert_eq!(serve.process.end().code(), Some(130));
    nothing_is_left(&project);
}

#[test]
fn a_command_that_is_killed_takes_its_application_along() {
    let project = Project::new("killed");
    let mut serve = project.serve();
    serve.process.signal(Signal::KILL);
    serve.process.end();
    nothing_is_left(&project);
    // And nothing keeps the port.
    assert!(std::net::TcpListener::bind(serve.address()).is_ok());
}

#[test]
fn a_command_that_is_killed_during_a_build_leaves_nothing() {
    let project = Project::new("killed-build");
    let mut serve = project.serve();
    project.edit(
        "src/controllers/home.rs",
        "\"title\": \"killed-build\"",
        "\"title\": \"changed\"",
    );
    serve.says("Changed");
    serve.process.signal(Signal::KILL);
    serve.process.end();
    nothing_is_left(&project);
}
