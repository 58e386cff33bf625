//! What `nova new` and `nova gen` write is code that its owner would have written: formatted, free of lints, tested.

use crate::kit::Project;
use crate::kit::project::tree;

/// The longest name that is accepted.
const LONGEST: &str = "a_name_of_sixty_four_characters_which_is_the_longest_there_is_ok";

/// A project with a piece of everything, under names of every shape.
fn project_with_everything(name: &str) -> Project {
    let project = Project::with_chat(name);
    for args in [
        "controller posts index show new create edit update delete publish",
        &format!("controller {LONGEST}"),
        "controller q",
        "controller admin-users index show",
        "controller WebHooks create",
        "controller admin/users index show create",
        "controller imprint about --at /",
        "controller quiet index edit --no-route",
        "resource article title:string pages:int out:bool --at /articles",
        "resource shop/item body price:float sold:bool --views",
        "resource offer price:float --no-route",
        "resource note body --views --no-route",
        "security bearer",
        "fallback errors",
        "reply-handler csv",
        "reply-handler plain-text",
        "test signup",
        "ws-handler games/room --at /live",
        "ws-handler lone --no-route",
        "ws-handler live-feed",
        "ws-handler GameRoom",
        "ws-handler z",
        &format!("ws-handler {LONGEST}"),
    ] {
        project.nova(&format!("gen {args}")).succeeded();
    }
    project
}

#[test]
fn a_new_project_is_formatted_lint_free_tested_and_builds_without_warnings() {
    let project = project_with_everything("everything");
    let formatted = project.cargo("fmt --check");
    assert_eq!(formatted.code, Some(0), "{}", formatted.stdout);

    let build = project.cargo("build").succeeded();
    assert!(!build.stderr.contains("warning"), "{}", build.stderr);

    project.cargo("clippy --all-targets -- -D warnings").succeeded();

    let tests = project.cargo("test").succeeded();
    for test in [
        "controllers::home::tests::the_page_has_a_heading",
        "controllers::posts::tests::index_replies",
        "controllers::posts::tests::publish_replies",
        "controllers::admin_users::tests::show_replies",
        "controllers::web_hooks::tests::create_replies",
        "ws::chat::tests::a_message_reaches_the_whole_room",
        "ws::chat::tests::a_callback_needs_no_connection",
        "ws::game_room::tests::a_message_reaches_the_whole_room",
        "ws::lone::tests::a_message_reaches_the_whole_room",
        "controllers::admin::users::tests::create_replies",
        "controllers::quiet::tests::edit_replies",
        "controllers::article::tests::a_record_comes_changes_and_goes",
        "controllers::article::tests::a_list_has_pages",
        "controllers::shop::item::tests::a_record_comes_changes_and_goes",
        "controllers::shop::item::tests::a_list_has_pages",
        "controllers::offer::tests::what_is_wrong_is_said",
        "controllers::note::tests::what_is_wrong_is_said",
        "security::bearer::tests::the_right_token_is_let_through",
        "fallbacks::errors::tests::a_client_is_told_what_concerns_it",
        "replies::plain_text::tests::a_reply_becomes_a_response",
        "a_page_that_is_not_there_is_not_found",
    ] {
        assert!(
            tests.stdout.contains(&format!("test {test} ... ok")),
            "{}",
            tests.stdout
        );
    }
}

#[test]
fn what_was_generated_is_destroyed_to_the_byte() {
    let project = Project::new("destroyed");
    let bytes = || -> Vec<_> {
        let files = project.tree().into_iter();
        files.map(|(path, file)| (path, file.map(|(bytes, _)| bytes))).collect()
    };
    let before = bytes();
    for args in [
        "resource article title:string --views",
        "controller posts index show",
        "ws-handler chat",
    ] {
        project.nova(&format!("gen {args}")).succeeded();
    }
    for args in ["controller posts", "resource article", "ws-handler chat"] {
        project.nova(&format!("destroy {args}")).succeeded();
    }
    assert!(bytes() == before, "something is left");
}

#[test]
fn generating_twice_changes_nothing() {
    let project = project_with_everything("twice");
    let before = project.tree();
    for args in [
        "ws-handler chat",
        "ws-handler Chat",
        "controller posts index show new create edit update delete publish",
        "controller admin_users index show",
        "controller web-hooks create",
    ] {
        let run = project.nova(&format!("gen {args}")).succeeded();
        assert!(run.stderr.ends_with("nothing to do\n"), "gen {args}:\n{}", run.stderr);
    }
    assert!(project.tree() == before, "a file was written");
}

#[test]
fn a_hand_edited_file_is_not_overwritten() {
    let project = Project::with_chat("edited");
    project.nova("gen controller posts").succeeded();
    project.edit(
        "src/ws/chat.rs",
        "\"message\", text",
        "\"message\", text.to_uppercase()",
    );
    project.edit("src/controllers/posts.rs", "\"Posts\"", "\"News\"");
    project.edit("views/posts/index.hbs", "<h1>", "<h1 class=\"news\">");
    let before = project.tree();
    let run = project
        .nova("gen ws-handler chat")
        .failed(1, "src/ws/chat.rs already exists with different content");
    assert!(run.stderr.contains("nothing was written"), "{}", run.stderr);
    for args in ["controller posts", "controller posts show"] {
        let run = project.nova(&format!("gen {args}"));
        assert_eq!(run.code, Some(1), "gen {args}:\n{}", run.stderr);
        assert!(
            run.stderr.contains("src/controllers/posts.rs"),
            "gen {args}:\n{}",
            run.stderr
        );
    }
    assert!(project.tree() == before, "a file was written");
}

#[test]
fn a_dry_run_says_what_the_run_then_does() {
    let project = Project::new("dry");
    let before = project.tree();
    let dry = project.nova("gen controller posts index show --dry-run").succeeded();
    assert!(project.tree() == before, "a dry run wrote");
    let run = project.nova("gen controller posts index show").succeeded();
    // The same files, in the same order, in another tense.
    let files = |text: &str| -> Vec<String> {
        let lines = text.lines().take_while(|line| !line.contains("Finished"));
        lines
            .filter_map(|line| line.split_whitespace().find(|word| word.contains('/')))
            .map(str::to_owned)
            .collect()
    };
    assert_eq!(files(&dry.stderr), files(&run.stderr));
    let written = tree(project.root());
    for path in written
        .keys()
        .filter(|path| !before.contains_key(*path) && path.is_file())
    {
        let path = path.strip_prefix(project.root()).unwrap().to_str().unwrap();
        assert!(
            files(&dry.stderr).iter().any(|file| file == path),
            "{path} was not announced"
        );
    }
}
