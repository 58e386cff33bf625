//! Paths with a slash at their end.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::uri::PathAndQuery;
use http::{StatusCode, Uri, header};

/// Leads a request whose path ends in a slash to the path without it. 308 keeps the method and the body (RFC 9110
/// §15.4.9).
pub(super) async fn redirect(request: Request, next: Next) -> Response {
    match without(request.uri()).as_ref().and_then(Uri::path_and_query) {
        // Behind such a beginning a browser looks for a host.
        Some(target) if !target.as_str().starts_with("//") && !target.as_str().starts_with("/\\") => {
            let location = target.as_str().to_owned();
            (StatusCode::PERMANENT_REDIRECT, [(header::LOCATION, location)]).into_response()
        }
        _ => next.run(request).await,
    }
}

/// The same target without the slash at the end of its path, where it has one. The root is its slash.
pub(super) fn without(uri: &Uri) -> Option<Uri> {
    let path = uri.path();
    let trimmed = path.trim_end_matches('/');
    if trimmed.len() == path.len() || path.len() == 1 {
        return None;
    }
    with_path(uri, if trimmed.is_empty() { "/" } else { trimmed })
}

/// The same target with another path.
pub(super) fn with_path(uri: &Uri, path: &str) -> Option<Uri> {
    let target = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(target).ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trailing_slash_is_cut_and_nothing_else() {
        let cut = |uri: &'static str| without(&Uri::from_static(uri)).map(|uri| uri.to_string());
        assert_eq!(cut("/a/"), Some("/a".to_owned()));
        assert_eq!(cut("/a//?b=/"), Some("/a?b=/".to_owned()));
        assert_eq!(cut("//"), Some("/".to_owned()));
        assert_eq!(cut("/"), None);
        assert_eq!(cut("/a"), None);
        assert_eq!(cut("/a?b/"), None);
        assert_eq!(cut("*"), None);
    }
}
