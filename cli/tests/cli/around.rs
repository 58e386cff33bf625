//! The commands around the others: init, doctor, upgrade, completions, man.

use super::Sandbox;

#[test]
fn init_keeps_every_file() {
    let sandbox = Sandbox::new();
    sandbox.write("site/README.md", "mine\n");
    sandbox.write("site/src/lib.rs", "// mine\n");
    let run = sandbox.nova_in("site", ["init", "--no-git"]).succeeded();
    assert_eq!(sandbox.read("site/README.md"), "mine\n");
    assert_eq!(sandbox.read("site/src/lib.rs"), "// mine\n");
    assert!(sandbox.read("site/Cargo.toml").contains("name = \"site\"\n"));
    assert!(run.stderr.contains("        Kept README.md\n"), "{}", run.stderr);
    assert!(
        run.stderr.contains("in src/lib.rs:\n    pub mod controllers;\n"),
        "{}",
        run.stderr
    );
    let before = sandbox.tree();
    let again = sandbox.nova_in("site", ["init", "--no-git"]).succeeded();
    assert!(again.stderr.contains("Finished nothing to do\n"), "{}", again.stderr);
    assert!(
        again.stderr.contains("in src/lib.rs:\n    pub mod controllers;\n"),
        "{}",
        again.stderr
    );
    assert!(sandbox.tree() == before);
    sandbox.write("crate/Cargo.toml", "[package]\nname = \"my-thing\"\n");
    sandbox.nova_in("crate", ["init", "--no-git"]).succeeded();
    assert!(sandbox.read("crate/src/main.rs").contains("use my_thing::app;"));
    sandbox.write("table/src/routes.rs", "");
    let run = sandbox.nova_in("table", ["init", "--no-git"]).succeeded();
    let said = "in src/routes.rs:\n    pub fn routes() -> nova::Routes { nova::Routes::new() }\n";
    assert!(run.stderr.contains(said), "{}", run.stderr);
    let main = "fn main() {}\n";
    sandbox.write("program/src/main.rs", main);
    let run = sandbox.nova_in("program", ["init", "--no-git"]).succeeded();
    let said = "in src/main.rs:\n    fn main() -> nova::Result<()> { program::app().run() }\n";
    assert!(run.stderr.contains(said), "{}", run.stderr);
    assert_eq!(sandbox.read("program/src/main.rs"), main);
    sandbox.write("all/Cargo.toml", "[workspace]\nmembers = []\n");
    let before = sandbox.tree();
    sandbox
        .nova_in("all", ["init", "--no-git"])
        .failed(1, "is a workspace's, and has no package");
    assert!(sandbox.tree() == before);
    std::fs::create_dir(sandbox.path("1abc")).unwrap();
    sandbox.nova_in("1abc", ["init"]).failed(2, "begins with a digit");
    sandbox
        .nova_in("1abc", ["init", "--name", "abc", "--no-git"])
        .succeeded();
}

#[test]
fn init_goes_by_what_the_manifest_says_of_the_library() {
    let sandbox = Sandbox::new();
    let named = "[package]\nname = \"my-thing\"\n[lib]\nname = \"core_of_it\"\npath = \"./src/lib.rs\"\n";
    sandbox.write("named/Cargo.toml", named);
    sandbox.nova_in("named", ["init", "--no-git"]).succeeded();
    assert!(sandbox.read("named/src/main.rs").contains("use core_of_it::app;"));
    sandbox.write("elsewhere/Cargo.toml", &named.replace("./src/", "app/"));
    let before = sandbox.tree();
    sandbox
        .nova_in("elsewhere", ["init", "--no-git"])
        .failed(1, "library is src/lib.rs, and the one here is app/lib.rs");
    assert!(sandbox.tree() == before);
}

/// A module that is there twice is none: the crate would not compile any more.
#[test]
fn init_doubles_no_module() {
    for (there, wanted) in [
        ("src/controllers.rs", "src/controllers/mod.rs"),
        ("src/routes/mod.rs", "src/routes.rs"),
    ] {
        let sandbox = Sandbox::new();
        sandbox.write(&format!("site/{there}"), "");
        let before = sandbox.tree();
        let run = sandbox.nova_in("site", ["init", "--no-git"]);
        let run = run.failed(1, &format!("{there} is a module of that name already"));
        assert!(run.stderr.contains(&format!("move it to {wanted}")), "{}", run.stderr);
        assert!(sandbox.tree() == before);
    }
}

