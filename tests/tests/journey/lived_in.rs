//! What `nova gen` writes into a project that is no longer as `nova new` left it.

use crate::kit::Project;

#[test]
fn what_comes_into_a_project_of_a_month_is_tidy_and_its_tests_pass_beside_those_that_are_there() {
    let project = Project::lived_in();
    let audit = project.nova("audit").succeeded();
    assert!(audit.stderr.contains("nothing found in 16 routes"), "{}", audit.stderr);
    for args in [
        "controller posts index show create",
        "controller admin/users",
        "controller berths/photos index",
        "controller notices/archive index show --at /old/notices",
        "controller lone --no-route",
        "resource article title pages:int --views",
        "resource admin/key label",
        "resource boat",
        "ws-handler chat",
        "ws-handler board/pier",
        "security bearer",
        "fallback errors",
        "reply-handler csv",
        "test signup",
        "job backup",
        "job reports",
        "job night/sweep",
    ] {
        project.nova(&format!("gen {args}")).succeeded();
    }
    // Some is wired in where nobody but a person can.
    project.edit(
        "src/routes.rs",
        "    let table = with_old_links(table);",
        "    let table = table.group(Group::new(\"/inside\").security(crate::security::bearer::check));\n    let table = with_old_links(table);",
    );
    project.is_tidy();
    project
        .cargo("clippy --all-targets --no-default-features -- -D warnings")
        .succeeded();
    let tests = project.cargo("test").succeeded();
    for test in [
        "a_berth_is_given_once",
        "controllers::home::tests::the_page_has_a_heading",
        "controllers::posts::tests::create_replies",
        "controllers::admin::users::tests::index_replies",
        "controllers::berths::photos::tests::index_replies",
        "controllers::notices::archive::tests::show_replies",
        "controllers::lone::tests::index_replies",
        "controllers::article::tests::a_record_comes_changes_and_goes",
        "controllers::admin::key::tests::a_list_has_pages",
        "ws::chat::tests::a_message_reaches_the_whole_room",
        "ws::board::pier::tests::a_message_reaches_the_whole_room",
        "security::bearer::tests::the_right_token_is_let_through",
        "fallbacks::errors::tests::a_client_is_told_what_concerns_it",
        "replies::csv::tests::a_reply_becomes_a_response",
        "jobs::reports::tests::it_has_not_run",
        "jobs::night::sweep::tests::it_has_not_run",
        "a_page_that_is_not_there_is_not_found",
    ] {
        assert!(
            tests.stdout.contains(&format!("test {test} ... ok")),
            "{test}:\n{}",
            tests.stdout
        );
    }
    let routes = project.nova("routes").succeeded().stdout;
    for handler in [
        "controllers::berths::photos::index",
        "jobs::reports::status",
        "ws::board::pier::PierHandler::init",
    ] {
        assert!(routes.contains(handler), "{routes}");
    }
}
