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

fn tokens(text: &str) -> Vec<String> {
    super::super::tokens::tokens(text).unwrap()
}

/// What came in: in tokens the piece and nothing else, in bytes one stretch and nothing else.
#[track_caller]
fn only_that_came(piece: &Piece, before: &str, after: &str) {
    let (old, new) = (tokens(before), tokens(after));
    let mut item = tokens(&piece.line());
    // rustfmt has a comma behind the last argument of a call on several lines.
    if new.len() == old.len() + item.len() + 1 {
        item.insert(item.len() - 1, ",".to_owned());
    }
    let common = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let at = (0..=common).rev().find(|&at| {
        new.len() == old.len() + item.len() && new[at..at + item.len()] == item && new[at + item.len()..] == old[at..]
    });
    assert!(at.is_some(), "{before}\n=>\n{after}");
    let start = before.bytes().zip(after.bytes()).take_while(|(a, b)| a == b).count();
    let end = before
        .bytes()
        .rev()
        .zip(after.bytes().rev())
        .take_while(|(a, b)| a == b)
        .count();
    assert!(
        start + end >= before.len(),
        "other bytes have changed:\n{before}\n=>\n{after}"
    );
}

/// Inserts and takes out again, or is told that there is no place.
fn comes_and_goes(piece: &Piece, before: &str) -> bool {
    match piece.insert(before).unwrap() {
        Edit::Changed(after) => {
            only_that_came(piece, before, &after);
            assert_eq!(piece.insert(&after).unwrap(), Edit::Unchanged, "{after}");
            match piece.remove(&after).unwrap() {
                Edit::Changed(again) => assert_eq!(again, before, "{after}"),
                // What stands in the same line with others is not torn out of it.
                edit => assert!(matches!(edit, Edit::NoPlace { .. }), "{after}"),
            }
            true
        }
        Edit::Unchanged => panic!("it is not there yet:\n{before}"),
        Edit::NoPlace { .. } => false,
    }
}

/// Tables as people write them.
pub(super) const CORPUS: &[(&str, bool, &str)] = &[
    (
        "one line",
        true,
        "fn routes() -> Routes { Routes::new().group(Group::new(\"/\").get(\"/\", a::b)) }",
    ),
    (
        "a binding",
        true,
        "fn routes() -> Routes {\n    let root = Group::new(\"/\").get(\"/\", a::b);\n    Routes::new().group(root)\n}\n",
    ),
    (
        "another function",
        true,
        "fn routes() -> Routes {\n    Routes::new().group(pages()).group(api())\n}\n\nfn pages() -> Group {\n    Group::new(\"/\")\n        .get(\"/\", a::b)\n}\n\nfn api() -> Group {\n    Group::new(\"/api\")\n}\n",
    ),
    (
        "another name",
        true,
        "pub fn table() -> Routes {\n    Routes::new().group(Group::new(\"/\").get(\"/\", a::b))\n}\n",
    ),
    (
        "with state",
        true,
        "pub fn routes() -> Routes<Db> {\n    Routes::new().group(Group::new(\"/\").get(\"/\", a::b))\n}\n",
    ),
    (
        "with an environment",
        true,
        "pub fn routes(env: &Environment) -> Routes {\n    let routes = Routes::new().group(Group::new(\"/\").get(\"/\", a::b));\n    if env.is_dev() {\n        return routes.group(Group::new(\"/dev\"));\n    }\n    routes\n}\n",
    ),
    (
        "comments everywhere",
        true,
        "pub fn routes() -> Routes {\n    // first\n    Routes::new() /* a */\n        // the root\n        .group(\n            /* b */ Group::new(\"/\") // c\n                // d\n                .get(\"/\", a::b) // e\n                /* f */\n                // .get(\"/posts\", posts::index)\n                .assets(\"/assets\", \"assets\"), // g\n        ) // h\n}\n",
    ),
    (
        "a security function beside",
        true,
        "fn routes() -> Routes {\n    Routes::new()\n        .group(Group::new(\"/\").security(member).get(\"/me\", a::me))\n        .group(Group::new(\"/\").get(\"/\", a::b))\n}\n",
    ),
    (
        "behind a security function",
        true,
        "fn routes() -> Routes {\n    Routes::new().group(Group::new(\"/\").security(member).get(\"/me\", a::me))\n}\n",
    ),
    (
        "attributes",
        true,
        "#![allow(unused)]\n#[cfg(not(feature = \"x\"))]\nuse crate::a;\n\n#[allow(clippy::all)]\n#[must_use]\npub fn routes() -> Routes {\n    #[allow(unused)]\n    let root = Group::new(\"/\").get(\"/\", a::b);\n    Routes::new().group(root)\n}\n",
    ),
    (
        "a whole path",
        true,
        "fn routes() -> nova::Routes {\n    nova::Routes::new().group(nova::Group::new(\"/\").get(\"/\", a::b))\n}\n",
    ),
    (
        "raw strings",
        true,
        "fn routes() -> Routes {\n    Routes::new().group(Group::new(r\"/\").get(r#\"/\"#, a::b))\n}\n",
    ),
    (
        "a closure",
        true,
        "fn routes() -> Routes {\n    Routes::new().group(\n        Group::new(\"/\")\n            .get(\"/\", async || {\n                // inside\n                Reply::status(200)\n            })\n            .layer(Trace::new()),\n    )\n}\n",
    ),
    (
        "a turbofish",
        true,
        "fn routes() -> Routes<S> {\n    Routes::<S>::new().group(Group::<S>::new(\"/\").get(\"/\", a::b))\n}\n",
    ),
    (
        "tabs and windows",
        true,
        "fn routes() -> Routes {\r\n\tRoutes::new()\r\n\t\t.group(\r\n\t\t\tGroup::new(\"/\")\r\n\t\t\t\t.get(\"/\", a::b),\r\n\t\t)\r\n}",
    ),
    (
        "a macro",
        false,
        "fn routes() -> Routes {\n    routes![Group::new(\"/\").get(\"/\", a::b)]\n}\n",
    ),
    (
        "two by configuration",
        false,
        "#[cfg(unix)]\nfn routes() -> Routes {\n    Routes::new().group(Group::new(\"/\"))\n}\n\n#[cfg(windows)]\nfn routes() -> Routes {\n    Routes::new().group(Group::new(\"/\"))\n}\n",
    ),
    (
        "two groups alike",
        false,
        "fn routes() -> Routes {\n    Routes::new().group(Group::new(\"/\").get(\"/a\", a::a)).group(Group::new(\"/\").get(\"/b\", a::b))\n}\n",
    ),
    (
        "no root",
        false,
        "fn routes() -> Routes {\n    Routes::new().group(Group::new(\"/api\"))\n}\n",
    ),
    (
        "a constant",
        false,
        "fn routes() -> Routes {\n    Routes::new().group(Group::new(ROOT).get(\"/\", a::b))\n}\n",
    ),
    (
        "a loop",
        false,
        "fn routes() -> Routes {\n    GROUPS.iter().fold(Routes::new(), |routes, group| routes.group(group()))\n}\n",
    ),
    ("nothing", false, ""),
];

