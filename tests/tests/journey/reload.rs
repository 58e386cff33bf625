//! A project that changes while it is served.

use crate::kit::{Project, eventually};

const HOME: &str = "src/controllers/home.rs";

#[test]
fn an_edited_handler_is_served() {
    let project = Project::with_chat("reloaded");
    let mut serve = project.serve();
    project.edit(HOME, "\"title\": \"reloaded\"", "\"title\": \"changed\"");
    serve.says("Changed src/controllers/home.rs");
    serve.has_reloaded();
    assert!(serve.get("/").text().contains("<h1>changed</h1>"));

    // Generated into the running application.
    project.nova("gen controller posts").succeeded();
    // Its view needs no build, and is served before.
    serve.says("Reloaded src/controllers/mod.rs");
    assert_eq!(serve.get("/posts").status, 200);

    let mut socket = serve.websocket("/chat/lobby");
    project.edit(
        "src/ws/chat.rs",
        "\"message\", text",
        "\"message\", text.to_uppercase()",
    );
    let said = serve.says("Reloaded ");
    assert!(said.contains("1 socket moved"), "{said}");
    // The same connection is answered by the new code.
    socket.send("loud".into()).unwrap();
    assert_eq!(socket.read().unwrap(), "LOUD".into());
}

#[test]
fn an_edited_view_or_asset_is_served_without_a_build() {
    let project = Project::new("views");
    let mut serve = project.serve();
    let process = project.applications();
    project.edit("views/home/index.hbs", "Your application is up.", "It is up.");
    project.edit("assets/app.css", "--paper: #fdfcfa;", "--paper: #ffffff;");
    eventually("the view is served", || serve.get("/").text().contains("It is up."));
    eventually("the asset is served", || {
        serve.get("/assets/app.css").text().contains("--paper: #ffffff;")
    });
    assert_eq!(project.applications(), process, "the same process answers");
    let heard = serve.heard();
    assert!(!heard.contains("Changed"), "{heard}");
}

#[test]
fn a_broken_view_leaves_the_old_one_and_is_said() {
    let project = Project::new("broken-view");
    let mut serve = project.serve();
    project.edit("views/home/index.hbs", "{{title}}", "{{title} changed");
    eventually("the view is read", || {
        serve.get("/");
        serve.heard().contains("the old views are kept")
    });
    assert!(serve.heard().contains("views/home/index.hbs:"), "the place is said");
    let page = serve.get("/");
    assert_eq!(page.status, 200);
    assert!(!page.text().contains("changed"));
    project.edit("views/home/index.hbs", "{{title} changed", "{{title}} changed");
    eventually("the view is there again", || serve.get("/").text().contains("changed"));
}

#[test]
fn a_syntax_error_keeps_the_old_build_serving() {
    let project = Project::new("mistake");
    let mut serve = project.serve();
    let before = project.applications();
    project.edit(HOME, "Reply::view(json!({", "Reply::view(json!({{");
    serve.says("error: ");
    serve.says("still serving the previous build");
    assert!(serve.get("/").text().contains("<h1>mistake</h1>"));
    assert_eq!(project.applications(), before, "the same process answers");

    // Another mistake of another kind, without a repair in between.
    project.edit(HOME, "Reply::view(json!({{", "Reply::vieww(json!({");
    serve.says("`vieww`");
    serve.says("still serving the previous build");
    assert_eq!(serve.get("/").status, 200);

    project.edit(HOME, "Reply::vieww(json!({", "Reply::view(json!({");
    project.edit(HOME, "\"title\": \"mistake\"", "\"title\": \"repaired\"");
    serve.has_reloaded();
    assert!(serve.get("/").text().contains("<h1>repaired</h1>"));
}

#[test]
fn an_application_that_can_not_start_keeps_the_old_one_serving() {
    let project = Project::new("start");
    let mut serve = project.serve();
    let twice = ".get(\"/\", home::index).get(\"/\", home::index)";
    project.edit("src/routes.rs", ".get(\"/\", home::index)", twice);
    // Both places, by which the mistake is found.
    serve.says("src/routes.rs:");
    serve.says("before it was ready; still serving the previous build");
    assert_eq!(serve.get("/").status, 200);
    project.edit(
        "src/routes.rs",
        twice,
        ".get(\"/\", home::index).get(\"/again\", home::index)",
    );
    serve.has_reloaded();
    assert_eq!(serve.get("/again").status, 200);
}

#[test]
fn a_first_build_that_fails_is_repaired_while_the_command_waits() {
    let project = Project::new("first");
    let good = project.read(HOME);
    project.edit(HOME, "Reply::view(", "Reply::view(,");
    let mut command = crate::kit::command::nova(project.root());
    command.args(["serve", "--port", "0"]);
    let mut serve = crate::kit::Serve::start(command);
    serve.says("src/controllers/home.rs:");
    serve.says("waiting for a change");
    project.write(HOME, &good);
    serve.is_serving();
    assert_eq!(serve.get("/").status, 200);
}
