//! What a controller wants of a response beside the reply.

use axum::body::Body;
use axum::response::Response;
use http::{Extensions, HeaderMap, HeaderValue, StatusCode, header};

use crate::reply::{self, Overrides, Refusal, Undispatched};

/// What a controller wants whatever the response is: what it set on its reply, and what it put around that, as
/// `(StatusCode, Reply)` does.
#[derive(Default)]
pub(super) struct Wishes {
    pub(super) status: Option<StatusCode>,
    headers: HeaderMap,
    body: Option<reply::Body>,
    extensions: Extensions,
}

impl Wishes {
    /// What was put around a reply: the response that carried it, without it.
    pub(super) fn around(carrier: Response) -> Self {
        let (mut parts, _) = carrier.into_parts();
        // That of the carrier's own body, where it has passed through a layer that sets it.
        parts.headers.remove(header::CONTENT_LENGTH);
        Self {
            status: (parts.status != Undispatched::STATUS).then_some(parts.status),
            headers: parts.headers,
            body: None,
            extensions: parts.extensions,
        }
    }

    /// Adds what was set on the reply itself: what is around it wins.
    pub(super) fn wrap(&mut self, overrides: Overrides) {
        self.status = self.status.or(overrides.status);
        let around = std::mem::replace(&mut self.headers, overrides.headers);
        lay_over(&mut self.headers, around);
        self.body = self.body.take().or(overrides.body);
    }

    /// A handler has answered with another reply. One that is an error takes nothing from the first.
    pub(super) fn take_over(&mut self, next: &Undispatched, carrier: Response) {
        let fails = match next {
            Undispatched::Error(_) => true,
            Undispatched::Reply(reply) => reply
                .overrides()
                .status
                .is_some_and(|status| status.is_client_error() || status.is_server_error()),
        };
        if fails {
            self.forget();
        }
        let inner = Self::around(carrier);
        self.wrap(Overrides {
            status: inner.status,
            headers: inner.headers,
            body: None,
            invalid: None,
        });
        self.extensions.extend(inner.extensions);
    }

    /// Nothing is wished for any more. A refusal stays one.
    pub(super) fn forget(&mut self) {
        *self = Self {
            extensions: Refusal::alone(&self.extensions),
            ..Self::default()
        };
    }

    /// Lays what is wished for over the response.
    pub(super) fn grant(self, mut response: Response) -> Response {
        if let Some(status) = self.status {
            *response.status_mut() = status;
        }
        if let Some(body) = self.body {
            let (content_type, body) = match body {
                reply::Body::Text(text) => ("text/plain; charset=utf-8", text),
                reply::Body::Json(value) => ("application/json", value.to_string()),
            };
            *response.body_mut() = Body::from(body);
            let headers = response.headers_mut();
            headers.remove(header::CONTENT_LENGTH);
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        lay_over(response.headers_mut(), self.headers);
        response.extensions_mut().extend(self.extensions);
        response
    }
}

/// Lays headers over others: they replace those of the same names, but for those that add up.
pub(super) fn lay_over(headers: &mut HeaderMap, over: HeaderMap) {
    if over.is_empty() {
        return;
    }
    let mut adding = [header::SET_COOKIE, header::VARY].map(|name| {
        let values: Vec<_> = headers.get_all(&name).iter().cloned().collect();
        (name, values)
    });
    headers.extend(over);
    for (name, before) in &mut adding {
        for value in before.drain(..) {
            if !headers.get_all(&*name).iter().any(|known| known == value) {
                headers.append(&*name, value);
            }
        }
    }
}
