//! Which page a browser sent a request for (RFC 6454 §7): one of this server, or another's.

use http::{HeaderMap, HeaderValue, Uri, header};

/// Whether an origin is the server's own, by the host that the request names, or one of those that are allowed, as
/// `https://app.example.com`; `*` is any.
pub(crate) fn is_allowed(origin: &HeaderValue, headers: &HeaderMap, uri: &Uri, allowed: &[String]) -> bool {
    let Ok(origin) = origin.to_str() else {
        return false;
    };
    if is_listed(origin, allowed) {
        return true;
    }
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .or_else(|| uri.host());
    let origin_host = origin.split_once("://").map(|(_, host)| host);
    matches!((host, origin_host), (Some(host), Some(origin)) if host.eq_ignore_ascii_case(origin))
}

/// Whether an origin is one of those that are allowed.
pub(crate) fn is_listed(origin: &str, allowed: &[String]) -> bool {
    allowed
        .iter()
        .any(|allowed| allowed == "*" || allowed.trim_end_matches('/').eq_ignore_ascii_case(origin))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn is_own(origin: &str, host: &str) -> bool {
        let headers = HeaderMap::from_iter([(header::HOST, HeaderValue::from_str(host).unwrap())]);
        is_allowed(
            &HeaderValue::from_str(origin).unwrap(),
            &headers,
            &Uri::from_static("/"),
            &[],
        )
    }

    proptest! {
        #[test]
        fn the_servers_own_origin_is_its_host_and_nothing_around_it(
            host in "[a-z]{1,8}(\\.[a-z]{1,8}){0,2}(:[1-9][0-9]{0,3})?",
            before in "[ -~]{0,6}",
            behind in "[ -~]{1,6}",
        ) {
            let own = format!("https://{host}");
            prop_assert!(is_own(&own, &host));
            let longer = format!("{own}{behind}");
            prop_assert!(!is_own(&longer, &host), "{}", longer);
            let other = format!("https://{before}.{host}");
            prop_assert!(!is_own(&other, &host), "{}", other);
            prop_assert!(!is_own(&host, &host));
        }
    }
}
