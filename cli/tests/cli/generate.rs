//! `nova gen`.

use std::process::Command;

use super::{Sandbox, exists};

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

/// As `nova new` made it before the application was a function.
fn older(sandbox: &Sandbox) {
    let library = sandbox.read("myapp/src/lib.rs");
    let (library, _) = library.split_once("\n/// The application, as").unwrap();
    sandbox.write("myapp/src/lib.rs", library);
    sandbox.write(
        "myapp/src/main.rs",
        "//! Starts the application.\n\nuse myapp::routes;\n\nfn main() -> nova::Result<()> {\n    nova::App::new(routes).run()\n}\n",
    );
}

#[test]
fn the_application_is_found_wherever_it_is_made() {
    let newer = Sandbox::with_project();
    newer.app("gen fallback errors").succeeded();
    newer.app("gen reply-handler csv").succeeded();
    assert!(newer.read("myapp/src/lib.rs").ends_with(
        "    nova::App::new(routes)\n        .fallback(crate::fallbacks::errors::resolve)\n        \
         .reply_handler(\"csv\", crate::replies::csv::respond)\n}\n"
    ));
    newer.is_formatted("myapp");
    let before = newer.tree();
    let run = newer.app("gen reply-handler csv").succeeded();
    assert!(run.stderr.ends_with("nothing to do\n"), "{}", run.stderr);
    assert!(newer.tree() == before);
    assert!(
        newer
            .app("doctor")
            .stdout
            .contains("ok    src/lib.rs makes one application")
    );

    let sandbox = Sandbox::with_project();
    older(&sandbox);
    let before = sandbox.tree();
    for command in [
        "fallback errors",
        "reply-handler csv",
        "controller posts",
        "ws-handler chat",
        "resource item",
    ] {
        sandbox.app(&format!("gen {command}")).succeeded();
        let run = sandbox.app(&format!("gen {command}")).succeeded();
        assert!(run.stderr.ends_with("nothing to do\n"), "{}", run.stderr);
    }
    assert!(sandbox.read("myapp/src/main.rs").contains(
        "    nova::App::new(routes)\n        .fallback(myapp::fallbacks::errors::resolve)\n        \
         .reply_handler(\"csv\", myapp::replies::csv::respond)\n        .run()\n"
    ));
    for file in ["controllers/posts", "ws/chat", "controllers/item"] {
        let text = sandbox.read(&format!("myapp/src/{file}.rs"));
        assert!(text.contains("testing::app(crate::routes)"), "{text}");
    }
    sandbox.is_formatted("myapp");
    let doctor = sandbox.app("doctor").stdout;
    assert!(doctor.contains("ok    src/main.rs makes one application"), "{doctor}");
    for command in [
        "fallback errors",
        "reply-handler csv",
        "controller posts",
        "ws-handler chat",
        "resource item",
    ] {
        sandbox.app(&format!("destroy {command}")).succeeded();
    }
    assert!(sandbox.tree() == before);
}

#[test]
fn an_application_that_is_made_by_hand_is_not_guessed_at() {
    for (library, reason) in [
        (
            "pub fn app() -> nova::App {\n    build()\n}\n",
            "there is no `App::new` in it",
        ),
        (
            "pub fn app() -> nova::App {\n    nova::App::new(routes)\n}\n\npub fn other() -> nova::App {\n    nova::App::new(routes)\n}\n",
            "there is more than one `App::new` in it",
        ),
    ] {
        let sandbox = Sandbox::with_project();
        let text = sandbox.read("myapp/src/lib.rs");
        let (above, _) = text.split_once("/// The application, as").unwrap();
        sandbox.write("myapp/src/lib.rs", &format!("{above}{library}"));
        let before = sandbox.tree();
        sandbox
            .app("gen reply-handler csv")
            .failed(1, reason)
            .failed(1, "::replies::csv::respond)");
        assert!(sandbox.tree() == before);
        assert!(sandbox.app("doctor").stdout.contains(reason));
    }
}

