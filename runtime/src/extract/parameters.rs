//! Parameters as a query and a form have them: names and values, `application/x-www-form-urlencoded`.

use http::StatusCode;
use serde::de::DeserializeOwned;
use serde::de::value::Error;

use super::message;
use crate::problem::Problem;

/// How long a text may be in which the parameter is looked for, in bytes: to look costs reading it up to 17 times.
const MAX_SEARCHED: usize = 65_536;

/// How long a name may be that is repeated to the client, in bytes.
const MAX_NAME: usize = 200;

/// Reads the parameters as a `T`, or refuses them with this status.
pub(super) fn read<T: DeserializeOwned>(text: &[u8], status: StatusCode, what: &'static str) -> Result<T, Problem> {
    serde_urlencoded::from_bytes(text).map_err(|error| {
        let read = |text: &[u8]| serde_urlencoded::from_bytes::<T>(text).err();
        let (name, said) = fault(text, &error, read);
        Problem::new(status).with_detail(what).parameter(name, said)
    })
}

/// The name of the parameter that something is wrong with, empty where it is none by itself, and what that is. `read`
/// reads other parameters as the same type, and gives what it says.
fn fault(text: &[u8], error: &Error, read: fn(&[u8]) -> Option<Error>) -> (String, String) {
    let said = error.to_string();
    let name = match message::missing(&said) {
        Some(field) => field.to_owned(),
        None if text.len() > MAX_SEARCHED => String::new(),
        None => first(text, error, read).unwrap_or_default(),
    };
    (shortened(name), message::for_client(&said))
}

/// The first parameter that brings this about: they are read in order, so the beginnings of the text that hold it are
/// refused in the same words, and those that don't are not.
fn first(text: &[u8], error: &Error, read: fn(&[u8]) -> Option<Error>) -> Option<String> {
    let is_refused = |end: usize| read(&text[..end]).as_ref() == Some(error);
    if is_refused(0) {
        return None;
    }
    let ends: Vec<usize> = text
        .iter()
        .enumerate()
        .filter_map(|(at, byte)| (*byte == b'&').then_some(at))
        .chain([text.len()])
        .collect();
    let end = *ends.get(ends.partition_point(|&end| !is_refused(end)))?;
    let parameter = text[..end].rsplit(|&byte| byte == b'&').next()?;
    let pairs: Vec<(String, String)> = serde_urlencoded::from_bytes(parameter).ok()?;
    pairs.into_iter().next().map(|(name, _)| name)
}

fn shortened(mut name: String) -> String {
    if name.len() > MAX_NAME {
        name.truncate(name.floor_char_boundary(MAX_NAME));
        name.push('…');
    }
    name
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "they are read into")]
    struct Search {
        q: String,
        page: Option<u32>,
        #[serde(default)]
        all: bool,
        #[serde(default, rename = "order by")]
        order: Order,
        #[serde(default)]
        tags: Vec<String>,
    }

    #[derive(Debug, Default, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Order {
        #[default]
        Name,
        Age,
    }

    fn wrong<T: DeserializeOwned>(text: &str) -> String {
        let problem = read::<T>(text.as_bytes(), StatusCode::BAD_REQUEST, "").err().unwrap();
        let (place, detail) = problem.errors().next().unwrap();
        format!("{place}: {detail}")
    }

    #[test]
    fn it_names_the_parameter() {
        let cases = [
            ("", "q: missing field `q`"),
            ("q=a&page=x", "page: expected an integer"),
            ("page=x&q=a&all=x", "page: expected an integer"),
            ("page=&q=a", "page: expected an integer"),
            ("page=99999999999", "page: the number is too large"),
            ("q=&all=1", "all: expected `true` or `false`"),
            (
                "&&q=&&order+by=size&&",
                "order by: unknown variant `size`, expected `name` or `age`",
            ),
            ("q=a&q=b", "q: duplicate field `q`"),
            ("q=a&tags=x", "tags: invalid type: string, expected an array"),
            (
                "%2Fq%60=a",
                "/q`: unknown field `/q``, expected one of `q`, `page`, `all`, `order by`, `tags`",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(wrong::<Search>(text), expected, "{text}");
        }
        assert_eq!(
            wrong::<HashMap<String, u8>>("a=1&b=2&c=x&d=y"),
            "c: expected an integer"
        );
        assert_eq!(wrong::<u8>("a=1"), ": invalid type: object, expected u8");
        let long = format!("a=1{}&b=x", "&a=1".repeat(MAX_SEARCHED));
        assert_eq!(wrong::<HashMap<String, u8>>(&long), ": expected an integer");
    }

    #[test]
    fn what_it_can_and_cannot_read() {
        let search: Search = read(b"q=a+b%21&page=7&all=true", StatusCode::BAD_REQUEST, "").unwrap();
        assert_eq!((search.q.as_str(), search.page, search.all), ("a b!", Some(7), true));
        let pairs: Vec<(String, u8)> = read(b"a=1&a=2", StatusCode::BAD_REQUEST, "").unwrap();
        assert_eq!(pairs, [("a".to_owned(), 1), ("a".to_owned(), 2)]);
    }

    proptest! {
        #[test]
        fn the_parameter_that_is_wrong_is_found_among_many(before in 0..60_usize, after in 0..60_usize) {
            let before = (0..before).map(|number| format!("a{number}=1"));
            let after = (0..after).map(|number| format!("b{number}=x"));
            let text: Vec<_> = before.chain(["bad=x".to_owned()]).chain(after).collect();
            let text = text.join("&");
            prop_assert_eq!(wrong::<HashMap<String, u8>>(&text), "bad: expected an integer");
        }

        #[test]
        fn no_text_makes_it_panic(text in prop::collection::vec(prop::sample::select(b"q=&%+a2page\xff".to_vec()), 0..30)) {
            let _ = read::<Search>(&text, StatusCode::BAD_REQUEST, "");
        }
    }
}
