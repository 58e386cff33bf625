//! Every kind, in projects that have none of it yet.

mod names;

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
