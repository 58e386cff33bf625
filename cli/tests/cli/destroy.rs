//! `nova destroy`: what is taken for generated, and what is somebody's.

use super::{Sandbox, exists};

/// `src/controllers/admin/mod.rs` holds what is below `admin`, or is somebody's.
#[test]
fn a_module_that_is_a_directory_is_not_destroyed() {
    let sandbox = Sandbox::with_project();
    sandbox.app("gen controller admin/users").succeeded();
    let before = sandbox.tree();
    for command in ["destroy controller admin", "destroy controller admin --force"] {
        sandbox
            .app(command)
            .failed(1, "src/controllers/admin/mod.rs is that module, and was not generated")
            .failed(1, "admin/users");
    }
    assert!(sandbox.tree() == before);
    sandbox.write("myapp/src/security/mod.rs", "pub mod bearer;\n");
    sandbox.write("myapp/src/security/bearer/mod.rs", "pub fn check() {}\n");
    let before = sandbox.tree();
    sandbox.app("destroy security bearer").failed(1, "nothing was written");
    assert!(sandbox.tree() == before);
}

#[test]
fn a_route_to_another_module_of_the_same_name_is_somebodys() {
    let sandbox = Sandbox::with_project();
    let table = "myapp/src/routes.rs";
    let text = sandbox
        .read(table)
        .replace(
            "use crate::controllers::home;",
            "use crate::api::users;\nuse crate::controllers::home;",
        )
        .replace(
            "home::index)\n",
            "home::index)\n            .get(\"/users\", users::index)\n",
        );
    sandbox.write(table, &text);
    sandbox
        .app("gen controller users")
        .failed(1, "another handler is at GET /users");
    sandbox.app("gen controller users --no-route").succeeded();
    sandbox.app("destroy controller users").succeeded();
    assert_eq!(sandbox.read(table), text);
    sandbox.app("gen controller users --at /people").succeeded();
    assert!(sandbox.read(table).contains("crate::controllers::users::index"));
    sandbox.app("destroy controller users").succeeded();
    assert_eq!(sandbox.read(table), text);
}

#[test]
fn a_name_that_is_mistyped_is_told() {
    let sandbox = Sandbox::with_project();
    sandbox.app("gen controller admin/posts").succeeded();
    let before = sandbox.tree();
    let run = sandbox.app("destroy controller admin/psts").succeeded();
    let said = "Missing there is no controller `admin/psts`; did you mean `admin/posts`?\n";
    assert!(run.stderr.contains(said), "{}", run.stderr);
    assert!(sandbox.tree() == before);
    let run = sandbox.app("destroy controller admin/posts").succeeded();
    assert!(!run.stderr.contains("Missing"), "{}", run.stderr);
}

#[test]
fn what_a_link_points_to_is_not_destroyed() {
    let sandbox = Sandbox::with_project();
    let before = sandbox.tree();
    sandbox.app("gen controller posts").succeeded();
    let file = sandbox.path("myapp/src/controllers/posts.rs");
    let elsewhere = sandbox.path("posts.rs");
    std::fs::rename(&file, &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &file).unwrap();
    sandbox.app("destroy controller posts").succeeded();
    assert!(!exists(&file));
    std::fs::remove_file(elsewhere).unwrap();
    assert!(sandbox.tree() == before);
}

#[test]
fn nothing_is_destroyed_where_its_wiring_can_not_be_read() {
    for (kind, wiring) in [
        ("controller", "src/routes.rs"),
        ("ws-handler", "src/routes.rs"),
        ("fallback", "src/lib.rs"),
        ("reply-handler", "src/lib.rs"),
    ] {
        for broken in [&b"fn x("[..], b"\xff"] {
            let sandbox = Sandbox::with_project();
            sandbox.app(&format!("gen {kind} posts")).succeeded();
            let path = sandbox.path("myapp").join(wiring);
            let text = std::fs::read(&path).unwrap();
            std::fs::write(&path, [&text, broken].concat()).unwrap();
            let before = sandbox.tree();
            sandbox.app(&format!("destroy {kind} posts")).failed(1, wiring);
            assert!(sandbox.tree() == before, "{kind}");
        }
    }
}

