//! `nova gen`.

use std::process::Command;

use super::Sandbox;

#[test]
fn a_controller_is_wired_in() {
    let sandbox = Sandbox::with_project();
    let run = sandbox.app("gen controller posts").succeeded();
    assert_eq!(
        run.stderr,
        "     Created src/controllers/posts.rs\n     \
              Updated src/controllers/mod.rs   + pub mod posts;\n     \
              Created views/posts/index.hbs\n     \
              Updated src/routes.rs            + use crate::controllers::posts;\n\
         \x20                                     + .get(\"/posts\", posts::index)\n    \
             Finished controller `posts` at /posts\n\n\
         next: nova serve, then open http://127.0.0.1:8080/posts\n"
    );
    assert!(
        sandbox
            .read("myapp/views/posts/index.hbs")
            .contains("<h1>{{title}}</h1>")
    );
    sandbox.is_formatted("myapp");
}

#[test]
fn a_handler_is_wired_in_from_anywhere_in_the_project() {
    let sandbox = Sandbox::with_project();
    let run = sandbox
        .nova_in("myapp/src/controllers", ["gen", "ws-handler", "Chat"])
        .succeeded();
    assert!(run.stderr.contains("       Named chat (`Chat`"), "{}", run.stderr);
    assert!(
        run.stderr.contains(" + .ws(\"/chat/{room}\", ChatHandler::init)\n"),
        "{}",
        run.stderr
    );
    assert!(
        run.stderr
            .ends_with("open http://127.0.0.1:8080/chat/lobby in two tabs\n"),
        "{}",
        run.stderr
    );
    assert!(sandbox.read("myapp/src/lib.rs").contains("mod routes;\npub mod ws;\n"));
    sandbox.is_formatted("myapp");
    sandbox.app("gen ws-handler news").succeeded();
    assert!(
        sandbox
            .read("myapp/src/ws/mod.rs")
            .ends_with("pub mod chat;\npub mod news;\n")
    );
    sandbox.is_formatted("myapp");
}

#[test]
fn the_second_time_there_is_nothing_to_do() {
    let sandbox = Sandbox::with_project();
    for command in [
        "gen controller posts index show create update delete archive new edit",
        "gen ws-handler chat",
    ] {
        sandbox.app(command).succeeded();
        let before = sandbox.tree();
        let run = sandbox.app(command).succeeded();
        assert!(run.stderr.ends_with("    Finished nothing to do\n"), "{}", run.stderr);
        assert!(run.stderr.contains("   Unchanged src/routes.rs\n"), "{}", run.stderr);
        assert_eq!(sandbox.tree(), before);
    }
    sandbox.is_formatted("myapp");
}

#[test]
fn what_is_missing_is_made_again_and_nothing_twice() {
    let sandbox = Sandbox::with_project();
    sandbox.app("gen ws-handler chat").succeeded();
    let before = sandbox.tree();
    std::fs::remove_file(sandbox.path("myapp/src/ws/chat.rs")).unwrap();
    let run = sandbox.app("gen ws-handler chat").succeeded();
    assert!(
        run.stderr.starts_with("     Created src/ws/chat.rs\n    Finished"),
        "{}",
        run.stderr
    );
    assert_eq!(sandbox.tree(), before);
}

#[test]
fn a_project_stays_formatted_for_names_of_any_length() {
    let pages = Sandbox::with_project();
    let sockets = Sandbox::with_project();
    let longest = "x".repeat(64);
    let words = "y-".repeat(32);
    let words = words.trim_end_matches('-');
    for name in ["a", "home2", "blog-post", words, &longest] {
        let actions = "index new show create edit update delete";
        pages
            .app(&format!("gen controller {name} {actions} {longest} b"))
            .succeeded();
        pages.is_formatted("myapp");
        sockets.app(&format!("gen ws-handler {name}")).succeeded();
        sockets.is_formatted("myapp");
    }
}

#[test]
fn every_kind_is_formatted_for_names_of_any_length() {
    let longest = "x".repeat(64);
    let nested = format!("admin/{}", "y".repeat(58));
    for name in ["a", "blog-post", "admin/users", &longest, &nested] {
        for wired in ["", " --no-route"] {
            let sandbox = Sandbox::with_project();
            for kind in ["ws-handler", "security", "fallback", "reply-handler"] {
                sandbox.app(&format!("gen {kind} {name}{wired}")).succeeded();
                sandbox.is_formatted("myapp");
            }
            sandbox.app(&format!("gen controller {name}{wired} --actions index,new,show,create,edit,update,delete,{longest},{} --at /long/enough/to-be-broken/somewhere", "q".repeat(60))).succeeded();
            sandbox.is_formatted("myapp");
        }
    }
    let long = "z".repeat(32);
    for name in ["a", "shop/order-line", &long] {
        for more in ["", " --no-route", " --views", " --views --no-route"] {
            let sandbox = Sandbox::with_project();
            let fields = format!("a b:int c:bool d:float full-name:string {}", "w".repeat(32));
            sandbox.app(&format!("gen resource {name} {fields}{more}")).succeeded();
            sandbox.is_formatted("myapp");
        }
    }
    let sandbox = Sandbox::with_project();
    sandbox.app(&format!("gen test {longest}")).succeeded();
    let test = sandbox.path(&format!("myapp/tests/{longest}.rs"));
    assert!(
        Command::new("rustfmt")
            .args(["--check", "--edition", "2024"])
            .arg(test)
            .status()
            .unwrap()
            .success()
    );
}

