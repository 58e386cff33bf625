//! What a file holds that was generated.

use syn::{Fields, Item, Visibility};

use super::imports::publishes;
use super::source::Source;

/// The names of the public functions at the top of a file, in order.
pub(crate) fn public_functions(text: &str) -> Vec<String> {
    let Ok(source) = Source::parse(text) else {
        return Vec::new();
    };
    let functions = source.file.items.iter().filter_map(|item| match item {
        Item::Fn(function) if matches!(function.vis, Visibility::Public(_)) => Some(function.sig.ident.to_string()),
        _ => None,
    });
    functions.collect()
}

/// Whether others can call `name()`: a public function that takes nothing and need not be awaited, here or published here.
pub(crate) fn gives(text: &str, name: &str) -> bool {
    let Ok(source) = Source::parse(text) else {
        return false;
    };
    let functions = source.file.items.iter().filter_map(|item| match item {
        Item::Fn(function) if function.sig.ident == name => Some(function),
        _ => None,
    });
    let mut callable = functions.map(|function| {
        let signature = &function.sig;
        matches!(function.vis, Visibility::Public(_)) && signature.inputs.is_empty() && signature.asyncness.is_none()
    });
    callable.next().unwrap_or_else(|| publishes(&source, name))
}

/// The type that a public alias at the top of a file stands for, as it is written.
pub(crate) fn alias(text: &str, name: &str) -> Option<String> {
    let source = Source::parse(text).ok()?;
    source.file.items.iter().find_map(|item| match item {
        Item::Type(item) if item.ident == name && matches!(item.vis, Visibility::Public(_)) => {
            Some(source.text[source.range(&item.ty)].to_owned())
        }
        _ => None,
    })
}

/// The fields of a struct at the top of a file, each with its type as it is written.
pub(crate) fn fields_of(text: &str, name: &str) -> Vec<(String, String)> {
    let Ok(source) = Source::parse(text) else {
        return Vec::new();
    };
    let found = source.file.items.iter().find_map(|item| match item {
        Item::Struct(item) if item.ident == name => Some(&item.fields),
        _ => None,
    });
    let Some(Fields::Named(fields)) = found else {
        return Vec::new();
    };
    let fields = fields.named.iter().filter_map(|field| {
        let range = source.range(&field.ty);
        Some((field.ident.as_ref()?.to_string(), source.text[range].to_owned()))
    });
    fields.collect()
}
