//! How files are changed: by editors of every kind, in bursts, all the time.

use std::time::{Duration, Instant};

use crate::kit::{Project, Serve, eventually};

#[test]
fn editors_save_in_many_ways() {
    let project = Project::new();
    let serve = Serve::start(&project);
    let body = |text: &str| format!("pub const TEXT: &str = {text:?};\n");
    let path = project.root.join("src/body.rs");

    // A new file, in the place of the old one.
    project.write("src/body.rs.new", &body("renamed"));
    std::fs::rename(project.root.join("src/body.rs.new"), &path).unwrap();
    serve.wait_for("Reloaded src/body.rs");
    assert_eq!(serve.get("/").1, "renamed");

    // The old one away, and a new one there a moment later; with a copy of it, and a probe of the directory.
    project.write("src/4913", "");
    project.write("src/.body.rs.swp", "x");
    std::fs::rename(&path, project.root.join("src/body.rs~")).unwrap();
    std::fs::remove_file(project.root.join("src/4913")).unwrap();
    std::thread::sleep(Duration::from_millis(10));
    std::fs::write(&path, body("moved away")).unwrap();
    serve.wait_for("Reloaded src/body.rs");
    assert_eq!(serve.get("/").1, "moved away");

    // Emptied, and written a moment later.
    std::fs::write(&path, "").unwrap();
    std::thread::sleep(Duration::from_millis(10));
    std::fs::write(&path, body("truncated")).unwrap();
    serve.wait_for("Reloaded src/body.rs");
    assert_eq!(serve.get("/").1, "truncated");

    let count = |events: &[String], name: &str| events.iter().filter(|event| *event == name).count();
    let mut events = Vec::new();
    // The line is there before the event is.
    eventually("the last reload is told", || {
        events.extend(serve.events());
        count(&events, "served") >= 4
    });
    let count = |name| count(&events, name);
    assert_eq!((count("failed"), count("cancelled")), (0, 0), "{events:?}");
    assert_eq!(
        (count("changed"), count("served")),
        (3, 4),
        "one for each save: {events:?}"
    );
}

#[test]
fn what_is_saved_last_is_what_ends_up_served() {
    let project = Project::new();
    let serve = Serve::start(&project);
    for number in 0..40 {
        project.write_body(&format!("save {number}"));
        std::thread::sleep(Duration::from_millis(25));
    }
    eventually("the last save is served", || serve.get("/").1 == "save 39");
    // Also those in between were: the builds were not cancelled for ever.
    let events = serve.events();
    assert!(
        events.iter().filter(|event| *event == "cancelled").count() <= 6,
        "{events:?}"
    );
}

#[test]
fn a_burst_of_files_takes_few_builds() {
    let project = Project::new();
    for number in 0..500 {
        project.write(&format!("src/many/part{number}.rs"), "");
    }
    let serve = Serve::start(&project);
    serve.events();
    let start = Instant::now();
    for number in 0..500 {
        project.write(&format!("src/many/part{number}.rs"), "// Changed.\n");
    }
    project.write_body("after the burst");
    let took = start.elapsed();
    eventually("the last file is served", || serve.get("/").1 == "after the burst");
    let events = serve.events();
    let builds = events.iter().filter(|event| *event == "building").count();
    // The first, three cancelled, one that was left to its end, and one for what came meanwhile.
    assert!(builds <= 6, "{builds} builds for a burst of {took:?}: {events:?}");
}

#[test]
fn a_save_during_a_build_is_not_lost() {
    let project = Project::new();
    let serve = Serve::start(&project);
    project.write_body("two");
    serve.wait_for_event("building");
    serve.wait_for_event("building");
    project.write_body("three");
    eventually("the second save is served", || serve.get("/").1 == "three");
}

#[test]
fn looking_now_and_then_finds_changes_too() {
    let project = Project::new();
    let serve = Serve::start_with(project.nova(&["serve", "--port", "0", "--poll", "0.1"]));
    project.write_body("two");
    serve.wait_for("Reloaded src/body.rs");
    assert_eq!(serve.get("/").1, "two");
    let output = project.output(&["serve", "--poll", "0"]);
    assert_eq!(output.status.code(), Some(2));
}
