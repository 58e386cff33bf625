//! Goldens for the shapes that people give their files, and what must hold for every one of them.

use std::io::Write as _;
use std::process::{Command, Stdio};

use proptest::prelude::*;

use super::*;

fn module(name: &str) -> Piece {
    Piece::Module(Module { name: name.to_owned() })
}

fn import(path: &str) -> Import {
    let mut modules: Vec<String> = path.split("::").map(str::to_owned).collect();
    let name = modules.pop().unwrap();
    Import { modules, name }
}

fn route(verb: &'static str, path: &str, holder: &str, function: &str) -> Piece {
    Piece::Route(Route {
        verb,
        path: path.to_owned(),
        holder: import(holder),
        function: function.to_owned(),
    })
}

fn posts() -> Piece {
    route("get", "/posts", "controllers::posts", "index")
}

/// Inserts, and checks what holds for every insertion: again is nothing to do, and removal restores each byte.
#[track_caller]
fn inserted(piece: &Piece, before: &str) -> String {
    let Edit::Changed(after) = piece.insert(before).unwrap() else {
        panic!("nothing was inserted: {:?}", piece.insert(before));
    };
    assert_eq!(piece.insert(&after).unwrap(), Edit::Unchanged);
    assert_eq!(piece.remove(&after).unwrap(), Edit::Changed(before.to_owned()));
    after
}

#[track_caller]
fn refused(piece: &Piece, text: &str) -> String {
    match piece.insert(text).unwrap() {
        Edit::NoPlace { reason, .. } => reason,
        edit => panic!("{edit:?}"),
    }
}

#[track_caller]
fn golden(piece: &Piece, before: &str, after: &str) {
    assert_eq!(inserted(piece, before), after);
}

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
fn a_module_is_sorted_into_the_public_ones() {
    let before = "//! Controllers.\n\npub mod home;\npub mod users; // who\n\nmod helper;\n";
    golden(
        &module("api"),
        before,
        "//! Controllers.\n\npub mod api;\npub mod home;\npub mod users; // who\n\nmod helper;\n",
    );
    golden(
        &module("posts"),
        before,
        "//! Controllers.\n\npub mod home;\npub mod posts;\npub mod users; // who\n\nmod helper;\n",
    );
    golden(
        &module("zoo"),
        before,
        "//! Controllers.\n\npub mod home;\npub mod users; // who\npub mod zoo;\n\nmod helper;\n",
    );
}

#[test]
fn a_module_takes_its_own_line_in_every_kind_of_file() {
    golden(&module("a"), "", "pub mod a;\n");
    golden(&module("a"), "//! Docs.\n", "//! Docs.\n\npub mod a;\n");
    golden(&module("a"), "//! Docs.", "//! Docs.\n\npub mod a;");
    golden(&module("b"), "pub mod a;", "pub mod a;\npub mod b;");
    golden(
        &module("b"),
        "pub mod a;\r\npub mod c;\r\n",
        "pub mod a;\r\npub mod b;\r\npub mod c;\r\n",
    );
    golden(
        &module("b"),
        "//! Docs.\r\n\r\nfn f() {}\r\n",
        "//! Docs.\r\n\r\npub mod b;\r\n\r\nfn f() {}\r\n",
    );
    golden(&module("b"), "fn f() {}\n", "pub mod b;\n\nfn f() {}\n");
    golden(
        &module("b"),
        "use a::b;\n\nfn f() {}\n",
        "use a::b;\n\npub mod b;\n\nfn f() {}\n",
    );
    golden(&module("b"), "\u{feff}pub mod é;\n", "\u{feff}pub mod b;\npub mod é;\n");
    golden(
        &module("b"),
        "#!/usr/bin/env rust\npub mod c;\n",
        "#!/usr/bin/env rust\npub mod b;\npub mod c;\n",
    );
    golden(
        &module("b"),
        "#[cfg(unix)]\n/// Docs.\npub mod c;\n",
        "pub mod b;\n#[cfg(unix)]\n/// Docs.\npub mod c;\n",
    );
    golden(
        &module("b"),
        "#[macro_use]\nmod a;\npub mod c;\n",
        "#[macro_use]\nmod a;\npub mod b;\npub mod c;\n",
    );
}

#[test]
fn a_module_is_present_however_it_is_declared() {
    for text in [
        "mod a;",
        "pub(crate) mod a;",
        "pub mod a {}",
        "#[cfg(unix)] pub mod a;",
        "mod  a  ;",
    ] {
        assert_eq!(module("a").insert(text).unwrap(), Edit::Unchanged, "{text}");
    }
    for text in ["// pub mod a;", "mod b { mod a; }", "const A: &str = \"pub mod a;\";"] {
        assert!(matches!(module("a").insert(text).unwrap(), Edit::Changed(_)), "{text}");
    }
}

#[test]
fn a_module_that_was_changed_is_not_removed() {
    for text in [
        "#[cfg(unix)]\npub mod a;\n",
        "pub mod a {}\n",
        "pub mod a; pub mod b;\n",
    ] {
        assert!(
            matches!(module("a").remove(text).unwrap(), Edit::NoPlace { .. }),
            "{text}"
        );
    }
    assert_eq!(module("a").remove("pub mod b;\n").unwrap(), Edit::Unchanged);
}