#[test]
fn a_dry_run_writes_nothing() {
    let sandbox = Sandbox::with_project();
    let before = sandbox.tree();
    let run = sandbox.app("gen controller posts --dry-run").succeeded();
    assert!(
        run.stderr.contains("      Create src/controllers/posts.rs\n"),
        "{}",
        run.stderr
    );
    assert!(
        run.stderr.contains("      Update src/routes.rs            + use"),
        "{}",
        run.stderr
    );
    assert!(
        run.stderr.ends_with("    Finished dry run, nothing was written\n"),
        "{}",
        run.stderr
    );
    assert_eq!(sandbox.tree(), before);
}

#[test]
fn a_file_that_the_user_has_changed_is_kept() {
    let sandbox = Sandbox::with_project();
    sandbox.app("gen controller posts").succeeded();
    sandbox.write("myapp/src/controllers/posts.rs", "// mine\n");
    let before = sandbox.tree();
    for command in ["gen controller posts", "gen controller posts index show"] {
        let run = sandbox.app(command);
        let run = run.failed(
            1,
            "error: src/controllers/posts.rs already exists with different content\n",
        );
        assert!(
            run.stderr.contains("       nothing was written\nhelp:"),
            "{}",
            run.stderr
        );
        assert_eq!(sandbox.tree(), before);
    }
}

#[test]
fn a_table_in_another_file_is_the_users_to_write_to() {
    let sandbox = Sandbox::with_project();
    sandbox.write("myapp/src/web/routes.rs", &sandbox.read("myapp/src/routes.rs"));
    std::fs::remove_file(sandbox.path("myapp/src/routes.rs")).unwrap();
    let before = sandbox.tree();
    let run = sandbox.app("gen controller posts index show").failed(
        1,
        "no place for this in src/routes.rs: there is no such file; --no-route",
    );
    let help = "in src/routes.rs\n           \
                use crate::controllers::posts;\n           \
                .get(\"/posts\", posts::index)\n           \
                .get(\"/posts/{id}\", posts::show)\n";
    assert!(run.stderr.ends_with(help), "{}", run.stderr);
    assert_eq!(sandbox.tree(), before);
    let run = sandbox.app("gen controller posts index show --skip").succeeded();
    let kept = "Kept src/routes.rs            ! use crate::controllers::posts;\n";
    assert!(run.stderr.contains(kept), "{}", run.stderr);
    sandbox.app("destroy controller posts").succeeded();
    sandbox.app("gen controller posts index show --no-route").succeeded();
    sandbox.app("destroy controller posts").succeeded();
    assert_eq!(sandbox.tree(), before);
}

#[test]
fn a_table_that_was_reshaped_is_not_guessed_at() {
    let sandbox = Sandbox::with_project();
    sandbox.write("myapp/src/routes.rs", "pub fn routes() -> Routes {\n    table()\n}\n");
    let before = sandbox.tree();
    let run = sandbox
        .app("gen controller posts index show")
        .failed(1, "error: no place for this in src/routes.rs");
    assert!(
        run.stderr.ends_with(
            "       nothing was written\n\
             help:  write this by hand, then run the command again:\n       \
                    in src/routes.rs\n           \
                        use crate::controllers::posts;\n           \
                        .get(\"/posts\", posts::index)\n           \
                        .get(\"/posts/{id}\", posts::show)\n"
        ),
        "{}",
        run.stderr
    );
    assert_eq!(sandbox.tree(), before);
    // What the help says is true.
    let pasted = "use crate::controllers::posts;\n\nfn table() -> Routes {\n    base()\n        .get(\"/posts\", posts::index)\n        .get(\"/posts/{id}\", posts::show)\n}\n";
    sandbox.write("myapp/src/routes.rs", pasted);
    sandbox.app("gen controller posts index show").succeeded();
    assert_eq!(sandbox.read("myapp/src/routes.rs"), pasted);
}

