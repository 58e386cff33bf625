//! An application with a database: what is kept there outlives it, and migrations are run when it starts.

use std::path::Path;
use std::process::Command;

use nova_tests::guide::Page;
use nova_tests::{Postgres, postgres};

use crate::kit::command::{prepare, target};
use crate::kit::http::{Request, Response};
use crate::kit::{Project, Run, Serve};

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

/// As a page of the application sends it.
fn posting(path: &str, kind: &str, body: &str) -> Request {
    let post = Request::new("POST", path).header("sec-fetch-site", "same-origin");
    post.body(kind, body)
}

fn post(serve: &Serve, path: &str, kind: &str, body: &str) -> Response {
    posting(path, kind, body).send(serve.address()).unwrap()
}

/// Where the header says that the next page is.
fn next(page: &Response) -> Option<String> {
    let link = page.header("link")?.strip_prefix('<')?;
    link.strip_suffix(">; rel=\"next\"").map(str::to_owned)
}

/// What is on each page of a list, from the first to the last.
fn pages(serve: &Serve, first: &str) -> Vec<Vec<i64>> {
    let mut pages = Vec::new();
    let mut at = Some(first.to_owned());
    while let Some(path) = at {
        let page = serve.get(&path);
        let records: Vec<serde_json::Value> = serde_json::from_str(page.text()).unwrap();
        pages.push(records.iter().map(|record| record["id"].as_i64().unwrap()).collect());
        at = next(&page);
    }
    pages
}

/// In a list with this article alone, and of 250: the newest first.
fn whoever_follows_the_links_sees_each_record_once(serve: &Serve, article: &str) {
    let many: Vec<_> = (0..249).map(|_| article).collect();
    assert_eq!(
        post(serve, "/totals", JSON, &format!("[{}]", many.join(","))).status,
        204
    );
    let of = |pages: Vec<Vec<i64>>| (pages.iter().map(Vec::len).collect::<Vec<_>>(), pages.concat());
    let all: Vec<i64> = (1..=250).rev().collect();
    assert_eq!(of(pages(serve, "/articles")), (vec![100, 100, 50], all.clone()));
    assert_eq!(of(pages(serve, "/articles?limit=65535")).0, [100, 100, 50]);
    assert_eq!(of(pages(serve, "/articles?limit=50")), (vec![50; 5], all));
    assert_eq!(of(pages(serve, "/articles?before=3&limit=1")), (vec![1, 1], vec![2, 1]));
    assert_eq!(of(pages(serve, "/articles?before=1")), (vec![0], vec![]));
    for wrong in [
        "before=",
        "before=x",
        "before=1&before=2",
        "limit=0",
        "limit=-1",
        "limit=65536",
    ] {
        assert_eq!(serve.get(&format!("/articles?{wrong}")).status, 400, "{wrong}");
    }
    assert!(!serve.get("/shop/item").text().contains("Older"));
    let item = "order=newest&group=none&user=1&price=1.5";
    assert_eq!(post(serve, "/shop/item", FORM, item).status, 303);
    let newest = serve.get("/shop/item?limit=1");
    assert!(newest.text().contains("newest") && !newest.text().contains(">last<"));
    let (_, older) = newest.text().split_once("<p><a href=\"").unwrap();
    let (older, _) = older.split_once("\" rel=\"next\">Older</a>").unwrap();
    let older = serve.get(&older.replace("&amp;", "&").replace("&#x3D;", "="));
    assert!(older.text().contains(">last<") && !older.text().contains("Older"));
}

