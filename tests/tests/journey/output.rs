//! Colour: none in a pipe, whatever is said, and some where it is asked for.

use crate::kit::command::nova;
use crate::kit::{Project, Run};

const ESCAPE: char = '\u{1b}';

/// What each command says, in success and in failure, on both streams together.
fn everything(project: &Project, color: Option<&str>) -> Vec<(String, String)> {
    let mut said = Vec::new();
    for args in [
        "--help",
        "new --help",
        "gen --help",
        "gen controller --help",
        "gen ws-handler --help",
        "serve --help",
        "routes --help",
        "audit --help",
        "openapi --help",
        "new fn",
        "new other --dry-run --no-git",
        "gen controller posts index --dry-run",
        "gen ws-handler chat",
        "gen controller ../x",
        "gen frobnicate",
        "frobnicate",
        "serve --port none",
        "-C nowhere serve",
        "gen test signup --diff",
        "gen ws-handler chat --json",
        "gen --list",
        "destroy ws-handler chat",
        "destroy ws-handler ../x",
        "init --dry-run",
        "eject controller --dry-run",
        "eject nothing",
        "upgrade",
        "doctor",
        "completions bash",
        "completions tcsh",
        "man man1 --dry-run",
        "man",
        "openapi --output",
        "complete -- ge",
        "frobnicate --json",
        "routes",
        "routes --verbose",
        "audit",
    ] {
        let mut command = nova(project.root());
        // A terminal's environment, so that nothing but the pipe tells.
        command.env("TERM", "xterm-256color").env("COLORTERM", "truecolor");
        command.args(color).args(args.split(' '));
        let Run { stdout, stderr, .. } = Run::of(&mut command);
        assert!(!(stdout.is_empty() && stderr.is_empty()), "{args} says nothing");
        said.push((args.to_owned(), stdout + &stderr));
    }
    said
}

#[test]
fn output_has_no_escape_bytes_when_piped() {
    let project = Project::new("piped");
    for (args, text) in everything(&project, None) {
        assert!(!text.contains(ESCAPE), "{args}: {text:?}");
    }

    // The compiler's words too, and those of the application.
    project.edit(
        "src/controllers/home.rs",
        "pub async fn index",
        "fn unused() {}\n\npub async fn index",
    );
    let mut serve = project.serve();
    project.edit("src/controllers/home.rs", "fn unused() {}", "fn unused() { 1 }");
    serve.says("mismatched types");
    serve.says("still serving the previous build");
    let heard = serve.heard();
    assert!(heard.contains("function `unused` is never used"), "{heard}");
    assert!(!heard.contains(ESCAPE), "{heard:?}");
}

#[test]
fn output_has_colour_where_it_is_asked_for() {
    let project = Project::new("coloured");
    for (args, text) in everything(&project, Some("--color=always")) {
        // What is for programs has none, and neither has a table.
        let is_data = args.contains("--json")
            || ["routes", "gen --list", "completions bash", "complete -- ge"].contains(&args.as_str());
        if !is_data {
            assert!(text.contains(ESCAPE), "{args}: {text:?}");
        }
    }
    for (args, text) in everything(&project, Some("--color=never")) {
        assert!(!text.contains(ESCAPE), "{args}: {text:?}");
    }
}