/// It is told until it is there.
#[test]
fn init_tells_all_that_comes_into_files_that_are_there() {
    let told = |variant: &str, lines: &[(&str, &[&str])]| {
        let sandbox = Sandbox::with_project();
        let command = format!("init --no-git {variant}");
        let first = sandbox.app(&command).succeeded();
        let lists = |stderr: &str, path: &str, line: &str| {
            let (_, below) = stderr.split_once(&format!("in {path}:\n"))?;
            let mut below = below.lines().take_while(|line| line.starts_with("    "));
            below.find(|found| found.trim_start() == line).map(drop)
        };
        for (path, lines) in lines {
            for line in *lines {
                assert!(
                    lists(&first.stderr, path, line).is_some(),
                    "{path} {line}\n{}",
                    first.stderr
                );
                let path = format!("myapp/{path}");
                let text = sandbox.read(&path);
                let dependencies = "[dependencies]\n";
                let text = match text.contains(dependencies) {
                    true => text.replace(dependencies, &format!("{dependencies}{line}\n")),
                    false => format!("{text}{line}\n"),
                };
                sandbox.write(&path, &text);
            }
        }
        let again = sandbox.app(&command).succeeded();
        assert!(again.stderr.ends_with("Finished nothing to do\n"), "{}", again.stderr);
    };
    told(
        "--auth --api",
        &[
            (
                "Cargo.toml",
                &[
                    "argon2 = \"0.6\"",
                    "tokio = { version = \"1\", features = [\"rt\", \"sync\"] }",
                ],
            ),
            (
                "src/lib.rs",
                &[
                    "pub mod models;",
                    "pub mod security;",
                    "pub fn app() -> nova::App { nova::App::new(routes).sessions(nova::session::MemoryStore::new()) }",
                ],
            ),
            ("src/controllers/mod.rs", &["pub mod account;"]),
            (
                "src/routes.rs",
                &[
                    "use crate::controllers::account;",
                    "use crate::security::member;",
                    ".group(Group::new(\"/register\").public(\"they have no account yet\").post(\"/\", account::create))",
                    ".group(Group::new(\"/login\").public(\"they have no session yet\").post(\"/\", account::enter))",
                    ".group(Group::new(\"/logout\").public(\"it ends their own session\").post(\"/\", account::leave))",
                    ".group(Group::new(\"/account\").security(member::check).get(\"/\", account::show))",
                ],
            ),
        ],
    );
    let sandbox = Sandbox::with_project();
    let nats = sandbox.app("init --no-git --nats").succeeded();
    for line in [
        "features = [\"nats\"] }",
        "in nova.toml:\n    [pubsub]\n    adapter = \"nats\"\n",
    ] {
        assert!(nats.stderr.contains(line), "{}", nats.stderr);
    }
}

#[test]
fn the_variants_of_a_project_are_formatted_and_say_what_they_are() {
    let sandbox = Sandbox::new();
    for (number, variant) in [
        "--api",
        "--auth",
        "--docker",
        "--auth --docker --nats",
        "--api --nats --docker",
        "--api --auth",
        "--api --auth --db sqlite --docker --nats",
        "--db sqlite",
        "--db postgres --api --docker",
        "--db sqlite --auth --docker --nats",
        "--db postgres --auth --nats",
    ]
    .iter()
    .enumerate()
    {
        let name = format!("app{number}");
        let args = format!("new {name} --no-git {variant}");
        sandbox.nova(args.split(' ')).succeeded();
        sandbox.is_formatted(&name);
        for file in ["src/db.rs", "build.rs", "migrations/README.md"] {
            let is_there = sandbox.path(&format!("{name}/{file}")).exists();
            assert_eq!(is_there, variant.contains("--db"), "{file}");
        }
        let ignored = sandbox.read(&format!("{name}/.gitignore"));
        assert_eq!(ignored.contains("/*.db*"), variant.contains("sqlite"), "{ignored}");
        sandbox
            .read(&format!("{name}/Cargo.toml"))
            .parse::<toml::Table>()
            .unwrap();
        sandbox
            .read(&format!("{name}/nova.toml"))
            .parse::<toml::Table>()
            .unwrap();
        assert_eq!(
            sandbox.path(&format!("{name}/views")).exists(),
            !variant.contains("--api")
        );
        assert_eq!(
            sandbox.path(&format!("{name}/Dockerfile")).exists(),
            variant.contains("--docker")
        );
        assert_eq!(
            sandbox.path(&format!("{name}/src/ws/chat.rs")).exists(),
            variant.contains("--nats")
        );
        let readme = sandbox.read(&format!("{name}/README.md"));
        assert_eq!(readme.contains("/register"), variant.contains("--auth"), "{readme}");
        assert_eq!(readme.contains("views/"), !variant.contains("--api"), "{readme}");
        assert!(!readme.contains("\n\n\n"), "{readme}");
        sandbox.nova_in(&name, ["gen", "controller", "posts"]).succeeded();
        sandbox.nova_in(&name, ["gen", "security", "bearer"]).succeeded();
        sandbox.nova_in(&name, ["gen", "reply-handler", "csv"]).succeeded();
        sandbox.is_formatted(&name);
    }
}

