//! The script in the application's HTML pages.
//!
//! It goes into whole documents, and into nothing else: a part of a page that a script of the application fetches stays as
//! it is, and so does what is compressed, a part of a file, or of no known length, which may be a page that never ends.

use std::sync::atomic::{AtomicBool, Ordering};

use axum::body::{Body, Bytes, HttpBody as _, to_bytes};
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, Method, StatusCode, header};

use super::html::escape;
use super::policy::{self, Leave};

/// Longer documents are left alone: they would have to be held in memory.
const MAX_LENGTH: u64 = 1024 * 1024;
/// Where the script is.
pub(super) const SCRIPT: &str = "/__nova/live.js";

/// What a request says of what its response is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// A document, whatever it looks like.
    Document,
    /// It is not said: a document is what looks like one.
    Unknown,
    /// Anything else.
    Other,
}

impl Purpose {
    pub(super) fn of(request: &Request) -> Self {
        if request.method() == Method::HEAD {
            return Self::Other;
        }
        match request.headers().get("sec-fetch-dest").map(http::HeaderValue::as_bytes) {
            Some(b"document" | b"iframe" | b"frame") => Self::Document,
            Some(_) => Self::Other,
            None => Self::Unknown,
        }
    }
}

/// Puts the script into a response, if that is a document that may have it.
pub(super) async fn inject(response: Response, purpose: Purpose, build: &str) -> Response {
    if purpose == Purpose::Other || !is_whole_html(&response) {
        return response;
    }
    let nonce = match policy::ask(response.headers()) {
        Leave::Granted => None,
        Leave::WithNonce(nonce) => Some(nonce),
        Leave::Refused => {
            warn_once();
            return response;
        }
    };
    let (mut parts, body) = response.into_parts();
    // It is no longer than that, and soon there.
    let Ok(html) = to_bytes(body, usize::try_from(MAX_LENGTH).unwrap_or(usize::MAX)).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let end = find_end(&html);
    if end.is_none() && purpose == Purpose::Unknown && !begins_a_document(&html) {
        return Response::from_parts(parts, Body::from(html));
    }
    let (before, after) = html.split_at(end.unwrap_or(html.len()));
    let html = [before, tag(build, nonce.as_deref()).as_bytes(), after].concat();
    // The page is another one with every build: a client that has one is not to be told that it is still good.
    for name in [
        header::CONTENT_LENGTH,
        header::ETAG,
        header::LAST_MODIFIED,
        header::ACCEPT_RANGES,
    ] {
        parts.headers.remove(name);
    }
    Response::from_parts(parts, Body::from(Bytes::from(html)))
}

/// The script's element. A page knows by it which build it is of.
pub(super) fn tag(build: &str, nonce: Option<&str>) -> String {
    let nonce = nonce.map_or_else(String::new, |nonce| format!(" nonce=\"{}\"", escape(nonce)));
    format!(
        "<script src=\"{SCRIPT}\" data-build=\"{}\"{nonce} defer></script>",
        escape(build)
    )
}

fn is_whole_html(response: &Response) -> bool {
    let headers = response.headers();
    let length = response.body().size_hint().exact().or_else(|| {
        let length = headers.get(header::CONTENT_LENGTH)?.to_str().ok()?;
        length.parse().ok()
    });
    let has_status = match response.status() {
        StatusCode::NO_CONTENT | StatusCode::PARTIAL_CONTENT | StatusCode::NOT_MODIFIED => false,
        status => !status.is_informational(),
    };
    has_status
        && length.is_some_and(|length| 0 < length && length <= MAX_LENGTH)
        && is_html(headers)
        && !headers.contains_key(header::CONTENT_RANGE)
        && headers
            .get_all(header::CONTENT_ENCODING)
            .iter()
            .all(|encoding| encoding == "identity")
}

fn is_html(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()) else {
        return false;
    };
    let (kind, parameters) = value.split_once(';').unwrap_or((value, ""));
    // In the others a tag is not the bytes that it is in ASCII.
    let is_ascii = !["utf-16", "utf-32"]
        .iter()
        .any(|wide| parameters.to_ascii_lowercase().contains(wide));
    kind.trim().eq_ignore_ascii_case("text/html") && is_ascii
}

