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
