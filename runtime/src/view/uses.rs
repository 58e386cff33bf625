//! What templates use of the variables that are there by themselves.

use std::collections::{BTreeMap, BTreeSet};

/// The names, which no variable of the application's can have in a view that uses them.
pub(super) const CSRF_TOKEN: &str = "csrf_token";
pub(super) const FLASHES: &str = "flashes";

/// What a view uses, with its partials and the layout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Uses {
    pub(crate) csrf_token: bool,
    pub(crate) flashes: bool,
}

/// What one template mentions.
#[derive(Debug, Default, PartialEq, Eq)]
struct Mentions {
    uses: Uses,
    partials: BTreeSet<String>,
    /// Whether the name of a partial is only known when it is rendered.
    any_partial: bool,
}

impl Uses {
    pub(crate) fn is_nothing(self) -> bool {
        self == Self::default()
    }

    pub(super) fn or(self, other: Self) -> Self {
        Self {
            csrf_token: self.csrf_token || other.csrf_token,
            flashes: self.flashes || other.flashes,
        }
    }
}

/// What each of the templates uses, by their names and texts, alone and with what it includes.
pub(super) fn of(texts: &BTreeMap<String, String>) -> BTreeMap<String, Uses> {
    let mentions: BTreeMap<_, _> = texts.iter().map(|(name, text)| (name, mentions(text))).collect();
    let uses = |name: &String| {
        let mut uses = Uses::default();
        let mut seen = BTreeSet::new();
        let mut next = vec![name];
        while let Some(name) = next.pop() {
            let Some(mentioned) = mentions.get(name).filter(|_| seen.insert(name)) else {
                continue;
            };
            uses = uses.or(mentioned.uses);
            match mentioned.any_partial {
                true => next.extend(mentions.keys()),
                false => next.extend(&mentioned.partials),
            }
        }
        uses
    };
    texts.keys().map(|name| (name.clone(), uses(name))).collect()
}

/// What is between the braces, without comments.
fn mentions(text: &str) -> Mentions {
    let mut mentions = Mentions::default();
    let mut rest = text;
    while let Some((_, tag)) = rest.split_once("{{") {
        if let Some(comment) = tag.trim_start_matches('~').strip_prefix("!--") {
            let end = comment.find("--}}").or_else(|| comment.find("--~}}"));
            rest = end.map_or("", |end| &comment[end..]);
            continue;
        }
        let Some((tag, after)) = tag.split_once("}}") else {
            break;
        };
        rest = after;
        let tag = tag.trim_start_matches(['{', '~', '#', '^', '&', '/', '*']).trim_start();
        if !tag.starts_with('!') {
            mentions.read(tag);
        }
    }
    mentions
}

impl Mentions {
    fn read(&mut self, tag: &str) {
        let mut words = words(tag.strip_prefix('>').unwrap_or(tag));
        if tag.starts_with('>') {
            match words.next() {
                Some(Word::Name(name) | Word::Text(name)) => _ = self.partials.insert(name.to_owned()),
                _ => self.any_partial = true,
            }
        }
        for word in words {
            let Word::Name(mut path) = word else { continue };
            while let Some(rest) = ["../", "./", "this.", "this/", "@root.", "@root/"]
                .iter()
                .find_map(|prefix| path.strip_prefix(prefix))
            {
                path = rest;
            }
            match path.split(['.', '/']).next() {
                Some(CSRF_TOKEN) => self.uses.csrf_token = true,
                Some(FLASHES) => self.uses.flashes = true,
                _ => {}
            }
        }
    }
}

enum Word<'a> {
    /// A path, or the name of a helper or a partial.
    Name(&'a str),
    /// What is in quotation marks.
    Text(&'a str),
    /// What a helper is asked for, or the name of a parameter.
    Other,
}

fn words(mut tag: &str) -> impl Iterator<Item = Word<'_>> {
    std::iter::from_fn(move || {
        tag = tag.trim_start();
        let first = tag.chars().next()?;
        if first == '"' || first == '\'' {
            let text = &tag[1..];
            let (text, rest) = text.split_once(first).unwrap_or((text, ""));
            tag = rest;
            return Some(Word::Text(text));
        }
        let is_name = |char: char| char.is_alphanumeric() || "_-./@".contains(char);
        let end = tag.find(|char| !is_name(char)).unwrap_or(tag.len());
        if end == 0 {
            tag = &tag[first.len_utf8()..];
            return Some(Word::Other);
        }
        let (name, rest) = tag.split_at(end);
        tag = rest;
        Some(if rest.starts_with('=') {
            Word::Other
        } else {
            Word::Name(name)
        })
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn uses(text: &str) -> (bool, bool) {
        let uses = mentions(text).uses;
        (uses.csrf_token, uses.flashes)
    }

    #[test]
    fn what_is_between_braces_is_a_use_and_nothing_else_is() {
        for text in [
            "{{csrf_token}}",
            "<input value='{{ csrf_token }}'>",
            "{{{csrf_token}}}",
            "{{~@root.csrf_token~}}",
            "{{#if csrf_token}}x{{/if}}",
            "{{> form token=csrf_token}}",
            "{{#each users}}{{../csrf_token}}{{/each}}",
            "{{#with (lookup . csrf_token)}}{{/with}}",
        ] {
            assert_eq!(uses(text), (true, false), "{text}");
        }
        assert_eq!(uses("{{#each flashes}}{{this.text}}{{/each}}"), (false, true));
        assert_eq!(uses("{{flashes.[0].text}}{{csrf_token}}"), (true, true));
        for text in [
            "the light flashes, csrf_token",
            "{{user.flashes}} {{csrf_tokens}} {{my_csrf_token}}",
            "{{! csrf_token }}{{!-- {{flashes}} --}}",
            "{{> form title=\"flashes\" flashes=other}}",
            "{{> flashes}}",
            "{{",
            "{{flashes",
        ] {
            assert_eq!(uses(text), (false, false), "{text}");
        }
    }

    #[test]
    fn a_use_is_that_of_what_is_included_too() {
        let texts = [
            ("a", "{{> b}}"),
            ("b", "{{#> 'c/d'}}{{/ 'c/d'}}{{> a}}"),
            ("c/d", "{{csrf_token}}"),
            ("dynamic", "{{> (lookup . 'name') }}"),
            ("none", "{{title}}{{> missing}}"),
        ];
        let texts = texts.map(|(name, text)| (name.to_owned(), text.to_owned()));
        let uses = of(&BTreeMap::from(texts));
        let using: Vec<_> = uses
            .iter()
            .filter(|(_, uses)| uses.csrf_token)
            .map(|(name, _)| &**name)
            .collect();
        assert_eq!(using, ["a", "b", "c/d", "dynamic"]);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[{}!~#>'\" (.=/\u{e9}a-]{0,40}") {
            let _ = mentions(&text);
        }
    }
}
