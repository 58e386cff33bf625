//! What passes between the command and an application that knows the line.

use std::cell::RefCell;

use crate::kit::{Project, Serve, eventually, runs};

/// What the application has heard, once this is in it: it hears at its own pace.
fn heard(serve: &Serve, text: &str) -> String {
    let heard = RefCell::default();
    eventually("the application hears of it", || {
        heard.replace(serve.get("/heard").1);
        heard.borrow().contains(text)
    });
    heard.into_inner()
}

#[test]
fn the_new_process_takes_over_from_the_old_one() {
    let project = Project::on_the_line();
    let serve = Serve::start(&project);
    let (first, body) = serve.get("/");
    assert_eq!(body, "build 1, sockets from nobody, one");

    project.write_start("two", "");
    let line = serve.wait_for("Reloaded src/body.rs in ");
    assert!(line.contains(" s (build "), "{line}");
    assert!(
        line.ends_with(" · 2 sockets moved · 1 closed (Chat does not travel)"),
        "{line}"
    );
    let (second, body) = serve.get("/");
    assert_eq!(body, format!("build 2, sockets from {first}, two"));
    eventually("the first process ends", || !runs(first));

    // Configuration alone, too.
    project.write("nova.toml", "[server]\n");
    let line = serve.wait_for("Reloaded nova.toml in ");
    assert!(line.contains("2 sockets moved") && !line.contains("build"), "{line}");
    assert_eq!(serve.get("/").1, format!("build 3, sockets from {second}, two"));

    serve.wait_for_event("served");
    let served = serve.wait_for_event("served");
    assert_eq!((&served["build"], &served["moved"]), (&2.into(), &2.into()));
    assert_eq!(served["closed"][0]["reason"], "Chat does not travel");
    assert_eq!(served["files"][0], "src/body.rs");
    let heard = heard(&serve, "\"build\":3");
    assert!(
        heard.starts_with("{\"event\":\"take\"}\n{\"event\":\"history\""),
        "{heard}"
    );
    assert!(
        heard.contains("\"outcome\":\"served\"") && heard.contains("\"moved\":2"),
        "{heard}"
    );
}

#[test]
fn a_process_that_fails_to_start_leaves_the_sockets_where_they_are() {
    let project = Project::on_the_line();
    let serve = Serve::start(&project);
    let first = serve.get("/");
    project.write_start("two", "panic!(\"no\")");
    serve.wait_for("Failed myapp ended with exit status: 101 before it was ready; still serving the previous build");
    let failed = serve.wait_for_event("failed");
    assert_eq!((&failed["stage"], &failed["serving"]), (&"start".into(), &true.into()));
    assert_eq!(serve.get("/"), first);
    let heard = heard(&serve, "\"outcome\":\"failed\"");
    let mut names: Vec<&str> = heard.lines().filter_map(|line| line.split('"').nth(3)).collect();
    // A handoff goes before all news.
    names.sort_unstable();
    assert_eq!(names, ["building", "built", "failed", "give", "history", "history"]);

    project.write_start("three", "");
    let line = serve.wait_for("Reloaded ");
    assert!(line.contains("2 sockets moved"), "{line}");
    assert_eq!(serve.get("/").1, format!("build 3, sockets from {}, three", first.0));
}

#[test]
fn a_process_that_is_never_ready_is_given_up() {
    let project = Project::on_the_line();
    let serve = Serve::start(&project);
    let first = serve.get("/");
    project.write_start("two", "loop { std::thread::yield_now() }");
    serve.wait_for("Failed myapp was not ready within 10 s; still serving the previous build");
    assert_eq!(serve.get("/"), first);
}

#[test]
fn a_change_during_a_start_replaces_the_process_that_starts() {
    let project = Project::on_the_line();
    let serve = Serve::start(&project);
    let (first, _) = serve.get("/");
    project.write_start("two", "std::thread::sleep(std::time::Duration::from_secs(60))");
    serve.wait_for_event("built");
    serve.wait_for_event("built");
    project.write_start("three", "");
    let line = serve.wait_for("Reloaded ");
    assert!(line.contains("2 sockets moved"), "{line}");
    assert_eq!(serve.get("/").1, format!("build 3, sockets from {first}, three"));
}

#[test]
fn errors_reach_the_process_that_serves_with_their_places() {
    let project = Project::on_the_line();
    let serve = Serve::start(&project);
    project.write(
        "src/body.rs",
        "pub const TEXT: &str = \"two\";\npub fn at_the_start() { no_such_thing() }\n",
    );
    serve.wait_for("Failed 1 error; still serving the previous build");
    let heard = heard(&serve, "\"failed\"");
    let failed = heard
        .lines()
        .find(|line| line.contains("\"failed\""))
        .expect("it is told");
    let failed: serde_json::Value = serde_json::from_str(failed).unwrap();
    let place = &failed["diagnostics"][0];
    assert_eq!(
        (&place["level"], &place["file"]),
        (&"error".into(), &"src/body.rs".into())
    );
    assert_eq!((&place["line"], &place["column"]), (&2.into(), &25.into()));
    // For the page, with colours, which the terminal of the test has not.
    assert!(failed["text"].as_str().unwrap().contains("\u{1b}["), "{failed}");
    let event = serve.wait_for_event("failed");
    assert_eq!(event["diagnostics"], failed["diagnostics"]);
}

#[test]
fn views_are_told_to_the_application_and_its_answer_to_the_terminal() {
    let project = Project::on_the_line();
    project.write("views/page.hbs", "one");
    project.write("assets/app.css", "");
    let serve = Serve::start(&project);
    let process = serve.get("/").0;
    project.write("views/page.hbs", "ab{{#if");
    serve.wait_for("error: unclosed block");
    serve.wait_for(" --> views/page.hbs:1:3");
    serve.wait_for("Failed 1 error in a view; the views before it are still served");
    heard(&serve, "\"stage\":\"views\"");
    project.write("views/page.hbs", "two");
    serve.wait_for("Reloaded views/page.hbs in ");
    project.write("assets/app.css", "x");
    serve.wait_for("Reloaded assets/app.css");
    assert_eq!(serve.get("/").0, process, "no other process was started");
    let event = serve.wait_for_event("views");
    assert_eq!(
        (&event["error"], &event["column"]),
        (&"unclosed block".into(), &3.into())
    );
}
