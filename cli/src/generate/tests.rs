//! Every kind, in projects that have none of it yet.

use proptest::prelude::*;

use super::*;
use crate::plan::tests::tree;
use crate::plan::{Conflicts, Lock};
use crate::project::Database;
use crate::template::{For, KINDS, PROJECT};

const ALL_ACTIONS: &[&str] = &["index", "new", "show", "create", "edit", "update", "delete", "archive"];

/// A new project whose files have these newlines.
fn project(newline: &str) -> (tempfile::TempDir, Project) {
    project_with(newline, None)
}

/// The same with a database.
fn project_with(newline: &str, database: Option<Database>) -> (tempfile::TempDir, Project) {
    let (sqlite, postgres) = (database == Some(Database::Sqlite), database == Some(Database::Postgres));
    let directory = tempfile::tempdir().unwrap();
    let data = json!({
        "package": "app", "crate": "app", "title": "app", "own_workspace": false, "nats": false, "api": false,
        "auth": false, "docker": false, "db": database.is_some(), "sqlite": sqlite, "postgres": postgres,
        "sqlx": "sqlx = \"0.9\"", "database": "sqlite://app.db",
        "runtime": "nova = { package = \"nova-framework\", version = \"0.1\" }",
    });
    for (path, _, template) in PROJECT.iter().filter(|(_, file, _)| match file {
        For::Every | For::Pages => true,
        For::Database => database.is_some(),
        For::Sqlite => sqlite,
        For::Postgres => postgres,
        _ => false,
    }) {
        let path = directory.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, template.render(&data).unwrap().replace('\n', newline)).unwrap();
    }
    let project = Project::find(directory.path()).unwrap();
    assert_eq!(project.database(), database);
    (directory, project)
}

/// Something to generate: its kind, its name, and what else is typed.
#[derive(Clone, Copy, Debug)]
struct Case {
    kind: &'static str,
    name: &'static str,
    more: &'static [&'static str],
    views: bool,
    at: Option<&'static str>,
    routed: bool,
}

const fn case(kind: &'static str, name: &'static str) -> Case {
    Case {
        kind,
        name,
        more: &[],
        views: false,
        at: None,
        routed: true,
    }
}

const LONG: &str = "a_name_of_sixty_four_characters_which_is_the_longest_there_is_ok";

