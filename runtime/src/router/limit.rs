//! The limit on a request's body, and what is said of one that comes too slowly: the outermost layer of a route.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, HttpBody as _};
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http_body_util::Limited;
use tower::{Layer, Service};

use crate::reply::Reply;
use crate::transport::Arrival;

/// Refuses a body that says it is larger with 413, before any of it is read, and breaks off one that turns out to be.
#[derive(Clone, Copy, Debug)]
pub(super) struct BodyLimit(pub(super) usize);

impl<T> Layer<T> for BodyLimit {
    type Service = LimitService<T>;

    fn layer(&self, route: T) -> LimitService<T> {
        LimitService { limit: self.0, route }
    }
}

#[derive(Clone, Debug)]
pub(super) struct LimitService<T> {
    limit: usize,
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
        let limit = self.limit;
        // What the body says of itself: its `content-length`.
        if request.body().size_hint().lower() > limit as u64 {
            return Box::pin(async { Ok(Reply::status(StatusCode::PAYLOAD_TOO_LARGE).into_response()) });
        }
        let request = match request.body().is_end_stream() {
            true => request,
            false => request.map(|body| Body::new(Limited::new(body, limit))),
        };
        let arrival = request.extensions().get::<Arc<Arrival>>().cloned();
        let response = self.route.call(request);
        Box::pin(async move {
            let response = response.await?;
            // Whatever was made of the half of it: the client is told what it was.
            if arrival.is_some_and(|arrival| arrival.is_late()) {
                return Ok(Reply::status(StatusCode::REQUEST_TIMEOUT).into_response());
            }
            Ok(response.into_response())
        })
    }
}
