//! All that each command says, to the letter: `cli/tests/cli/output/*.txt`.
//!
//! With `NOVA_OUTPUT=write` in the environment the files are written anew; what has changed is then for the reader of the
//! difference to judge.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use super::help::COMMANDS;
use super::{Run, Sandbox};

/// What is the same for everybody, in place of what is not.
fn without_places(sandbox: &Sandbox, text: &str) -> String {
    let root = sandbox.path("").canonicalize().unwrap();
    let text = text.replace(root.to_str().unwrap().trim_end_matches('/'), "[SANDBOX]");
    let text = text.replace(sandbox.path("").to_str().unwrap().trim_end_matches('/'), "[SANDBOX]");
    let runtime = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("runtime");
    let text = text.replace(runtime.to_str().unwrap(), "[RUNTIME]");
    // What this machine has: its cargo, and how much may be watched on it.
    let lines = text.lines().filter(|line| !line.contains("directories can be watched"));
    let lines = lines.map(|line| match line.split_once("cargo 1.") {
        Some((before, after)) => format!(
            "{before}cargo [VERSION] {}",
            after.split_once(' ').map_or("", |(_, rest)| rest)
        ),
        None => line.to_owned(),
    });
    lines.map(|line| line + "\n").collect()
}

/// A session of commands in one sandbox, as a terminal would have it.
struct Session {
    sandbox: Sandbox,
    told: String,
}

impl Session {
    fn new(sandbox: Sandbox) -> Self {
        Self {
            sandbox,
            told: String::new(),
        }
    }

    fn runs(&mut self, directory: &str, args: &str) -> &mut Self {
        let run: Run = self.sandbox.nova_in(directory, args.split_whitespace());
        let _ = writeln!(self.told, "$ nova {args}");
        for text in [&run.stdout, &run.stderr] {
            self.told += &without_places(&self.sandbox, text);
        }
        let _ = writeln!(self.told, "[exit code {}]\n", run.code.unwrap());
        self
    }

    fn writes(&mut self, path: &str, text: &str) -> &mut Self {
        self.sandbox.write(path, text);
        let _ = writeln!(self.told, "# {path} is another\n");
        self
    }

    /// Compares all that was said with what is written in the file of this name.
    #[track_caller]
    fn is(&self, name: &str) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/cli/output/{name}.txt"));
        if std::env::var_os("NOVA_OUTPUT").is_some_and(|what| what == "write") {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, &self.told).unwrap();
        }
        let expected = fs::read_to_string(&path).unwrap_or_default();
        for (number, (told, expected)) in self.told.lines().zip(expected.lines()).enumerate() {
            assert_eq!(told, expected, "{}:{}", path.display(), number + 1);
        }
        assert_eq!(self.told, expected, "{}", path.display());
    }
}

#[test]
fn of_new_and_init() {
    let mut session = Session::new(Sandbox::new());
    session
        .runs("", "new myapp --no-git --dry-run")
        .runs("", "new myapp --no-git")
        .runs("", "new myapp --no-git")
        .runs("", "new Shop-Front --no-git --api --nats --docker")
        .runs("", "new members --no-git --auth --json")
        .runs("", "new 1abc")
        .runs("", "new fn --json")
        .runs("", "new")
        .runs("", "new a --serve --json")
        .runs("", "new a --nova-path nowhere")
        .writes("site/src/lib.rs", "// mine\n")
        .runs("site", "init --no-git --dry-run")
        .runs("site", "init --no-git")
        .runs("site", "init --no-git")
        .is("new");
}

