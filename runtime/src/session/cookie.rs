//! The cookie (RFC 6265): found among those of a request, and written for a response.

use http::{HeaderMap, HeaderValue, header};

use super::id::SIGNED_LENGTH;

/// How many cookies of one name are looked at: a browser sends several where they were set for several paths or domains.
const MAX_CANDIDATES: usize = 4;

/// What could be a signed id, among the cookies of this name. Anything of another length is none.
pub(super) fn candidates(headers: &HeaderMap, name: &str) -> Vec<Box<str>> {
    let lines = headers.get_all(header::COOKIE).into_iter();
    let pairs = lines
        .filter_map(|line| std::str::from_utf8(line.as_bytes()).ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.split_once('='));
    pairs
        .filter(|(known, _)| known.trim() == name)
        .map(|(_, value)| unquoted(value.trim()))
        .filter(|value| value.len() == SIGNED_LENGTH)
        .take(MAX_CANDIDATES)
        .map(Box::from)
        .collect()
}

/// A value may stand in quotes (RFC 6265 §4.1.1).
fn unquoted(value: &str) -> &str {
    let inner = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
    inner.unwrap_or(value)
}

/// Whether this can be a cookie's name: a token (RFC 9110 §5.6.2).
pub(super) fn is_name(name: &str) -> bool {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(is_token)
}

/// The header that sets the cookie for so many seconds; 0 removes it.
pub(super) fn set(name: &str, value: &str, seconds: u64, secure: bool) -> Option<HeaderValue> {
    let secure = if secure { "; Secure" } else { "" };
    let cookie = format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
    let mut cookie = HeaderValue::try_from(cookie).ok()?;
    // `Debug` of the header then does not show it, and HTTP/2 does not keep it in its tables.
    cookie.set_sensitive(true);
    Some(cookie)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(lines: &[&str]) -> Vec<String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::COOKIE, HeaderValue::from_str(line).unwrap());
        }
        let found = candidates(&headers, "session");
        found.iter().map(ToString::to_string).collect()
    }

    fn value(char: char) -> String {
        std::iter::repeat_n(char, SIGNED_LENGTH).collect()
    }

    #[test]
    fn it_is_found_among_others_and_in_several_headers() {
        let (a, b) = (value('a'), value('b'));
        assert_eq!(found(&[&format!("x=1; session={a}; y=2")]), [a.as_str()]);
        assert_eq!(found(&[&format!("session=\"{a}\"")]), [a.as_str()]);
        assert_eq!(
            found(&["x=1", &format!("session={a};session={b}")]),
            [a.as_str(), b.as_str()]
        );
        for other in [
            "",
            "session",
            "session=",
            "session=short",
            &format!("sessions={a}"),
            &format!("Session={a}"),
            &format!("session={a}x"),
            &format!("x=session={a}"),
        ] {
            assert!(found(&[other]).is_empty(), "{other}");
        }
    }

    #[test]
    fn only_some_are_looked_at() {
        let many = format!("session={};", value('a')).repeat(1000);
        assert_eq!(found(&[&many]).len(), MAX_CANDIDATES);
    }

    #[test]
    fn a_name_is_a_token() {
        assert!(is_name("session") && is_name("__Host-session"));
        for name in ["", "a b", "a=b", "a;b", "a\r\n", "ä"] {
            assert!(!is_name(name), "{name}");
        }
    }

    proptest! {
        #[test]
        fn whatever_a_client_sends_is_no_panic(line in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(line) = HeaderValue::from_bytes(&line) {
                let headers = HeaderMap::from_iter([(header::COOKIE, line)]);
                for value in candidates(&headers, "session") {
                    prop_assert_eq!(value.len(), SIGNED_LENGTH);
                }
            }
        }

        #[test]
        fn what_is_set_is_found(value in "[A-Za-z0-9_.-]{68}", before in "[a-z]{1,5}=[!-:<-~]{0,9}") {
            let set = set("session", &value, 60, true).unwrap();
            let pair = set.to_str().unwrap().split(';').next().unwrap().to_owned();
            let line = format!("{before}; {pair}; other=1");
            let headers = HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_str(&line).unwrap())]);
            prop_assert_eq!(candidates(&headers, "session"), vec![Box::from(value.as_str())]);
        }
    }
}