fn cases() -> Vec<Case> {
    vec![
        Case {
            more: ALL_ACTIONS,
            ..case("controller", "posts")
        },
        Case {
            more: &["show"],
            ..case("controller", LONG)
        },
        Case {
            more: &["index", "show"],
            at: Some("/news"),
            ..case("controller", "reports")
        },
        Case {
            more: &["about", "imprint"],
            at: Some(""),
            ..case("controller", "pages")
        },
        Case {
            more: &["index", "edit"],
            routed: false,
            ..case("controller", "quiet")
        },
        case("controller", "admin/users"),
        case("controller", "admin/deep/users"),
        Case {
            more: &["title:string", "pages:int", "out:bool"],
            at: Some("/articles"),
            ..case("resource", "article")
        },
        Case {
            more: &["body"],
            views: true,
            ..case("resource", "shop/item")
        },
        Case {
            more: &["price:float"],
            routed: false,
            ..case("resource", "offer")
        },
        case("ws-handler", "chat"),
        case("ws-handler", "blog-post"),
        Case {
            at: Some("/live"),
            ..case("ws-handler", "games/room")
        },
        Case {
            routed: false,
            ..case("ws-handler", "lone")
        },
        case("security", "bearer"),
        case("security", "partners/hook"),
        case("fallback", "errors"),
        case("reply-handler", "csv"),
        case("reply-handler", "reports/plain-text"),
        case("test", "signup"),
    ]
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

fn plan(case: &Case, project: &Project) -> Plan {
    let kind = Kind::find(case.kind, &project.root).unwrap();
    let mut notes = Vec::new();
    let name = named(case.name, &kind, "gen", project, &mut notes).unwrap();
    let wiring = Wiring {
        at: case.at.map(str::to_owned),
        routed: case.routed,
        app: project.has_app(),
    };
    let generated = match case.kind {
        "controller" => {
            let actions = controller::actions(&strings(case.more), &name, &mut notes).unwrap();
            controller::generate(&kind, &name, &actions, &wiring, project)
        }
        "resource" => {
            let fields = resource::fields(&strings(case.more), &name, &mut notes).unwrap();
            let shape = resource::Shape {
                fields,
                views: case.views,
                database: project.database(),
            };
            resource::generate(&kind, &name, &shape, &wiring, project)
        }
        _ => generic::generate(&kind, &name, &wiring, project),
    };
    Plan::adding(&project.root, generated.unwrap().parts)
}

/// What `nova destroy` would do, which knows no more than kind and name.
fn undo(case: &Case, project: &Project) -> Plan {
    let kind = Kind::find(case.kind, &project.root).unwrap();
    let name = named(case.name, &kind, "destroy", project, &mut Vec::new()).unwrap();
    Plan::adding(&project.root, infer::generated(&kind, &name, project).unwrap().parts).invert()
}

#[track_caller]
fn apply(plan: &Plan, lock: &Lock) {
    match plan.check(Conflicts::Refuse) {
        Ok(checked) => checked.apply(lock).unwrap(),
        Err(refused) => panic!("{:?}", refused.error),
    }
}

#[test]
fn everything_generated_is_destroyed_to_the_byte_by_its_name() {
    for (newline, database) in [
        ("\n", None),
        ("\r\n", None),
        ("\n", Some(Database::Sqlite)),
        ("\r\n", Some(Database::Postgres)),
    ] {
        let (directory, project) = project_with(newline, database);
        let lock = Lock::acquire(directory.path()).unwrap();
        let before = tree(directory.path());
        for case in cases() {
            let plan = plan(&case, &project);
            apply(&plan, &lock);
            assert!(plan.check(Conflicts::Refuse).unwrap().is_done(), "{case:?}");
            let undo = undo(&case, &project);
            apply(&undo, &lock);
            assert!(tree(directory.path()) == before, "{case:?}");
        }
    }
}

#[test]
fn of_each_pair_of_kinds_either_goes_without_the_other() {
    let (directory, project) = project("\n");
    let lock = Lock::acquire(directory.path()).unwrap();
    let before = tree(directory.path());
    let chosen = [
        "posts",
        "admin/users",
        "shop/item",
        "chat",
        "bearer",
        "errors",
        "csv",
        "signup",
    ];
    let cases: Vec<Case> = cases().into_iter().filter(|case| chosen.contains(&case.name)).collect();
    for (at, one) in cases.iter().enumerate() {
        for other in &cases[at + 1..] {
            apply(&plan(one, &project), &lock);
            let with_one = tree(directory.path());
            apply(&plan(other, &project), &lock);
            apply(&undo(other, &project), &lock);
            assert!(tree(directory.path()) == with_one, "{one:?} {other:?}");
            apply(&plan(other, &project), &lock);
            apply(&undo(one, &project), &lock);
            apply(&undo(other, &project), &lock);
            assert!(tree(directory.path()) == before, "{one:?} {other:?}");
        }
    }
}

#[test]
fn all_of_it_comes_and_goes_in_any_order() {
    for database in [None, Some(Database::Sqlite)] {
        all_comes_and_goes(database);
    }
}

fn all_comes_and_goes(database: Option<Database>) {
    let (directory, project) = project_with("\n", database);
    let lock = Lock::acquire(directory.path()).unwrap();
    let before = tree(directory.path());
    let cases = cases();
    for case in &cases {
        apply(&plan(case, &project), &lock);
    }
    for at in [7, 0, 19, 4, 12, 1, 15, 8, 3, 10, 2, 18, 5, 9, 13, 6, 11, 16, 14, 17] {
        apply(&undo(&cases[at], &project), &lock);
    }
    assert!(tree(directory.path()) == before);
}

/// What somebody may type for a name: words, keywords, other scripts, control characters, ways out of the project.
fn typed() -> impl Strategy<Value = String> {
    let keywords = [
        "fn",
        "gen",
        "try",
        "self",
        "Self",
        "crate",
        "super",
        "async",
        "dyn",
        "union",
        "raw",
        "auto",
        "macro_rules",
        "mod",
        "main",
        "lib",
        "std",
        "core",
        "test",
        "con",
        "NUL",
        "com1",
        "nova",
        "serde",
        "draft",
        "store",
        "id",
        "home",
        "controllers",
        "models",
        "routes",
        "prelude",
        "json",
        "Routes",
        "Group",
        "Reply",
        "Handler",
        "String",
        "Option",
        "u64",
        "bool",
        "str",
        "vec",
        "r#fn",
        "'a",
        "_",
        "__",
        "-",
        "..",
        ".",
        "/",
        "\\",
        "//",
        "~",
        "$HOME",
        "%00",
    ];
    let keyword = prop::sample::select(keywords.to_vec()).prop_map(str::to_owned);
    prop_oneof![
        4 => "[a-zA-Z][a-zA-Z0-9]{0,8}([_-][a-zA-Z][a-zA-Z0-9]{0,8}){0,3}",
        2 => "[a-zA-Z][a-zA-Z0-9]{0,5}(/[a-zA-Z][a-zA-Z0-9]{0,5}){0,9}",
        2 => keyword.clone(),
        1 => (keyword.clone(), keyword).prop_map(|(a, b)| format!("{a}/{b}")),
        1 => "[a-z]{60,70}",
        1 => "(\\.\\./|/|\\./|[a-z]{1,3}/){1,6}[a-z]{0,3}",
        1 => "\\PC{0,10}",
        1 => "[\\x00-\\x1f\\x7fa-z]{0,6}",
    ]
}

proptest! {
    #[test]
    fn any_name_is_refused_or_gives_rust(typed in typed(), at in 0..KINDS.len()) {
        thread_local! {
            static PROJECT: (tempfile::TempDir, Project) = project_with("\n", Some(Database::Postgres));
        }
        PROJECT.with(|(_, project)| {
            let kind = Kind::find(KINDS[at].name, &project.root).unwrap();
            let wiring = Wiring {
                at: None,
                routed: true,
                app: true,
            };
            let mut notes = Vec::new();
            let generated = named(&typed, &kind, "gen", project, &mut notes).and_then(|name| match kind.name.as_str() {
                "controller" => {
                    let actions = controller::actions(&["index".to_owned(), "show".to_owned()], &name, &mut notes)?;
                    controller::generate(&kind, &name, &actions, &wiring, project)
                }
                "resource" => {
                    let fields = resource::fields(&["title".to_owned()], &name, &mut notes)?;
                    let database = project.database().filter(|_| typed.len() % 2 == 0);
                    let shape = resource::Shape { fields, views: at % 2 == 0, database };
                    resource::generate(&kind, &name, &shape, &wiring, project)
                }
                _ => generic::generate(&kind, &name, &wiring, project),
            });
            let generated = match generated {
                Ok(generated) => generated,
                Err(error) => {
                    assert_eq!(error.exit_code(), 2, "{typed:?}: {}", error.message());
                    assert!(!error.message().contains(char::is_control), "{typed:?}");
                    return;
                }
            };
            // What is there already is a conflict, and nothing else is.
            let checked = match Plan::adding(&project.root, generated.parts).check(Conflicts::Refuse) {
                Ok(checked) => checked,
                Err(refused) => {
                    let message = refused.error.message();
                    assert!(message.contains("already exists") || message.contains("another handler"), "{typed:?}: {message}");
                    return;
                }
            };
            for (path, text) in checked.texts() {
                assert!(path.is_relative() && !path.to_string_lossy().contains(".."), "{typed:?}: {}", path.display());
                if path.extension().is_some_and(|rs| rs == "rs") {
                    assert!(syn::parse_file(text).is_ok(), "{typed:?}: {}", path.display());
                }
            }
        });
    }
}

/// Words of SQL, of Rust, and any others.
fn fields() -> impl Strategy<Value = Vec<String>> {
    let words = [
        "order", "group", "user", "select", "table", "index", "primary", "from", "null", "rowid", "oid", "cast", "xmin",
    ];
    let word = proptest::sample::select(words.to_vec()).prop_map(str::to_owned);
    let name = prop_oneof![2 => word, 1 => "[a-z][a-z0-9_]{0,31}", 1 => "\\PC{0,12}"];
    let of = proptest::sample::select(vec!["", ":string", ":int", ":float", ":bool", ":text"]);
    proptest::collection::vec((name, of).prop_map(|(name, of)| name + of), 1..40)
}

proptest! {
    /// Each name of a table or a column is within quotes, where no quote can be in it, and is there as often as it should be.
    #[test]
    fn any_fields_are_refused_or_give_a_table(typed in fields(), postgres in any::<bool>()) {
        thread_local! {
            static PROJECT: (tempfile::TempDir, Project) = project("\n");
        }
        PROJECT.with(|(_, project)| {
            let kind = Kind::find("resource", &project.root).unwrap();
            let wiring = Wiring { at: None, routed: true, app: true };
            let database = Some(if postgres { Database::Postgres } else { Database::Sqlite });
            let name = named("shop/order", &kind, "gen", project, &mut Vec::new()).unwrap();
            let generated = resource::fields(&typed, &name, &mut Vec::new()).and_then(|fields| {
                let shape = resource::Shape { fields, views: false, database };
                resource::generate(&kind, &name, &shape, &wiring, project)
            });
            let generated = match generated {
                Ok(generated) => generated,
                Err(error) => {
                    assert_eq!(error.exit_code(), 2, "{typed:?}: {}", error.message());
                    return;
                }
            };
            let sql = generated.parts.iter().find_map(|part| match part {
                Part::File { path, content, .. } if path.extension().is_some_and(|sql| sql == "sql") => content.text(),
                _ => None,
            });
            let sql = sql.unwrap();
            let (head, rest) = sql.split_once("(\n").unwrap();
            assert!(head.ends_with("CREATE TABLE \"shop_order\" "), "{sql}");
            let columns: Vec<&str> = rest.strip_suffix("\n);\n").unwrap().split(",\n").collect();
            assert_eq!(columns.len(), typed.len() + 1, "{sql}");
            let mut names = std::collections::HashSet::new();
            for column in columns {
                let (name, of) = column.strip_prefix("    \"").and_then(|rest| rest.split_once("\" ")).unwrap();
                assert!(name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'), "{sql}");
                assert!(of.chars().all(|c| c.is_ascii_uppercase() || c == ' '), "{sql}");
                assert!(names.insert(name), "{sql}");
            }
        });
    }
}
