//! What `nova audit` finds in a real project, and what `nova routes` tells of it.

use serde_json::Value;

use crate::kit::Project;

#[test]
fn an_audit_is_green_until_something_is_open_and_again_when_that_is_on_purpose() {
    let project = Project::new("audited");
    let run = project.nova("audit").succeeded();
    assert_eq!(run.stdout, "");
    assert!(run.stderr.contains("nothing found in 3 routes"), "{}", run.stderr);

    project.edit(
        "src/routes.rs",
        r#".get("/", home::index)"#,
        r#".get("/", home::index).post("/messages", home::index)"#,
    );
    let source = project.read("src/routes.rs");
    let line = source.lines().position(|line| line.contains("/messages")).unwrap() + 1;
    let run = project.nova("audit");
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    let row = format!("POST  /messages  controllers::home::index  src/routes.rs:{line}");
    assert!(run.stdout.contains(&row), "{}", run.stdout);
    let finding: Value = serde_json::from_str(project.nova("audit --json").stdout.trim()).unwrap();
    assert_eq!(
        (&finding["rule"], &finding["path"]),
        (&"unsecured".into(), &"/messages".into())
    );

    project.edit(
        "src/routes.rs",
        r#"Group::new("/")"#,
        r#"Group::new("/").public("a wall that anybody writes on")"#,
    );
    project.nova("audit").succeeded();
    let verbose = project.nova("routes --verbose --method post").succeeded();
    assert!(
        verbose
            .stdout
            .contains("security    public: a wall that anybody writes on"),
        "{}",
        verbose.stdout
    );
}