#[test]
fn an_import_is_sorted_into_those_of_the_crate() {
    let posts = Piece::Import(import("controllers::posts"));
    golden(
        &posts,
        "use nova::prelude::*;\n\nuse crate::controllers::home;\nuse crate::ws::chat::ChatHandler;\n\nfn f() {}\n",
        "use nova::prelude::*;\n\nuse crate::controllers::home;\nuse crate::controllers::posts;\nuse crate::ws::chat::ChatHandler;\n\nfn f() {}\n",
    );
    golden(
        &posts,
        "use crate::{a, b};\nuse nova::prelude::*;\n",
        "use crate::controllers::posts;\nuse crate::{a, b};\nuse nova::prelude::*;\n",
    );
    golden(
        &posts,
        "use nova::prelude::*;\n",
        "use nova::prelude::*;\n\nuse crate::controllers::posts;\n",
    );
    golden(
        &posts,
        "//! Docs.\n\nfn f() {}",
        "//! Docs.\n\nuse crate::controllers::posts;\n\nfn f() {}",
    );
}

#[test]
fn an_import_is_present_by_its_meaning() {
    let posts = Piece::Import(import("controllers::posts"));
    for text in [
        "use crate::controllers::posts;",
        "use crate::{a, controllers::{home, posts}};",
        "use crate::controllers::posts as p;",
        "use crate::controllers::posts::{self, index};",
        "use super::controllers::posts;",
        "use crate::controllers::*;",
        // Taken: routes spell out the path.
        "use crate::api::posts;",
        "mod posts {}",
    ] {
        assert_eq!(posts.insert(text).unwrap(), Edit::Unchanged, "{text}");
    }
    for text in [
        "use crate::controllers::home;",
        "use crate::posts as p;",
        "// use crate::controllers::posts;",
    ] {
        assert!(matches!(posts.insert(text).unwrap(), Edit::Changed(_)), "{text}");
    }
}

const TABLE: &str = "\
//! The routes.

use nova::prelude::*;

use crate::controllers::home;

