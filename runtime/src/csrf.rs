//! Protection from requests that pages of other sites have a visitor's browser send (CSRF).

mod form;

use std::fmt;

use axum::extract::{FromRequestParts, OptionalFromRequestParts, Request};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use http::request::Parts;
use http::{HeaderName, Method, StatusCode, header};
use serde::{Deserialize, Serialize, Serializer};

use self::form::{is_form, token_of};
use crate::error::{Error, Result};
use crate::origin::{is_allowed, is_listed};
use crate::reply::Reply;
use crate::session::{self, Session};

/// The form's field that has the token.
const FIELD: &str = "_csrf";
/// The header that has it, where there is no form.
const HEADER: HeaderName = HeaderName::from_static("x-csrf-token");
const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SECRET_BYTES: usize = 32;
/// A mask, and the secret under it.
const TOKEN_BYTES: usize = 2 * SECRET_BYTES;

/// The section `[csrf]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct CsrfOptions {
    /// Origins besides the server's own whose pages may send requests that change something; `*` is any.
    allowed_origins: Vec<String>,
}

/// A token for a form: an extractor, where the application has sessions.
///
/// Most forms need none. Requests other than GET, HEAD, OPTIONS and TRACE are judged by what browsers say of the page that
/// sends them, in this order:
///
/// 1. An `origin` of `csrf.allowed_origins` passes.
/// 2. By `sec-fetch-site`: `same-origin` and `none` (the visitor's own doing) pass, `cross-site` is refused.
/// 3. An `origin` that is the host which the request names passes.
/// 4. With neither header no browser of these years has sent it. It passes, unless it is a POST as a form sends it that has
///    the session's cookie: that needs a token. Tests and scripts that send such forms can say `sec-fetch-site: same-origin`,
///    as browsers do.
/// 5. Everything else needs a token: what a page of another host below the same domain sends, and what has another `origin`, as
///    behind a proxy that gives the server another `host`, or `null`, as by the policy `no-referrer`.
///
/// What is refused is 403 with its status page, before the security function, and the log says why at the level `info`.
/// [`Group::csrf`](crate::Group::csrf) switches this off for routes that other sites' pages are meant to call.
///
/// A token is good for one session until that ends or is given a new id. It is in the field `_csrf` of a form, or in the header
/// `x-csrf-token`. In a form with files the field comes before these, within its first 64 KiB. It is another text in every response, so that
/// compressing a page does not give it away (BREACH).
///
/// A view has it [by itself](Reply::view): `<input type="hidden" name="_csrf" value="{{csrf_token}}">`. This
/// is for what is no view:
///
/// ```
/// use nova::prelude::*;
///
/// async fn token(csrf: CsrfToken) -> Reply {
///     Reply::json(json!({ "csrf": csrf }))
/// }
/// ```
///
/// It serialises, and is shown, as its text. It has the session saved, even with nothing in it.
#[derive(Clone)]
pub struct CsrfToken {
    session: Session,
    mask: [u8; SECRET_BYTES],
}

/// What the headers say of the page that a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Page {
    /// It is one of ours, or no page.
    Own,
    Foreign,
    /// A token tells.
    Unknown,
}

/// The check, for one application.
#[derive(Debug)]
pub(crate) struct Csrf {
    allowed_origins: Vec<String>,
}

impl Csrf {
    pub(crate) fn new(options: CsrfOptions) -> Self {
        Self {
            allowed_origins: options.allowed_origins,
        }
    }

    /// Whether a request with this method is looked at: one that is to change something (RFC 9110 §9.2.1). CONNECT begins a
    /// WebSocket, which has a check of its own.
    pub(crate) fn concerns(method: &Method) -> bool {
        ![
            Method::GET,
            Method::HEAD,
            Method::OPTIONS,
            Method::TRACE,
            Method::CONNECT,
        ]
        .contains(method)
    }

