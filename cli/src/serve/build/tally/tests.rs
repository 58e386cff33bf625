//! What cargo's messages add up to, without cargo.

use super::*;
use crate::project::Project;

fn empty() -> Tally {
    let project = Project {
        root: PathBuf::from("/nowhere/myapp"),
        name: "myapp".to_owned(),
        library: "app".into(),
        library_root: None,
        version: None,
        dependencies: Vec::new(),
        renamed: None,
    };
    Tally::of(Plan::of(&project, false))
}

fn artifact(name: &str, kind: &str, executable: bool) -> String {
    let executable = if executable {
        format!("\"/t/{name}\"")
    } else {
        "null".to_owned()
    };
    format!(
        r#"{{"reason":"compiler-artifact","package_id":"a","manifest_path":"/Cargo.toml","target":{{"name":"{name}","kind":["{kind}"],"crate_types":["{kind}"],"src_path":"/x.rs","edition":"2024","doctest":false,"test":true,"doc":true}},"profile":{{"opt_level":"0","debuginfo":0,"debug_assertions":true,"overflow_checks":true,"test":false}},"features":[],"filenames":[],"executable":{executable},"fresh":false}}"#
    )
}

fn diagnostic(level: &str, message: &str) -> String {
    format!(
        r#"{{"reason":"compiler-message","package_id":"a","manifest_path":"/Cargo.toml","target":{{"name":"a","kind":["bin"],"crate_types":["bin"],"src_path":"/x.rs","edition":"2024","doctest":false,"test":true,"doc":true}},"message":{{"message":"{message}","code":null,"level":"{level}","spans":[],"children":[],"rendered":"{level}: {message}\n\n"}}}}"#
    )
}

fn text(report: Option<Report>) -> Option<String> {
    match report {
        Some(Report::Text(text)) => Some(text),
        _ => None,
    }
}

#[test]
fn a_diagnostic_is_shown_and_counted_once() {
    let mut tally = empty();
    let shown = text(tally.message(diagnostic("error", "no such thing")));
    assert_eq!(shown.as_deref(), Some("error: no such thing\n"));
    assert_eq!(text(tally.message(diagnostic("error", "no such thing"))), None);
    assert!(text(tally.message(diagnostic("warning", "unused"))).is_some());
    assert_eq!(
        text(tally.message(diagnostic("error", "aborting due to 1 previous error"))),
        None
    );
    assert_eq!(text(tally.message(diagnostic("warning", "1 warning emitted"))), None);
    assert_eq!(tally.errors, 1);
}

#[test]
fn where_to_read_more_is_no_diagnostic() {
    let mut tally = empty();
    tally.message(diagnostic("error", "no such thing"));
    let shown = text(tally.message(diagnostic("failure-note", "try rustc --explain")));
    assert!(shown.is_some());
    let Outcome::Failed(failure) = tally.failure() else {
        panic!("there is an error");
    };
    assert_eq!(failure.diagnostics.len(), 1);
    assert!(failure.text.contains("--explain"), "{}", failure.text);
}

#[test]
fn other_lines_on_standard_output_are_shown() {
    assert_eq!(
        text(empty().message("from a macro".to_owned())).as_deref(),
        Some("from a macro")
    );
}

#[test]
fn cargos_own_error_is_kept_to_the_end_with_its_causes() {
    let mut tally = empty();
    for line in [
        "error: failed to select a version",
        "",
        "Caused by:",
        "  no matching package",
    ] {
        assert!(tally.text(line.to_owned()).is_none());
    }
    let words = tally.last_words().unwrap();
    assert!(
        words.starts_with("error: failed to select") && words.ends_with("no matching package"),
        "{words}"
    );
}

#[test]
fn cargos_error_is_dropped_where_the_compilers_were_shown() {
    let line = "error: could not compile `a` (bin \"a\") due to 1 previous error";
    let mut tally = empty();
    tally.message(diagnostic("error", "no such thing"));
    assert!(tally.text(line.to_owned()).is_none());
    assert_eq!(tally.last_words(), None);

    let mut tally = empty();
    tally.text(line.to_owned());
    assert_eq!(tally.last_words().as_deref(), Some(line), "the compiler was killed");
}

#[test]
fn the_program_is_the_only_one_or_the_one_named_like_the_package() {
    let outcome = |names: &[&str]| {
        let mut tally = empty();
        tally.message(artifact("myapp", "lib", false));
        for name in names {
            tally.message(artifact(name, "bin", true));
        }
        tally.program()
    };
    let built = |name: &str| Outcome::Built(Executable::at(PathBuf::from(format!("/t/{name}"))));
    assert_eq!(outcome(&["server"]), built("server"));
    assert_eq!(outcome(&["seed", "myapp"]), built("myapp"));
    assert_eq!(outcome(&[]), Outcome::Failed(Reason::NoProgram.into()));
    let names = vec!["seed".to_owned(), "server".to_owned()];
    assert_eq!(
        outcome(&["seed", "server"]),
        Outcome::Failed(Reason::Ambiguous(names).into())
    );
}

#[test]
fn a_program_that_was_linked_anew_is_another_one() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a");
    std::fs::write(&path, "one").unwrap();
    let before = Executable::at(path.clone());
    assert_eq!(before, Executable::at(path.clone()));
    std::fs::write(&path, "three").unwrap();
    assert_ne!(before, Executable::at(path));
}

#[test]
fn what_failed_is_kept_with_its_places() {
    let mut tally = empty();
    let line = diagnostic("error", "no such thing").replace(
        "\"spans\":[]",
        r#""spans":[{"file_name":"src/a.rs","byte_start":0,"byte_end":1,"line_start":3,"line_end":3,"column_start":7,"column_end":8,"is_primary":true,"text":[],"label":null,"suggested_replacement":null,"suggestion_applicability":null,"expansion":null}]"#,
    );
    tally.message(line);
    tally.message(diagnostic("warning", "unused"));
    let Outcome::Failed(failure) = tally.failure() else {
        panic!("no failure");
    };
    assert_eq!(failure.reason, Reason::Errors(1));
    let place = &failure.diagnostics[0];
    assert_eq!((place.line, place.column), (Some(3), Some(7)));
    assert_eq!(place.file.as_deref(), Some(std::path::Path::new("src/a.rs")));
    assert_eq!(failure.diagnostics[1].level, "warning");
    assert_eq!(failure.text, "error: no such thing\n\nwarning: unused\n\n");
}

#[test]
fn errors_are_kept_where_warnings_fill_the_list() {
    let mut tally = empty();
    for number in 0..DIAGNOSTICS {
        tally.message(diagnostic("warning", &number.to_string()));
    }
    tally.message(diagnostic("error", "at last"));
    let Outcome::Failed(failure) = tally.failure() else {
        panic!("no failure");
    };
    assert_eq!(failure.diagnostics.len(), DIAGNOSTICS);
    assert!(failure.diagnostics.iter().any(|kept| kept.message == "at last"));
}

#[test]
fn cargo_says_when_all_is_built() {
    let mut tally = empty();
    tally.message(r#"{"reason":"build-finished","success":false}"#.to_owned());
    assert!(!tally.is_built());
    tally.message(r#"{"reason":"build-finished","success":true}"#.to_owned());
    assert!(tally.is_built());
}
