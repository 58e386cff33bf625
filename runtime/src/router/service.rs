//! An application as tower sees it.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::extract::Request;
use axum::response::Response;
use tower::Service;

/// What is served. It is always ready, and to clone it is to count one more.
#[derive(Clone)]
pub(crate) struct AppService(Arc<dyn Answer>);

/// A response to come.
type Answering = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

trait Answer: Send + Sync {
    fn answer(&self, request: Request) -> Answering;
}

impl<T> Answer for T
where
    T: Service<Request, Response = Response, Error = Infallible, Future = Answering> + Clone + Send + Sync,
{
    fn answer(&self, request: Request) -> Answering {
        self.clone().call(request)
    }
}

impl AppService {
    /// A service that is always ready.
    pub(crate) fn new<T>(service: T) -> Self
    where
        T: Service<Request, Response = Response, Error = Infallible, Future = Answering>
            + Clone
            + Send
            + Sync
            + 'static,
    {
        Self(Arc::new(service))
    }
}

impl Service<Request> for AppService {
    type Response = Response;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Answering {
        self.0.answer(request)
    }
}