    /// Gives the request back, or the response that refuses it.
    pub(crate) async fn check(&self, request: Request) -> Result<Request, Response> {
        let session = request.extensions().get::<Session>().cloned();
        let is_claimed = session.as_ref().is_some_and(Session::is_claimed);
        let page = self.page(&request, is_claimed);
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let refuse = |why: &str| {
            tracing::info!("{method} {path}: 403: {why}");
            Reply::status(StatusCode::FORBIDDEN).into_response()
        };
        match page {
            Page::Own => return Ok(request),
            Page::Foreign => return Err(refuse("a page of another site has sent it")),
            Page::Unknown => {}
        }
        let Some(session) = session.filter(|_| is_claimed) else {
            return Err(refuse(
                "its `origin` is another than its `host`, and no session vouches for it",
            ));
        };
        let (token, request) = token_of(request).await?;
        let Some(secret) = token.and_then(|token| unmasked(&token)) else {
            return Err(refuse("it needs a form token, and has none"));
        };
        session.load().await.map_err(IntoResponse::into_response)?;
        match session.is_form_secret(&secret) {
            true => Ok(request),
            false => Err(refuse("its form token is not for this session, or no longer")),
        }
    }

    fn page(&self, request: &Request, is_claimed: bool) -> Page {
        let headers = request.headers();
        let origins = headers.get_all(header::ORIGIN);
        let has_origin = headers.contains_key(header::ORIGIN);
        let is_listed = |origin: &http::HeaderValue| {
            let origin = origin.to_str().ok();
            origin.is_some_and(|origin| is_listed(origin, &self.allowed_origins))
        };
        if has_origin && origins.iter().all(is_listed) {
            return Page::Own;
        }
        let mut sites = headers.get_all(SITE).iter().map(http::HeaderValue::as_bytes);
        match (sites.next(), sites.next()) {
            (None, _) => {}
            (Some(b"same-origin" | b"none"), None) => return Page::Own,
            (Some(b"same-site"), None) => return Page::Unknown,
            _ => return Page::Foreign,
        }
        let uri = request.uri();
        match has_origin {
            true if origins.iter().all(|origin| is_allowed(origin, headers, uri, &[])) => Page::Own,
            true => Page::Unknown,
            false if is_claimed && *request.method() == Method::POST && is_form(headers) => Page::Unknown,
            false => Page::Own,
        }
    }
}

/// The secret in a token.
fn unmasked(token: &str) -> Option<[u8; SECRET_BYTES]> {
    let mut bytes = [0; TOKEN_BYTES];
    let length = BASE64_URL_SAFE_NO_PAD.decode_slice(token, &mut bytes).ok()?;
    if length != TOKEN_BYTES {
        return None;
    }
    let (mask, masked) = bytes.split_first_chunk::<SECRET_BYTES>()?;
    let masked = masked.first_chunk::<SECRET_BYTES>()?;
    Some(xor(mask, masked))
}

fn xor(one: &[u8; SECRET_BYTES], other: &[u8; SECRET_BYTES]) -> [u8; SECRET_BYTES] {
    std::array::from_fn(|at| one[at] ^ other[at])
}

impl CsrfToken {
    /// A token for a session that was loaded, which is then saved.
    pub(crate) fn of(session: Session) -> Result<Self> {
        session.keep()?;
        let mut mask = [0; SECRET_BYTES];
        session::random(&mut mask)?;
        Ok(Self { session, mask })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for CsrfToken {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        Self::of(<Session as FromRequestParts<S>>::from_request_parts(parts, state).await?)
    }
}

/// `None` where the application has no sessions.
impl<S: Send + Sync> OptionalFromRequestParts<S> for CsrfToken {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, Error> {
        let session = <Session as OptionalFromRequestParts<S>>::from_request_parts(parts, state).await?;
        session.map(Self::of).transpose()
    }
}

/// The token, for the id that the session has by now.
impl fmt::Display for CsrfToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secret = self.session.form_secret().unwrap_or_default();
        let token = [self.mask, xor(&self.mask, &secret)].concat();
        f.write_str(&BASE64_URL_SAFE_NO_PAD.encode(token))
    }
}

impl Serialize for CsrfToken {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Debug for CsrfToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CsrfToken").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use proptest::prelude::*;

    use super::form::{field, part};
    use super::*;

    fn page(allowed: &[&str], is_claimed: bool, headers: &[(&str, &str)]) -> Page {
        let mut request = Request::post("/").header(header::HOST, "a.example");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let csrf = Csrf {
            allowed_origins: allowed.iter().map(ToString::to_string).collect(),
        };
        csrf.page(&request.body(Body::empty()).unwrap(), is_claimed)
    }

