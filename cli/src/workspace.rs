//! The cargo workspace around a directory, which refuses packages that it does not list.

use std::path::{Path, PathBuf};

/// The manifest of the workspace that cargo would put a new package at `directory` into, and that does not list it.
pub(crate) fn around(directory: &Path) -> Option<PathBuf> {
    directory.ancestors().skip(1).find_map(|root| {
        let manifest = root.join("Cargo.toml");
        let table: toml::Table = std::fs::read_to_string(&manifest).ok()?.parse().ok()?;
        let workspace = table.get("workspace")?.as_table()?;
        let inside = directory.strip_prefix(root).ok()?;
        if patterns(workspace, "exclude").any(|excluded| inside.starts_with(excluded)) {
            return None;
        }
        let listed = patterns(workspace, "members").any(|member| matches(member, inside));
        Some((!listed).then_some(manifest))
    })?
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
            around(&root.path().join(inside)).is_some()
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
