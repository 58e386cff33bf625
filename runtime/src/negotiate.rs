//! Which form of an answer a client prefers, by its `Accept` header (RFC 9110 §12.5.1), and in which coding, by its
//! `Accept-Encoding` (§12.5.3).

use http::{HeaderMap, header};

/// The forms in which the framework's own pages exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Html,
    Json,
    Text,
}

/// In this order where a client likes several the same: a client that takes anything is no browser.
const FORMS: [(Form, &str, &str); 4] = [
    (Form::Text, "text", "plain"),
    (Form::Json, "application", "json"),
    (Form::Json, "application", "problem+json"),
    (Form::Html, "text", "html"),
];

/// The form that `Accept` prefers; plain text where it says nothing or likes none of them.
pub(crate) fn form(headers: &HeaderMap) -> Form {
    preferred(headers, Form::Text)
}

/// The form that `Accept` prefers, and `favourite` where it leaves the choice.
pub(crate) fn preferred(headers: &HeaderMap, favourite: Form) -> Form {
    let mut best = (0, 0, favourite);
    let (first, others): (Vec<_>, Vec<_>) = FORMS.into_iter().partition(|(form, ..)| *form == favourite);
    for (form, kind, subtype) in first.into_iter().chain(others) {
        let mut quality = (0, 0);
        for range in headers
            .get_all(header::ACCEPT)
            .iter()
            .filter_map(|value| value.to_str().ok())
        {
            for range in range.split(',') {
                // The most specific range that matches decides the quality of a form.
                if let Some(found) = range_quality(range, kind, subtype)
                    && found.0 >= quality.0
                {
                    quality = found;
                }
            }
        }
        let (specificity, quality) = quality;
        if quality > 0 && (quality, specificity) > (best.0, best.1) {
            best = (quality, specificity, form);
        }
    }
    best.2
}

/// How specifically a media range names a type (1 to 3), with its weight in thousandths. `None` where it does not match.
fn range_quality(range: &str, kind: &str, subtype: &str) -> Option<(u8, u16)> {
    let mut parts = range.split(';').map(str::trim);
    let (range_kind, range_subtype) = parts.next()?.split_once('/')?;
    let specificity = match (range_kind, range_subtype) {
        ("*", "*") => 1,
        (range_kind, "*") if range_kind.eq_ignore_ascii_case(kind) => 2,
        (range_kind, range_subtype)
            if range_kind.eq_ignore_ascii_case(kind) && range_subtype.eq_ignore_ascii_case(subtype) =>
        {
            3
        }
        _ => return None,
    };
    Some((specificity, weight(parts)?))
}

/// The weight among the parameters of something that is accepted, in thousandths: all of them where it has none.
fn weight<'a>(mut parameters: impl Iterator<Item = &'a str>) -> Option<u16> {
    let weight = parameters
        .find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")))
        .map_or(Some(1.0), |weight| weight.trim().parse::<f32>().ok())?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to 0..=1000"
    )]
    let weight = (weight.clamp(0.0, 1.0) * 1000.0) as u16;
    Some(weight)
}

/// How a file can be compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    Brotli,
    Zstd,
    Gzip,
}

impl Coding {
    /// In this order where a client likes several the same: the smallest first, as a rule.
    pub(crate) const ALL: [Self; 3] = [Self::Brotli, Self::Zstd, Self::Gzip];

    /// The name in headers.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Zstd => "zstd",
            Self::Gzip => "gzip",
        }
    }

    /// What is added to the name of a file.
    pub(crate) fn extension(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Zstd => "zst",
            Self::Gzip => "gz",
        }
    }
}

