//! The import of something of this crate: `use crate::controllers::posts;`.

use std::ops::Range;

use syn::{Item, ItemUse, UseGroup, UseTree, Visibility};

use super::Edit;
use super::lines::{line_after, line_before, paragraph, runs, without_lines, without_words};
use super::order::{Segment, segment, segments};
use super::source::{Source, is_conditional, plain};

/// Something of this crate, by its path: `controllers::posts`.
#[derive(Clone, Debug)]
pub(crate) struct Import {
    pub(crate) modules: Vec<String>,
    pub(crate) name: String,
}

/// What an import's name means in a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// What is to be imported, under this name.
    Imported(String),
    /// Something else.
    Taken,
    /// Nothing.
    Free,
}

impl Import {
    /// `crate::controllers::posts`
    pub(super) fn path(&self) -> String {
        let above = std::iter::once("crate").chain(self.modules.iter().map(String::as_str));
        let names: Vec<&str> = above.chain([self.name.as_str()]).collect();
        names.join("::")
    }

    pub(super) fn line(&self) -> String {
        format!("use {};", self.path())
    }

    pub(super) fn is_in(&self, source: &Source<'_>) -> bool {
        self.meaning(source) != Meaning::Free
    }

    /// Imports it, unless its name is taken: then whoever uses it spells out the path.
    pub(super) fn insert(&self, source: &Source<'_>) -> Edit {
        if self.is_in(source) {
            return Edit::Unchanged;
        }
        let runs = runs(source, import);
        let own: Vec<Segment> = self.path().split("::").map(segment).collect();
        let Some(run) = runs
            .iter()
            .rev()
            .find(|run| run.iter().any(|item| is_of_this_crate(item)))
        else {
            let last = runs.last().and_then(|run| run.last()).copied();
            return Edit::Changed(paragraph(source, last, &self.line()));
        };
        match run.iter().rfind(|item| segments(&item.tree) < own) {
            Some(item) => Edit::Changed(line_after(source, item, &self.line())),
            None => Edit::Changed(line_before(source, run[0], &self.line())),
        }
    }

    pub(super) fn remove(&self, source: &Source<'_>) -> Edit {
        let own: Vec<Segment> = self.path().split("::").map(segment).collect();
        let is_own = |tree| segments(tree) == own || self.is_renamed(tree);
        let item = uses(source).find(|item| item.attrs.is_empty() && is_own(&item.tree));
        match item.and_then(|item| without_lines(source, item).or_else(|| without_words(source, item))) {
            Some(text) => Edit::Changed(text),
            None if self.is_conditional(source) => {
                Edit::no_place("the import is there under a condition".to_owned(), self.line())
            }
            None if matches!(self.meaning(source), Meaning::Imported(_)) => self.remove_from_group(source),
            None => Edit::Unchanged,
        }
    }

    /// Whether a tree is this import alone, under another name.
    fn is_renamed(&self, tree: &UseTree) -> bool {
        let mut leaves = Vec::new();
        collect(tree, &mut Vec::new(), &mut leaves);
        let path = |leaf: &Leaf| leaf.path.join("::") == self.path();
        let braces = |tree: &UseTree| matches!(tree, UseTree::Group(_));
        let mut inside = tree;
        while let UseTree::Path(next) = inside {
            inside = &next.tree;
        }
        leaves.len() == 1 && path(&leaves[0]) && leaves[0].bound.is_some() && !braces(inside)
    }

    /// Takes the name out of the braces that it was merged into, with the comma that follows it or goes before it. Braces
    /// around what is then the only name go too, as rustfmt has it.
    fn remove_from_group(&self, source: &Source<'_>) -> Edit {
        let mut own = vec!["crate".to_owned()];
        own.extend(self.modules.iter().cloned());
        own.push(self.name.clone());
        let found = uses(source).find_map(|item| member(&item.tree, &mut Vec::new(), &own));
        let Some((group, index)) = found else {
            return Edit::no_place("the import has been merged into another".to_owned(), self.line());
        };
        let range = source.range(&group.items[index]);
        let next = group.items.iter().nth(index + 1).map(|next| source.range(next).start);
        let before = index.checked_sub(1).map(|last| source.range(&group.items[last]).end);
        let cut = match (next, before) {
            (Some(next), _) => range.start..next,
            (None, Some(before)) => before..range.end,
            (None, None) => range,
        };
        // A comment in between is somebody's.
        let is_plain = |range: &Range<usize>| {
            let text = &source.text[range.clone()];
            !text.contains("//") && !text.contains("/*")
        };
        if !is_plain(&cut) || group.items.len() < 2 {
            return Edit::no_place("the import has been merged into another".to_owned(), self.line());
        }
        let braces = source.range(group);
        let other = group
            .items
            .iter()
            .nth(1 - index.min(1))
            .filter(|_| group.items.len() == 2);
        match other.filter(|other| is_plain(&braces) && stands_alone(other)) {
            Some(other) => {
                let [before, after] = [&source.text[..braces.start], &source.text[braces.end..]];
                Edit::Changed([before, &source.text[source.range(other)], after].concat())
            }
            None => Edit::Changed(source.without(cut)),
        }
    }

    /// Whether the import is there under a condition only: it can be neither relied on nor doubled.
    pub(super) fn is_conditional(&self, source: &Source<'_>) -> bool {
        let mut leaves = Vec::new();
        for item in uses(source).filter(|item| !is_conditional(&item.attrs)) {
            collect(&item.tree, &mut Vec::new(), &mut leaves);
        }
        let mut path = vec!["crate".to_owned()];
        path.extend(self.modules.iter().cloned());
        let glob = leaves.iter().any(|leaf| leaf.bound.is_none() && leaf.path == path);
        path.push(self.name.clone());
        !glob && leaves.iter().all(|leaf| leaf.path != path) && matches!(self.meaning(source), Meaning::Imported(_))
    }

