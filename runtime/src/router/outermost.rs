//! What is around a whole application: paths without their trailing slash, panics of middleware caught, and replies that
//! middleware returns dispatched.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, header};
use tower::Service;

use crate::dispatch::Dispatcher;
use crate::error::Error;
use crate::problem::Problem;
use crate::registry::RequestContext;
use crate::session::Sessions;
use crate::unwind::{caught_now, caught_pinned};

use super::hosts::Hosts;
use super::{encoding, slashes};

#[derive(Clone)]
pub(super) struct Outermost {
    pub(super) dispatcher: Arc<Dispatcher>,
    pub(super) hosts: Arc<Hosts>,
    /// Where the application has them.
    pub(super) sessions: Option<Arc<Sessions>>,
    /// Whether a slash at the end of a path says nothing.
    pub(super) ignores_slashes: bool,
}

impl Service<Request> for Outermost {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        if let Some(uri) = encoding::normal(request.uri()) {
            *request.uri_mut() = uri;
        }
        if self.ignores_slashes
            && let Some(uri) = slashes::without(request.uri())
        {
            *request.uri_mut() = uri;
        }
        self.dispatcher.scope.0.proxies.note(&mut request);
        let session = self.sessions.as_ref().map(|sessions| sessions.begin(request.headers()));
        if let Some(session) = &session {
            request.extensions_mut().insert(session.clone());
        }
        let table = self.hosts.table(&request);
        if session.is_none()
            && let Some(innermost) = table.literals.find(&mut request)
        {
            let begun = innermost.begin(request);
            return Box::pin(innermost.finish(begun));
        }
        let mut router = table.router.clone();
        request.extensions_mut().insert(self.dispatcher.scope.clone());
        let dispatcher = Arc::clone(&self.dispatcher);
        let (method, uri) = (request.method().clone(), request.uri().clone());
        // Of the headers, what a page of the framework's own asks for.
        let accept = request.headers().get(header::ACCEPT).cloned();
        let shown = dispatcher
            .peer(&request)
            .map(|peer| Box::new((peer, request.headers().clone())));
        let is_watched = dispatcher.is_watched(&request);
        let begun = session.clone();
        let context = move || RequestContext {
            method: method.clone(),
            uri: uri.clone(),
            headers: match &shown {
                Some(shown) => shown.1.clone(),
                None => HeaderMap::from_iter(accept.clone().map(|accept| (header::ACCEPT, accept))),
            },
            controller: None,
            session: begun.clone(),
            peer: shown.as_ref().map(|shown| shown.0),
            is_watched,
        };
        let answering = caught_now(|| Box::pin(router.call(request)));
        Box::pin(async move {
            let answered = match answering {
                Ok(mut answering) => caught_pinned(Pin::new(&mut answering)).await,
                Err(panic) => Err(panic),
            };
            // What is seldom is in boxes, so that other requests have no room for it.
            let mut response = match answered {
                Ok(Ok(response)) if Dispatcher::is_done(&response) => response,
                Ok(Ok(response)) => Box::pin(dispatched(&dispatcher, context(), Ok(response))).await,
                Err(panic) => Box::pin(dispatched(&dispatcher, context(), Err(panic.into_error()))).await,
            };
            if let Some(session) = session
                && let Err(error) = Box::pin(session.finish(&mut response)).await
            {
                // What the response says may not be so.
                let failed = error.downcast().map(Problem::into_response);
                response = Box::pin(dispatched(&dispatcher, context(), failed)).await;
            }
            Ok(response)
        })
    }
}

/// The response for what is not one yet.
async fn dispatched(dispatcher: &Dispatcher, context: RequestContext, returned: Result<Response, Error>) -> Response {
    match returned {
        Ok(response) => dispatcher.dispatch(&context, None, response).response().await,
        Err(error) => dispatcher.fail(&context, error).await,
    }
}