/// The codings that a client takes, the one it likes best first. None that it likes less than no coding.
pub(crate) fn codings(headers: &HeaderMap) -> Vec<Coding> {
    let lines = headers.get_all(header::ACCEPT_ENCODING).iter();
    let accepted: Vec<_> = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .filter_map(|part| {
            let mut parts = part.split(';').map(str::trim);
            let name = parts.next().unwrap_or_default();
            let name = if name.eq_ignore_ascii_case("x-gzip") {
                "gzip"
            } else {
                name
            };
            Some((name, weight(parts)?))
        })
        .collect();
    let named = |name: &str| {
        let found = accepted.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, weight)| *weight)
    };
    let quality = |coding: Coding| named(coding.name()).or_else(|| named("*")).unwrap_or(0);
    let least = named("identity").unwrap_or(0).max(1);
    let mut codings: Vec<_> = Coding::ALL
        .into_iter()
        .filter(|coding| quality(*coding) >= least)
        .collect();
    codings.sort_by_key(|coding| std::cmp::Reverse(quality(*coding)));
    codings
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn whatever_a_client_accepts_is_no_panic(accept in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(accept) = HeaderValue::from_bytes(&accept) {
                form(&HeaderMap::from_iter([(header::ACCEPT, accept)]));
            }
        }

        #[test]
        fn the_highest_weight_wins_in_whatever_order(
            weights in proptest::sample::subsequence((1..1000_u16).collect::<Vec<_>>(), 3),
            order in Just([0, 1, 2]).prop_shuffle(),
            space in " {0,2}",
        ) {
            let types = [("text/plain", Form::Text), ("application/json", Form::Json), ("text/html", Form::Html)];
            let range = |nth: usize| format!("{}{space};{space}q=0.{:03}", types[nth].0, weights[nth]);
            let accept = order.map(range).join(&format!("{space},{space}"));
            let best = (0..3).max_by_key(|nth| weights[*nth]).unwrap_or_default();
            prop_assert_eq!(preferred(&accept), types[best].1, "{}", accept);
        }
    }

    fn accepting(accept: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::ACCEPT, accept.parse().unwrap())])
    }

    fn preferred(accept: &str) -> Form {
        form(&accepting(accept))
    }

    #[test]
    fn codings_come_in_the_order_of_their_weights() {
        use Coding::{Brotli, Gzip, Zstd};
        let codings = |accept: &str| {
            codings(&HeaderMap::from_iter([(
                header::ACCEPT_ENCODING,
                accept.parse().unwrap(),
            )]))
        };
        assert_eq!(codings("gzip, deflate, br, zstd"), [Brotli, Zstd, Gzip]);
        assert_eq!(codings("br;q=0.5, GZIP;Q=0.8"), [Gzip, Brotli]);
        assert_eq!(codings("*"), [Brotli, Zstd, Gzip]);
        assert_eq!(codings("*;q=0.1, br;q=0, x-gzip"), [Gzip, Zstd]);
        assert_eq!(codings("gzip;q=0.5, br, identity;q=0.8"), [Brotli]);
        assert_eq!(codings("identity;q=0, gzip;q=0.001"), [Gzip]);
        for none in ["", "identity", "deflate", "gzip;q=0", "*;q=0", "br;q=x", ";;=,"] {
            assert_eq!(codings(none), [], "{none}");
        }
        assert_eq!(super::codings(&HeaderMap::new()), []);
    }

    #[test]
    fn the_favourite_is_for_those_who_leave_the_choice() {
        let json = |accept| super::preferred(&accepting(accept), Form::Json);
        assert_eq!(json("*/*"), Form::Json);
        assert_eq!(json("image/png"), Form::Json);
        assert_eq!(json("text/plain"), Form::Text);
        assert_eq!(json("text/html, */*;q=0.8"), Form::Html);
        assert_eq!(super::preferred(&HeaderMap::new(), Form::Json), Form::Json);
    }

    #[test]
    fn browsers_get_html_clients_json_and_others_text() {
        let chromium = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8";
        assert_eq!(preferred(chromium), Form::Html);
        assert_eq!(preferred("application/json"), Form::Json);
        assert_eq!(preferred("application/json, text/html;q=0.5"), Form::Json);
        assert_eq!(preferred("text/html;q=0.1, application/problem+json"), Form::Json);
        assert_eq!(preferred("*/*"), Form::Text);
        assert_eq!(preferred("text/*"), Form::Text);
        assert_eq!(preferred("image/png"), Form::Text);
        assert_eq!(preferred("text/html;q=0, */*"), Form::Text);
        assert_eq!(preferred("nonsense;;q=,"), Form::Text);
        assert_eq!(form(&HeaderMap::new()), Form::Text);
    }
}
