//! The declaration of a module: `pub mod posts;`.

use syn::{Item, ItemMod, Visibility};

use super::Edit;
use super::lines::{line_after, line_before, paragraph, runs, without_lines, without_words};
use super::source::{Source, plain};

/// A module to declare.
#[derive(Clone, Debug)]
pub(crate) struct Module {
    pub(crate) name: String,
}

impl Module {
    pub(super) fn line(&self) -> String {
        format!("pub mod {};", self.name)
    }

    pub(super) fn is_in(&self, source: &Source<'_>) -> bool {
        self.find(source).is_some()
    }

    pub(super) fn insert(&self, source: &Source<'_>) -> Edit {
        match self.find(source) {
            Some(item) if item.content.is_some() => {
                let reason = format!(
                    "`mod {}` is written in place there, and has no file of its own",
                    self.name
                );
                return Edit::NoPlace { reason, paste: None };
            }
            Some(item) if item.attrs.iter().any(|attribute| attribute.path().is_ident("path")) => {
                let reason = format!("`mod {}` is in a file of another name there", self.name);
                return Edit::NoPlace { reason, paste: None };
            }
            Some(_) => return Edit::Unchanged,
            None => {}
        }
        let runs = runs(source, declaration);
        let is_public = |run: &&Vec<&ItemMod>| run.iter().any(|item| matches!(item.vis, Visibility::Public(_)));
        let Some(run) = runs.iter().rev().find(is_public).or(runs.last()) else {
            let uses = source.file.items.iter().rfind(|item| matches!(item, Item::Use(_)));
            return Edit::Changed(paragraph(source, uses, &self.line()));
        };
        // rustfmt compares modules byte by byte, and imports by another rule.
        let ours = syn::Ident::new(&self.name, proc_macro2::Span::call_site());
        match run.iter().rfind(|item| item.ident < ours) {
            Some(item) => Edit::Changed(line_after(source, item, &self.line())),
            None => Edit::Changed(line_before(source, run[0], &self.line())),
        }
    }

    pub(super) fn remove(&self, source: &Source<'_>) -> Edit {
        let Some(item) = self.find(source) else {
            return Edit::Unchanged;
        };
        let is_plain = item.attrs.is_empty() && item.content.is_none();
        let without = || without_lines(source, item).or_else(|| without_words(source, item));
        match is_plain.then(without).flatten() {
            Some(text) => Edit::Changed(text),
            None => Edit::no_place(format!("`mod {}` has been changed", self.name), self.line()),
        }
    }

    fn find<'a>(&self, source: &'a Source<'_>) -> Option<&'a ItemMod> {
        source.file.items.iter().find_map(|item| match item {
            Item::Mod(item) if plain(&item.ident) == self.name => Some(item),
            _ => None,
        })
    }
}

/// A module whose declaration rustfmt moves among its neighbours.
fn declaration(item: &Item) -> Option<&ItemMod> {
    match item {
        Item::Mod(item) if item.content.is_none() => {
            let stays = item
                .attrs
                .iter()
                .any(|attribute| attribute.path().is_ident("macro_use"));
            (!stays).then_some(item)
        }
        _ => None,
    }
}
