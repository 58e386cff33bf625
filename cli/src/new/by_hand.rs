//! What `nova init` leaves to be written by hand: what a new project has in files that were there already.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::Data;
use crate::disk;
use crate::edit::Piece;
use crate::error::Result;
use crate::plan::Part;
use crate::project::RUNTIME_PACKAGE;
use crate::template::PROJECT;

/// What is missing in a file.
pub(super) struct Missing {
    path: PathBuf,
    lines: Vec<String>,
}

/// For a person: the lines, below the file that each belongs to.
pub(super) fn shown(missing: &[Missing]) -> String {
    let mut shown = Vec::new();
    for Missing { path, lines } in missing {
        shown.push(format!("in {}:", path.display()));
        shown.extend(lines.iter().map(|line| format!("    {line}")));
    }
    shown.join("\n")
}

/// For a program.
pub(super) fn json(missing: &[Missing]) -> Value {
    let files = missing
        .iter()
        .map(|Missing { path, lines }| json!({ "path": path, "lines": lines }));
    files.collect()
}

/// Takes out of a plan what would come into files that are there, which stay as they are, and gives it.
pub(super) fn of_files_that_are_there(root: &Path, parts: &mut Vec<Part>) -> Vec<(PathBuf, Piece)> {
    let mut left = Vec::new();
    let is_there = |path: &Path| root.join(path).exists();
    let all = std::mem::take(parts).into_iter();
    parts.extend(all.filter_map(|part| match part {
        Part::Piece { path, piece, .. } if is_there(&path) => {
            left.push((path, piece));
            None
        }
        Part::SharedModule {
            path,
            content,
            declared_in,
            declaration,
            ..
        } if is_there(&declared_in) => {
            left.push((declared_in, declaration));
            (!is_there(&path)).then(|| Part::file(path, content))
        }
        part => Some(part),
    }));
    left
}

/// What the files that are there lack; none where every file has all. `left` is what a generator would have put into them.
pub(super) fn lines(root: &Path, data: &Data, left: Vec<(PathBuf, Piece)>) -> Result<Vec<Missing>> {
    let mut all = Vec::new();
    for path in [
        "Cargo.toml",
        "nova.toml",
        ".gitignore",
        "src/main.rs",
        "src/lib.rs",
        "src/controllers/mod.rs",
        "src/models/mod.rs",
        "src/security/mod.rs",
        "src/routes.rs",
    ] {
        // What is not there is written whole. What is there and can't be read says so elsewhere.
        let Ok(text) = disk::text(&root.join(path)) else {
            continue;
        };
        let of_new = PROJECT.iter().find(|(file, of, _)| *file == path && data.has(*of));
        let Some((_, _, template)) = of_new else {
            continue;
        };
        let new = template.render(data)?;
        let missing = match path {
            "Cargo.toml" => dependencies(&text, &new, data),
            "nova.toml" => sections(&text, &new),
            ".gitignore" => lacking(&text, new.lines().filter(|line| line.contains(".db"))),
            "src/main.rs" if text.contains("app()") => Vec::new(),
            "src/main.rs" => vec![format!(
                "fn main() -> nova::Result<()> {{ {}::app().run() }}",
                data.krate
            )],
            "src/routes.rs" => routes(&text, &new, data),
            "src/lib.rs" => [modules(&text, &new), application(&text, data)].concat(),
            _ => modules(&text, &new),
        };
        if !missing.is_empty() {
            all.push(Missing {
                path: path.into(),
                lines: missing,
            });
        }
    }
    for (path, piece) in left {
        let text = disk::text(&root.join(&path)).unwrap_or_default();
        if piece.is_in(&text).unwrap_or(false) {
            continue;
        }
        let line = piece.line_in(&text);
        match all.iter_mut().find(|missing| missing.path == path) {
            Some(missing) => missing.lines.push(line),
            None => all.push(Missing {
                path,
                lines: vec![line],
            }),
        }
    }
    Ok(all)
}