#[test]
fn a_path_that_is_taken_is_not_taken_twice() {
    let sandbox = Sandbox::with_project();
    sandbox.app("gen controller posts show").succeeded();
    let before = sandbox.tree();
    let run = sandbox
        .app("gen ws-handler posts")
        .failed(1, "src/routes.rs: another handler is at GET /posts/{id}\n");
    assert!(
        run.stderr
            .ends_with("help:  choose another name, or make room for this one first\n"),
        "{}",
        run.stderr
    );
    assert_eq!(sandbox.tree(), before);
}

#[test]
fn a_file_that_does_not_parse_is_named_with_the_place() {
    for (file, text, place) in [
        (
            "src/routes.rs",
            "fn routes() {\n    let = 1;\n}\n",
            "src/routes.rs:2:9: ",
        ),
        ("src/lib.rs", "pub mod\n", "src/lib.rs:1:8: "),
        ("src/controllers/mod.rs", "mod a;\n}\n", "src/controllers/mod.rs:2:1: "),
    ] {
        let sandbox = Sandbox::with_project();
        sandbox.write(&format!("myapp/{file}"), text);
        let before = sandbox.tree();
        sandbox
            .app("gen controller posts")
            .failed(1, place)
            .failed(1, "nothing was written");
        assert_eq!(sandbox.tree(), before);
    }
}

#[test]
fn a_file_in_place_of_a_directory_stops_everything() {
    let sandbox = Sandbox::with_project();
    sandbox.write("myapp/src/ws", "");
    let before = sandbox.tree();
    sandbox.app("gen ws-handler chat").failed(1, "nothing was written");
    assert_eq!(sandbox.tree(), before);
}

#[test]
fn a_module_file_beside_its_directory_is_used() {
    let sandbox = Sandbox::with_project();
    std::fs::rename(
        sandbox.path("myapp/src/controllers/mod.rs"),
        sandbox.path("myapp/src/controllers.rs"),
    )
    .unwrap();
    sandbox.app("gen controller posts").succeeded();
    assert!(sandbox.read("myapp/src/controllers.rs").ends_with("pub mod posts;\n"));
    sandbox.is_formatted("myapp");
}

#[test]
fn outside_a_project_there_is_nothing_to_generate_into() {
    let sandbox = Sandbox::new();
    sandbox
        .nova(["gen", "controller", "posts"])
        .failed(1, "error: no nova project here");
    assert!(sandbox.tree().is_empty());
}

#[test]
fn a_resource_is_formatted_with_any_number_of_fields() {
    for name in ["article", "model"] {
        for more in ["", " --views"] {
            for fields in ["a:bool", "title body", "title:string pages:int price:float hot:bool"] {
                let sandbox = Sandbox::with_project();
                sandbox.app(&format!("gen resource {name} {fields}{more}")).succeeded();
                sandbox.is_formatted("myapp");
            }
        }
    }
}

#[test]
fn a_name_that_would_not_compile_or_not_lint_is_refused() {
    let sandbox = Sandbox::with_project();
    let before = sandbox.tree();
    for name in [
        "string", "Vec", "option", "result", "mutex", "BTreeMap", "problem", "clone",
    ] {
        sandbox
            .app(&format!("gen resource {name}"))
            .failed(2, "can't be a resource name");
    }
    for (kind, name, suggested) in [
        ("controller", "controllers", "my_controllers"),
        ("controller", "admin/admin", "admin/my_admin"),
        ("security", "security", "my_security"),
        ("resource", "models", "my_models"),
    ] {
        sandbox
            .app(&format!("gen {kind} {name}"))
            .failed(2, "would be in another of that name")
            .failed(2, &format!("nova gen {kind} {suggested}"));
    }
    assert!(sandbox.tree() == before);
}

#[test]
fn a_kind_of_reply_has_one_handler() {
    let sandbox = Sandbox::with_project();
    sandbox.app("gen reply-handler feeds/csv").succeeded();
    let before = sandbox.tree();
    sandbox
        .app("gen reply-handler csv")
        .failed(1, "another `.reply_handler` is for \"csv\"");
    assert!(sandbox.tree() == before);
}

#[test]
fn a_path_below_the_prefix_of_another_group_is_taken() {
    let sandbox = Sandbox::with_project();
    let text = sandbox.read("myapp/src/routes.rs");
    let with = |group: &str| text.replace("Routes::new().group(", &format!("Routes::new().group({group}).group("));
    sandbox.write(
        "myapp/src/routes.rs",
        &with("Group::new(\"/posts\").get(\"/\", home::index)"),
    );
    sandbox
        .app("gen controller posts")
        .failed(1, "another handler is at GET /posts");
    let elsewhere = with("Group::new(\"/posts\").host(\"a.example\").get(\"/\", home::index)");
    sandbox.write("myapp/src/routes.rs", &elsewhere);
    sandbox.app("gen controller posts").succeeded();
}