#[test]
fn doctor_says_what_is_there_and_what_is_not() {
    let sandbox = Sandbox::with_project();
    sandbox.write("myapp/nova.toml", "[server]\nport = 0\n");
    let run = sandbox.app("doctor");
    assert_eq!(run.code, Some(0), "{}", run.stdout);
    assert!(
        run.stdout
            .contains("ok    src/routes.rs has one table that gen adds routes to\n"),
        "{}",
        run.stdout
    );
    assert!(
        run.stdout.lines().all(|line| line.starts_with("ok  ")),
        "{}",
        run.stdout
    );
    let manifest = sandbox.read("myapp/Cargo.toml");
    sandbox.write("myapp/Cargo.toml", &manifest.replace("\nnova = ", "\nreal-time = "));
    let run = sandbox.app("doctor");
    let warning = "warn  the runtime is called `real_time` here, and `nova` in what gen writes\n      in src/lib.rs: ";
    assert!(run.stdout.contains(warning), "{}", run.stdout);
    let library = sandbox.read("myapp/src/lib.rs");
    let alias = "extern crate real_time as nova;\n";
    sandbox.write("myapp/src/lib.rs", &format!("{alias}{library}"));
    assert!(!sandbox.app("doctor").stdout.contains("warn"));
    sandbox.write("myapp/src/lib.rs", &library);
    sandbox.write("myapp/Cargo.toml", &manifest);
    sandbox.write("myapp/src/routes.rs", "pub fn routes() -> Routes {\n    table()\n}\n");
    let run = sandbox.app("doctor");
    assert_eq!(run.code, Some(0));
    assert!(
        run.stdout.contains("warn  src/routes.rs: its `fn routes` has no"),
        "{}",
        run.stdout
    );
    sandbox.write("myapp/src/routes.rs", "fn routes() {\n");
    sandbox.write("myapp/nova.toml", "[server]\nport = \"x\"\n");
    let run = sandbox.app("doctor --json");
    assert_eq!(run.code, Some(1));
    let lines: Vec<serde_json::Value> = run
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let failed: Vec<_> = lines
        .iter()
        .filter(|line| line["verdict"] == "fail")
        .map(|line| &line["check"])
        .collect();
    assert_eq!(failed, ["edits", "port"]);
    sandbox.write("myapp/Cargo.toml", "[package]\nname = \"myapp\"\nversion = = 1\n");
    let run = sandbox.app("doctor");
    assert_eq!(run.code, Some(1));
    assert!(run.stdout.contains("fail  Cargo.toml:3:11: "), "{}", run.stdout);
    assert!(!run.stdout.contains("nova new"), "{}", run.stdout);
    sandbox
        .app("gen controller posts")
        .failed(1, "error: Cargo.toml:3:11: ");
    std::fs::write(sandbox.path("myapp/Cargo.toml"), [0xff]).unwrap();
    let run = sandbox.app("doctor");
    assert!(
        run.stdout
            .contains("fail  Cargo.toml can't be read: it is not UTF-8 text\n"),
        "{}",
        run.stdout
    );
    let sandbox = Sandbox::with_project();
    sandbox.write(
        "bin/cargo",
        "#!/bin/sh\necho 'error: no default toolchain' >&2\nexit 1\n",
    );
    let cargo = sandbox.path("bin/cargo");
    std::fs::set_permissions(&cargo, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_nova"));
    command.arg("doctor").current_dir(sandbox.path("myapp"));
    let output = command.env("PATH", sandbox.path("bin")).output().unwrap();
    let said = "fail  cargo does not run: no default toolchain\n      rustup default stable\n";
    assert!(String::from_utf8_lossy(&output.stdout).contains(said));
    let outside = Sandbox::new().nova(["doctor"]);
    assert_eq!(outside.code, Some(1));
    assert!(
        outside.stdout.contains("fail  no nova project here"),
        "{}",
        outside.stdout
    );
}

#[test]
fn an_older_project_is_brought_to_this_version() {
    let sandbox = Sandbox::with_project();
    let run = sandbox.app("upgrade").succeeded();
    assert!(run.stderr.contains("     Follows "), "{}", run.stderr);
    let manifest = sandbox.read("myapp/Cargo.toml");
    let runtime = manifest.lines().find(|line| line.starts_with("nova = ")).unwrap();
    let at = |version: &str| {
        let line = format!("nova = {{ package = \"nova-framework\", version = \"{version}\" }} # keep");
        manifest.replace(runtime, &line)
    };
    sandbox.write("myapp/Cargo.toml", &at("0.0"));
    let before = sandbox.tree();
    sandbox.app("upgrade --dry-run").succeeded();
    assert!(sandbox.tree() == before);
    let run = sandbox.app("upgrade").succeeded();
    assert!(run.stderr.contains("the runtime is 0.1, was 0.0\n"), "{}", run.stderr);
    assert!(run.stderr.contains("- *breaking*"), "{}", run.stderr);
    assert_eq!(sandbox.read("myapp/Cargo.toml"), at("0.1"));
    let run = sandbox.app("upgrade").succeeded();
    assert!(run.stderr.ends_with("nothing to do\n"), "{}", run.stderr);
    for fits in ["*", ">=0.1, <9", "0.1.0", "~0.1"] {
        sandbox.write("myapp/Cargo.toml", &at(fits));
        let run = sandbox.app("upgrade").succeeded();
        assert!(run.stderr.ends_with("nothing to do\n"), "{}", run.stderr);
        assert_eq!(sandbox.read("myapp/Cargo.toml"), at(fits));
    }
    for newer in ["9.0", ">=9, <10"] {
        sandbox.write("myapp/Cargo.toml", &at(newer));
        sandbox
            .app("upgrade")
            .failed(1, &format!("the project is at {newer}, and this command at"));
    }
}

#[test]
fn shells_are_told_what_may_come_next() {
    let sandbox = Sandbox::with_project();
    sandbox.app("gen ws-handler chat").succeeded();
    sandbox.app("gen controller admin/users").succeeded();
    sandbox.write("myapp/.nova/templates/service/src/{{path}}.rs.hbs", "");
    let words = |line: &str| -> Vec<String> {
        let run = sandbox.nova_in("myapp", ["complete", "--"].into_iter().chain(line.split(' ')));
        let words = run
            .stdout
            .lines()
            .map(|line| line.split('\t').next().unwrap().to_owned());
        words.collect()
    };
    assert_eq!(words("gen s"), ["security", "service"]);
    assert_eq!(words("destroy ws-handler "), ["chat"]);
    assert_eq!(words("d controller a"), ["admin/users"]);
    assert_eq!(words("new --ap"), ["--api"]);
    for shell in ["bash", "zsh", "fish"] {
        let run = sandbox.nova(["completions", shell]);
        assert_eq!(run.code, Some(0));
        assert!(run.stdout.contains("nova complete"), "{}", run.stdout);
    }
    sandbox.nova(["completions", "tcsh"]).failed(2, "error: ");
}

#[test]
fn each_command_has_a_page_in_the_manual() {
    let sandbox = Sandbox::new();
    let run = sandbox.nova(["man", "man1"]).succeeded();
    assert!(run.stderr.contains(" pages\n"), "{}", run.stderr);
    let page = sandbox.read("man1/nova-gen-controller.1");
    for part in [
        ".TH NOVA-GEN-CONTROLLER 1",
        ".SH SYNOPSIS",
        "\\fB\\-\\-at <PATH>\\fR",
        "nova gen controller posts",
    ] {
        assert!(page.contains(part), "{part}\n{page}");
    }
    let first = sandbox.read("man1/nova.1");
    assert!(
        first.contains("nova\\-serve\\fR(1)") && first.contains(".SH EXIT STATUS"),
        "{first}"
    );
    assert!(page.contains(".SH EXAMPLES\n.nf\nnova gen controller posts "), "{page}");
    let above = sandbox.read("man1/nova-gen-ws-handler.1");
    assert!(above.ends_with(".SH SEE ALSO\n\\fBnova\\-gen\\fR(1)\n"), "{above}");
    // What is not filled fits a terminal behind the indentation of a section.
    for entry in std::fs::read_dir(sandbox.path("man1")).unwrap() {
        let page = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        for listed in page.split(".nf\n").skip(1) {
            let lines = listed.split(".fi\n").next().unwrap().lines();
            for line in lines {
                // A sign that is escaped is one, as `\(ti` is.
                let shown = line.chars().count() - line.matches("\\-").count() - 3 * line.matches("\\(").count();
                assert!(shown <= 80 - 7, "{line:?} in {page}");
            }
        }
    }
    assert!(!sandbox.path("man1/nova-complete.1").exists());
}

#[test]
fn a_page_that_somebody_has_changed_is_not_written_over() {
    let sandbox = Sandbox::new();
    sandbox.write("man1/nova.1", "mine\n");
    let before = sandbox.tree();
    sandbox
        .nova(["man", "man1"])
        .failed(1, "error: man1/nova.1 already exists with different content\n");
    assert!(sandbox.tree() == before);
    sandbox.nova(["man", "man1", "--skip"]).succeeded();
    assert_eq!(sandbox.read("man1/nova.1"), "mine\n");
    sandbox.nova(["man", "man1", "--force"]).succeeded();
    let pages = sandbox.tree();
    let run = sandbox.nova(["man", "man1"]).succeeded();
    assert!(run.stderr.ends_with("nothing to do\n"), "{}", run.stderr);
    assert!(sandbox.tree() == pages);
}