#[test]
fn a_route_goes_with_its_controller_though_the_function_has_gone_before() {
    let sandbox = Sandbox::with_project();
    let before = sandbox.tree();
    sandbox.app("gen controller posts index show").succeeded();
    sandbox.write("myapp/src/controllers/posts.rs", "// mine\n");
    sandbox
        .app("destroy controller posts")
        .failed(1, "src/controllers/posts.rs has been changed");
    sandbox.app("destroy controller posts --force").succeeded();
    assert!(sandbox.tree() == before);
}

/// Below another prefix, for a second path, or written by hand: without its function each would lead nowhere.
#[test]
fn every_route_to_it_goes_with_a_controller() {
    let sandbox = Sandbox::with_project();
    let table = "myapp/src/routes.rs";
    let before = sandbox.read(table);
    for (command, route) in [
        ("gen controller posts index show", ""),
        (
            "gen controller posts --no-route",
            "\n            .get(\"/news\", posts::index)",
        ),
    ] {
        sandbox.app(command).succeeded();
        let text = sandbox.read(table);
        let import = "use crate::controllers::posts;\n";
        let text = if text.contains(import) {
            text
        } else {
            text.replace("\n/// The table", &format!("{import}\n/// The table"))
        };
        let route = format!("home::index){route}\n            .post(\"/\", posts::index)");
        let text = text.replacen("home::index)", &route, 1);
        let (last, moved) = (
            "            .assets(\"/assets\", \"assets\"),\n    )\n",
            "    .group(Group::new(\"/api\").get(\"/posts\", posts::index))\n    \
             .group(Group::new(\"/\").host(\"a.example\").get(\"/posts\", posts::index))\n    \
             .group(Group::new(\"/\").host(\"b.example\").get(\"/posts\", posts::index))\n",
        );
        assert!(text.contains(last), "{text}");
        sandbox.write(table, &text.replace(last, &format!("{last}{moved}")));
        let run = sandbox.app("destroy controller posts").succeeded();
        assert!(
            run.stderr.contains(" - .get(\"/api/posts\", posts::index)\n"),
            "{}",
            run.stderr
        );
        let text = sandbox.read(table);
        assert!(!text.contains("posts"), "{text}");
        sandbox.write(table, &before);
    }
}

/// A module of the user's that holds the functions of several is not one that goes.
#[test]
fn routes_to_a_module_that_stays_are_left() {
    let sandbox = Sandbox::with_project();
    let folder = "myapp/.nova/templates/act";
    sandbox.write(&format!("{folder}/views/acts/{{{{path}}}}.hbs.hbs"), "{{title}}\n");
    sandbox.write(
        &format!("{folder}/kind.toml"),
        "[[route]]\nverb = \"get\"\npath = \"{{url}}\"\nhandler = \"controllers::acts::{{name}}\"\n",
    );
    sandbox.app("gen act one").succeeded();
    let before = sandbox.tree();
    sandbox.app("gen act two").succeeded();
    sandbox.app("destroy act two").succeeded();
    assert!(sandbox.tree() == before, "{}", sandbox.read("myapp/src/routes.rs"));
}

/// What stands behind a route on its line does not come into the comment above it.
#[test]
fn a_comment_above_a_route_swallows_nothing() {
    let table = "myapp/src/routes.rs";
    for (behind, left) in [
        (
            " .get(\"/about\", home::index)",
            "\n             .get(\"/about\", home::index)",
        ),
        (" // Theirs.", " // Theirs."),
        ("", ""),
    ] {
        let sandbox = Sandbox::with_project();
        let before = sandbox.read(table);
        sandbox.app("gen controller posts").succeeded();
        let route = ".get(\"/posts\", posts::index)";
        let with = format!("// Posts.\n            {route}{behind}");
        sandbox.write(table, &sandbox.read(table).replace(route, &with));
        sandbox.app("destroy controller posts").succeeded();
        let assets = "            .assets(";
        let expected = before.replace(assets, &format!("            // Posts.{left}\n{assets}"));
        assert_eq!(sandbox.read(table), expected);
    }
}
