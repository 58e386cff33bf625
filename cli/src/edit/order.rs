//! The order in which rustfmt keeps `use` items: style edition 2024.

use std::cmp::Ordering;

use syn::UseTree;

/// An import as rustfmt compares it. The order of the variants is the order of the kinds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Segment {
    Own,
    Super,
    Crate,
    Ident(Ident),
    Glob,
    List(Vec<Vec<Segment>>),
}

/// An identifier, ordered by its runs of letters and its numbers: `x8` comes before `x16`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ident(String);

/// A use tree as the segments that rustfmt compares, one after another.
pub(super) fn segments(tree: &UseTree) -> Vec<Segment> {
    let mut all = Vec::new();
    let mut tree = tree;
    loop {
        match tree {
            UseTree::Path(path) => {
                all.push(segment(&path.ident.to_string()));
                tree = &path.tree;
            }
            UseTree::Group(group) if group.items.len() == 1 => tree = &group.items[0],
            UseTree::Name(name) => {
                all.push(segment(&name.ident.to_string()));
                return all;
            }
            UseTree::Rename(rename) => {
                all.push(segment(&rename.ident.to_string()));
                return all;
            }
            UseTree::Group(group) => {
                all.push(Segment::List(group.items.iter().map(segments).collect()));
                return all;
            }
            UseTree::Glob(_) => {
                all.push(Segment::Glob);
                return all;
            }
        }
    }
}

/// The segment that an identifier is.
pub(super) fn segment(ident: &str) -> Segment {
    match ident {
        "self" => Segment::Own,
        "super" => Segment::Super,
        "crate" => Segment::Crate,
        _ => Segment::Ident(Ident(ident.trim_start_matches("r#").to_owned())),
    }
}

impl Ord for Ident {
    fn cmp(&self, other: &Self) -> Ordering {
        let (mut left, mut right) = (self.0.as_str(), other.0.as_str());
        let mut leading_zeros = Ordering::Equal;
        loop {
            let (a, b) = (chunk(&mut left), chunk(&mut right));
            let order = match (number(a), number(b)) {
                (Some(x), Some(y)) => {
                    leading_zeros = leading_zeros.then(b.len().cmp(&a.len()));
                    x.cmp(&y)
                }
                _ => a.cmp(b),
            };
            if order != Ordering::Equal {
                // An underscore comes before everything but the end.
                return match (a, b) {
                    ("", _) => Ordering::Less,
                    (_, "") => Ordering::Greater,
                    ("_", _) => Ordering::Less,
                    (_, "_") => Ordering::Greater,
                    _ => order,
                };
            }
            if a.is_empty() {
                return leading_zeros;
            }
        }
    }
}

impl PartialOrd for Ident {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Takes an underscore, a run of digits or a run of anything else from the front of `text`.
fn chunk<'a>(text: &mut &'a str) -> &'a str {
    let kind = |c: char| (c == '_', c.is_ascii_digit());
    let Some(first) = text.chars().next() else {
        return "";
    };
    let end = if first == '_' {
        1
    } else {
        text.find(|c| kind(c) != kind(first)).unwrap_or(text.len())
    };
    let (chunk, rest) = text.split_at(end);
    *text = rest;
    chunk
}

fn number(chunk: &str) -> Option<u64> {
    chunk.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_stand_in_the_order_that_rustfmt_gives_them() {
        let sorted = [
            "self::a",
            "super::a",
            "crate::B",
            "crate::a_b",
            "crate::ab",
            "crate::ab::c",
            "crate::ab::*",
            "crate::ab::{a, b}",
            "crate::x8",
            "crate::x16",
            "crate::*",
            "crate::{a, b}",
            "nova::prelude::*",
        ];
        let trees: Vec<_> = sorted
            .iter()
            .map(|path| segments(&syn::parse_str::<syn::ItemUse>(&format!("use {path};")).unwrap().tree))
            .collect();
        assert!(trees.is_sorted(), "{trees:#?}");
    }

    #[test]
    fn equal_numbers_are_ordered_by_their_leading_zeros() {
        assert!(segment("x01") < segment("x1"));
        assert!(segment("x1") < segment("x01a"));
    }
}