/// The table.
pub fn routes() -> Routes {
    Routes::new().group(
        Group::new(\"/\")
            .get(\"/\", home::index)
            .assets(\"/assets\", \"assets\"),
    )
}
";

#[test]
fn a_route_comes_after_the_last_route_and_before_the_rest() {
    golden(
        &posts(),
        TABLE,
        &TABLE.replace(
            "home::index)\n",
            "home::index)\n            .get(\"/posts\", posts::index)\n",
        ),
    );
    golden(
        &route("ws", "/chat/{room}", "ws::chat::ChatHandler", "init"),
        TABLE,
        &TABLE.replace(
            "home::index)\n",
            "home::index)\n            .ws(\"/chat/{room}\", ChatHandler::init)\n",
        ),
    );
}

#[test]
fn a_route_keeps_newlines_and_tabs() {
    let windows = TABLE.replace('\n', "\r\n");
    let after = inserted(&posts(), &windows);
    assert!(after.contains("home::index)\r\n            .get(\"/posts\", posts::index)\r\n"));
    assert!(!after.replace("\r\n", "").contains('\n'));
    let tabs = TABLE.replace("    ", "\t");
    assert!(inserted(&posts(), &tabs).contains("\n\t\t\t.get(\"/posts\", posts::index)\n\t\t\t.assets("));
    let no_newline = TABLE.trim_end();
    assert!(inserted(&posts(), no_newline).ends_with('}'));
}

#[test]
fn a_comment_stays_with_the_call_it_follows() {
    let before = TABLE.replace("home::index)\n", "home::index) // the é page\n            // files\n");
    golden(
        &posts(),
        &before,
        &before.replace("page\n", "page\n            .get(\"/posts\", posts::index)\n"),
    );
    let before =
        "fn routes() -> Routes {\n    Group::new(\"/\")\n        .get(\"/\", home::index) /* one */ // two\n}\n";
    golden(
        &posts(),
        before,
        &before.replace("two\n", "two\n        .get(\"/posts\", posts::index)\n"),
    );
}

#[test]
fn a_chain_on_one_line_stays_on_one_line_while_it_fits() {
    let before = "fn routes() -> Routes {\n    Routes::new().group(Group::new(\"/\").get(\"/\", home::index))\n}\n";
    golden(
        &posts(),
        before,
        &before.replace("index))", "index).get(\"/posts\", posts::index))"),
    );
    golden(
        &posts(),
        "fn routes() -> Routes { Group::new(\"/\") }",
        "fn routes() -> Routes { Group::new(\"/\").get(\"/posts\", posts::index) }",
    );
    let long = "fn routes() -> Routes {\n    Routes::new().group(Group::new(\"/\").get(\"/a/quite/long/path/of/segments\", home::index))\n}\n";
    assert!(inserted(&posts(), long).contains("index)\n        .get(\"/posts\", posts::index))\n"));
}

#[test]
fn only_code_counts_and_only_the_root_group_of_the_function() {
    let before = "\
// Group::new(\"/\").get(\"/posts\", posts::index)
const TEXT: &str = \"Group::new(\\\"/\\\")\";
vec_of![Group::new(\"/\")];
fn other() -> Group {
    Group::new(\"/\")
}
#[must_use]
pub(crate) fn routes<S: Clone>(env: &Environment) -> Routes<S> {
    let root = nova::Group::<S>::new(\"/\")
        // The page.
        .get(\"/\", home::index);
    Routes::new().group(root).group(Group::new(\"/api\").get(\"/users\", api::users))
}
";
    golden(
        &posts(),
        before,
        &before.replace("home::index);", "home::index)\n        .get(\"/posts\", posts::index);"),
    );
}

#[test]
fn a_group_inside_a_vector_or_a_closure_counts_where_the_parser_sees_it() {
    let array = "fn routes() -> Routes { list([Group::new(\"/\").get(\"/\", home::index)]) }";
    assert!(inserted(&posts(), array).contains("home::index).get(\"/posts\""));
    let closure = "fn routes() -> Routes { f(|| Group::new(\"/\").get(\"/\", home::index)) }";
    assert!(inserted(&posts(), closure).contains("home::index).get(\"/posts\""));
    let in_macro = "fn routes() -> Routes { vec![Group::new(\"/\").get(\"/\", home::index)] }";
    assert!(refused(&posts(), in_macro).contains("no `Group::new"));
}

#[test]
fn a_route_is_present_by_its_meaning() {
    for chain in [
        "Group::new(\"/\").get(\"/posts\", posts::index)",
        "Group::new(\"/\").get(\"/posts\", crate::controllers::posts::index)",
        "Group::new(\"/posts\").get(\"/\", posts::index)",
        "group.get(\"/posts\", posts::index)",
    ] {
        let text = format!("fn routes() -> Routes {{ {chain} }}");
        assert_eq!(posts().insert(&text).unwrap(), Edit::Unchanged, "{chain}");
    }
    let alias =
        "use crate::controllers::posts as p; fn routes() -> Routes { Group::new(\"/\").get(\"/posts\", p::index) }";
    assert_eq!(posts().insert(alias).unwrap(), Edit::Unchanged);
    let show = route("get", "/posts/{id}", "controllers::posts", "show");
    let renamed = "fn routes() -> Routes { Group::new(\"/\").get(\"/posts/{slug}\", posts::show) }";
    assert_eq!(show.insert(renamed).unwrap(), Edit::Unchanged);
}

#[test]
fn a_route_names_its_handler_as_the_file_does() {
    let body = "fn routes() -> Routes { Group::new(\"/\") }";
    for (head, handler) in [
        ("use crate::controllers::posts as p;", "p::index"),
        ("use crate::api::posts;", "crate::controllers::posts::index"),
        ("use crate::controllers::{home, posts};", "posts::index"),
    ] {
        assert!(
            inserted(&posts(), &format!("{head}\n{body}")).contains(&format!("\"/posts\", {handler})")),
            "{head}"
        );
    }
}

#[test]
fn without_one_place_nothing_is_inserted() {
    for (text, reason) in [
        ("fn table() {}", "there is no `fn routes`"),
        ("", "there is no `fn routes`"),
        (
            "struct R; impl R { fn routes() { Group::new(\"/\"); } }",
            "there is no `fn routes`",
        ),
        (
            "#[cfg(a)] fn routes() {} #[cfg(b)] fn routes() {}",
            "more than one `fn routes`",
        ),
        ("fn routes() {}", "no `Group::new(\"/\")`"),
        ("fn routes() { Group::new(\"/api\"); }", "no `Group::new(\"/\")`"),
        (
            "fn routes() { Group::new(\"/\"); Group::new(\"/\"); }",
            "more than one `Group::new(\"/\")`",
        ),
        (
            "fn routes() { Group::new(\"/\").get(\"/posts\", other); }",
            "another handler is at GET /posts",
        ),
    ] {
        assert!(
            refused(&posts(), text).contains(reason),
            "{text}: {}",
            refused(&posts(), text)
        );
    }
}

#[test]
fn a_file_that_does_not_parse_says_where() {
    for (text, line, column, message) in [
        ("fn routes() {\n    let = 1;\n}\n", 2, 9, "expected"),
        ("fn routes() {\n    Group::new(\n}\n", 3, 1, "bracket"),
        ("fn é() {}\nfn \n", 2, 3, "unexpected end"),
    ] {
        let error = posts().insert(text).unwrap_err();
        assert_eq!((error.line, error.column), (line, column), "{}", error.message);
        assert!(error.message.contains(message), "{}", error.message);
    }
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

proptest! {
    #[test]
    fn every_line_of_the_original_stays_in_order(
        names in prop::collection::vec("[a-z][a-z0-9]{0,30}(_[a-z][a-z0-9]{0,20})?", 1..4),
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