#[test]
fn of_gen_and_destroy() {
    let mut session = Session::new(Sandbox::with_project());
    for kind in [
        "controller",
        "resource",
        "ws-handler",
        "security",
        "fallback",
        "reply-handler",
        "test",
    ] {
        session
            .runs("myapp", &format!("gen {kind} one --dry-run"))
            .runs("myapp", &format!("gen {kind} one"))
            .runs("myapp", &format!("gen {kind} one"))
            .runs("myapp", &format!("destroy {kind} one --dry-run"))
            .runs("myapp", &format!("destroy {kind} one"))
            .runs("myapp", &format!("destroy {kind} one"));
    }
    session
        .runs("myapp", "gen controller Admin/BlogPosts index show publish --at /posts")
        .runs("myapp", "gen resource shop/item title pages:int --views --no-route")
        .runs("myapp", "gen test signup --diff")
        .runs("myapp", "gen ws-handler chat --json")
        .runs("myapp", "destroy ws-handler chat --json")
        .runs("myapp", "gen test signup --json --diff")
        .runs("myapp", "gen --list")
        .runs("myapp", "gen --list --json")
        .is("gen");
}

#[test]
fn of_what_can_not_be_generated() {
    let mut session = Session::new(Sandbox::with_project());
    session
        .runs("", "gen controller posts")
        .runs("myapp", "gen")
        .runs("myapp", "gen contoller posts")
        .runs("myapp", "gen zzzz posts")
        .runs("myapp", "gen controller ../x")
        .runs("myapp", "gen controller fn --json")
        .runs("myapp", "gen resource article title:text")
        .runs("myapp", "gen controller posts --at posts")
        .runs("myapp", "gen controller home")
        .runs("myapp", "gen controller posts --force --skip")
        .runs("myapp", "gen controller posts")
        .writes("myapp/src/controllers/posts.rs", "// mine\n")
        .runs("myapp", "gen controller posts")
        .runs("myapp", "gen controller posts index show --skip")
        .runs("myapp", "gen controller posts --diff")
        .runs("myapp", "gen controller posts --json")
        .runs("myapp", "destroy controller posts")
        .runs("myapp", "destroy controller posts --skip")
        .runs("myapp", "destroy controller posts --force")
        .writes("myapp/src/routes.rs", "pub fn routes() -> Routes {\n    table()\n}\n")
        .runs("myapp", "gen controller news")
        .runs("myapp", "gen controller news --skip")
        .writes("myapp/src/routes.rs", "pub fn routes() {\n    let = 1;\n}\n")
        .runs("myapp", "gen controller late")
        .runs("myapp", "destroy nothing one")
        .runs("myapp", "destroy")
        .is("refusals");
}

#[test]
fn of_the_others() {
    let mut session = Session::new(Sandbox::with_project());
    session
        .runs("myapp", "eject ws-handler --dry-run")
        .runs("myapp", "eject ws-handler")
        .runs("myapp", "eject ws-handler")
        .runs("myapp", "eject nothing")
        .runs("myapp", "upgrade")
        .writes("myapp/nova.toml", "[server]\nport = 0\n")
        .runs("myapp", "doctor")
        .runs("myapp", "doctor --json")
        .writes("myapp/nova.toml", "[server]\nport = none\n")
        .writes("myapp/src/routes.rs", "fn routes() {\n")
        .runs("myapp", "doctor")
        .writes("myapp/Cargo.toml", "[package\n")
        .runs("myapp", "doctor")
        .runs("myapp", "routes")
        .runs("myapp", "routes --json")
        .runs("", "doctor")
        .runs("", "man man1 --dry-run")
        .runs("", "man man1")
        .runs("", "man man1")
        .runs("", "man")
        .runs("", "completions bash")
        .runs("", "completions tcsh")
        .runs("", "complete -- gen ws")
        .runs("", "frobnicate")
        .runs("", "frobnicate --json")
        .runs("", "serve --port none")
        .runs("", "audit")
        .runs("", "openapi --output")
        .runs("", "--version")
        .is("others");
}

#[test]
fn of_help() {
    let mut session = Session::new(Sandbox::new());
    for command in COMMANDS {
        session.runs("", format!("{command} --help").trim());
    }
    session.is("help");
}
