//! Plans against real directories.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::*;
use crate::edit::Module;

fn file(path: &str, content: &str) -> Part {
    Part::file(path, content.to_owned())
}

fn module(path: &str, name: &str) -> Part {
    Part::Piece {
        path: path.into(),
        piece: Piece::Module(Module { name: name.to_owned() }),
        of: None,
    }
}

fn shared(path: &str) -> Part {
    Part::SharedModule {
        path: path.into(),
        content: "//! Shared.\n".to_owned(),
        declared_in: "lib.rs".into(),
        declaration: Piece::Module(Module { name: "ws".to_owned() }),
        of: None,
    }
}

fn handler(name: &str) -> Vec<Part> {
    vec![
        file(&format!("ws/{name}.rs"), "//! A handler.\n"),
        shared("ws/mod.rs"),
        module("ws/mod.rs", name),
    ]
}

/// Every file and directory below `root`, files with their bytes.
pub(crate) fn tree(root: &Path) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let mut tree = BTreeMap::new();
    let mut open = vec![root.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path.clone());
                tree.insert(path, None);
            } else {
                tree.insert(path.clone(), Some(fs::read(path).unwrap()));
            }
        }
    }
    tree
}

fn lock(project: &tempfile::TempDir) -> Lock {
    Lock::acquire(project.path()).unwrap()
}

fn project() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("lib.rs"), "//! Lib.\r\n\r\npub mod zoo;").unwrap();
    directory
}

#[test]
fn a_plan_applied_and_inverted_leaves_every_byte_as_it_was() {
    let project = project();
    let before = tree(project.path());
    let chat = Plan::adding(project.path(), handler("chat"));
    let news = Plan::adding(project.path(), handler("news"));
    let lock = lock(&project);
    chat.check(Conflicts::Refuse).unwrap().apply(&lock).unwrap();
    let with_chat = tree(project.path());
    assert_eq!(
        fs::read_to_string(project.path().join("lib.rs")).unwrap(),
        "//! Lib.\r\n\r\npub mod ws;\r\npub mod zoo;"
    );
    assert!(chat.check(Conflicts::Refuse).unwrap().is_done());
    news.check(Conflicts::Refuse).unwrap().apply(&lock).unwrap();
    news.invert().check(Conflicts::Refuse).unwrap().apply(&lock).unwrap();
    assert_eq!(tree(project.path()), with_chat, "what the two share stays");
    let undo = chat.invert();
    undo.check(Conflicts::Refuse).unwrap().apply(&lock).unwrap();
    assert_eq!(tree(project.path()), before);
    assert!(undo.check(Conflicts::Refuse).unwrap().is_done());
}

#[test]
fn a_conflict_anywhere_means_that_nothing_is_written() {
    let project = project();
    fs::create_dir(project.path().join("ws")).unwrap();
    fs::write(project.path().join("ws/chat.rs"), "// mine\n").unwrap();
    let before = tree(project.path());
    let error = Plan::adding(project.path(), handler("chat"))
        .check(Conflicts::Refuse)
        .unwrap_err()
        .error;
    assert_eq!(error.message(), "ws/chat.rs already exists with different content");
    assert_eq!(error.details(), ["nothing was written"]);
    assert_eq!(error.exit_code(), 1);
    let error = Plan::adding(project.path(), handler("chat"))
        .invert()
        .check(Conflicts::Refuse)
        .unwrap_err()
        .error;
    assert_eq!(error.message(), "ws/chat.rs has been changed since it was generated");
    assert_eq!(tree(project.path()), before);
}

#[test]
fn a_file_that_does_not_parse_or_is_missing_is_named() {
    let project = project();
    fs::write(project.path().join("bad.rs"), "mod a;\nfn {\n").unwrap();
    fs::write(project.path().join("latin.rs"), [0xe9]).unwrap();
    fs::create_dir(project.path().join("dir.rs")).unwrap();
    for (path, message) in [
        ("bad.rs", "bad.rs:2"),
        ("latin.rs", "latin.rs is not UTF-8 text"),
        ("dir.rs", "dir.rs is in the way: it is a directory"),
        (
            "lib.rs/x.rs",
            "lib.rs is in the way: it is a file, and is to be a directory",
        ),
        ("none.rs", "no place for this in none.rs: there is no such file"),
    ] {
        let error = Plan::adding(project.path(), vec![module(path, "x")])
            .check(Conflicts::Refuse)
            .unwrap_err()
            .error;
        assert!(error.message().starts_with(message), "{}", error.message());
        assert_eq!(error.details(), ["nothing was written"]);
    }
}

#[test]
fn what_was_written_is_taken_back_when_a_later_file_can_not_be_written() {
    let project = project();
    let parts = vec![file("a/b/c.rs", "1"), module("lib.rs", "a"), file("z/late.rs", "2")];
    let checked = Plan::adding(project.path(), parts).check(Conflicts::Refuse).unwrap();
    // In the meantime a file has come where a directory is to be,
    fs::write(project.path().join("z"), "").unwrap();
    let before = tree(project.path());
    let lock = lock(&project);
    let error = checked.apply(&lock).unwrap_err();
    assert!(error.message().starts_with("can't write"), "{}", error.message());
    assert_eq!(error.details(), ["nothing was written"]);
    assert_eq!(tree(project.path()), before);
    // or another program has written the last of the files.
    fs::remove_file(project.path().join("z")).unwrap();
    fs::create_dir(project.path().join("z")).unwrap();
    fs::write(project.path().join("z/late.rs"), "theirs").unwrap();
    let before = tree(project.path());
    let error = checked.apply(&lock).unwrap_err();
    assert!(
        error.message().ends_with("it changed in the meantime"),
        "{}",
        error.message()
    );
    assert_eq!(tree(project.path()), before);
}

#[cfg(unix)]
#[test]
fn permissions_and_links_stay() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let project = project();
    let lib = project.path().join("lib.rs");
    fs::set_permissions(&lib, fs::Permissions::from_mode(0o640)).unwrap();
    symlink("lib.rs", project.path().join("link.rs")).unwrap();
    Plan::adding(project.path(), vec![module("link.rs", "a")])
        .check(Conflicts::Refuse)
        .unwrap()
        .apply(&lock(&project))
        .unwrap();
    assert!(
        fs::symlink_metadata(project.path().join("link.rs"))
            .unwrap()
            .is_symlink()
    );
    assert!(fs::read_to_string(&lib).unwrap().contains("pub mod a;"));
    assert_eq!(fs::metadata(&lib).unwrap().permissions().mode() & 0o777, 0o640);
}