    #[test]
    fn browsers_say_where_a_request_comes_from() {
        let (own, other) = (("origin", "https://a.example"), ("origin", "https://evil.example"));
        assert_eq!(page(&[], true, &[("sec-fetch-site", "same-origin"), own]), Page::Own);
        assert_eq!(page(&[], true, &[("sec-fetch-site", "none")]), Page::Own);
        assert_eq!(
            page(&[], true, &[("sec-fetch-site", "cross-site"), other]),
            Page::Foreign
        );
        assert_eq!(page(&[], true, &[("sec-fetch-site", "cross-site"), own]), Page::Foreign);
        assert_eq!(
            page(&[], true, &[("sec-fetch-site", "same-site"), other]),
            Page::Unknown
        );
        assert_eq!(page(&[], true, &[("sec-fetch-site", "elsewhere")]), Page::Foreign);
        let twice = [("sec-fetch-site", "none"), ("sec-fetch-site", "cross-site")];
        assert_eq!(page(&[], true, &twice), Page::Foreign);
    }

    #[test]
    fn older_ones_say_the_origin() {
        assert_eq!(page(&[], true, &[("origin", "https://A.example")]), Page::Own);
        for origin in ["null", "https://evil.example", "https://a.example:81", "a.example", ""] {
            assert_eq!(page(&[], false, &[("origin", origin)]), Page::Unknown, "{origin}");
        }
        let twice = [("origin", "https://a.example"), ("origin", "https://evil.example")];
        assert_eq!(page(&[], false, &twice), Page::Unknown);
    }

    #[test]
    fn what_no_browser_sends_passes_unless_it_could_be_a_form_of_a_session() {
        let kind = |kind| [("content-type", kind)];
        assert_eq!(page(&[], false, &[]), Page::Own);
        assert_eq!(page(&[], true, &[]), Page::Unknown);
        for form in [
            "application/x-www-form-urlencoded; charset=utf-8",
            "Multipart/Form-Data; boundary=x",
            "text/plain",
            "nonsense",
        ] {
            assert_eq!(page(&[], true, &kind(form)), Page::Unknown, "{form}");
            assert_eq!(page(&[], false, &kind(form)), Page::Own, "{form}");
        }
        assert_eq!(page(&[], true, &kind("application/json")), Page::Own);
    }

    #[test]
    fn an_allowed_origin_passes_whatever_else_is_said() {
        let headers = [("sec-fetch-site", "cross-site"), ("origin", "https://app.example.com")];
        assert_eq!(page(&["https://app.example.com/"], true, &headers), Page::Own);
        assert_eq!(page(&["https://other.example.com"], true, &headers), Page::Foreign);
        assert_eq!(page(&["*"], true, &[("sec-fetch-site", "cross-site")]), Page::Foreign);
    }

    #[test]
    fn the_part_is_found_in_a_form_with_files() {
        let form = b"--b\r\ncontent-disposition: form-data; name=\"a\"\r\n\r\n1\r\n--b\r\n\
            Content-Disposition: form-data; name=\"_csrf\"\r\nx: y\r\n\r\nx-_y\r\n--b--";
        assert_eq!(part(form).as_deref(), Some("x-_y"));
        for end in 0..form.len() - 4 {
            assert_eq!(part(&form[..end]), None, "{end}");
        }
        assert_eq!(part(b"name=\"_csrf2\"\r\n\r\nx\r\n--"), None);
    }

    #[test]
    fn the_field_is_found_in_a_form() {
        assert_eq!(field(b"a=1&_csrf=x-_y&b=2").as_deref(), Some("x-_y"));
        assert_eq!(field(b"_csrf=").as_deref(), Some(""));
        for form in [&b""[..], b"_csrf", b"a_csrf=x", b"_csrff=x"] {
            assert_eq!(field(form), None);
        }
    }

    proptest! {
        #[test]
        fn a_mask_hides_and_gives_back(mask in any::<[u8; 32]>(), secret in any::<[u8; 32]>()) {
            let token = BASE64_URL_SAFE_NO_PAD.encode([mask, xor(&mask, &secret)].concat());
            prop_assert_eq!(unmasked(&token), Some(secret));
        }

        #[test]
        fn whatever_is_sent_as_a_token_is_no_panic(token in "\\PC{0,120}", form in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = unmasked(&token);
            let _ = (field(&form), part(&form));
        }
    }
}
