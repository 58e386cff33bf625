//! What holds for every name and every shape of a file.

use std::io::Write as _;
use std::process::{Command, Stdio};

use proptest::prelude::*;

use super::routes::TABLE;
use super::*;

fn rustfmt_accepts(text: &str) {
    let mut rustfmt = Command::new("rustfmt")
        .args(["--check", "--edition", "2024", "--config", "max_width=100"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    rustfmt.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = rustfmt.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "{}\n{text}",
        String::from_utf8_lossy(&output.stdout)
    );
}

#[test]
fn a_table_stays_formatted_for_names_of_any_length() {
    let whole = |names: &[String]| {
        let mut text = TABLE.to_owned();
        for name in names {
            for (verb, path) in [("get", format!("/{name}")), ("options", format!("/{name}/{{id}}"))] {
                for piece in [
                    Piece::Import(import(&format!("controllers::{name}"))),
                    route(verb, &path, &format!("controllers::{name}"), "index"),
                ] {
                    if let Edit::Changed(after) = piece.insert(&text).unwrap() {
                        text = after;
                    }
                }
            }
        }
        text
    };
    for length in [1, 20, 21, 22, 23, 24, 25, 26, 64] {
        rustfmt_accepts(&whole(&["x".repeat(length)]));
    }
    let mixed = ["zoo", "a", "x16", "x8", "x08", "a_b", "ab", "home2"].map(str::to_owned);
    rustfmt_accepts(&whole(&mixed));
}

#[test]
fn modules_stay_formatted_in_any_order() {
    let mut text = "//! Modules.\n\npub mod home;\n".to_owned();
    for name in ["zoo", "x16", "x8", "a_b", "ab", "a"] {
        text = inserted(&module(name), &text);
    }
    // rustfmt looks for the files of modules that it reads from a file, not from its input.
    rustfmt_accepts(&text);
}

fn shapes() -> Vec<String> {
    let one_line = "fn routes() -> Routes { Routes::new().group(Group::new(\"/\").get(\"/\", home::index)) }";
    let late_comment = TABLE.replace("\"assets\"),\n", "\"assets\"), // files\n        // end\n");
    vec![
        TABLE.to_owned(),
        TABLE.replace('\n', "\r\n"),
        TABLE.replace("    ", "\t"),
        TABLE.trim_end().to_owned(),
        TABLE.replace("            .assets(\"/assets\", \"assets\"),\n", ""),
        TABLE.replace(
            "home::index)\n",
            "home::index) // Group::new(\"/\")\n            /* .get() */\n",
        ),
        TABLE.replace("use crate::controllers::home;\n\n", ""),
        TABLE.replace("use crate::controllers::home;", "use crate::{controllers::{home}, ws};"),
        TABLE.replace("//! The routes.", "#![allow(unused)] // héé\n//! Routes é."),
        format!("\u{feff}{TABLE}"),
        late_comment,
        one_line.to_owned(),
        format!("{one_line}\n"),
    ]
}

/// A name that gets as far as a file: no keyword, and not what the table has already.
fn name() -> impl Strategy<Value = String> {
    let is_free = |name: &String| syn::parse_str::<syn::Ident>(name).is_ok() && name != "assets";
    "[a-z][a-z0-9]{0,30}(_[a-z][a-z0-9]{0,20})?".prop_filter("a keyword, or taken", is_free)
}

proptest! {
    #[test]
    fn every_line_of_the_original_stays_in_order(
        names in prop::collection::vec(name(), 1..4),
        shape in prop::sample::select(shapes()),
    ) {
        let mut text = shape.clone();
        for name in &names {
            for piece in [
                module(name),
                Piece::Import(import(&format!("ws::{name}::XHandler"))),
                Piece::Import(import(&format!("controllers::{name}"))),
                route("ws", &format!("/{name}/{{room}}"), &format!("controllers::{name}"), "init"),
            ] {
                match piece.insert(&text).unwrap() {
                    Edit::Changed(after) => {
                        prop_assert_eq!(piece.remove(&after).unwrap(), Edit::Changed(text));
                        text = after;
                    }
                    edit => prop_assert_eq!(edit, Edit::Unchanged),
                }
                prop_assert_eq!(piece.insert(&text).unwrap(), Edit::Unchanged);
            }
        }
        let mut after = text.lines();
        for line in shape.lines() {
            let one_line = line.starts_with("fn routes()");
            let kept = after.any(|candidate| if one_line {
                candidate.starts_with(line.trim_end_matches(") }")) || candidate.contains("Group::new")
            } else {
                candidate == line
            });
            prop_assert!(kept, "{line:?} is gone:\n{text}");
        }
    }
}
