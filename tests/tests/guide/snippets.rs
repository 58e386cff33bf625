//! Code on the pages, by its language.

use std::any::Any;
use std::panic::catch_unwind;

use nova::App;
use nova::prelude::*;
use nova::session::MemoryStore;
use nova_tests::Project;
use nova_tests::guide::{Block, COMPILED, COMPILED_ELSEWHERE, Page, pages};

/// Those that no test looks at: they are for other programs, or for people.
const UNCHECKED: &[&str] = &[
    "caddyfile",
    "console",
    "css",
    "dockerfile",
    "html",
    "ini",
    "js",
    "nginx",
    "text",
    "yaml",
];

fn language(block: &Block) -> &str {
    block.info.split(',').next().unwrap_or_default()
}

/// All blocks of a language, with where they are.
fn blocks(of: &str) -> Vec<(String, Block)> {
    let blocks = pages().into_iter().flat_map(|page| {
        let blocks = page.blocks().into_iter();
        let placed = blocks.map(|block| (format!("{}:{}", page.path.display(), block.line), block));
        placed.collect::<Vec<_>>()
    });
    blocks.filter(|(_, block)| language(block) == of).collect()
}

/// Puts together an application with these files, or says why that fails.
fn start(files: &[(&str, &str)]) -> Result<(), String> {
    let project = files
        .iter()
        .fold(Project::new(), |project, (path, text)| project.file(path, text));
    let config = project.config().map_err(|error| error.to_string())?;
    let routes = || Routes::new().group(Group::new("/").get("/", async || "here"));
    let app = App::new(routes).sessions(MemoryStore::new()).config(config);
    let started = catch_unwind(std::panic::AssertUnwindSafe(|| {
        nova::testing::run(async { drop(app.into_test().await) });
    }));
    started.map_err(|panic| said(&*panic))
}

fn said(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<String>()
        .cloned()
        .unwrap_or_else(|| "it panicked".into())
}

#[test]
fn every_language_is_one_that_a_test_knows_or_nobody_checks() {
    for page in pages() {
        for block in page.blocks() {
            let language = language(&block);
            let is_known =
                ["handlebars", "json", "rust", "sh", "toml"].contains(&language) || UNCHECKED.contains(&language);
            assert!(is_known, "{}:{}: {language:?}", page.path.display(), block.line);
        }
    }
}

#[test]
fn every_page_with_rust_is_compiled() {
    for page in pages() {
        if page.blocks().iter().any(|block| language(block) == "rust") {
            let name = page.name();
            let is_compiled = COMPILED.contains(&&*name) || COMPILED_ELSEWHERE.contains(&&*name);
            assert!(is_compiled, "{name} is not in the list of `nova_tests::guide`");
        }
    }
}

#[test]
fn commands_are_run_on_the_page_that_is_carried_out_alone() {
    for (place, _) in blocks("sh") {
        assert!(
            place.starts_with("docs/first-hour.md"),
            "{place}: `sh` is for what a test runs; `console` is for the rest"
        );
    }
}

#[test]
fn settings_are_those_of_an_application_that_starts() {
    for (place, block) in blocks("toml") {
        let table: toml::Table = block.text.parse().unwrap_or_else(|error| panic!("{place}: {error}"));
        // Of other programs, or of the command.
        if block.info.contains("parsed") {
            continue;
        }
        let is_manifest = block.text.contains("nova-framework") || table.contains_key("dependencies");
        // Whose files have to be there.
        let is_tls = block.text.contains(".tls]");
        if !is_manifest && !is_tls {
            let started = start(&[("nova.toml", &block.text)]);
            assert_eq!(started, Ok(()), "{place}");
        }
    }
}

#[test]
fn settings_that_are_none_are_found() {
    let error = start(&[("nova.toml", "[server]\nporte = 1\n")]).unwrap_err();
    assert!(error.contains("porte"), "{error}");
}

#[test]
fn json_is_json() {
    for (place, block) in blocks("json") {
        let parsed: Result<nova::serde_json::Value, _> = nova::serde_json::from_str(&block.text);
        assert!(parsed.is_ok(), "{place}: {parsed:?}");
    }
}

#[test]
fn views_compile() {
    for (place, block) in blocks("handlebars") {
        let started = start(&[("views/shown.hbs", &block.text)]);
        assert_eq!(started, Ok(()), "{place}");
    }
    assert!(
        start(&[("views/shown.hbs", "{{#if a}}")]).is_err(),
        "a broken one is found"
    );
}

/// What is compiled elsewhere is there, and is a page.
#[test]
fn the_lists_name_pages() {
    let names: Vec<_> = pages().iter().map(Page::name).collect();
    for name in COMPILED.iter().chain(COMPILED_ELSEWHERE) {
        assert!(names.iter().any(|there| there == name), "{name}");
    }
}