    /// What the name stands for in this file.
    pub(super) fn meaning(&self, source: &Source<'_>) -> Meaning {
        let mut own = vec!["crate".to_owned()];
        own.extend(self.modules.iter().cloned());
        let mut leaves = Vec::new();
        for item in uses(source) {
            collect(&item.tree, &mut Vec::new(), &mut leaves);
        }
        let glob = leaves.iter().any(|leaf| leaf.bound.is_none() && leaf.path == own);
        own.push(self.name.clone());
        if let Some(name) = leaves
            .iter()
            .filter(|leaf| leaf.path == own)
            .find_map(|leaf| leaf.bound.clone())
        {
            return Meaning::Imported(name);
        }
        if leaves.iter().any(|leaf| leaf.bound.as_ref() == Some(&self.name))
            || source.file.items.iter().any(|item| declares(item, &self.name))
        {
            return Meaning::Taken;
        }
        if glob {
            Meaning::Imported(self.name.clone())
        } else {
            Meaning::Free
        }
    }
}

/// Whether a member of braces can be without them: `self` can't.
fn stands_alone(tree: &UseTree) -> bool {
    match tree {
        UseTree::Name(name) => name.ident != "self",
        UseTree::Rename(rename) => rename.ident != "self",
        UseTree::Path(_) | UseTree::Glob(_) => true,
        UseTree::Group(_) => false,
    }
}

/// Whether a file publishes a name of another.
pub(super) fn publishes(source: &Source<'_>, name: &str) -> bool {
    let mut leaves = Vec::new();
    for item in uses(source).filter(|item| matches!(item.vis, Visibility::Public(_))) {
        collect(&item.tree, &mut Vec::new(), &mut leaves);
    }
    leaves.iter().any(|leaf| leaf.bound.as_deref() == Some(name))
}

/// One name that a use tree brings into scope; a glob binds none that can be known from here.
struct Leaf {
    path: Vec<String>,
    bound: Option<String>,
}

fn collect(tree: &UseTree, path: &mut Vec<String>, leaves: &mut Vec<Leaf>) {
    match tree {
        UseTree::Path(next) => {
            // Routes stand at the root of the crate, where `super` can't be, or one below it.
            let ident = plain(&next.ident);
            path.push(if ident == "super" && path.is_empty() {
                "crate".to_owned()
            } else {
                ident
            });
            collect(&next.tree, path, leaves);
            path.pop();
        }
        UseTree::Group(group) => {
            for tree in &group.items {
                collect(tree, path, leaves);
            }
        }
        UseTree::Name(name) => leaves.push(leaf(path, &plain(&name.ident), None)),
        UseTree::Rename(rename) => {
            leaves.push(leaf(path, &plain(&rename.ident), Some(plain(&rename.rename))));
        }
        UseTree::Glob(_) => leaves.push(Leaf {
            path: path.clone(),
            bound: None,
        }),
    }
}

fn leaf(path: &[String], ident: &str, alias: Option<String>) -> Leaf {
    let mut path = path.to_vec();
    if ident != "self" {
        path.push(ident.to_owned());
    }
    let bound = alias.or_else(|| path.last().cloned()).filter(|name| name != "_");
    Leaf { path, bound }
}

/// The braces that bind the last name of a path, and which of their members does.
fn member<'a>(tree: &'a UseTree, path: &mut Vec<String>, own: &[String]) -> Option<(&'a UseGroup, usize)> {
    match tree {
        UseTree::Path(next) => {
            path.push(plain(&next.ident));
            let found = member(&next.tree, path, own);
            path.pop();
            found
        }
        UseTree::Group(group) => group.items.iter().enumerate().find_map(|(index, tree)| {
            let is_last = match tree {
                UseTree::Name(name) => {
                    path.len() + 1 == own.len() && path[..] == own[..path.len()] && own.ends_with(&[plain(&name.ident)])
                }
                UseTree::Rename(rename) => {
                    path.len() + 1 == own.len()
                        && path[..] == own[..path.len()]
                        && own.ends_with(&[plain(&rename.ident)])
                }
                UseTree::Path(_) => {
                    let mut leaves = Vec::new();
                    collect(tree, &mut path.clone(), &mut leaves);
                    leaves.len() == 1
                        && leaves[0].path == own
                        && !matches!(tree, UseTree::Path(next) if matches!(*next.tree, UseTree::Group(_)))
                }
                _ => false,
            };
            if is_last {
                return Some((group, index));
            }
            member(tree, path, own)
        }),
        _ => None,
    }
}

/// Whether an item takes a name among types and modules.
fn declares(item: &Item, name: &str) -> bool {
    match item {
        Item::Mod(item) => plain(&item.ident) == name,
        Item::Struct(item) => plain(&item.ident) == name,
        Item::Enum(item) => plain(&item.ident) == name,
        Item::Union(item) => plain(&item.ident) == name,
        Item::Trait(item) => plain(&item.ident) == name,
        Item::Type(item) => plain(&item.ident) == name,
        Item::ExternCrate(item) => item.rename.as_ref().map_or(&item.ident, |(_, alias)| alias) == name,
        _ => false,
    }
}

fn uses<'a>(source: &'a Source<'_>) -> impl Iterator<Item = &'a ItemUse> {
    source.file.items.iter().filter_map(import)
}

fn import(item: &Item) -> Option<&ItemUse> {
    match item {
        Item::Use(item) => Some(item),
        _ => None,
    }
}

fn is_of_this_crate(item: &ItemUse) -> bool {
    matches!(segments(&item.tree).first(), Some(Segment::Crate | Segment::Super))
}