/// What was generated before the application was a function is still what was generated.
#[test]
fn what_an_older_project_has_is_destroyed_when_it_has_become_a_newer_one() {
    let sandbox = Sandbox::with_project();
    let newer = [sandbox.read("myapp/src/lib.rs"), sandbox.read("myapp/src/main.rs")];
    let before = sandbox.tree();
    older(&sandbox);
    sandbox.app("gen controller posts").succeeded();
    sandbox.app("gen test signup").succeeded();
    sandbox.write("myapp/src/lib.rs", &newer[0]);
    sandbox.write("myapp/src/main.rs", &newer[1]);
    sandbox.app("destroy controller posts").succeeded();
    sandbox.app("destroy test signup").succeeded();
    std::fs::remove_dir(sandbox.path("myapp/tests")).unwrap_or_default();
    assert!(sandbox.tree() == before);
}

/// A sandbox with a new project in `myapp` that has a database.
fn with_database(database: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.nova(["new", "myapp", "--no-git", "--db", database]).succeeded();
    sandbox
}

/// The names of the migrations that there are.
fn migrations(sandbox: &Sandbox) -> Vec<String> {
    let entries = std::fs::read_dir(sandbox.path("myapp/migrations")).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "README.md")
        .collect();
    names.sort();
    names
}

#[test]
fn a_resource_is_kept_in_the_database_where_there_is_one() {
    for (database, columns) in [
        (
            "sqlite",
            "    \"id\" INTEGER PRIMARY KEY AUTOINCREMENT,\n    \"order\" TEXT NOT NULL,\n    \"pages\" INTEGER NOT NULL,\n    \
             \"price\" REAL NOT NULL,\n    \"out\" BOOLEAN NOT NULL\n",
        ),
        (
            "postgres",
            "    \"id\" BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,\n    \"order\" TEXT NOT NULL,\n    \
             \"pages\" BIGINT NOT NULL,\n    \"price\" DOUBLE PRECISION NOT NULL,\n    \"out\" BOOLEAN NOT NULL\n",
        ),
    ] {
        let sandbox = with_database(database);
        let before = sandbox.tree();
        let command = "gen resource shop/item order pages:int price:float out:bool";
        let dry = sandbox.app(&format!("{command} --dry-run")).succeeded();
        assert!(dry.stderr.contains("      Create migrations/"), "{}", dry.stderr);
        assert!(sandbox.tree() == before);
        sandbox.app(command).succeeded();
        let names = migrations(&sandbox);
        let [name] = &names[..] else { panic!("{names:?}") };
        let (version, what) = name.split_once('_').unwrap();
        assert_eq!((version.len(), what), (14, "create_shop_item.sql"));
        assert_eq!(
            sandbox.read(&format!("myapp/migrations/{name}")),
            format!("-- The table of src/models/shop/item.rs.\nCREATE TABLE \"shop_item\" (\n{columns});\n")
        );
        let model = sandbox.read("myapp/src/models/shop/item.rs");
        assert!(
            model.contains("INSERT INTO \"shop_item\" (\"order\", \"pages\", \"price\", \"out\")\n"),
            "{model}"
        );
        // A row comes before it is known to be kept.
        assert!(
            !model.contains("fetch_one") && model.matches("fetch_all").count() == 3,
            "{model}"
        );
        assert!(
            sandbox
                .read("myapp/src/controllers/shop/item.rs")
                .contains("State(db): State<Db>")
        );
        sandbox.is_formatted("myapp");
        for again in [command, &format!("{command} --db")] {
            let run = sandbox.app(again).succeeded();
            assert!(run.stderr.ends_with("nothing to do\n"), "{}", run.stderr);
        }
        // Also another day.
        let older = "20200101000000_create_shop_item.sql";
        let at = |name: &str| sandbox.path(&format!("myapp/migrations/{name}"));
        std::fs::rename(at(name), at(older)).unwrap();
        let run = sandbox.app(command).succeeded();
        assert!(run.stderr.ends_with("nothing to do\n"), "{}", run.stderr);
        sandbox.app("gen resource order").succeeded();
        sandbox.app("destroy resource order").succeeded();
        sandbox
            .app(&format!("{command} --memory"))
            .failed(1, "src/models/shop/item.rs already exists with different content");
        let run = sandbox.app("destroy resource shop/item").succeeded();
        assert!(
            run.stderr.contains(
                "        Kept the table \"shop_item\" of databases in which migrations/20200101000000_create"
            ),
            "{}",
            run.stderr
        );
        assert!(sandbox.tree() == before);

        sandbox
            .app("gen resource offer price:float --memory --views")
            .succeeded();
        assert!(migrations(&sandbox).is_empty());
        assert!(sandbox.read("myapp/src/models/offer.rs").contains("static STORE"));
        sandbox.is_formatted("myapp");
        sandbox.app("destroy resource offer").succeeded();
        assert!(sandbox.tree() == before);
    }
}

