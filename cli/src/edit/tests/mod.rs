//! Goldens for declarations: modules, imports.

mod properties;
mod routes;
mod setup;

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
    for text in ["mod a;", "pub(crate) mod a;", "#[cfg(unix)] pub mod a;", "mod  a  ;"] {
        assert_eq!(module("a").insert(text).unwrap(), Edit::Unchanged, "{text}");
    }
    for text in ["// pub mod a;", "mod b { mod a; }", "const A: &str = \"pub mod a;\";"] {
        assert!(matches!(module("a").insert(text).unwrap(), Edit::Changed(_)), "{text}");
    }
}

#[test]
fn a_module_written_in_place_has_no_file() {
    assert_eq!(
        refused(&module("a"), "pub mod a {}"),
        "`mod a` is written in place there, and has no file of its own"
    );
}

#[test]
fn a_module_that_was_changed_is_not_removed() {
    for text in [
        "#[cfg(unix)]\npub mod a;\n",
        "pub mod a {}\n",
        "pub mod a; // why\n",
        "/* why */ pub mod a; pub mod b;\n",
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

#[test]
fn an_import_leaves_the_braces_that_it_was_merged_into() {
    let posts = Piece::Import(import("controllers::posts"));
    for (before, after) in [
        (
            "use crate::controllers::{home, posts};\n",
            "use crate::controllers::home;\n",
        ),
        (
            "use crate::controllers::{posts, home};\n",
            "use crate::controllers::home;\n",
        ),
        (
            "use crate::controllers::{\n    home as h,\n    posts,\n};\n",
            "use crate::controllers::home as h;\n",
        ),
        (
            "use crate::controllers::{self, posts};\n",
            "use crate::controllers::{self};\n",
        ),
        (
            "use crate::controllers::{/* why */ home, posts};\n",
            "use crate::controllers::{/* why */ home};\n",
        ),
        (
            "use crate::controllers::{a, posts, z};\n",
            "use crate::controllers::{a, z};\n",
        ),
        (
            "use crate::{\n    controllers::{home, posts},\n    ws,\n};\n",
            "use crate::{\n    controllers::home,\n    ws,\n};\n",
        ),
        ("use crate::{controllers::posts, ws};\n", "use crate::ws;\n"),
        (
            "use crate::controllers::{home, posts as news};\n",
            "use crate::controllers::home;\n",
        ),
        (
            "use crate::controllers::posts as news;\nuse crate::ws;\n",
            "use crate::ws;\n",
        ),
    ] {
        assert_eq!(
            posts.remove(before).unwrap(),
            Edit::Changed(after.to_owned()),
            "{before}"
        );
    }
    for text in [
        "use crate::controllers::{home, /* why */ posts};\n",
        "use crate::controllers::{home, posts as p};\n",
        "use crate::controllers::{posts};\npub use crate::controllers::posts as q;\n",
    ] {
        assert!(!matches!(posts.remove(text).unwrap(), Edit::Unchanged), "{text}");
    }
    assert!(matches!(
        posts
            .remove("use crate::controllers::{home, /* why */ posts};\n")
            .unwrap(),
        Edit::NoPlace { .. }
    ));
}

/// What a condition brings in is not there in every build, and a second one beside it would be one too many.
#[test]
fn what_is_there_under_a_condition_is_neither_used_nor_doubled() {
    let posts = Piece::Import(import("controllers::posts"));
    for text in [
        "#[cfg(test)]\nuse crate::controllers::posts;\n",
        "#[cfg_attr(test, allow(unused))]\nuse crate::controllers::{home, posts};\n",
    ] {
        assert_eq!(posts.insert(text).unwrap(), Edit::Unchanged, "{text}");
        assert!(matches!(posts.remove(text).unwrap(), Edit::NoPlace { .. }), "{text}");
        let table = format!("{text}fn routes() -> Routes {{\n    Routes::new().group(Group::new(\"/\"))\n}}\n");
        let route = route("get", "/posts", "controllers::posts", "index");
        let after = inserted(&route, &table);
        assert!(
            after.contains("(\"/posts\", crate::controllers::posts::index)"),
            "{after}"
        );
        assert_eq!(route.remove(&after).unwrap(), Edit::Changed(table));
    }
    // What was generated may have come under a condition since.
    let gated = "#[cfg(test)]\nuse crate::controllers::posts;\nfn routes() -> Routes {\n    Routes::new().group(Group::new(\"/\").get(\"/posts\", posts::index))\n}\n";
    assert_eq!(
        route("get", "/posts", "controllers::posts", "index")
            .insert(gated)
            .unwrap(),
        Edit::Unchanged
    );
    assert_eq!(
        refused(&module("posts"), "#[path = \"p.rs\"]\nmod posts;\n"),
        "`mod posts` is in a file of another name there"
    );
}

#[test]
fn a_raw_identifier_is_the_name_that_it_is() {
    for text in [
        "use crate::controllers::r#posts;\n",
        "use crate::r#controllers::{home, r#posts};\n",
    ] {
        let posts = Piece::Import(import("controllers::posts"));
        assert_eq!(posts.insert(text).unwrap(), Edit::Unchanged, "{text}");
    }
    assert_eq!(module("posts").insert("pub mod r#posts;\n").unwrap(), Edit::Unchanged);
    let table = "use crate::controllers::r#posts;\n\nfn routes() -> Routes {\n    Routes::new().group(Group::new(\"/\").get(\"/posts\", r#posts::index))\n}\n";
    let route = route("get", "/posts", "controllers::posts", "index");
    assert_eq!(route.insert(table).unwrap(), Edit::Unchanged);
}

#[test]
fn what_shares_a_line_comes_and_goes() {
    for text in [
        "use nova::prelude::*;use crate::controllers::home;fn f(){}\n",
        "use crate::controllers::home; use crate::controllers::zoo; fn f() {}",
        "use crate::controllers::zoo; fn f() {}\n",
    ] {
        let posts = Piece::Import(import("controllers::posts"));
        let after = inserted(&posts, text);
        assert_eq!(posts.remove(&after).unwrap(), Edit::Changed(text.to_owned()), "{after}");
    }
    for text in [
        "pub mod home;pub mod zoo;\n",
        "mod zoo; fn f() {}",
        "fn f() {} mod a; mod zoo;\n",
    ] {
        let after = inserted(&module("posts"), text);
        assert_eq!(
            module("posts").remove(&after).unwrap(),
            Edit::Changed(text.to_owned()),
            "{after}"
        );
    }
    // A comment beside it is somebody's.
    let beside = "use crate::controllers::posts; // why\n";
    let posts = Piece::Import(import("controllers::posts"));
    assert!(matches!(posts.remove(beside).unwrap(), Edit::NoPlace { .. }));
}

#[test]
fn each_line_keeps_its_newline_where_a_file_has_both_sorts() {
    let lines = [
        "//! Docs.",
        "",
        "use crate::controllers::home;",
        "",
        "pub mod home;",
        "fn f() {}",
        "",
    ];
    for pattern in 0..1_u32 << (lines.len() - 1) {
        let mut text = String::new();
        for (at, line) in lines.iter().enumerate() {
            let newline = if at + 1 == lines.len() {
                ""
            } else if pattern >> at & 1 == 1 {
                "\r\n"
            } else {
                "\n"
            };
            text.extend([line, newline]);
        }
        for piece in [
            Piece::Import(import("controllers::posts")),
            Piece::Import(import("a::b")),
            module("posts"),
            module("a"),
        ] {
            let after = inserted(&piece, &text);
            assert_eq!(piece.remove(&after).unwrap(), Edit::Changed(text.clone()), "{after:?}");
        }
    }
}
