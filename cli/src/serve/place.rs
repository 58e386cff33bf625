//! Where a file is, as it is told: from the project's root.

use std::path::{Component, Path, PathBuf};

/// `path` from `root`, both absolute; with `..` where it lies elsewhere in the neighbourhood, and as it is where it does
/// not.
pub(super) fn from(root: &Path, path: &Path) -> PathBuf {
    let shared = root
        .components()
        .zip(path.components())
        .take_while(|(a, b)| a == b)
        .count();
    let up = root.components().count() - shared;
    // More than that is harder to read than the whole path.
    if up > 3 || shared <= 1 && up > 0 {
        return path.to_path_buf();
    }
    let up = std::iter::repeat_n(Component::ParentDir, up);
    up.chain(path.components().skip(shared)).collect()
}

/// The file that the compiler calls `name`, from `root`. The compiler works in the workspace's root, wherever that is,
/// or in the package; `source` is a file of the same package.
pub(super) fn of_source(root: &Path, source: &Path, name: &str) -> PathBuf {
    let name = Path::new(name);
    if name.is_absolute() {
        return from(root, name);
    }
    // The nearest of the directories above the package's source in which there is such a file.
    let place = source
        .ancestors()
        .skip(1)
        .map(|directory| directory.join(name))
        .find(|path| path.is_file());
    place.map_or_else(|| name.to_path_buf(), |path| from(root, &path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_told_from_the_root() {
        let from = |path: &str| from(Path::new("/home/me/app"), Path::new(path)).display().to_string();
        assert_eq!(from("/home/me/app/src/main.rs"), "src/main.rs");
        assert_eq!(from("/home/me/billing/src/lib.rs"), "../billing/src/lib.rs");
        assert_eq!(from("/opt/x.rs"), "/opt/x.rs");
    }

    #[test]
    fn a_source_is_found_from_where_the_compiler_worked() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        for file in ["app/src/main.rs", "app/src/a/b.rs", "lib/src/lib.rs", "src/main.rs"] {
            std::fs::create_dir_all(root.join(file).parent().unwrap()).unwrap();
            std::fs::write(root.join(file), "").unwrap();
        }
        let (app, source) = (root.join("app"), root.join("app/src/main.rs"));
        let place = |name: &str| of_source(&app, &source, name).display().to_string();
        assert_eq!(place("src/a/b.rs"), "src/a/b.rs");
        assert_eq!(place("app/src/a/b.rs"), "src/a/b.rs");
        assert_eq!(
            place("src/main.rs"),
            "src/main.rs",
            "of the package, not of the workspace"
        );
        assert_eq!(place("lib/src/lib.rs"), "../lib/src/lib.rs");
        assert_eq!(place("<macro>"), "<macro>");
    }
}
