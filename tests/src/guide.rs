//! The pages of `docs/`: what their code says is compiled and run, and their parts are read for other tests.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The pages whose Rust is compiled and run here, by their paths below `docs/`.
macro_rules! pages {
    ($($module:ident $path:literal)*) => {
        /// The pages whose Rust is compiled and run as this crate's documentation.
        pub const COMPILED: &[&str] = &[$($path),*];

        $(
            #[cfg(doctest)]
            #[doc = include_str!(concat!("../../docs/", $path))]
            mod $module {}
        )*
    };
}

pages! {
    channels "channels.md"
    configuration "configuration.md"
    errors "errors.md"
    from_axum "from-axum.md"
    from_erlang "from-erlang.md"
    from_socketio "from-socketio.md"
    middleware "middleware.md"
    observing "observing.md"
    replies "replies.md"
    requests "requests.md"
    routes "routes.md"
    security "security.md"
    sessions "sessions.md"
    testing "testing.md"
    views "views.md"
    websockets "websockets.md"
    background "recipes/background.md"
    broadcast "recipes/broadcast.md"
    events "recipes/events.md"
    games "recipes/games.md"
    json_api "recipes/json-api.md"
    nodes "recipes/nodes.md"
    people "recipes/people.md"
    presence "recipes/presence.md"
    rate_limits "recipes/rate-limits.md"
    spa "recipes/spa.md"
    uploads "recipes/uploads.md"
}

/// Pages whose Rust is compiled elsewhere: as documentation of `nova::openapi`, and by the journeys that carry the pages out.
pub const COMPILED_ELSEWHERE: &[&str] = &["openapi.md", "first-hour.md", "recipes/database.md"];

/// A page of the guide.
#[derive(Debug)]
pub struct Page {
    /// Below the root of the repository, as `docs/routes.md`.
    pub path: PathBuf,
    text: String,
}

/// A fenced block of code.
#[derive(Debug)]
pub struct Block {
    /// What is said behind the fence: the language first.
    pub info: String,
    /// What is in it.
    pub text: String,
    /// Where it begins.
    pub line: usize,
}

/// A link to a place in the repository.
#[derive(Debug)]
pub struct Link {
    /// As it is written.
    pub target: String,
    /// Where it is.
    pub line: usize,
}

/// The root of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// All pages below `docs/`.
pub fn pages() -> Vec<Page> {
    let mut open = vec![root().join("docs")];
    let mut pages = Vec::new();
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                pages.push(Page::read(path.strip_prefix(root()).unwrap()));
            }
        }
    }
    pages
}

impl Page {
    /// The page at this path below the root of the repository.
    pub fn read(path: &Path) -> Self {
        let whole = root().join(path);
        let text = fs::read_to_string(&whole);
        Self {
            path: path.to_owned(),
            text: text.unwrap_or_else(|error| panic!("{}: {error}", whole.display())),
        }
    }

    /// Its path below `docs/`, for a page of the guide.
    pub fn name(&self) -> String {
        let name = self.path.strip_prefix("docs").unwrap_or(&self.path);
        name.to_str().unwrap().to_owned()
    }

    /// Its blocks of code, in their order.
    pub fn blocks(&self) -> Vec<Block> {
        let mut blocks = Vec::new();
        let mut open: Option<Block> = None;
        for (number, line) in self.text.lines().enumerate() {
            match (line.strip_prefix("```"), open.take()) {
                (Some(_), Some(block)) => blocks.push(block),
                (Some(info), None) => {
                    open = Some(Block {
                        info: info.to_owned(),
                        text: String::new(),
                        line: number + 1,
                    });
                }
                (None, Some(mut block)) => {
                    block.text += line;
                    block.text += "\n";
                    open = Some(block);
                }
                (None, None) => {}
            }
        }
        assert!(open.is_none(), "{}: a block has no end", self.path.display());
        blocks
    }

    /// Its lines with their numbers, without blocks of code.
    pub fn prose(&self) -> Vec<(usize, &str)> {
        let mut is_code = false;
        let lines = self.text.lines().enumerate();
        let prose = lines.filter(|(_, line)| {
            let is_fence = line.starts_with("```");
            is_code ^= is_fence;
            !is_code && !is_fence
        });
        prose.map(|(number, line)| (number + 1, line)).collect()
    }

    /// Its links that lead to a file, or to a heading of its own.
    pub fn links(&self) -> Vec<Link> {
        let mut links = Vec::new();
        for (line, text) in self.prose() {
            let text = without_code(text);
            let targets = text.split("](").skip(1);
            let targets = targets.filter_map(|rest| rest.split_once(')').map(|(target, _)| target));
            links.extend(targets.filter(|target| !target.contains("://")).map(|target| Link {
                target: target.to_owned(),
                line,
            }));
        }
        links
    }

    /// What its headings are found by (`#of-this-kind`).
    pub fn anchors(&self) -> BTreeSet<String> {
        let headings = self.prose().into_iter().filter_map(|(_, line)| {
            let text = line.trim_start_matches('#');
            (text.len() < line.len()).then(|| text.strip_prefix(' '))?
        });
        headings.map(anchor).collect()
    }
}

/// The text without what stands between backticks.
fn without_code(text: &str) -> String {
    text.split('`').step_by(2).collect()
}

/// As renderers make it of a heading.
fn anchor(heading: &str) -> String {
    let kept = heading
        .chars()
        .filter(|&letter| letter.is_alphanumeric() || "-_ ".contains(letter));
    kept.map(|letter| if letter == ' ' { '-' } else { letter })
        .collect::<String>()
        .to_lowercase()
}
