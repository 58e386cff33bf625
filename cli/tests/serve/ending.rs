//! The end at each stage: nothing is left.

use rustix::process::Signal;

use crate::kit::{Project, Serve, eventually};

fn nothing_is_left(project: &Project) {
    eventually("every process of the project ends", || project.processes().is_empty());
}

#[test]
fn ctrl_c_during_the_first_build_leaves_nothing() {
    let project = Project::new();
    project.write(
        "build.rs",
        "fn main() { std::thread::sleep(std::time::Duration::from_secs(60)) }\n",
    );
    let mut serve = Serve::begin(project.nova(&["serve", "--port", "0", "--json"]));
    serve.wait_for_event("building");
    eventually("the build script runs", || project.processes().len() >= 3);
    serve.signal(Signal::INT);
    assert_eq!(serve.exit_code(), Some(130));
    nothing_is_left(&project);
    assert_eq!(serve.wait_for_event("ended")["exit"], 130);
}

#[test]
fn ctrl_c_during_a_start_leaves_nothing() {
    let project = Project::on_the_line();
    let mut serve = Serve::start(&project);
    project.write_start("two", "std::thread::sleep(std::time::Duration::from_secs(60))");
    serve.wait_for_event("built");
    serve.wait_for_event("built");
    serve.signal(Signal::INT);
    assert_eq!(serve.exit_code(), Some(130));
    nothing_is_left(&project);
}

#[test]
fn a_save_after_ctrl_c_changes_nothing() {
    let project = Project::new();
    let mut serve = Serve::start(&project);
    serve.signal(Signal::HUP);
    project.write_body("two");
    assert_eq!(serve.exit_code(), Some(129));
    nothing_is_left(&project);
    let events = serve.events();
    assert_eq!(events.last().map(String::as_str), Some("ended"));
    assert!(serve.heard().iter().all(|line| !line.contains("Reloaded")));
}
