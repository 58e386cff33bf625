//! Where some source names a module of the crate: in imports, in paths, inside of macros. Comments and texts are none.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::ext::IdentExt as _;

/// What a path is looked for in.
struct Search<'a> {
    /// The module, as `["controllers", "posts"]`.
    module: &'a [String],
    /// The module that the source is.
    here: &'a [String],
    /// What the crate is called elsewhere.
    library: &'a str,
}

/// The first line of a text that names a module of the crate, or something in it. The text is that of the module `here`; a
/// test is none and has an empty one.
pub(crate) fn line_naming(text: &str, module: &[String], here: &[String], library: &str) -> Option<usize> {
    let text = text.trim_start_matches('\u{feff}');
    let search = Search { module, here, library };
    // Most files don't have the word.
    let last = module.last()?;
    if !text.contains(last.as_str()) {
        return None;
    }
    search.look(text.parse().ok()?, &[])
}

impl Search<'_> {
    /// `above` is what stands before the braces of an import.
    fn look(&self, stream: TokenStream, above: &[String]) -> Option<usize> {
        let mut tokens = stream.into_iter().peekable();
        let mut path = above.to_vec();
        // Whether the path goes on with the next name: behind `::`.
        let mut goes_on = true;
        let mut colons = 0;
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Ident(ident) => {
                    if !goes_on {
                        path.clear();
                    }
                    path.push(ident.unraw().to_string());
                    (goes_on, colons) = (false, 0);
                    // It is looked at where it ends.
                    let more = matches!(tokens.peek(), Some(TokenTree::Punct(punct)) if punct.as_char() == ':');
                    if !more && self.is_named_by(&path) {
                        return Some(ident.span().start().line);
                    }
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => {
                    colons += 1;
                    goes_on = colons == 2;
                    let next_is_name = matches!(tokens.peek(), Some(TokenTree::Ident(_) | TokenTree::Group(_)));
                    if goes_on && !next_is_name && self.is_named_by(&path) {
                        // `posts::*`
                        return Some(punct.span().start().line);
                    }
                }
                TokenTree::Group(group) => {
                    let is_import = goes_on && colons == 2 && group.delimiter() == Delimiter::Brace;
                    let inside = if is_import { path.as_slice() } else { &[] };
                    if let Some(line) = self.look(group.stream(), inside) {
                        return Some(line);
                    }
                    path = above.to_vec();
                    (goes_on, colons) = (true, 0);
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => {
                    path = above.to_vec();
                    (goes_on, colons) = (true, 0);
                }
            }
        }
        None
    }

    /// Whether a path is that of the module, or goes through it.
    fn is_named_by(&self, path: &[String]) -> bool {
        // `posts::{self}`
        let path = match path {
            [path @ .., last] if last == "self" && !path.is_empty() => path,
            path => path,
        };
        let supers = path.iter().take_while(|name| *name == "super").count();
        let absolute: Vec<&String> = match path.first().map(String::as_str) {
            Some("crate") => path[1..].iter().collect(),
            Some(first) if first == self.library => path[1..].iter().collect(),
            Some("self") => self.here.iter().chain(&path[1..]).collect(),
            Some("super") => {
                let above = self.here.len().saturating_sub(supers);
                self.here[..above].iter().chain(&path[supers..]).collect()
            }
            _ if path.len() > 1 => self.here.iter().chain(path).collect(),
            _ => return false,
        };
        let starts =
            |path: &[&String]| path.len() >= self.module.len() && path.iter().zip(self.module).all(|(a, b)| *a == b);
        // A module above it may have been imported.
        let through = self.module.len() > 1 && path.windows(self.module.len()).any(|run| run == self.module);
        starts(&absolute) || through
    }
}

#[cfg(test)]
mod tests {
    use super::line_naming;

    fn named(text: &str, here: &str) -> Option<usize> {
        let names = |path: &str| -> Vec<String> {
            path.split("::")
                .filter(|name| !name.is_empty())
                .map(str::to_owned)
                .collect()
        };
        line_naming(text, &names("controllers::posts"), &names(here), "myapp")
    }

    #[test]
    fn a_module_is_found_by_every_way_of_naming_it() {
        for (text, here) in [
            ("use crate::controllers::posts;", "routes::admin"),
            ("use crate::controllers::{home, posts};", "routes"),
            ("use crate::{Store, controllers::{home, posts as news}};", "routes"),
            ("use crate::controllers::posts::{self, index};", "routes"),
            ("use crate::controllers::posts::*;", "routes"),
            ("use crate::controllers::{posts::*, home};", "routes"),
            ("fn f() -> R { r.get(\"/\", controllers::posts::index) }", "routes"),
            ("fn f() { json!({ \"a\": crate::controllers::posts::one() }) }", "ws"),
            ("use super::posts;", "controllers::home"),
            ("pub use posts::Post;", "controllers"),
            ("use myapp::controllers::posts::index;", ""),
            ("use super::super::controllers::r#posts::index;", "routes::admin"),
        ] {
            assert_eq!(named(text, here), Some(1), "{text}");
        }
        assert_eq!(named("//! One.\n\nuse crate::controllers::posts;\n", "ws"), Some(3));
    }

    #[test]
    fn another_of_that_name_is_not_taken_for_it() {
        for (text, here) in [
            ("// crate::controllers::posts\nfn posts() {}", "routes"),
            ("fn f() -> &'static str { \"crate::controllers::posts\" }", "routes"),
            ("use crate::models::posts;", "routes"),
            ("use crate::controllers::{home, admin::posts};", "routes"),
            ("use crate::controllers::posts_of_old;", "routes"),
            ("fn f(posts: Posts) { posts.len() }", "controllers"),
            ("use super::posts;", "models::home"),
            ("use other::posts::index;", "routes"),
            ("fn f() { let posts: posts::Of = 1; }", "routes"),
            ("fn broken( {", "routes"),
        ] {
            assert_eq!(named(text, here), None, "{text}");
        }
    }
}
