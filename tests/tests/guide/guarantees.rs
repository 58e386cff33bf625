//! The page of guarantees names tests, and they are there.

use std::fs;
use std::path::{Path, PathBuf};

use nova_tests::guide::{Page, root};

/// Where the tests of a suite are.
fn folder(suite: &str) -> PathBuf {
    match suite {
        "runtime" => root().join("runtime/src"),
        suite => root().join("tests/tests").join(suite),
    }
}

/// Whether a name such as `contract::routes::head_follows_get` is that of a test.
fn is_a_test(name: &str) -> bool {
    let mut parts: Vec<_> = name.split("::").collect();
    let (Some(function), false) = (parts.pop(), parts.is_empty()) else {
        return false;
    };
    let mut path = folder(parts.remove(0));
    path.extend(parts);
    // The innermost module is a file, a folder, or stands in the file of the one around it.
    let around = path.parent().map(Path::to_owned).unwrap_or_default();
    let files = [
        path.with_extension("rs"),
        path.join("mod.rs"),
        around.with_extension("rs"),
        around.join("mod.rs"),
    ];
    let texts = files.iter().filter_map(|file| fs::read_to_string(file).ok());
    texts.into_iter().any(|text| declares(&text, function))
}

fn declares(text: &str, function: &str) -> bool {
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    let declared = lines.iter().position(|line| {
        let line = line.strip_prefix("async ").unwrap_or(line);
        line.strip_prefix("fn ")
            .is_some_and(|rest| rest.strip_prefix(function).is_some_and(|rest| rest.starts_with('(')))
    });
    let Some(at) = declared else { return false };
    let attributes = lines[..at]
        .iter()
        .rev()
        .take_while(|line| line.starts_with("#[") || line.starts_with("//"));
    let mut attributes = attributes.filter(|line| line.starts_with("#[test]") || line.starts_with("#[tokio::test"));
    // A suite that is run for several implementations lists its tests.
    attributes.next().is_some()
        || text
            .split_once("\nrows! {")
            .is_some_and(|(_, list)| list.contains(function))
}

/// The names on the page: in the last column, between backticks.
fn named() -> Vec<(usize, String)> {
    let page = Page::read(Path::new("docs/guarantees.md"));
    let rows = page
        .prose()
        .into_iter()
        .filter(|(_, line)| line.starts_with("| ") && !line.starts_with("| ---"));
    let names = rows.flat_map(|(number, line)| {
        let cell = line
            .trim_end_matches([' ', '|'])
            .rsplit(" | ")
            .next()
            .unwrap_or_default();
        let names = cell.split('`').skip(1).step_by(2).map(str::to_owned);
        names.map(|name| (number, name)).collect::<Vec<_>>()
    });
    names.collect()
}

#[test]
fn every_guarantee_names_tests_that_are_there() {
    let page = Page::read(Path::new("docs/guarantees.md"));
    let named = named();
    for (number, line) in page.prose() {
        let is_row = line.starts_with("| ") && !line.starts_with("| ---") && !line.starts_with("| guarantee |");
        assert!(
            !is_row || named.iter().any(|(at, _)| *at == number),
            "docs/guarantees.md:{number}: no test is named"
        );
    }
    let missing: Vec<_> = named.iter().filter(|(_, name)| !is_a_test(name)).collect();
    assert!(missing.is_empty(), "these are no tests: {missing:#?}");
    assert!(named.len() > 100, "only {} are named", named.len());
}

#[test]
fn what_is_no_test_is_none() {
    assert!(is_a_test("contract::routes::head_follows_get"));
    assert!(is_a_test(
        "runtime::pubsub::tests::one_senders_messages_keep_their_order"
    ));
    assert!(is_a_test("cluster::rows::any_channel_will_do"));
    for name in [
        "contract::routes::rest",
        "contract::routes::nothing_of_the_kind",
        "head_follows_get",
        "contract::nowhere::a",
    ] {
        assert!(!is_a_test(name), "{name}");
    }
}
