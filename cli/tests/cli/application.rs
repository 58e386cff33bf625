//! Where the application is made, which `gen` adds to and generated tests call.

use super::Sandbox;

/// As `nova new` made it before the application was a function.
fn older(sandbox: &Sandbox) {
    let library = sandbox.read("myapp/src/lib.rs");
    let (library, _) = library.split_once("\n/// The application, as").unwrap();
    sandbox.write("myapp/src/lib.rs", library);
    sandbox.write(
        "myapp/src/main.rs",
        "//! Starts the application.\n\nuse myapp::routes;\n\nfn main() -> nova::Result<()> {\n    nova::App::new(routes).run()\n}\n",
    );
}

#[test]
fn the_application_is_found_wherever_it_is_made() {
    let newer = Sandbox::with_project();
    newer.app("gen fallback errors").succeeded();
    newer.app("gen reply-handler csv").succeeded();
    assert!(newer.read("myapp/src/lib.rs").ends_with(
        "    nova::App::new(routes)\n        .fallback(crate::fallbacks::errors::resolve)\n        \
         .reply_handler(\"csv\", crate::replies::csv::respond)\n}\n"
    ));
    newer.is_formatted("myapp");
    let before = newer.tree();
    let run = newer.app("gen reply-handler csv").succeeded();
    assert!(run.stderr.ends_with("nothing to do\n"), "{}", run.stderr);
    assert!(newer.tree() == before);
    assert!(
        newer
            .app("doctor")
            .stdout
            .contains("ok    src/lib.rs makes one application")
    );

    let sandbox = Sandbox::with_project();
    older(&sandbox);
    let before = sandbox.tree();
    for command in [
        "fallback errors",
        "reply-handler csv",
        "controller posts",
        "ws-handler chat",
        "resource item",
    ] {
        sandbox.app(&format!("gen {command}")).succeeded();
        let run = sandbox.app(&format!("gen {command}")).succeeded();
        assert!(run.stderr.ends_with("nothing to do\n"), "{}", run.stderr);
    }
    assert!(sandbox.read("myapp/src/main.rs").contains(
        "    nova::App::new(routes)\n        .fallback(myapp::fallbacks::errors::resolve)\n        \
         .reply_handler(\"csv\", myapp::replies::csv::respond)\n        .run()\n"
    ));
    for file in ["controllers/posts", "ws/chat", "controllers/item"] {
        let text = sandbox.read(&format!("myapp/src/{file}.rs"));
        assert!(text.contains("testing::app(crate::routes)"), "{text}");
    }
    sandbox.is_formatted("myapp");
    let doctor = sandbox.app("doctor").stdout;
    assert!(doctor.contains("ok    src/main.rs makes one application"), "{doctor}");
    for command in [
        "fallback errors",
        "reply-handler csv",
        "controller posts",
        "ws-handler chat",
        "resource item",
    ] {
        sandbox.app(&format!("destroy {command}")).succeeded();
    }
    assert!(sandbox.tree() == before);
}

#[test]
fn an_application_that_is_made_by_hand_is_not_guessed_at() {
    for (library, reason) in [
        (
            "pub fn app() -> nova::App {\n    build()\n}\n",
            "there is no `App::new` in it",
        ),
        (
            "pub fn app() -> nova::App {\n    nova::App::new(routes)\n}\n\npub fn other() -> nova::App {\n    nova::App::new(routes)\n}\n",
            "there is more than one `App::new` in it",
        ),
    ] {
        let sandbox = Sandbox::with_project();
        let text = sandbox.read("myapp/src/lib.rs");
        let (above, _) = text.split_once("/// The application, as").unwrap();
        sandbox.write("myapp/src/lib.rs", &format!("{above}{library}"));
        let before = sandbox.tree();
        sandbox
            .app("gen reply-handler csv")
            .failed(1, reason)
            .failed(1, "::replies::csv::respond)");
        assert!(sandbox.tree() == before);
        assert!(sandbox.app("doctor").stdout.contains(reason));
    }
    // The call is written by hand then, and the command run again, as it says.
    let sandbox = Sandbox::with_project();
    let by_hand = "nova::App::new(routes).reply_handler(\"csv\", crate::replies::csv::respond)";
    let text = sandbox
        .read("myapp/src/lib.rs")
        .replace("nova::App::new(routes)", by_hand);
    let text = format!("{text}\npub fn other() -> nova::App {{\n    nova::App::new(routes)\n}}\n");
    sandbox.write("myapp/src/lib.rs", &text);
    sandbox.app("gen reply-handler csv").succeeded();
    let text = sandbox.read("myapp/src/lib.rs");
    assert_eq!(text.matches("reply_handler").count(), 1, "{text}");
    assert!(sandbox.path("myapp/src/replies/csv.rs").exists());
}

/// What was generated before the application was a function is still what was generated.
#[test]
fn what_an_older_project_has_is_destroyed_when_it_has_become_a_newer_one() {
    let sandbox = Sandbox::with_project();
    let newer = [sandbox.read("myapp/src/lib.rs"), sandbox.read("myapp/src/main.rs")];
    let before = sandbox.tree();
    older(&sandbox);
    sandbox.app("gen controller posts").succeeded();
    sandbox.app("gen test signup").succeeded();
    sandbox.write("myapp/src/lib.rs", &newer[0]);
    sandbox.write("myapp/src/main.rs", &newer[1]);
    sandbox.app("destroy controller posts").succeeded();
    sandbox.app("destroy test signup").succeeded();
    std::fs::remove_dir(sandbox.path("myapp/tests")).unwrap_or_default();
    assert!(sandbox.tree() == before);
}
