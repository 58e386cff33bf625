//! The limit on a request's body: the outermost of a route.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, HttpBody as _};
use axum::extract::{DefaultBodyLimit, Request};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http_body_util::Limited;
use tower::{Layer, Service};

use crate::reply::Reply;

/// Refuses a body that says it is larger with 413, before any of it is read, and breaks off one that turns out to be.
#[derive(Clone, Copy, Debug)]
pub(super) struct BodyLimit(pub(super) usize);

impl BodyLimit {
    /// The request with its limit, or the refusal.
    #[expect(clippy::result_large_err, reason = "a response is as large as a request")]
    pub(super) fn apply(self, mut request: Request) -> Result<Request, Response> {
        let Self(limit) = self;
        // What the body says of itself: its `content-length`.
        if request.body().size_hint().lower() > limit as u64 {
            return Err(Reply::status(StatusCode::PAYLOAD_TOO_LARGE).into_response());
        }
        if request.body().is_end_stream() {
            return Ok(request);
        }
        // Axum's own limit is for some extractors only.
        DefaultBodyLimit::disable().apply(&mut request);
        Ok(request.map(|body| Body::new(Limited::new(body, limit))))
    }
}

impl<T> Layer<T> for BodyLimit {
    type Service = LimitService<T>;

    fn layer(&self, route: T) -> LimitService<T> {
        LimitService { limit: *self, route }
    }
}

#[derive(Clone, Debug)]
pub(super) struct LimitService<T> {
    limit: BodyLimit,
    route: T,
}

impl<T> Service<Request> for LimitService<T>
where
    T: Service<Request, Error = Infallible, Response: IntoResponse, Future: Send + 'static>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.route.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        match self.limit.apply(request) {
            Ok(request) => {
                let response = self.route.call(request);
                Box::pin(async move { response.await.map(IntoResponse::into_response) })
            }
            Err(too_large) => Box::pin(async { Ok(too_large) }),
        }
    }
}
