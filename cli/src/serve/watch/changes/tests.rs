//! What counts, what it needs, and what is a change at all.

use notify::event::{AccessKind, CreateKind, DataChange, MetadataKind, RemoveKind, RenameMode};

use super::*;

#[test]
fn what_needs_a_build() {
    for file in [
        "src/main.rs",
        "src/controllers/home.rs",
        "src/query.sql",
        "build.rs",
        "tests/api.rs",
        "Cargo.toml",
        "Cargo.lock",
        ".cargo/config.toml",
        "rust-toolchain.toml",
        "crates/a/src/lib.rs",
    ] {
        assert_eq!(need(Scope::Project, Path::new(file)), Some(Need::Build), "{file}");
    }
}

#[test]
fn what_needs_a_restart() {
    assert_eq!(need(Scope::Project, Path::new("nova.toml")), Some(Need::Restart));
    assert_eq!(need(Scope::Package, Path::new("nova.toml")), None);
}

#[test]
fn what_the_application_reads_by_itself() {
    for file in [
        "views/home/index.hbs",
        "assets/app.css",
        "assets/LICENCE",
        "web/logo.svg",
    ] {
        assert_eq!(need(Scope::Project, Path::new(file)), Some(Need::Word), "{file}");
        assert_eq!(need(Scope::Package, Path::new(file)), None, "{file}");
    }
    assert_eq!(
        need(Scope::Project, Path::new("src/page.html")),
        Some(Need::Build),
        "may be included"
    );
}

#[test]
fn of_a_workspaces_root_only_its_manifest_counts() {
    for file in ["Cargo.toml", "Cargo.lock", ".cargo/config.toml", "rust-toolchain.toml"] {
        assert_eq!(need(Scope::Manifests, Path::new(file)), Some(Need::Build), "{file}");
    }
    for file in ["src/main.rs", "nova.toml", "views/a.hbs"] {
        assert_eq!(need(Scope::Manifests, Path::new(file)), None, "{file}");
    }
}

#[test]
fn what_needs_nothing() {
    for file in [
        "README.md",
        "views/.index.hbs.swp",
        "docs/nova.toml",
        "src/.main.rs.swp",
        "src/main.rs~",
        "src/4913",
        "src/.#main.rs",
        "src/#main.rs#",
        "src/main.rs___jb_tmp___",
        "src/main.rs.tmp",
        "target/debug/x.rs",
        ".git/index",
        ".idea/x.rs",
        ".cargo/.x",
        ".cargo/credentials.toml",
        "node_modules/a/b.rs",
    ] {
        assert_eq!(need(Scope::Project, Path::new(file)), None, "{file}");
    }
}

#[test]
fn events_of_reading_and_touching_do_not_count() {
    assert!(!concerns(EventKind::Access(AccessKind::Any)));
    assert!(!concerns(EventKind::Modify(ModifyKind::Metadata(
        MetadataKind::WriteTime
    ))));
    assert!(concerns(EventKind::Modify(ModifyKind::Data(DataChange::Any))));
    assert!(concerns(EventKind::Modify(ModifyKind::Name(RenameMode::To))));
    assert!(concerns(EventKind::Create(CreateKind::File)));
    assert!(concerns(EventKind::Remove(RemoveKind::File)));
    assert!(concerns(EventKind::Any));
}

fn contents() -> Contents {
    let mut contents = Contents::default();
    assert_eq!(
        contents.judge(Path::new("a.rs"), Found::Content(1), true),
        Verdict::Changed
    );
    contents
}

#[test]
fn the_same_content_is_no_change() {
    assert_eq!(
        contents().judge(Path::new("a.rs"), Found::Content(1), true),
        Verdict::Same
    );
    assert_eq!(contents().judge(Path::new("b.rs"), Found::Nothing, true), Verdict::Same);
}

#[test]
fn a_file_emptied_for_a_moment_is_waited_for() {
    let mut contents = contents();
    assert_eq!(
        contents.judge(Path::new("a.rs"), Found::Empty, true),
        Verdict::Unsettled
    );
    assert_eq!(
        contents.judge(Path::new("a.rs"), Found::Content(2), true),
        Verdict::Changed
    );
    assert_eq!(contents.judge(Path::new("a.rs"), Found::Empty, false), Verdict::Changed);
    assert_eq!(contents.judge(Path::new("a.rs"), Found::Empty, true), Verdict::Same);
}

#[test]
fn a_file_moved_away_for_a_moment_is_waited_for() {
    let mut contents = contents();
    assert_eq!(
        contents.judge(Path::new("a.rs"), Found::Nothing, true),
        Verdict::Unsettled
    );
    assert_eq!(
        contents.judge(Path::new("a.rs"), Found::Content(1), true),
        Verdict::Same
    );
    assert_eq!(
        contents.judge(Path::new("a.rs"), Found::Nothing, false),
        Verdict::Changed
    );
    assert!(!contents.knows(Path::new("a.rs")));
}

#[test]
fn a_new_file_of_no_known_kind_may_be_on_its_way_elsewhere() {
    let mut contents = contents();
    let new = Path::new("a.rs.new");
    assert_eq!(contents.judge(new, Found::Content(2), true), Verdict::Unsettled);
    assert_eq!(contents.judge(new, Found::Nothing, true), Verdict::Same);
    assert_eq!(contents.judge(new, Found::Content(2), false), Verdict::Changed);
    assert_eq!(
        contents.judge(new, Found::Content(3), true),
        Verdict::Changed,
        "known by now"
    );
}

#[test]
fn a_change_adds_up() {
    let mut change = Change::default();
    for (file, need) in [
        ("src/b.rs", Need::Build),
        ("views/x.hbs", Need::Word),
        ("src/a.rs", Need::Build),
        ("src/b.rs", Need::Build),
        ("nova.toml", Need::Restart),
    ] {
        change.add(PathBuf::from(file), need);
    }
    assert_eq!(change.files, ["nova.toml", "src/a.rs", "src/b.rs"].map(PathBuf::from));
    assert_eq!(change.pages, ["views/x.hbs"].map(PathBuf::from));
    assert!(change.build && change.restart && !change.has_manifest());
}