#[test]
fn a_migration_comes_behind_all_others_and_one_that_was_changed_stays() {
    let sandbox = with_database("sqlite");
    sandbox.write("myapp/migrations/99990101000000_last.sql", "SELECT 1;\n");
    sandbox.app("gen resource item").succeeded();
    assert_eq!(
        migrations(&sandbox),
        ["99990101000000_last.sql", "99990101000001_create_item.sql"]
    );
    sandbox.app("destroy resource item").succeeded();
    sandbox.app("gen resource item").succeeded();
    sandbox.write("myapp/migrations/99990101000001_create_item.sql", "-- mine\n");
    let before = sandbox.tree();
    sandbox
        .app("gen resource item")
        .failed(1, "already exists with different content");
    sandbox
        .app("destroy resource item")
        .failed(1, "migrations/99990101000001_create_item.sql");
    assert!(sandbox.tree() == before);
}

#[test]
fn a_table_is_that_of_one_resource() {
    let sandbox = with_database("sqlite");
    sandbox.app("gen resource shop/item name").succeeded();
    let before = sandbox.tree();
    for command in ["", " --force", " --skip", " --dry-run"] {
        sandbox.app(&format!("gen resource shop_item name{command}")).failed(
            2,
            "`shop_item` can't be a resource name: its table is that of src/models/shop/item.rs",
        );
    }
    assert!(sandbox.tree() == before);
    sandbox.app("gen resource shop_item name --memory").succeeded();
    sandbox.app("destroy resource shop_item").succeeded();
    assert!(sandbox.tree() == before);
}

#[test]
fn a_fraction_is_a_number_to_a_form() {
    let sandbox = Sandbox::with_project();
    sandbox.app("gen resource item len:float pages:int --views").succeeded();
    let fields = sandbox.read("myapp/views/item/fields.hbs");
    assert!(
        fields.contains("name=\"len\" type=\"number\" step=\"any\" value"),
        "{fields}"
    );
    assert!(fields.contains("name=\"pages\" type=\"number\" value"), "{fields}");
    let model = sandbox.read("myapp/src/models/item.rs");
    assert!(
        model.contains(".require(self.len.is_finite(), \"len\", \"must be a number\")\n"),
        "{model}"
    );
    // `len` alone would be a helper.
    let list = sandbox.read("myapp/views/item/list.hbs");
    assert!(list.contains("{{this.len}}</a>"), "{list}");
    sandbox.is_formatted("myapp");
    sandbox
        .app("gen resource other this")
        .failed(2, "`this` can't be a field name");
}

#[test]
fn a_resource_over_a_database_is_formatted_with_any_number_of_fields() {
    let long = "w".repeat(32);
    let many: Vec<String> = (0..30).map(|number| format!("field_{number}:int")).collect();
    let many = many.join(" ");
    let longer = format!("{long} full-name:string b:int c:bool d:float");
    let longest = "z".repeat(32);
    let sandbox = with_database("postgres");
    for (number, fields) in ["a:bool", "title body", &longer, &many, &long].iter().enumerate() {
        sandbox.app(&format!("gen resource a{number} {fields}")).succeeded();
    }
    sandbox.is_formatted("myapp");
    let sandbox = with_database("sqlite");
    for more in ["", " --no-route", " --views", " --views --no-route"] {
        for name in ["model", "shop/order-line", &longest] {
            sandbox.app(&format!("gen resource {name} {longer}{more}")).succeeded();
        }
        sandbox.is_formatted("myapp");
        for name in ["model", "shop/order-line", &longest] {
            sandbox.app(&format!("destroy resource {name}")).succeeded();
        }
    }
}

