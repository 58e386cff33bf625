//! The limit on a request's body, and what is said of one that comes too slowly: the outermost of a route.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, HttpBody as _};
use axum::extract::{DefaultBodyLimit, Request};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http_body_util::Limited;
use tower::{Layer, Service};

use crate::reply::Reply;
use crate::transport::Arrival;

/// Refuses a body that says it is larger with 413, before any of it is read, and breaks off one that turns out to be.
#[derive(Clone, Copy, Debug)]
pub(super) struct BodyLimit(pub(super) usize);

impl BodyLimit {
    /// The request with its limit and with what tells of its body's arrival, or the refusal.
    #[expect(clippy::result_large_err, reason = "a response is as large as a request")]
    pub(super) fn apply(self, mut request: Request) -> Result<(Request, Arriving), Response> {
        let Self(limit) = self;
        // What the body says of itself: its `content-length`.
        if request.body().size_hint().lower() > limit as u64 {
            return Err(Reply::status(StatusCode::PAYLOAD_TOO_LARGE).into_response());
        }
        if request.body().is_end_stream() {
            return Ok((request, Arriving::default()));
        }
        let arrival = request.extensions().get::<Arc<Arrival>>().cloned();
        // Axum's own limit is for some extractors only.
        DefaultBodyLimit::disable().apply(&mut request);
        let request = request.map(|body| Body::new(Limited::new(body, limit)));
        Ok((request, Arriving(arrival)))
    }
}

/// A body on its way.
#[derive(Default)]
pub(super) struct Arriving(Option<Arc<Arrival>>);

impl Arriving {
    /// What the client is told in place of whatever was made of the half of a body that came too slowly.
    pub(super) fn too_late(&self) -> Option<Response> {
        let is_late = self.0.as_ref().is_some_and(|arrival| arrival.is_late());
        is_late.then(|| Reply::status(StatusCode::REQUEST_TIMEOUT).into_response())
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
            Ok((request, arriving)) => {
                let response = self.route.call(request);
                Box::pin(async move {
                    let response = response.await?;
                    Ok(arriving.too_late().unwrap_or_else(|| response.into_response()))
                })
            }
            Err(too_large) => Box::pin(async { Ok(too_large) }),
        }
    }
}
