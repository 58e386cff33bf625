//! Headers by which browsers protect pages.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::routing::Route;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use tower::Layer;

use super::{Answer, Applied, applied};

/// The rules for what a page may load: all from the server itself, besides styles in the page and images in its text. It may
/// be framed by its own site alone.
const POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; \
                      base-uri 'self'; form-action 'self'; frame-ancestors 'self'";

/// Adds headers by which browsers protect pages, where a response has none of that name: what a controller sets wins.
///
/// | header | value |
/// | --- | --- |
/// | `x-content-type-options` | `nosniff` |
/// | `referrer-policy` | `strict-origin-when-cross-origin` |
/// | `x-frame-options` | `SAMEORIGIN` |
/// | `cross-origin-opener-policy` | `same-origin` |
/// | `content-security-policy` | `default-src 'self'`, with styles in the page, images in `data:`, no plugins, and frames, forms and `<base>` of the same site |
/// | `strict-transport-security` | only where [asked for](Self::hsts) |
///
/// ```
/// use nova::http::{HeaderValue, header};
/// use nova::middleware::SecurityHeaders;
/// # fn routes() -> nova::Routes { nova::Routes::new() }
///
/// let headers = SecurityHeaders::new()
///     .set(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"))
///     .unset(header::CONTENT_SECURITY_POLICY);
/// let app = nova::App::new(routes).layer(headers);
/// # let _ = app;
/// ```
///
/// In `dev`, a policy must let the page's own scripts run (`script-src 'self'`, `connect-src 'self'`), or pages are not loaded
/// again by themselves.
#[derive(Clone, Debug)]
#[must_use = "it is a layer"]
pub struct SecurityHeaders(HeaderMap);

impl SecurityHeaders {
    /// Those of the table.
    pub fn new() -> Self {
        let headers = [
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::REFERRER_POLICY, "strict-origin-when-cross-origin"),
            (header::X_FRAME_OPTIONS, "SAMEORIGIN"),
            (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
            (header::CONTENT_SECURITY_POLICY, POLICY),
        ];
        let headers = headers.map(|(name, value)| (name, HeaderValue::from_static(value)));
        Self(headers.into_iter().collect())
    }

    /// Sets a header, one of the table or another.
    pub fn set(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.insert(name, value);
        self
    }

    /// Leaves a header out.
    pub fn unset(mut self, name: HeaderName) -> Self {
        self.0.remove(name);
        self
    }

    /// Has browsers come back by `https` alone for this long (RFC 6797), subdomains included: a promise that can't be taken
    /// back before. It belongs where TLS is spoken, here or by a proxy; over plain HTTP browsers ignore it.
    pub fn hsts(self, max_age: Duration) -> Self {
        let value = format!("max-age={}; includeSubDomains", max_age.as_secs());
        match HeaderValue::try_from(value) {
            Ok(value) => self.set(header::STRICT_TRANSPORT_SECURITY, value),
            Err(_) => self,
        }
    }
}

impl Default for SecurityHeaders {
    fn default() -> Self {
        Self::new()
    }
}

fn apply(State(SecurityHeaders(add)): State<SecurityHeaders>, request: Request, next: Next) -> Answer {
    Box::pin(async move {
        let mut response = next.run(request).await;
        if !response.status().is_informational() {
            let headers = response.headers_mut();
            for (name, value) in &add {
                if !headers.contains_key(name) {
                    headers.insert(name, value.clone());
                }
            }
        }
        response
    })
}

impl Layer<Route> for SecurityHeaders {
    type Service = Applied<Self>;

    fn layer(&self, route: Route) -> Applied<Self> {
        applied(self, apply, route)
    }
}
