//! Names for requests.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{FromRequestParts, OptionalFromRequestParts, Request, State};
use axum::middleware::Next;
use axum::routing::Route;
use http::request::Parts;
use http::{HeaderName, HeaderValue};
use tower::Layer;
use tracing::Instrument as _;

use super::{Answer, Applied, applied};
use crate::error::Error;
use crate::lot;

/// The longest id that is taken over from a request.
const MAX_LENGTH: usize = 128;

/// Names each request: in the request's own header `x-request-id`, in that of the response, in every line of the log that
/// comes of it (`request{id=…}`), and for controllers as [`RequestId`].
///
/// The id is that which the request brings, as a proxy sets it, where that is of 1 to 128 letters, digits and `-._~:/+=@`; and
/// a new one of 32 hexadecimal digits otherwise.
///
/// ```
/// use nova::middleware::{RequestId, RequestIds};
/// use nova::prelude::*;
///
/// async fn index(id: RequestId) -> String {
///     id.to_string()
/// }
///
/// # fn routes() -> Routes {
/// Routes::new().group(Group::new("/").layer(RequestIds::new()).get("/", index))
/// # }
/// # nova::testing::run(async {
/// let response = nova::testing::app(routes).get("/").await;
/// assert_eq!(response.header("x-request-id"), Some(response.text()));
/// # });
/// ```
#[derive(Clone, Debug)]
#[must_use = "it is a layer"]
pub struct RequestIds {
    header: HeaderName,
    takes_over: bool,
}

/// The id of the request: an extractor, behind [`RequestIds`]. As an `Option` it is `None` without them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RequestId(Arc<str>);

impl RequestIds {
    /// Ids in the header `x-request-id`.
    pub fn new() -> Self {
        Self {
            header: HeaderName::from_static("x-request-id"),
            takes_over: true,
        }
    }

    /// Uses another header.
    pub fn header(mut self, name: HeaderName) -> Self {
        self.header = name;
        self
    }

    /// Takes over no ids: for a server that strangers reach without a proxy, where they are to choose no word in the log.
    pub fn all_new(mut self) -> Self {
        self.takes_over = false;
        self
    }
}

impl Default for RequestIds {
    fn default() -> Self {
        Self::new()
    }
}

impl RequestId {
    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn new() -> Self {
        Self(format!("{:016x}{:016x}", lot::draw(), lot::draw()).into())
    }

    /// That of a header, where it is fit to be one.
    fn taken_over(value: &HeaderValue) -> Option<Self> {
        let text = value.to_str().ok()?;
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/+=@".contains(&byte);
        let is_fit = (1..=MAX_LENGTH).contains(&text.len()) && text.bytes().all(is_plain);
        is_fit.then(|| Self(text.into()))
    }
}

fn apply(State(ids): State<RequestIds>, mut request: Request, next: Next) -> Answer {
    let brought = request.headers().get(&ids.header).filter(|_| ids.takes_over);
    let id = brought.and_then(RequestId::taken_over).unwrap_or_else(RequestId::new);
    // At the highest level, so that it is there wherever a line of the log is.
    let span = tracing::error_span!("request", id = id.as_str());
    let value = HeaderValue::from_str(id.as_str());
    if let Ok(value) = &value {
        request.headers_mut().insert(ids.header.clone(), value.clone());
    }
    request.extensions_mut().insert(id);
    Box::pin(async move {
        let mut response = next.run(request).instrument(span).await;
        if let Ok(value) = value {
            response.headers_mut().insert(ids.header, value);
        }
        response
    })
}

impl Layer<Route> for RequestIds {
    type Service = Applied<Self>;

    fn layer(&self, route: Route) -> Applied<Self> {
        applied(self, apply, route)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for RequestId {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Error> {
        let id = parts.extensions.get::<Self>().cloned();
        id.ok_or_else(|| Error::new("requests have ids only behind the middleware `RequestIds`"))
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for RequestId {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Option<Self>, Infallible> {
        Ok(parts.extensions.get::<Self>().cloned())
    }
}

impl std::fmt::Display for RequestId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_short_and_plain() {
        let taken = |text: &str| RequestId::taken_over(&HeaderValue::from_bytes(text.as_bytes()).unwrap());
        for fit in ["a", "7b3f-22", "arn:aws/x_1.~=+@", &"x".repeat(128)] {
            assert_eq!(taken(fit).unwrap().as_str(), fit);
        }
        for unfit in [
            "",
            " ",
            "a b",
            "a\tb",
            "a\"b",
            "a{b}",
            "é",
            "a,b",
            "<b>",
            &"x".repeat(129),
        ] {
            assert_eq!(taken(unfit), None, "{unfit}");
        }
        let made = RequestId::new();
        assert!(made.as_str().len() == 32 && made != RequestId::new());
    }
}
