//! Templates of a project's own: `nova eject`, `.nova/templates`, `nova gen --list`.

use super::Sandbox;

#[test]
fn what_is_ejected_gives_what_it_gave_and_can_be_changed() {
    let sandbox = Sandbox::with_project();
    let plain = sandbox.tree();
    sandbox.app("gen controller posts index show").succeeded();
    sandbox.app("gen ws-handler chat").succeeded();
    let before = sandbox.tree();
    sandbox.app("eject").succeeded();
    for command in ["gen controller posts index show", "gen ws-handler chat"] {
        let run = sandbox.app(command).succeeded();
        assert!(run.stderr.ends_with("nothing to do\n"), "{}", run.stderr);
    }
    sandbox.app("destroy ws-handler chat").succeeded();
    let template = "myapp/.nova/templates/ws-handler/src/ws/{{path}}.rs.hbs";
    let text = sandbox.read(template);
    sandbox.write(template, &format!("// Ours.\n{text}"));
    sandbox.app("gen ws-handler chat").succeeded();
    assert!(sandbox.read("myapp/src/ws/chat.rs").starts_with("// Ours.\n"));
    sandbox
        .app("eject ws-handler")
        .failed(1, "already exists with different content");
    sandbox.app("eject ws-handler --force").succeeded();
    sandbox.app("gen ws-handler chat --force").succeeded();
    std::fs::remove_dir_all(sandbox.path("myapp/.nova")).unwrap();
    assert!(sandbox.tree() == before);
    sandbox.app("destroy controller posts").succeeded();
    sandbox.app("destroy ws-handler chat").succeeded();
    assert!(sandbox.tree() == plain);
    sandbox.app("eject contoller").failed(2, "help:  nova eject controller");
}

#[test]
fn a_new_folder_is_a_new_kind() {
    let sandbox = Sandbox::with_project();
    let folder = "myapp/.nova/templates/service";
    sandbox.write(
        &format!("{folder}/src/services/{{{{path}}}}.rs.hbs"),
        "//! {{title}}, at {{url}}.\n\nuse nova::prelude::*;\n\npub async fn index() -> Reply {\n    Reply::status(204)\n}\n",
    );
    sandbox.write(&format!("{folder}/docs/{{{{kebab}}}}.md"), "As {{it}} is.\n");
    let before = sandbox.tree();
    sandbox.app("gen service billing/Invoice").succeeded();
    assert_eq!(
        sandbox.read("myapp/src/services/billing/invoice.rs").lines().next(),
        Some("//! Invoice, at /billing/invoice.")
    );
    assert_eq!(sandbox.read("myapp/docs/invoice.md"), "As {{it}} is.\n");
    assert!(sandbox.read("myapp/src/lib.rs").contains("pub mod services;"));
    sandbox.app("destroy service billing/invoice").succeeded();
    assert!(sandbox.tree() == before);

    sandbox.write(
        &format!("{folder}/kind.toml"),
        "about = \"A service\"\nexample = \"billing\"\ndone = \"service {{path}}\"\nmodule = \"Services.\"\n\n[taken]\nhome = \"there is one\"\n\n\
         [[route]]\nverb = \"get\"\npath = \"{{url}}\"\nhandler = \"services::{{module}}::index\"\n",
    );
    let before = sandbox.tree();
    let run = sandbox.app("gen service billing --at /bills").succeeded();
    assert!(run.stderr.contains("    Finished service billing\n"), "{}", run.stderr);
    assert!(
        sandbox
            .read("myapp/src/routes.rs")
            .contains(".get(\"/bills\", billing::index)")
    );
    sandbox.is_formatted("myapp");
    sandbox.app("destroy service billing").succeeded();
    assert!(sandbox.tree() == before);
    sandbox.app("gen service home").failed(2, "there is one");
    sandbox.app("gen service fn").failed(2, "help:  nova gen service my_fn");

    let list = sandbox.app("gen --list");
    assert_eq!(list.code, Some(0));
    assert!(
        list.stdout
            .contains("service        A service  .nova/templates/service\n"),
        "{}",
        list.stdout
    );
    assert!(list.stdout.lines().all(|line| line.len() <= 80), "{}", list.stdout);
    let json = sandbox.app("gen --list --json");
    for line in json.stdout.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap();
    }
    assert_eq!(json.stdout.lines().count(), 8);
}

