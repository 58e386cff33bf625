//! From what a controller returned to a response: reply → registry → fallback → reply.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, StatusCode, header};
use tower::ServiceExt as _;
use tower::util::BoxCloneSyncService;

use crate::error::Error;
use crate::fallback::{Fallback, Invalid};
use crate::registry::{Handling, Registry, Replying, RequestContext};
use crate::reply::{self, Overrides, Reply, StatusPayload, Undispatched};
use crate::status_page::default_page;
use crate::unwind::caught;

/// Turns replies into responses, for one application.
pub(crate) struct Dispatcher {
    pub(crate) registry: Registry,
    pub(crate) pages: BTreeMap<StatusCode, Page>,
    pub(crate) fallback: Option<Fallback>,
    /// The page for an error, where the person who sees it may: in `dev` only.
    pub(crate) error_page: Option<ErrorPage>,
}

/// Shows an error, and where it arose.
pub(crate) type ErrorPage = fn(&RequestContext, &Error) -> Response;

/// A controller for a status.
pub(crate) struct Page {
    pub(crate) controller: Option<&'static str>,
    pub(crate) service: BoxCloneSyncService<Request, Response, std::convert::Infallible>,
}

/// How many replies may answer one another: a handler's of its own kind would never end.
const MAX_REPLIES: usize = 8;

/// What has been tried for one response, and is not tried again.
#[derive(Default)]
struct Tried {
    fallback: bool,
    page: Option<StatusCode>,
}

impl Dispatcher {
    /// Gives the response for what a controller returned. A response that carries no reply is returned as it is.
    pub(crate) async fn dispatch(
        &self,
        context: &RequestContext,
        fallback: Option<&Fallback>,
        mut response: Response,
    ) -> Response {
        let mut tried = Tried::default();
        for _ in 0..MAX_REPLIES {
            let Some(undispatched) = Undispatched::take_from(&mut response) else {
                return response;
            };
            let next = match undispatched {
                Undispatched::Reply(reply) => self.reply(context, reply, &mut tried).await,
                Undispatched::Error(error) => Err(Invalid::Error(error)),
            };
            let next = match next {
                Ok(next) => next,
                Err(invalid) => self.invalid(context, fallback, invalid, &mut tried).await,
            };
            // What the controller has put around its reply, as `(StatusCode, Reply)` does, stays.
            response = around(response, next);
        }
        tracing::error!(
            "{}: a reply was answered by a reply {MAX_REPLIES} times",
            context.uri.path()
        );
        default_page(StatusCode::INTERNAL_SERVER_ERROR, &context.headers)
    }

    async fn reply(&self, context: &RequestContext, mut reply: Reply, tried: &mut Tried) -> Result<Response, Invalid> {
        if let Some(reason) = reply.overrides_mut().invalid.take() {
            return Err(Invalid::Malformed {
                kind: reply.kind().to_owned(),
                reason,
            });
        }
        if let Some(status) = wants_page(&reply) {
            let mut overrides = reply.into_parts().2;
            // The page may set another.
            overrides.status = None;
            let page = self.page(context, status, tried).await;
            return Ok(overridden(page, overrides));
        }
        if !self.registry.contains(reply.kind()) {
            return Err(Invalid::Unhandled(reply));
        }
        let (kind, payload, overrides) = reply.into_parts();
        let replying = Replying {
            status: overrides.status,
            headers: overrides.headers.clone(),
            payload,
        };
        let response = match self.registry.handle(&kind, replying, context) {
            Some(Ok(Handling::Done(response))) => response,
            Some(Ok(Handling::Pending(response))) => match caught(response).await {
                Ok(response) => response,
                Err(panic) => return Err(Invalid::Error(panic.into_error())),
            },
            Some(Err(mismatch)) => {
                return Err(Invalid::Malformed {
                    kind: kind.into_owned(),
                    reason: format!("its handler takes a `{}`", mismatch.expected),
                });
            }
            None => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        };
        Ok(overridden(response, overrides))
    }

