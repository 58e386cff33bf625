//! What `nova init` leaves to be written by hand: what a new project has in files that were there already.

use std::path::Path;

use super::Data;
use crate::disk;
use crate::error::Result;
use crate::project::RUNTIME_PACKAGE;
use crate::template::PROJECT;

/// The lines, below the file that each belongs to; none where every file has them.
pub(super) fn lines(root: &Path, data: &Data) -> Result<Vec<String>> {
    let mut lines = Vec::new();
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
            lines.push(format!("in {path}:"));
            lines.extend(missing.iter().map(|line| format!("    {line}")));
        }
    }
    Ok(lines)
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