#[test]
fn what_a_database_can_not_hold_is_refused() {
    let plain = Sandbox::with_project();
    let before = plain.tree();
    plain
        .app("gen resource item --db")
        .failed(2, "this project has no database")
        .failed(2, "nova init --db sqlite");
    assert!(plain.tree() == before);
    let sandbox = with_database("postgres");
    let before = sandbox.tree();
    let deep = format!("{}/{}", "a".repeat(31), "b".repeat(32));
    for (command, reason) in [
        ("item xmin".to_owned(), "PostgreSQL has a column of that name"),
        (deep, "its table's is longer than 63 characters"),
        ("sqlite-thing".to_owned(), "SQLite has tables of such names"),
        ("pg-class".to_owned(), "PostgreSQL has tables of such names"),
        ("db".to_owned(), "its module has something else of that name"),
        ("item --db --memory".to_owned(), "`--db` can't be used with `--memory`"),
    ] {
        sandbox.app(&format!("gen resource {command}")).failed(2, reason);
    }
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

/// A table over a state is no application by itself.
#[test]
fn tests_open_the_database_where_there_is_no_application_to_call() {
    let sandbox = with_database("sqlite");
    let library = sandbox.read("myapp/src/lib.rs");
    let (above, _) = library.split_once("\n/// The application, as").unwrap();
    sandbox.write("myapp/src/lib.rs", above);
    let before = sandbox.tree();
    for (name, more) in [("item", ""), ("page", " --views"), ("lone", " --no-route")] {
        sandbox.app(&format!("gen resource {name}{more}")).succeeded();
        let text = sandbox.read(&format!("myapp/src/controllers/{name}.rs"));
        assert!(
            text.contains("nova::App::new(routes).start(connect).into_test().await"),
            "{text}"
        );
        assert_eq!(text.contains("    use crate::routes;\n"), name != "lone", "{text}");
    }
    sandbox.is_formatted("myapp");
    for name in ["item", "page", "lone"] {
        sandbox.app(&format!("destroy resource {name}")).succeeded();
    }
    assert!(sandbox.tree() == before);
}

/// What the refusal says to do makes it a project with a database.
#[test]
fn a_project_comes_to_a_database_by_hand() {
    let sandbox = Sandbox::with_project();
    let run = sandbox.app("init --db sqlite --no-git").succeeded();
    let mut file = String::new();
    let mut lines: std::collections::BTreeMap<String, Vec<&str>> = std::collections::BTreeMap::new();
    for line in run.stderr.lines() {
        if let Some(path) = line.strip_prefix("in ").and_then(|line| line.strip_suffix(':')) {
            path.clone_into(&mut file);
        } else if let Some(line) = line.strip_prefix("    ").filter(|_| !file.is_empty()) {
            lines.entry(file.clone()).or_default().push(line);
        }
    }
    let said: Vec<&str> = lines.keys().map(String::as_str).collect();
    assert_eq!(
        said,
        [".gitignore", "Cargo.toml", "nova.toml", "src/lib.rs", "src/routes.rs"],
        "{}",
        run.stderr
    );
    let insert = |path: &str, before: &str, line: &str| {
        let path = format!("myapp/{path}");
        let text = sandbox.read(&path);
        assert_eq!(text.matches(before).count(), 1, "{text}");
        sandbox.write(&path, &text.replace(before, &format!("{line}\n{before}")));
    };
    insert("Cargo.toml", "serde =", lines["Cargo.toml"][0]);
    insert("nova.toml", "[log]", &lines["nova.toml"].join("\n"));
    insert("src/lib.rs", "mod routes;", lines["src/lib.rs"][0]);
    insert(".gitignore", "/target", lines[".gitignore"][0]);
    let replace = |path: &str, from: &str, to: &str| {
        let path = format!("myapp/{path}");
        let text = sandbox.read(&path);
        assert_eq!(text.matches(from).count(), 1, "{text}");
        sandbox.write(&path, &text.replace(from, to));
    };
    replace("src/routes.rs", "pub fn routes() -> Routes", lines["src/routes.rs"][0]);
    replace(
        "src/lib.rs",
        "pub fn app() -> nova::App {\n    nova::App::new(routes)\n}",
        lines["src/lib.rs"][1],
    );
    let run = sandbox.app("init --db sqlite --no-git").succeeded();
    assert!(run.stderr.ends_with("nothing to do\n"), "{}", run.stderr);
    sandbox.app("gen resource item --db").succeeded();
    assert!(
        sandbox
            .read("myapp/src/routes.rs")
            .contains(".get(\"/item\", item::list)")
    );
    for file in ["Cargo.toml", "nova.toml"] {
        sandbox.read(&format!("myapp/{file}")).parse::<toml::Table>().unwrap();
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