#[test]
fn a_broken_template_is_named_with_its_line() {
    let sandbox = Sandbox::with_project();
    let template = "myapp/.nova/templates/service/src/{{path}}.rs.hbs";
    let manifest = "myapp/.nova/templates/service/kind.toml";
    let shown = ".nova/templates/service/src/{{path}}.rs.hbs";
    for (text, error) in [
        (
            "//! One.\n//! {{titel}}\n",
            format!("{shown}:2:5: there is no variable `titel`"),
        ),
        (
            "//! One.\n\n{{#if}}\n",
            format!("{shown}:4:1: invalid handlebars syntax"),
        ),
        ("fn {\n", format!("{shown}: what it gives is not Rust")),
    ] {
        sandbox.write(template, text);
        let before = sandbox.tree();
        sandbox
            .app("gen service posts")
            .failed(1, &error)
            .failed(1, "nothing was written");
        assert!(sandbox.tree() == before);
    }
    sandbox.write(template, "//! One.\n");
    for (text, error) in [
        ("about = \"x\"\nabuot = 1\n", "kind.toml:2:1: unknown field `abuot`"),
        ("about =\n", "kind.toml:1:8: "),
        (
            "[[route]]\nverb = \"fetch\"\npath = \"/\"\nhandler = \"a::b\"\n",
            "`fetch` is no method of a group",
        ),
    ] {
        sandbox.write(manifest, text);
        sandbox.app("gen service posts").failed(1, error);
    }
    std::fs::remove_file(sandbox.path(manifest)).unwrap();
    for path in ["..", "src/../../{{path}}"] {
        sandbox.write(&format!("myapp/.nova/templates/odd{}/x", path.len()), "");
    }
    sandbox.write("myapp/.nova/templates/empty/kind.toml", "about = \"x\"\n");
    sandbox.app("gen empty posts").failed(1, "has no templates in it");
}

#[test]
fn a_broken_template_of_a_built_in_kind_is_named_too() {
    for (kind, template, more) in [
        ("controller", "controller/src/controllers/{{path}}.rs", ""),
        ("controller", "controller/views/{{path}}/{{action}}.hbs", ""),
        ("resource", "resource/src/models/{{path}}.rs", ""),
        ("resource", "resource/views/{{path}}/list.hbs", " --views"),
        ("ws-handler", "ws-handler/src/ws/{{path}}.rs", ""),
        ("fallback", "fallback/src/fallbacks/{{path}}.rs", ""),
        ("test", "test/tests/{{name}}.rs", ""),
    ] {
        let sandbox = Sandbox::with_project();
        let shown = format!(".nova/templates/{template}.hbs");
        for (text, error) in [
            ("//! One.\n//! {{titel}}\n", ":2:5: there is no variable `titel`"),
            ("//! One.\n\n{{#if}}\n", ":4:1: invalid handlebars syntax"),
        ] {
            sandbox.write(&format!("myapp/{shown}"), text);
            let before = sandbox.tree();
            sandbox
                .app(&format!("gen {kind} posts{more}"))
                .failed(1, &format!("{shown}{error}"))
                .failed(1, "nothing was written");
            assert!(sandbox.tree() == before);
        }
    }
}

#[test]
fn the_doctor_reads_the_templates() {
    let sandbox = Sandbox::with_project();
    sandbox.app("eject controller").succeeded();
    let doctor = || sandbox.app("doctor --json").stdout;
    assert!(doctor().contains(".nova/templates has one kind"), "{}", doctor());
    let template = ".nova/templates/controller/src/controllers/{{path}}.rs.hbs";
    sandbox.write(&format!("myapp/{template}"), "// x\n{{#if}}\n");
    assert!(doctor().contains(&format!("{template}:3:1")), "{}", doctor());
}

#[test]
fn a_template_never_writes_into_a_repository() {
    let sandbox = Sandbox::with_project();
    sandbox.write("myapp/.nova/templates/hook/.git/hooks/{{name}}", "x\n");
    sandbox
        .app("gen hook pre-commit")
        .failed(1, "that is not a path in the project");
    assert!(!super::exists(&sandbox.path("myapp/.git")));
}

#[test]
fn what_goes_with_every_command_goes_behind_a_kind_of_the_projects_own() {
    let sandbox = Sandbox::with_project();
    sandbox.write(
        "myapp/.nova/templates/service/src/services/{{path}}.rs.hbs",
        "//! {{title}}.\n",
    );
    let before = sandbox.tree();
    for line in [
        "gen service billing -C myapp",
        "gen service -Cmyapp billing",
        "gen service billing --directory=myapp --color never",
        "gen service billing -C myapp -p myapp",
        "-C elsewhere gen service billing -C myapp",
    ] {
        sandbox.nova(line.split(' ')).succeeded();
        assert!(sandbox.path("myapp/src/services/billing.rs").exists(), "{line}");
        sandbox.app("destroy service billing").succeeded();
        assert!(sandbox.tree() == before, "{line}");
    }
    sandbox
        .nova(["gen", "service", "billing", "extra", "-C", "myapp"])
        .failed(2, "`extra` is one word too many");
    sandbox
        .nova(["gen", "service", "billing", "-C", "nowhere"])
        .failed(2, "can't work in nowhere");
    let help = sandbox.app("gen service --help");
    assert_eq!(help.code, Some(0));
    assert!(help.stdout.contains("Usage: nova gen service"), "{}", help.stdout);
}