#[test]
fn each_shape_of_a_table_is_edited_or_left_alone() {
    for (shape, has_place, text) in CORPUS {
        for text in [
            (*text).to_owned(),
            text.trim_end().to_owned(),
            format!("\u{feff}{text}"),
            text.replace("\r\n", "\n").replace('\n', "\r\n"),
        ] {
            let piece = posts();
            assert_eq!(comes_and_goes(&piece, &text), *has_place, "{shape}");
            assert!(
                comes_and_goes(&Piece::Import(import("controllers::posts")), &text),
                "{shape}"
            );
            assert!(comes_and_goes(&module("posts"), &text), "{shape}");
        }
    }
}

/// The same tokens with other white space, and comments, between them.
fn dressed(text: &'static str) -> impl Strategy<Value = String> {
    let between = prop::sample::select(vec![
        " ",
        " ",
        " ",
        "\n",
        "\n    ",
        "\n\t",
        "  ",
        " /* c */ ",
        " // c\n",
        "\n// .get(\"/posts\", posts::index)\n",
        " /* /* é */ */\n",
    ]);
    let tokens = tokens(text);
    let newline = prop::sample::select(vec!["\n", "\r\n"]);
    (prop::collection::vec(between, tokens.len()), newline).prop_map(move |(between, newline)| {
        let mut dressed = String::new();
        for (at, (token, between)) in tokens.iter().zip(between).enumerate() {
            dressed.push_str(token);
            let joined = |at: usize| {
                tokens
                    .get(at)
                    .is_some_and(|token| matches!(token.as_str(), ":" | "-" | ">" | "=" | "|"))
            };
            if joined(at) && joined(at + 1) {
                continue;
            }
            dressed.push_str(between);
        }
        dressed.replace('\n', newline)
    })
}

proptest! {
    #[test]
    fn however_a_table_is_laid_out_nothing_else_is_touched(
        text in prop::sample::select(CORPUS.iter().map(|(_, _, text)| *text).filter(|text| !text.contains("r#")).collect::<Vec<_>>())
            .prop_flat_map(dressed)
    ) {
        prop_assume!(syn::parse_file(&text).is_ok());
        for piece in [posts(), route("ws", "/chat/{room}", "ws::chat::ChatHandler", "init"), Piece::Import(import("ws::chat::ChatHandler")), module("posts")] {
            comes_and_goes(&piece, &text);
        }
    }
}
