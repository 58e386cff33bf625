//! What is around a whole application: paths without their trailing slash, panics of middleware caught, and replies that
//! middleware returns dispatched.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use http::uri::PathAndQuery;
use http::{HeaderMap, Uri, header};
use tower::{Service, ServiceExt as _};

use crate::dispatch::Dispatcher;
use crate::registry::RequestContext;
use crate::session::Sessions;
use crate::unwind::caught;

use super::hosts::Hosts;

#[derive(Clone)]
pub(super) struct Outermost {
    pub(super) dispatcher: Arc<Dispatcher>,
    pub(super) hosts: Arc<Hosts>,
    /// Where the application has them.
    pub(super) sessions: Option<Arc<Sessions>>,
}

impl Service<Request> for Outermost {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        if let Some(uri) = without_trailing_slash(request.uri()) {
            *request.uri_mut() = uri;
        }
        request.extensions_mut().insert(self.dispatcher.scope.clone());
        let session = self.sessions.as_ref().map(|sessions| sessions.begin(request.headers()));
        if let Some(session) = &session {
            request.extensions_mut().insert(session.clone());
        }
        let router: Router = self.hosts.router(&request).clone();
        let dispatcher = Arc::clone(&self.dispatcher);
        let (method, uri) = (request.method().clone(), request.uri().clone());
        // Of the headers, what a page of the framework's own asks for.
        let accept = request.headers().get(header::ACCEPT).cloned();
        let peer = dispatcher.peer(&request);
        let all = peer.map(|_| request.headers().clone());
        let begun = session.clone();
        let context = move || RequestContext {
            method: method.clone(),
            uri: uri.clone(),
            headers: match &all {
                Some(all) => all.clone(),
                None => HeaderMap::from_iter(accept.clone().map(|accept| (header::ACCEPT, accept))),
            },
            controller: None,
            session: begun.clone(),
            peer,
        };
        Box::pin(async move {
            let mut response = match caught(router.oneshot(request)).await {
                Ok(Ok(response)) if Dispatcher::is_done(&response) => response,
                Ok(Ok(response)) => dispatcher.dispatch(&context(), None, response).await,
                Err(panic) => dispatcher.fail(&context(), panic.into_error()).await,
            };
            if let Some(session) = session
                && let Err(error) = session.finish(&mut response).await
            {
                // What the response says may not be so.
                response = dispatcher.fail(&context(), error).await;
            }
            Ok(response)
        })
    }
}

/// The same target without the slash at the end of its path, where it has one. The root is its slash.
fn without_trailing_slash(uri: &Uri) -> Option<Uri> {
    let path = uri.path();
    let trimmed = path.trim_end_matches('/');
    if trimmed.len() == path.len() || path.len() == 1 {
        return None;
    }
    let trimmed = if trimmed.is_empty() { "/" } else { trimmed };
    let target = match uri.query() {
        Some(query) => format!("{trimmed}?{query}"),
        None => trimmed.to_owned(),
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(target).ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trailing_slash_is_cut_and_nothing_else() {
        let cut = |uri: &'static str| without_trailing_slash(&Uri::from_static(uri)).map(|uri| uri.to_string());
        assert_eq!(cut("/a/"), Some("/a".to_owned()));
        assert_eq!(cut("/a//?b=/"), Some("/a?b=/".to_owned()));
        assert_eq!(cut("//"), Some("/".to_owned()));
        assert_eq!(cut("/"), None);
        assert_eq!(cut("/a"), None);
        assert_eq!(cut("/a?b/"), None);
        assert_eq!(cut("*"), None);
    }
}
