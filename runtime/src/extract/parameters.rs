//! Parameters as a query and a form have them: names and values, `application/x-www-form-urlencoded`.

use http::StatusCode;
use serde::de::DeserializeOwned;

use super::values::{self, Value};
use crate::problem::Problem;

/// How many there may be. Each takes some hundred bytes while they are read, and can be sent in two.
const MAX: usize = 10_000;

/// Reads the parameters as a `T`, or refuses them with this status.
pub(super) fn read<T: DeserializeOwned>(text: &[u8], status: StatusCode, what: &'static str) -> Result<T, Problem> {
    let pairs = form_urlencoded::parse(text).map(|(name, value)| (name, Value::Text(value)));
    let pairs: Vec<_> = pairs.take(MAX + 1).collect();
    if pairs.len() > MAX {
        let detail = format!("there are more than {MAX} fields");
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE).with_detail(detail));
    }
    values::read(pairs).map_err(|fault| fault.problem(status, what))
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeSet, HashMap};

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
        #[serde(default)]
        ages: Option<BTreeSet<u8>>,
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
            ("q=a&ages=1&ages=x", "ages: expected an integer"),
            ("q=a&page=1&page=2", "page: duplicate field `page`"),
            (
                "%2Fq%60=a",
                "/q`: unknown field `/q``, expected one of `q`, `page`, `all`, `order by`, `tags`, `ages`",
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
        let long = format!("a=1{}&{}=x", "&a=1".repeat(9_000), "b".repeat(1000));
        assert_eq!(
            wrong::<Vec<(String, u8)>>(&long),
            format!("{}…: expected an integer", "b".repeat(200))
        );
    }

    #[test]
    fn what_it_can_and_cannot_read() {
        let search: Search = read(b"q=a+b%21&page=7&all=true", StatusCode::BAD_REQUEST, "").unwrap();
        assert_eq!((search.q.as_str(), search.page, search.all), ("a b!", Some(7), true));
        let pairs: Vec<(String, u8)> = read(b"a=1&a=2", StatusCode::BAD_REQUEST, "").unwrap();
        assert_eq!(pairs, [("a".to_owned(), 1), ("a".to_owned(), 2)]);
    }

    #[test]
    fn a_list_is_of_all_the_values_of_a_name() {
        let read = |text: &str| read::<Search>(text.as_bytes(), StatusCode::BAD_REQUEST, "").unwrap();
        assert_eq!(read("q=").tags, [""; 0]);
        assert_eq!(read("tags=a&q=").tags, ["a"]);
        assert_eq!(read("tags=b&q=&tags=a&tags=").tags, ["b", "a", ""]);
        assert_eq!(read("q=&ages=2&ages=1&ages=2").ages, Some(BTreeSet::from([1, 2])));
        let all: HashMap<String, Vec<String>> = super::read(b"a=1&b=2&a=3", StatusCode::BAD_REQUEST, "").unwrap();
        assert_eq!(all["a"], ["1", "3"]);
        assert_eq!(all["b"], ["2"]);
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
