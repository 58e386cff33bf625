//! How files are changed: by editors of every kind, in bursts, all the time.

use std::time::{Duration, Instant};

use crate::kit::{Project, Serve, eventually};

/// For how long a file may be empty or missing in the middle of a save.
const SETTLE: Duration = Duration::from_millis(50);

/// Saves in two steps with a moment between them, and expects that it is one change, which is served. A test that is held
/// up between the steps is no editor, and begins anew.
fn expect_one_change(first: fn(&Project), second: fn(&Project, &str)) {
    for _ in 0..20 {
        let project = Project::new();
        let serve = Serve::start(&project);
        serve.events_up_to("served");
        let start = Instant::now();
        first(&project);
        std::thread::sleep(Duration::from_millis(10));
        second(&project, "pub const TEXT: &str = \"saved\";\n");
        if start.elapsed() < SETTLE {
            serve.wait_for("Reloaded src/body.rs in ");
            assert_eq!(serve.get("/").1, "saved");
            assert_eq!(serve.events_up_to("served"), ["changed", "building", "built", "served"]);
            return;
        }
    }
    panic!("no attempt at a save was like one");
}

fn rename(project: &Project, from: &str, to: &str) {
    std::fs::rename(project.root.join(from), project.root.join(to)).unwrap();
}

#[test]
fn a_new_file_in_the_place_of_the_old_one_is_one_change() {
    expect_one_change(
        |project| project.write("src/body.rs.new", ""),
        |project, body| {
            project.write("src/body.rs.new", body);
            rename(project, "src/body.rs.new", "src/body.rs");
        },
    );
}

#[test]
fn the_old_file_away_and_a_new_one_a_moment_later_is_one_change() {
    // With a copy of it, and a probe of the directory.
    expect_one_change(
        |project| {
            project.write("src/4913", "");
            project.write("src/.body.rs.swp", "x");
            rename(project, "src/body.rs", "src/body.rs~");
            std::fs::remove_file(project.root.join("src/4913")).unwrap();
        },
        |project, body| project.write("src/body.rs", body),
    );
}

#[test]
fn a_file_that_is_emptied_and_written_a_moment_later_is_one_change() {
    expect_one_change(
        |project| project.write("src/body.rs", ""),
        |project, body| project.write("src/body.rs", body),
    );
}

/// The most builds in a row that were cancelled, of events in their order.
fn cancelled_in_a_row(events: &[String]) -> usize {
    let ended = events.split(|event| event == "built" || event == "failed");
    let cancelled = ended.map(|events| events.iter().filter(|event| *event == "cancelled").count());
    cancelled.max().unwrap_or(0)
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
    // Also some in between were built: the builds were not cancelled for ever.
    let events = serve.events();
    assert!(cancelled_in_a_row(&events) <= 3, "{events:?}");
}

#[test]
fn a_burst_of_files_takes_few_builds() {
    const FILES: usize = 500;
    let project = Project::new();
    for number in 0..FILES {
        project.write(&format!("src/many/part{number}.rs"), "");
    }
    let serve = Serve::start(&project);
    serve.events();
    for number in 0..FILES {
        project.write(&format!("src/many/part{number}.rs"), "// Changed.\n");
    }
    project.write_body("after the burst");
    eventually("the last file is served", || serve.get("/").1 == "after the burst");
    let events = serve.events();
    // As a rule they are three changes. How many depends on how long the burst takes; it is never one for a few files.
    let changes = events.iter().filter(|event| *event == "changed").count();
    assert!(changes <= FILES / 10, "{changes} changes: {events:?}");
    assert!(cancelled_in_a_row(&events) <= 3, "{events:?}");
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