/// The program starts. What is generated then finds the table there, and takes it up where it is told to.
fn what_is_destroyed_leaves_its_table(project: &Project, serve: &mut Serve) {
    project.nova("gen resource tag").succeeded();
    serve.has_reloaded();
    assert_eq!(post(serve, "/tag", JSON, r#"{"name":"kept"}"#).status, 201);
    project.nova("destroy resource tag").succeeded();
    serve.has_reloaded();
    assert_eq!(serve.get("/tag").status, 404);
    project.nova("gen resource tag").succeeded();
    serve.says("table \"tag\" already exists");
    serve.says("still serving the previous build");
    let migration = migration(project, "create_tag");
    project.edit(&migration, "CREATE TABLE ", "CREATE TABLE IF NOT EXISTS ");
    serve.has_reloaded();
    assert_eq!(serve.get("/tag").text(), r#"[{"id":1,"name":"kept"}]"#);
}

/// The migration of this name.
fn migration(project: &Project, name: &str) -> String {
    let there = std::fs::read_dir(project.root().join("migrations")).unwrap();
    let mut names = there.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let found = names.find(|file| file.ends_with(&format!("_{name}.sql")));
    format!("migrations/{}", found.unwrap())
}

#[test]
fn what_is_kept_in_sqlite_outlives_the_program() {
    let project = Project::new_with("library", &["--db", "sqlite", "--auth"]);
    let page = Page::read(Path::new("docs/recipes/database.md"));
    for block in page.blocks().iter().filter(|block| block.info == "console") {
        for line in block.text.lines().filter_map(|line| line.strip_prefix("nova gen ")) {
            project.nova(&format!("gen {line}")).succeeded();
        }
    }
    for args in [
        "shop/item order group user:int sold:bool price:float --views",
        "note body --views --no-route",
        "memo text --no-route",
        "word text --memory",
        "select from_there:bool order table index primary:float",
    ] {
        project.nova(&format!("gen resource {args}")).succeeded();
    }
    for block in page.blocks().iter().filter(|block| block.info == "rust") {
        let (first, text) = block.text.split_once('\n').unwrap();
        project.write(first.strip_prefix("// ").unwrap(), text);
    }
    project.is_tidy();
    project.cargo("test").succeeded();
    assert!(!project.root().join("library.db").exists(), "a test has opened it");

    let mut serve = project.serve();
    let article = r#"{"title":"One","pages":7}"#;
    assert_eq!(post(&serve, "/articles", JSON, article).status, 201);
    let odd = r#"{"title":"a\u0000b","pages":7}"#;
    assert_eq!(post(&serve, "/articles", JSON, odd).status, 422);
    let item = post(&serve, "/shop/item", FORM, "order=last&group=none&user=1&price=1.5");
    assert_eq!((item.status, item.header("location")), (303, Some("/shop/item/1")));
    let account = "name=ali&password=correct+horse+battery";
    let registered = post(&serve, "/register", FORM, account);
    assert_eq!(
        (registered.status, registered.header("location")),
        (303, Some("/account"))
    );
    // Of several at once one has the name.
    let address = serve.address();
    let both: Vec<u16> = std::thread::scope(|scope| {
        let register = || posting("/register", FORM, "name=bo&password=correct+horse+battery").send(address);
        let all = [(); 4].map(|()| scope.spawn(register));
        all.into_iter().map(|one| one.join().unwrap().unwrap().status).collect()
    });
    assert_eq!(both.iter().filter(|status| **status == 303).count(), 1, "{both:?}");
    assert_eq!(both.iter().filter(|status| **status == 422).count(), 3, "{both:?}");

    whoever_follows_the_links_sees_each_record_once(&serve, article);

    // A migration is a reason to build, be it new or changed.
    let more = "migrations/20260101000000_more.sql";
    project.write(more, "INSERT INTO nowhere VALUES (1);\n");
    serve.says("no such table: nowhere");
    assert_eq!(serve.get("/articles/1").status, 200, "the program before goes on");
    project.write(
        more,
        "INSERT INTO \"article\" (\"title\", \"pages\") VALUES ('By hand', 1);\n",
    );
    serve.has_reloaded();
    assert!(serve.get("/articles").text().contains("By hand"));

    what_is_destroyed_leaves_its_table(&project, &mut serve);
    drop(serve);

    let serve = project.serve();
    let found = serve.get("/articles/1");
    assert_eq!(found.text(), r#"{"id":1,"title":"One","pages":7}"#);
    assert!(serve.get("/shop/item").text().contains("last"));
    let wrong = post(&serve, "/login", FORM, "name=ali&password=wrong+horse+battery");
    assert_eq!(wrong.header("location"), Some("/login"));
    let entered = post(&serve, "/login", FORM, account);
    assert_eq!(entered.header("location"), Some("/account"));
}

/// As under a supervisor that starts several, or at the first upgrade.
#[test]
fn programs_that_start_at_once_on_an_empty_sqlite_file_all_start() {
    let project = Project::new_with("starters", &["--db", "sqlite", "--api"]);
    for name in ["article", "memo", "word"] {
        project.nova(&format!("gen resource {name}")).succeeded();
    }
    project.cargo("build").succeeded();
    for round in 0..5 {
        let url = format!("sqlite://round{round}.db");
        let start = |_| {
            let mut command = Command::new(target().join("debug/starters"));
            prepare(&mut command, project.root());
            command.env("NOVA_DATABASE_URL", &url).env("NOVA_SERVER_PORT", "0");
            Serve::start(command)
        };
        let mut all: Vec<Serve> = (0..4).map(start).collect();
        all.iter_mut().for_each(Serve::listens);
        assert_eq!(post(&all[0], "/article", JSON, r#"{"name":"One"}"#).status, 201);
        for one in &all {
            assert_eq!(one.get("/article").text(), r#"[{"id":1,"name":"One"}]"#);
        }
    }
}

#[test]
fn what_is_kept_in_postgres_outlives_the_program() {
    if !postgres::is_there() {
        return;
    }
    let database = Postgres::start();
    let url = database.url();
    let variables = [("NOVA_DATABASE_URL", url.as_str())];
    let project = Project::new_with("archive", &["--db", "postgres", "--api"]);
    for args in [
        "article title:string pages:int out:bool price:float --at /articles",
        "memo order user text --no-route",
        "select from_there:bool order table index primary:float oid",
    ] {
        project.nova(&format!("gen resource {args}")).succeeded();
    }
    project.cargo_with("test", &variables).succeeded();
    let routes = Run::nova(project.root(), ["routes"]);
    assert_eq!(routes.code, Some(0), "without a database: {}", routes.stderr);
    let tables = Run::of(
        Command::new("psql")
            .args([&url, "--tuples-only", "--no-align", "--command"])
            .arg("SELECT tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"),
    );
    assert_eq!(tables.succeeded().stdout, "", "tests have left something there");

    let serve = project.serve_with(&variables);
    let article = r#"{"title":"One","pages":7,"out":true,"price":1.5}"#;
    assert_eq!(post(&serve, "/articles", JSON, article).status, 201);
    let odd = r#"{"title":"a\u0000b","pages":7,"price":1}"#;
    assert_eq!(post(&serve, "/articles", JSON, odd).status, 422);
    drop(serve);
    let serve = project.serve_with(&variables);
    let found = serve.get("/articles/1");
    assert_eq!(
        found.text(),
        r#"{"id":1,"title":"One","pages":7,"out":true,"price":1.5}"#
    );
    assert_eq!(serve.get("/articles/2").status, 404);
}
