//! Which host a request is for.

use axum::extract::Request;
use http::uri::Authority;
use http::{HeaderValue, Version, header};

/// Gives a request the header `host` that everything reads which asks for it: where the target has an authority, as it has
/// in HTTP/2 and in the absolute form of HTTP/1, that stands in its place. Says whether the request names one host, as it
/// must (RFC 9112 §3.2, RFC 9113 §8.3.1), and nothing but a host.
pub(super) fn name_host(request: &mut Request) -> bool {
    let version = request.version();
    let mut named = request.headers().get_all(header::HOST).into_iter();
    let (first, is_one) = (named.next(), named.next().is_none());
    if version < Version::HTTP_2 && !(is_one && (first.is_some() || version < Version::HTTP_11)) {
        return false;
    }
    if !first.is_none_or(is_host) {
        return false;
    }
    let Some(authority) = request.uri().authority() else {
        return is_one;
    };
    if !is_only_host(authority) {
        return false;
    }
    let Ok(host) = HeaderValue::from_str(authority.as_str()) else {
        return false;
    };
    if version >= Version::HTTP_2 && first.is_some() {
        let mut named = request.headers().get_all(header::HOST).into_iter();
        return named.all(|named| named.as_bytes().eq_ignore_ascii_case(host.as_bytes()));
    }
    // What HTTP/1 says beside the target is not heard.
    request.headers_mut().insert(header::HOST, host);
    true
}

fn is_host(value: &HeaderValue) -> bool {
    is_plain(value.as_bytes()) || Authority::try_from(value.as_bytes()).is_ok_and(|authority| is_only_host(&authority))
}

/// Whether it is a name or an address of IPv4, perhaps with a port, as nearly all are: that is seen without parsing it.
fn is_plain(host: &[u8]) -> bool {
    let (name, port) = match host.iter().rposition(|byte| *byte == b':') {
        Some(colon) => (&host[..colon], &host[colon + 1..]),
        None => (host, &[][..]),
    };
    let is_of_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    let number = port.iter().try_fold(0_u32, |number, digit| {
        let number = number * 10 + u32::from(digit.checked_sub(b'0').filter(|digit| *digit < 10)?);
        u16::try_from(number).is_ok().then_some(number)
    });
    !name.is_empty() && name.iter().all(is_of_name) && number.is_some()
}

/// Whether it is a host, perhaps with a port: a user's name is nothing that a server is asked by (RFC 9110 §4.2.4).
fn is_only_host(authority: &Authority) -> bool {
    let has_port = |port: &str| port.is_empty() || port.parse::<u16>().is_ok();
    let text = authority.as_str();
    let behind = text
        .strip_prefix(authority.host())
        .map(|behind| behind.strip_prefix(':').unwrap_or(behind));
    !authority.host().is_empty() && !text.contains('@') && behind.is_some_and(has_port)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_host_is_a_name_or_an_address_perhaps_with_a_port() {
        let is = |value: &[u8]| is_host(&HeaderValue::from_bytes(value).unwrap());
        for host in [
            "a",
            "a.example",
            "a.example:80",
            "a_b:",
            "127.0.0.1:1",
            "[::1]",
            "[::1]:65535",
            "xn--a-b",
        ] {
            assert!(is(host.as_bytes()), "{host}");
        }
        let wrong: [&[u8]; 13] = [
            b"",
            b":80",
            b"user@a",
            b"user:pass@a",
            b"a/b",
            b"a?b",
            b"a#b",
            b"a b",
            b"a, b",
            b"a:65536",
            b"a:-1",
            b"a:80:80",
            b"\xff",
        ];
        for host in wrong {
            assert!(!is(host), "{:?}", String::from_utf8_lossy(host));
        }
    }

    proptest! {
        #[test]
        fn what_is_plain_is_a_host_however_it_is_read(value in "[a-zA-Z0-9._:@-]{0,12}") {
            let read = Authority::try_from(value.as_str()).is_ok_and(|authority| is_only_host(&authority));
            prop_assert!(read || !is_plain(value.as_bytes()), "{}", value);
        }

        #[test]
        fn what_is_a_host_has_nothing_in_it_that_ends_one(value in "[ -~\\x80-\\xff]{0,20}") {
            if let Ok(value) = HeaderValue::from_str(&value) && is_host(&value) {
                prop_assert!(!value.as_bytes().iter().any(|byte| b"/?#@\\ \"<>".contains(byte)));
            }
        }
    }
}