/// The lines that a text does not have.
fn lacking<'a>(text: &str, lines: impl Iterator<Item = &'a str>) -> Vec<String> {
    let lines = lines.filter(|line| !text.contains(line));
    lines.map(str::to_owned).collect()
}

fn dependencies(text: &str, new: &str, data: &Data) -> Vec<String> {
    let manifest: toml::Table = text.parse().unwrap_or_default();
    let there = manifest.get("dependencies").and_then(toml::Value::as_table);
    let is_there = |name: &str| match name {
        "nova" if data.nats && !text.contains("\"nats\"") => false,
        "nova" => text.contains(RUNTIME_PACKAGE) || there.is_some_and(|there| there.contains_key(name)),
        _ => there.is_some_and(|there| there.contains_key(name)),
    };
    new.lines()
        .skip_while(|line| *line != "[dependencies]")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter(|line| line.split_once(" = ").is_some_and(|(name, _)| !is_there(name)))
        .map(str::to_owned)
        .collect()
}

/// The sections of `nova.toml` that an application does not start without, or not as it was asked for.
fn sections(text: &str, new: &str) -> Vec<String> {
    let paragraphs = new.split("\n\n").filter_map(|paragraph| {
        let section = paragraph.lines().find(|line| line.starts_with('['))?;
        let wanted = ["[pubsub]", "[database]"].contains(&section) && !text.contains(section);
        wanted.then(|| paragraph.lines().filter(|line| !line.starts_with('#')))
    });
    paragraphs.flatten().map(str::to_owned).collect()
}

fn modules(text: &str, new: &str) -> Vec<String> {
    let declares = |line: &&str| {
        ["pub mod ", "mod ", "pub use "]
            .iter()
            .any(|start| line.starts_with(start))
    };
    // It may be public, or not.
    let lines = new.lines().filter(declares);
    lines
        .filter(|line| !text.contains(line.trim_start_matches("pub ").trim_start_matches("use ")))
        .map(str::to_owned)
        .collect()
}

fn application(text: &str, data: &Data) -> Vec<String> {
    let state = if data.db { "<db::Db>" } else { "" };
    let sessions = if data.auth {
        ".sessions(nova::session::MemoryStore::new())"
    } else {
        ""
    };
    let start = if data.db { ".start(db::connect)" } else { "" };
    let has = |call: &str| call.is_empty() || text.contains(call.split_inclusive('(').next().unwrap_or(call));
    if text.contains("fn app") && has(sessions) && has(start) {
        return Vec::new();
    }
    vec![format!(
        "pub fn app() -> nova::App{state} {{ nova::App::new(routes){sessions}{start} }}"
    )]
}

fn routes(text: &str, new: &str, data: &Data) -> Vec<String> {
    let groups: Vec<String> = new
        .split(".group(")
        .filter(|group| handlers(group).any(|handler| !text.contains(handler)))
        .filter_map(|group| {
            let lines: String = group.lines().map(str::trim).collect();
            let (group, _) = lines.split_once(",)")?;
            Some(format!(".group({group})"))
        })
        .collect();
    let mut lines = Vec::new();
    if !groups.is_empty() {
        let imports = new.lines().filter(|line| line.starts_with("use crate::"));
        let of_accounts = |line: &&str| line.contains("::account;") || line.contains("::member;");
        lines.extend(lacking(text, imports.filter(of_accounts)));
        lines.extend(groups);
    }
    let table = if data.db {
        "nova::Routes<crate::db::Db>"
    } else {
        "nova::Routes"
    };
    if !text.contains("fn routes") {
        lines.push(format!("pub fn routes() -> {table} {{ nova::Routes::new() }}"));
    } else if data.db && !text.contains("Routes<") {
        lines.push(format!("pub fn routes() -> {table}"));
    }
    lines
}

/// The functions of accounts that a group leads to.
fn handlers(group: &str) -> impl Iterator<Item = &str> {
    let words = group.split(|c: char| !c.is_alphanumeric() && c != ':' && c != '_');
    words.filter(|word| word.starts_with("account::"))
}