/// Where the document's body ends, or at least the document.
fn find_end(html: &[u8]) -> Option<usize> {
    [b"</body".as_slice(), b"</html"].iter().find_map(|tag| {
        html.windows(tag.len())
            .rposition(|window| window.eq_ignore_ascii_case(tag))
    })
}

fn begins_a_document(html: &[u8]) -> bool {
    let html = html.strip_prefix(b"\xef\xbb\xbf").unwrap_or(html).trim_ascii_start();
    [b"<!doctype html".as_slice(), b"<html"].iter().any(|tag| {
        html.get(..tag.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(tag))
    })
}

fn warn_once() {
    static WARNED: AtomicBool = AtomicBool::new(false);
    if !WARNED.swap(true, Ordering::Relaxed) {
        tracing::warn!(
            "a page has a content security policy that would block {SCRIPT}, and is not reloaded: in `dev` let it have `script-src 'self'` and `connect-src 'self'`"
        );
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    const TAG: &str = "<script src=\"/__nova/live.js\" data-build=\"7\" defer></script>";

    fn html(body: impl Into<Body>, headers: &[(&'static str, &'static str)]) -> Response {
        let mut response = Response::new(body.into());
        response.headers_mut().insert(
            header::CONTENT_TYPE,
            http::HeaderValue::from_static("text/html; charset=utf-8"),
        );
        for (name, value) in headers {
            response
                .headers_mut()
                .insert(*name, http::HeaderValue::from_static(value));
        }
        response
    }

    async fn text(response: Response) -> String {
        let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        String::from_utf8(bytes.into()).unwrap()
    }

    fn injected(response: Response, purpose: Purpose) -> String {
        crate::testing::run(async { text(inject(response, purpose, "7").await).await })
    }

    #[test]
    fn it_goes_to_the_end_of_the_body() {
        let cases = [
            ("<body>a</body></html>", format!("<body>a{TAG}</body></html>")),
            ("<p>a</BODY >", format!("<p>a{TAG}</BODY >")),
            ("a</html>", format!("a{TAG}</html>")),
            ("<!DOCTYPE html><p>a", format!("<!DOCTYPE html><p>a{TAG}")),
            ("<p>part</p>", "<p>part</p>".to_owned()),
        ];
        for (body, expected) in cases {
            assert_eq!(injected(html(body, &[]), Purpose::Unknown), expected);
            assert_eq!(injected(html(body, &[]), Purpose::Other), body);
        }
        assert_eq!(injected(html("<p>a", &[]), Purpose::Document), format!("<p>a{TAG}"));
    }

    #[test]
    fn what_is_no_whole_page_is_left_alone() {
        let page = "<body></body>";
        for headers in [
            [("content-encoding", "gzip")],
            [("content-range", "bytes 0-1/2")],
            [("content-type", "application/xhtml+xml")],
            [("content-type", "text/html; charset=UTF-16")],
            [("content-security-policy", "default-src 'none'")],
        ] {
            assert_eq!(injected(html(page, &headers), Purpose::Document), page, "{headers:?}");
        }
        for status in [204, 206, 304] {
            let mut response = html(page, &[]);
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
            assert_eq!(injected(response, Purpose::Document), page, "{status}");
        }
        let long = "x".repeat(usize::try_from(MAX_LENGTH).unwrap() + 1);
        assert_eq!(injected(html(long.clone(), &[]), Purpose::Document), long);
        // Mapped, a body has no known length.
        let unbounded = Body::new(Body::from("<body></body>").map_frame(|frame| frame));
        assert!(unbounded.size_hint().exact().is_none());
        assert_eq!(injected(html(unbounded, &[]), Purpose::Document), page);
    }

    #[test]
    fn a_page_that_differs_with_every_build_is_not_validated() {
        crate::testing::run(async {
            let headers = [("etag", "\"1\""), ("last-modified", "x"), ("content-length", "13")];
            let response = inject(html("<body></body>", &headers), Purpose::Document, "7").await;
            for (name, _) in headers {
                assert!(!response.headers().contains_key(name), "{name}");
            }
        });
    }

    #[test]
    fn a_nonce_and_a_build_are_escaped() {
        assert_eq!(
            tag("\"<", Some("a\"b")),
            "<script src=\"/__nova/live.js\" data-build=\"&quot;&lt;\" nonce=\"a&quot;b\" defer></script>"
        );
    }
}