#[test]
fn what_is_no_text_is_copied_and_what_editors_leave_is_not() {
    let sandbox = Sandbox::with_project();
    let folder = "myapp/.nova/templates/page";
    let picture = [0x89, b'P', b'N', b'G', 0, 0xff, 0xfe, b'\n', b'{', b'{'];
    sandbox.write(&format!("{folder}/views/{{{{path}}}}.hbs.hbs"), "<h1>{{title}}</h1>\n");
    std::fs::create_dir_all(sandbox.path(&format!("{folder}/assets"))).unwrap();
    std::fs::write(sandbox.path(&format!("{folder}/assets/{{{{kebab}}}}.png")), picture).unwrap();
    let left = [
        "a.hbs~",
        ".a.hbs.swp",
        "#a.hbs#",
        ".DS_Store",
        "views/b.rs.hbs~",
        ".#a.hbs",
    ];
    for name in left {
        std::fs::write(sandbox.path(&format!("{folder}/{name}")), [0xff, b'{', b'{']).unwrap();
    }
    let before = sandbox.tree();
    sandbox.app("gen page front").succeeded();
    assert_eq!(std::fs::read(sandbox.path("myapp/assets/front.png")).unwrap(), picture);
    let written = sandbox
        .tree()
        .into_keys()
        .filter(|path| !before.contains_key(path) && path.is_file());
    assert_eq!(written.count(), 2);
    let run = sandbox.app("gen page front").succeeded();
    assert!(run.stderr.ends_with("nothing to do\n"), "{}", run.stderr);
    let run = sandbox.app("destroy page front --diff");
    assert!(
        run.stdout
            .contains("Binary files a/assets/front.png and b/assets/front.png differ\n"),
        "{}",
        run.stdout
    );
    // Another picture is somebody's.
    std::fs::write(sandbox.path("myapp/assets/front.png"), &picture[..6]).unwrap();
    sandbox
        .app("gen page front")
        .failed(1, "assets/front.png already exists with different content");
    sandbox.app("destroy page front").failed(
        1,
        "assets/front.png has been changed since it was generated\n       nothing was written",
    );
    sandbox.app("gen page front --force").succeeded();
    sandbox.app("destroy page front").succeeded();
    assert!(sandbox.tree() == before);
    // A template is text.
    std::fs::write(sandbox.path(&format!("{folder}/views/x.hbs")), [0xff]).unwrap();
    sandbox.app("gen page front").failed(
        1,
        ".nova/templates/page/views/x.hbs can't be read: it is not UTF-8 text",
    );
}

#[test]
fn a_broken_kind_is_in_the_way_of_no_other() {
    let sandbox = Sandbox::with_project();
    sandbox.write(
        "myapp/.nova/templates/job/src/jobs/{{path}}.rs.hbs",
        "//! {{title}}, at night.\n",
    );
    sandbox.write("myapp/.nova/templates/empty/kind.toml", "about = \"x\"\n");
    sandbox.write("myapp/.nova/templates/wrong/kind.toml", "about = \"x\"\nabuot = 1\n");
    sandbox.write("myapp/.nova/templates/test/kind.toml", "about =\n");
    let list = sandbox.app("gen --list");
    assert_eq!(list.code, Some(1));
    for error in [
        "error: .nova/templates/test/kind.toml:1:8: ",
        ".nova/templates/empty has no templates in it",
        ".nova/templates/wrong/kind.toml:2:1: unknown field `abuot`",
    ] {
        assert!(list.stderr.contains(error), "{}", list.stderr);
    }
    let names = |text: &str| -> Vec<String> {
        text.lines()
            .filter_map(|line| line.split_whitespace().next().map(str::to_owned))
            .collect()
    };
    let whole = [
        "controller",
        "resource",
        "ws-handler",
        "security",
        "fallback",
        "reply-handler",
        "job",
    ];
    assert_eq!(names(&list.stdout), whole);
    let json = sandbox.app("gen --list --json");
    assert_eq!(
        (json.code, json.stdout.lines().count()),
        (Some(1), whole.len() + 1),
        "{}",
        json.stdout
    );
    let last: serde_json::Value = serde_json::from_str(json.stdout.lines().last().unwrap()).unwrap();
    assert_eq!(last["error"]["exit"], 1);
    // The others are generated, and completed, as ever.
    sandbox.app("gen job backup").succeeded();
    sandbox.app("gen jobs backup").failed(2, "did you mean `job`?");
    assert!(sandbox.app("complete -- gen ").stdout.contains("job"));
}
