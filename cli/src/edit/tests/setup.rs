//! Goldens for calls on the application.

use super::*;

fn setup(method: &str, arguments: &[&str]) -> Piece {
    Piece::Setup(Setup {
        method: method.to_owned(),
        arguments: arguments.iter().map(|&argument| argument.to_owned()).collect(),
    })
}

fn csv() -> Piece {
    setup("reply_handler", &["\"csv\"", "app::replies::csv::respond"])
}

fn main_with(application: &str) -> String {
    format!("use app::routes;\n\nfn main() -> nova::Result<()> {{\n{application}\n}}\n")
}

#[test]
fn a_chain_on_one_line_is_broken_when_it_gets_too_long_and_joined_again() {
    golden(
        &csv(),
        &main_with("    nova::App::new(routes).run()"),
        &main_with(
            "    nova::App::new(routes)\n        .reply_handler(\"csv\", app::replies::csv::respond)\n        .run()",
        ),
    );
    golden(
        &setup("fallback", &["app::f"]),
        &main_with("    nova::App::new(routes).run()"),
        &main_with("    nova::App::new(routes).fallback(app::f).run()"),
    );
}

#[test]
fn a_call_comes_before_the_one_that_runs() {
    let broken = "    nova::App::new(routes)\n        .state(db) // the pool\n        .run()";
    golden(
        &csv(),
        &main_with(broken),
        &main_with(&broken.replace(
            "pool\n",
            "pool\n        .reply_handler(\"csv\", app::replies::csv::respond)\n",
        )),
    );
    let served = "    let app = App::new(routes).state(db);\n    app.serve(listener).await";
    golden(
        &csv(),
        &main_with(served),
        &main_with(&served.replace(
            "App::new(routes).state(db);",
            "App::new(routes)\n        .state(db)\n        .reply_handler(\"csv\", app::replies::csv::respond);",
        )),
    );
    let windows = main_with(broken).replace('\n', "\r\n");
    let after = inserted(&csv(), &windows);
    assert!(!after.replace("\r\n", "").contains('\n'));
}

#[test]
fn a_long_call_has_a_line_for_each_argument() {
    let long = "x".repeat(64);
    let path = format!("app::replies::{long}::respond");
    let kind = format!("\"{long}\"");
    golden(
        &setup("reply_handler", &[&kind, &path]),
        &main_with("    nova::App::new(routes).run()"),
        &main_with(&format!(
            "    nova::App::new(routes)\n        .reply_handler(\n            {kind},\n            {path},\n        )\n        .run()"
        )),
    );
}

#[test]
fn what_is_there_in_other_words_is_there() {
    for line in [
        "    App::new(routes).reply_handler(\"csv\", app::replies::csv::respond).run()",
        "    App::new(routes).reply_handler( \"csv\" , csv::respond ).run()",
    ] {
        assert_eq!(csv().insert(&main_with(line)).unwrap(), Edit::Unchanged, "{line}");
    }
}

#[test]
fn what_can_not_be_told_is_left_alone() {
    for (text, reason) in [
        (main_with("    start()"), "there is no `App::new` in it"),
        (
            main_with("    if x {\n        App::new(a).run()\n    } else {\n        App::new(b).run()\n    }"),
            "there is more than one `App::new` in it",
        ),
    ] {
        assert_eq!(refused(&csv(), &text), reason);
    }
    let text = main_with("    App::new(routes).fallback(other).run()");
    assert_eq!(
        refused(&setup("fallback", &["app::f"]), &text),
        "the application has another `.fallback` already"
    );
}

fn app_with(application: &str) -> String {
    format!("mod routes;\n\npub use routes::routes;\n\npub fn app() -> nova::App {{\n{application}\n}}\n")
}

/// To rustfmt one call alone is no chain.
#[test]
fn an_application_that_is_made_and_not_run_is_laid_out_as_rustfmt_does() {
    let long = "x".repeat(16);
    let key = format!("\"{long}\"");
    let path = format!("crate::replies::{long}::respond");
    let longer = setup("reply_handler", &[&key, &path]);
    let fallback = setup("fallback", &["crate::fallbacks::errors::resolve"]);
    let bare = app_with("    nova::App::new(routes)");
    let short = app_with("    nova::App::new(routes).fallback(crate::fallbacks::errors::resolve)");
    golden(&fallback, &bare, &short);
    let broken = format!("    nova::App::new(routes).reply_handler(\n        {key},\n        {path},\n    )");
    golden(&longer, &bare, &app_with(&broken));
    let both = format!(
        "    nova::App::new(routes)\n        .reply_handler(\n            {key},\n            {path},\n        )\n        \
         .fallback(crate::fallbacks::errors::resolve)"
    );
    golden(&fallback, &app_with(&broken), &app_with(&both));
    let other = format!(
        "    nova::App::new(routes)\n        .fallback(crate::fallbacks::errors::resolve)\n        \
         .reply_handler(\n            {key},\n            {path},\n        )"
    );
    golden(&longer, &short, &app_with(&other));
    let path = path.replacen('x', "", 1);
    let key = key.replacen('x', "", 1);
    let just = setup("reply_handler", &[&key, &path]);
    let own_line = format!("    nova::App::new(routes)\n        .reply_handler({key}, {path})");
    golden(&just, &bare, &app_with(&own_line));
}