    /// Asks the fallback, or answers with the 500 page and logs the reason.
    async fn invalid(
        &self,
        context: &RequestContext,
        fallback: Option<&Fallback>,
        invalid: Invalid,
        tried: &mut Tried,
    ) -> Response {
        let fallback = fallback.or(self.fallback.as_ref());
        if let Some(fallback) = fallback
            && !tried.fallback
        {
            tried.fallback = true;
            let resolved = caught(fallback.resolve(context.clone(), invalid)).await;
            return resolved.unwrap_or_else(|panic| panic.into_error().into_response());
        }
        let error = match invalid {
            Invalid::Error(error) => error,
            other => Error::new(other.to_string()),
        };
        self.failed(context, &error, tried).await
    }

    /// The 500 page for this error, and a line in the log.
    pub(crate) async fn fail(&self, context: &RequestContext, error: &Error) -> Response {
        let page = self.failed(context, error, &mut Tried::default()).await;
        // The application's own page is a reply.
        Box::pin(self.dispatch(context, None, page)).await
    }

    async fn failed(&self, context: &RequestContext, error: &Error, tried: &mut Tried) -> Response {
        let controller = context.controller.unwrap_or("a closure");
        tracing::error!("{} {}: {controller}: {error:?}", context.method, context.uri.path());
        match self.error_page {
            Some(page) => page(context, error),
            None => self.page(context, StatusCode::INTERNAL_SERVER_ERROR, tried).await,
        }
    }

    /// The page for a status: the application's, or the default.
    async fn page(&self, context: &RequestContext, status: StatusCode, tried: &mut Tried) -> Response {
        let Some(page) = self.pages.get(&status).filter(|_| tried.page.is_none()) else {
            return default_page(status, &context.headers);
        };
        tried.page = Some(status);
        let mut request = Request::new(Body::empty());
        *request.method_mut() = context.method.clone();
        *request.uri_mut() = context.uri.clone();
        *request.headers_mut() = context.headers.clone();
        let context = RequestContext {
            controller: page.controller,
            ..context.clone()
        };
        let mut response = match caught(page.service.clone().oneshot(request)).await {
            Ok(Ok(response)) => response,
            Err(panic) => panic.into_error().into_response(),
        };
        if let Some(undispatched) = Undispatched::take_from(&mut response) {
            let dispatched = match undispatched {
                Undispatched::Reply(reply) => Box::pin(self.reply(&context, reply, tried)).await,
                Undispatched::Error(error) => Err(Invalid::Error(error)),
            };
            response = match dispatched {
                Ok(dispatched) => dispatched,
                Err(invalid) => {
                    tracing::error!("the page for {status} failed: {invalid}");
                    default_page(status, &context.headers)
                }
            };
        }
        if response.status() == StatusCode::OK {
            *response.status_mut() = status;
        }
        response
    }
}

/// A status that the reply leaves to its page: of an error, and without a body.
fn wants_page(reply: &Reply) -> Option<StatusCode> {
    let is_bare = reply.kind() == reply::kind::STATUS.name()
        && reply.payload::<StatusPayload>().is_some()
        && reply.overrides().body.is_none();
    let status = reply.overrides().status.filter(|_| is_bare)?;
    (status.is_client_error() || status.is_server_error()).then_some(status)
}

/// Lays what the caller wants over a response.
fn overridden(mut response: Response, overrides: Overrides) -> Response {
    if let Some(status) = overrides.status {
        *response.status_mut() = status;
    }
    if let Some(body) = overrides.body {
        let (content_type, body) = match body {
            reply::Body::Text(text) => ("text/plain; charset=utf-8", text),
            reply::Body::Json(value) => ("application/json", value.to_string()),
        };
        *response.body_mut() = Body::from(body);
        let headers = response.headers_mut();
        headers.remove(header::CONTENT_LENGTH);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    // Replaces those of the same names.
    response.headers_mut().extend(overrides.headers);
    response
}

/// Lays what was set on the response that carried a reply over the response that the reply has become.
fn around(carrier: Response, mut response: Response) -> Response {
    if carrier.status() != Undispatched::STATUS {
        *response.status_mut() = carrier.status();
    }
    let (parts, _) = carrier.into_parts();
    response.headers_mut().extend(parts.headers);
    response.extensions_mut().extend(parts.extensions);
    response
}
