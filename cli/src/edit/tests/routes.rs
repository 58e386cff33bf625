//! Goldens for routes, in the shapes that people give their tables.

use super::*;

pub(super) const TABLE: &str = "\
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
fn files_at_the_root_or_beside_are_in_nobodys_way() {
    for mount in ["/", "/post", "/posts-of-old"] {
        let text = format!("fn routes() {{ Group::new(\"/\").assets(\"{mount}\", \"files\"); }}");
        assert!(inserted(&posts(), &text).contains(".get(\"/posts\", posts::index)"));
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
        (
            "fn routes() { Group::new(\"/\").ws(\"/posts\", X::init); }",
            "another handler is at GET /posts",
        ),
        (
            "fn routes() { Group::new(\"/\").assets(\"/posts\", \"files\"); }",
            "the files of an assets directory are at /posts",
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
fn one_path_has_one_name_for_each_parameter() {
    let update = route("put", "/posts/{id}", "controllers::posts", "update");
    let text = "fn routes() -> Routes { Group::new(\"/\").get(\"/posts/{slug}\", posts::show) }";
    assert!(refused(&update, text).contains("the route /posts/{slug} calls its parameters otherwise"));
}

#[test]
fn a_route_is_ours_however_its_handler_is_reached() {
    let file = |import: &str, handler: &str| {
        format!(
            "{import}fn routes() -> Routes {{ Routes::new().group(Group::new(\"/\").get(\"/posts\", {handler})) }}\n"
        )
    };
    for (import, handler) in [
        ("use crate::controllers::posts;\n", "posts::index"),
        ("use crate::controllers::posts as p;\n", "p::index"),
        ("use crate::controllers::*;\n", "posts::index"),
        ("use crate::{controllers, ws};\n", "controllers::posts::index"),
        ("use super::controllers as c;\n", "c::posts::index"),
        ("mod controllers;\n", "controllers::posts::index"),
        ("use crate::api::posts;\n", "crate::controllers::posts::index"),
        ("", "super::controllers::posts::index"),
        ("", "posts::index"),
    ] {
        let text = file(import, handler);
        assert!(posts().is_in(&text).unwrap(), "{text}");
    }
    for (import, handler) in [
        ("use crate::api::posts;\n", "posts::index"),
        ("use crate::api as controllers;\n", "crate::api::posts::index"),
        ("", "crate::api::posts::index"),
        ("", "admin::posts::index"),
        ("use crate::controllers::posts;\n", "posts::show"),
        ("mod posts {}\n", "posts::index"),
    ] {
        let text = file(import, handler);
        assert!(!posts().is_in(&text).unwrap(), "{text}");
        assert!(!matches!(posts().remove(&text).unwrap(), Edit::Changed(_)), "{text}");
    }
}

#[test]
fn a_table_over_a_state_is_found_by_its_name_or_by_its_type() {
    for head in [
        "pub fn routes() -> Routes<Db> {",
        "pub fn routes() -> nova::Routes<crate::db::Db> {",
        "fn table(shop: &Shop) -> Routes<Shop> {",
    ] {
        let table = |routes: &str| format!("{head}\n    Routes::new().group(Group::new(\"/\"){routes})\n}}\n");
        golden(
            &posts(),
            &table(".get(\"/\", home::index)"),
            &table(".get(\"/\", home::index).get(\"/posts\", posts::index)"),
        );
    }
}

#[test]
fn a_path_that_another_function_brings_to_the_table_is_taken() {
    let table =
        "fn routes() -> Routes { let table = Routes::new().group(Group::new(\"/\")); more(table).group(api()) }";
    for beside in [
        "fn more(table: Routes) -> Routes { table.group(Group::new(\"/posts\").get(\"/\", other)) }",
        "fn api() -> Group<Db> { Group::new(\"/\").get(\"/posts\", other) }",
    ] {
        let text = format!("{table}\n{beside}\n");
        assert!(
            refused(&posts(), &text).contains("another handler is at GET /posts"),
            "{text}"
        );
    }
    for beside in [
        // This one may be mounted anywhere,
        "fn admin() -> Routes { Routes::new().group(Group::new(\"/\").get(\"/posts\", other)) }",
        // and this one is at a host.
        "fn api() -> Group { Group::new(\"/\").host(\"api.example\").get(\"/posts\", other) }",
        "fn api() -> Group { Group::new(\"/\").post(\"/posts\", other) }",
    ] {
        let text = format!("{table}\n{beside}\n");
        assert!(matches!(posts().insert(&text).unwrap(), Edit::Changed(_)), "{text}");
    }
}

#[test]
fn a_route_is_shown_as_it_is_written() {
    let head = "fn routes() -> Routes { Routes::new().group(Group::new(\"/\")) }\n";
    for (import, shown) in [
        ("", ".get(\"/posts\", posts::index)"),
        ("use crate::controllers::posts as p;\n", ".get(\"/posts\", p::index)"),
        (
            "use crate::api::posts;\n",
            ".get(\"/posts\", crate::controllers::posts::index)",
        ),
    ] {
        let text = format!("{import}{head}");
        assert_eq!(posts().line_in(&text), shown);
        let Edit::Changed(after) = posts().insert(&text).unwrap() else {
            panic!("{text}");
        };
        assert!(after.contains(shown), "{after}");
    }
}

#[test]
fn an_edit_that_takes_another_call_with_it_is_not_believed() {
    let before = "fn routes() -> Routes {\n    Routes::new().group(\n        Group::new(\"/\")\n            // Posts.\n            \
                  .get(\"/posts\", posts::index) .get(\"/about\", about)\n    )\n}\n";
    let before = &format!("use crate::controllers::posts;\n{before}");
    let alone = before.replace(".get(\"/posts\", posts::index) ", "");
    let believed = posts().verified(before, Edit::Changed(alone.clone()), false);
    assert_eq!(believed, Edit::Changed(alone));
    let swallowed = before.replace("\n            .get(\"/posts\", posts::index) ", " ");
    assert!(swallowed.contains("// Posts. .get(\"/about\", about)\n"), "{swallowed}");
    let refused = posts().verified(before, Edit::Changed(swallowed), false);
    assert!(matches!(refused, Edit::NoPlace { .. }), "{refused:?}");
}
