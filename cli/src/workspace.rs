//! The cargo workspace around a directory: its members, and that it refuses packages that it does not list.

use std::path::{Path, PathBuf};

use crate::disk;

/// The workspace that cargo would put a new package into.
#[derive(Debug)]
pub(crate) struct Around {
    pub(crate) manifest: PathBuf,
    /// Whether the package would be a member. Cargo refuses one that is not.
    pub(crate) lists: bool,
}

/// The workspace around `directory`, unless it excludes it.
pub(crate) fn around(directory: &Path) -> Option<Around> {
    directory.ancestors().skip(1).find_map(|root| {
        let manifest = root.join("Cargo.toml");
        let table: toml::Table = disk::text(&manifest).ok()?.parse().ok()?;
        let workspace = table.get("workspace")?.as_table()?;
        let inside = directory.strip_prefix(root).ok()?;
        if patterns(workspace, "exclude").any(|excluded| inside.starts_with(excluded)) {
            return None;
        }
        let lists = patterns(workspace, "members").any(|member| matches(member, inside));
        Some(Around { manifest, lists })
    })
}

/// Where a member of a workspace is below its root, as `apps/one/`. One that has a workspace of its own is in none.
pub(crate) fn below(directory: &Path) -> Option<String> {
    let own = disk::text(&directory.join("Cargo.toml")).unwrap_or_default();
    let own: toml::Table = own.parse().unwrap_or_default();
    let around = around(directory).filter(|around| around.lists && !own.contains_key("workspace"))?;
    let inside = directory.strip_prefix(around.manifest.parent()?).ok()?;
    let names: Option<Vec<&str>> = inside.iter().map(|name| name.to_str()).collect();
    Some(format!("{}/", names?.join("/")))
}

/// The directories of the members of the workspace at `directory` or above it, its root among them.
pub(crate) fn members(directory: &Path) -> Vec<PathBuf> {
    let workspace = directory.ancestors().find_map(|root| {
        let text = disk::text(&root.join("Cargo.toml")).ok()?;
        let mut table: toml::Table = text.parse().ok()?;
        let toml::Value::Table(workspace) = table.remove("workspace")? else {
            return None;
        };
        Some((root, workspace))
    });
    let Some((root, workspace)) = workspace else {
        return Vec::new();
    };
    let mut all = vec![root.to_path_buf()];
    for member in patterns(&workspace, "members") {
        let mut found = vec![root.to_path_buf()];
        for component in Path::new(member).components() {
            let pattern = component.as_os_str().to_string_lossy();
            let below = found.iter().flat_map(|directory| matching(directory, &pattern));
            found = below.collect();
        }
        all.extend(found);
    }
    all.retain(|found| {
        let inside = found.strip_prefix(root).unwrap_or(found);
        !patterns(&workspace, "exclude").any(|excluded| inside.starts_with(excluded))
    });
    all.sort();
    all.dedup();
    all
}

/// What is in a directory under a name that may have `*` and `?` in it.
fn matching(directory: &Path, pattern: &str) -> Vec<PathBuf> {
    if !pattern.contains(['*', '?']) {
        return vec![directory.join(pattern)];
    }
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .filter(|entry| glob(pattern, &entry.file_name().to_string_lossy()))
        .map(|entry| entry.path())
        .collect()
}

fn patterns<'a>(workspace: &'a toml::Table, key: &str) -> impl Iterator<Item = &'a str> {
    let list = workspace.get(key).and_then(toml::Value::as_array);
    list.into_iter().flatten().filter_map(toml::Value::as_str)
}

/// Whether a member's pattern, such as `crates/*`, is that of a directory.
fn matches(pattern: &str, directory: &Path) -> bool {
    let mut patterns = Path::new(pattern).components();
    let mut names = directory.components();
    loop {
        match (patterns.next(), names.next()) {
            (None, None) => return true,
            (Some(pattern), Some(name)) => {
                let (pattern, name) = (
                    pattern.as_os_str().to_string_lossy(),
                    name.as_os_str().to_string_lossy(),
                );
                if !glob(&pattern, &name) {
                    return false;
                }
            }
            _ => return false,
        }
    }
}

/// `*` is any text and `?` any character.
fn glob(pattern: &str, name: &str) -> bool {
    let Some(first) = pattern.chars().next() else {
        return name.is_empty();
    };
    let rest = &pattern[first.len_utf8()..];
    let mut tail = name.chars();
    match first {
        '*' => name
            .char_indices()
            .map(|(at, _)| at)
            .chain([name.len()])
            .any(|at| glob(rest, &name[at..])),
        '?' => tail.next().is_some() && glob(rest, tail.as_str()),
        _ => tail.next() == Some(first) && glob(rest, tail.as_str()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workspace_is_in_the_way_unless_it_lists_or_excludes_the_directory() {
        let root = tempfile::tempdir().unwrap();
        let manifest = root.path().join("Cargo.toml");
        let in_the_way = |text: &str, inside: &str| {
            std::fs::write(&manifest, text).unwrap();
            around(&root.path().join(inside)).is_some_and(|around| !around.lists)
        };
        assert!(!in_the_way("[package]\nname = \"a\"", "app"));
        assert!(in_the_way("[workspace]", "app"));
        assert!(in_the_way("[workspace]\nmembers = [\"a\"]", "app"));
        assert!(!in_the_way("[workspace]\nmembers = [\"app\"]", "app"));
        assert!(!in_the_way("[workspace]\nmembers = [\"crates/*\"]", "crates/app"));
        assert!(in_the_way("[workspace]\nmembers = [\"crates/*\"]", "crates/deep/app"));
        assert!(in_the_way("[workspace]\nmembers = [\"*-app\", \"a?c\"]", "abcd"));
        assert!(!in_the_way("[workspace]\nmembers = [\"*-app\", \"a?c\"]", "abc"));
        assert!(!in_the_way("[workspace]\nexclude = [\"tmp\"]", "tmp/app"));
        assert!(!in_the_way("not toml at all [", "app"));
    }
}
