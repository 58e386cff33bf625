//! Which host a request is for.

use axum::extract::Request;
use http::{HeaderValue, Version, header};

/// Gives a request the header `host` that everything reads which asks for it: where the target has an authority, as it has
/// in HTTP/2 and in the absolute form of HTTP/1, that stands in its place. Says whether the request names one host, as it
/// must (RFC 9112 §3.2, RFC 9113 §8.3.1).
pub(super) fn name_host(request: &mut Request) -> bool {
    let version = request.version();
    let mut named = request.headers().get_all(header::HOST).into_iter();
    let (first, is_one) = (named.next(), named.next().is_none());
    if version < Version::HTTP_2 && !(is_one && (first.is_some() || version < Version::HTTP_11)) {
        return false;
    }
    let Some(authority) = request.uri().authority() else {
        return is_one;
    };
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
