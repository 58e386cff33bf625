//! Pages and links.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

use nova_tests::guide::{Page, pages, root};

/// A path without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut plain, part| {
        match part {
            Component::ParentDir => drop(plain.pop()),
            Component::CurDir => {}
            part => plain.push(part),
        }
        plain
    })
}

#[test]
fn every_page_is_in_the_summary_once() {
    let summary = Page::read(Path::new("docs/SUMMARY.md"));
    let listed: Vec<_> = summary.links().into_iter().map(|link| link.target).collect();
    let once: BTreeSet<_> = listed.iter().cloned().collect();
    assert_eq!(listed.len(), once.len(), "a page is listed twice");
    let mut there: BTreeSet<_> = pages().iter().map(Page::name).collect();
    there.remove("SUMMARY.md");
    assert_eq!(once, there);
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let mut pages = pages();
    pages.extend(["README.md", "CONTRIBUTING.md"].map(|path| Page::read(Path::new(path))));
    let mut broken = Vec::new();
    for page in &pages {
        for link in page.links() {
            let (path, anchor) = match link.target.split_once('#') {
                Some((path, anchor)) => (path, Some(anchor)),
                None => (&*link.target, None),
            };
            let target = match path {
                "" => page.path.clone(),
                path => plain(&page.path.parent().unwrap().join(path)),
            };
            let leads_somewhere = root().join(&target).exists()
                && anchor.is_none_or(|anchor| Page::read(&target).anchors().contains(anchor));
            if !leads_somewhere {
                broken.push(format!("{}:{}: {}", page.path.display(), link.line, link.target));
            }
        }
    }
    assert_eq!(broken, Vec::<String>::new());
}

/// Pictures that are small, for they are in the repository for good: in bytes, of one and of all.
const PICTURE: u64 = 60_000;
const PICTURES: u64 = 600_000;

#[test]
fn every_picture_is_small_shown_and_described() {
    let mut shown = BTreeSet::new();
    for page in pages().into_iter().chain([Page::read(Path::new("README.md"))]) {
        for (line, text) in page.prose() {
            for picture in text.split("![").skip(1) {
                let place = format!("{}:{line}", page.path.display());
                let (words, rest) = picture
                    .split_once("](")
                    .unwrap_or_else(|| panic!("{place}: no picture"));
                assert!(words.len() > 20, "{place}: say what there is to see, for who can't");
                let target = rest.split_once(')').unwrap().0;
                shown.insert(plain(&page.path.parent().unwrap().join(target)));
            }
        }
    }
    let mut all = 0;
    for entry in fs::read_dir(root().join("docs/images")).unwrap() {
        let entry = entry.unwrap();
        let size = entry.metadata().unwrap().len();
        assert!(size <= PICTURE, "{:?} has {size} bytes", entry.path());
        all += size;
        let path = entry.path();
        assert!(
            shown.contains(path.strip_prefix(root()).unwrap()),
            "{path:?} is on no page"
        );
    }
    assert!(0 < all && all <= PICTURES, "{all} bytes of pictures");
}
