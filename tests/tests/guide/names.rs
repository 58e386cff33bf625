//! Names in the text, which no compiler sees: settings, and what types have.

use std::fs;
use std::path::Path;

use nova_tests::guide::{pages, root};

/// What stands between backticks in the text of all pages but that of tests, with where it is.
fn spans() -> Vec<(String, String)> {
    let mut spans = Vec::new();
    for page in pages().iter().filter(|page| page.name() != "guarantees.md") {
        for (line, text) in page.prose() {
            let place = format!("{}:{line}", page.path.display());
            let inside = text.split('`').skip(1).step_by(2);
            spans.extend(inside.map(|span| (place.clone(), span.to_owned())));
        }
    }
    spans
}

/// The library's source, and what it includes.
fn library(directory: &Path) -> String {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let texts = entries.map(|path| match path.is_dir() {
        true => library(&path),
        false => fs::read_to_string(&path).unwrap_or_default(),
    });
    texts.collect()
}

fn is_word(text: &str) -> bool {
    !text.is_empty()
        && text
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

/// The two parts of a name such as `Group::csrf`.
fn of_a_type(span: &str) -> Option<(&str, &str)> {
    let (of, name) = span.split_once("::")?;
    let is_type = of.starts_with(|letter: char| letter.is_ascii_uppercase());
    (is_type && is_word(of) && is_word(name)).then_some((of, name))
}

fn has(source: &str, name: &str) -> bool {
    let ways = [
        format!("fn {name}"),
        format!("pub {name}:"),
        format!("const {name}:"),
        format!("=> {name}"),
    ];
    let declared = ways.iter().any(|way| {
        let mut rest = source.split(way.as_str()).skip(1);
        rest.any(|rest| !rest.starts_with(|letter: char| letter.is_alphanumeric() || letter == '_'))
    });
    let verb = format!("{name} =>");
    let is_variant = |line: &str| {
        let rest = line.trim_start().strip_prefix(name);
        rest.is_some_and(|rest| rest.starts_with([',', '(', ' ']))
    };
    declared || source.contains(&verb) || name.starts_with(char::is_uppercase) && source.lines().any(is_variant)
}

#[test]
fn a_setting_in_the_text_is_one() {
    let settings = fs::read_to_string(root().join("runtime/src/config/settings.md")).unwrap();
    let sections = [
        "csrf",
        "log",
        "pubsub",
        "server",
        "session",
        "uploads",
        "views",
        "websocket",
    ];
    let mut count = 0;
    for (place, span) in spans() {
        let name = span.split([' ', '=']).next().unwrap();
        let is_setting = name
            .split_once('.')
            .is_some_and(|(section, key)| sections.contains(&section) && key.split('.').all(is_word));
        // A table of several, as `server.tls`, is no setting by itself.
        if is_setting {
            assert!(
                settings.contains(&format!("| `{name}` |")),
                "{place}: there is no setting {name}"
            );
            count += 1;
        }
    }
    assert!(count > 30, "only {count} were found");
}

#[test]
fn what_a_type_has_in_the_text_it_has() {
    let source = library(&root().join("runtime/src"));
    let mut count = 0;
    for (place, span) in spans() {
        // With what it is called with left out, as in `Reply::json(value)`.
        let Some((of, name)) = of_a_type(span.split('(').next().unwrap()) else {
            continue;
        };
        // The application's own.
        if of != "ChatHandler" {
            assert!(has(&source, name), "{place}: there is no {of}::{name}");
            count += 1;
        }
    }
    assert!(count > 50, "only {count} were found");
    assert!(!has(&source, "nothing_of_the_kind") && !has(&source, "NothingOfTheKind"));
}
