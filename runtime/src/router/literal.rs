//! Paths without parameters, which are found at once: a path that is the same byte by byte is preferred to all patterns.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use axum::Router;
use axum::body::Body;
use axum::extract::{OriginalUri, Request};
use axum::response::Response;
use axum::routing::any;
use http::{Extensions, Method};
use tower::Service as _;

use super::around::Innermost;
use crate::scope::Scope;

/// The routes at such paths that have no middleware around them. What is not among them is the router's: other methods, and
/// HEAD and OPTIONS, which follow from those that are declared.
#[derive(Default)]
pub(super) struct Literals(HashMap<String, Literal>);

struct Literal {
    /// What the router would put into a request, and its extractors look for.
    extensions: Extensions,
    routes: Vec<(Method, Arc<Innermost>)>,
}

impl Literals {
    pub(super) fn add(&mut self, path: &str, methods: &[Method], innermost: &Arc<Innermost>, scope: &Scope) {
        if path.contains(['{', '}']) {
            return;
        }
        let literal = match self.0.entry(path.to_owned()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let Some(mut extensions) = extensions_at(path) else {
                    return;
                };
                extensions.insert(scope.clone());
                let routes = Vec::new();
                new.insert(Literal { extensions, routes })
            }
        };
        let answered = methods.iter().filter(|method| !PARTICULAR.contains(method));
        let routes = answered.map(|method| (method.clone(), Arc::clone(innermost)));
        literal.routes.extend(routes);
    }

    /// The route of a request, which then has all that the router would put into it.
    pub(super) fn find(&self, request: &mut Request) -> Option<Arc<Innermost>> {
        let literal = self.0.get(request.uri().path())?;
        let (_, innermost) = literal.routes.iter().find(|(method, _)| method == request.method())?;
        let own = std::mem::replace(request.extensions_mut(), literal.extensions.clone());
        request.extensions_mut().extend(own);
        Some(Arc::clone(innermost))
    }
}

/// Methods whose responses axum's router changes; for others it says how long the body is, which servers do too.
const PARTICULAR: [Method; 2] = [Method::HEAD, Method::CONNECT];

/// What a router with this path alone puts into a request for it: only axum can make some of that.
fn extensions_at(path: &str) -> Option<Extensions> {
    /// Makes room for what is in a request already. A table is copied with its room.
    #[derive(Clone)]
    struct Room;

    let request = Request::builder().uri(path).body(Body::empty()).ok()?;
    let mut router = Router::new().route(
        path,
        any(async |request: Request| {
            let mut response = Response::new(Body::empty());
            *response.extensions_mut() = request.into_parts().0.extensions;
            response
        }),
    );
    let answering = pin!(router.call(request));
    let Poll::Ready(Ok(mut response)) = answering.poll(&mut Context::from_waker(Waker::noop())) else {
        return None;
    };
    let mut extensions = std::mem::take(response.extensions_mut());
    // That of a request has its query. The extractor looks at that where there is nothing.
    extensions.remove::<OriginalUri>();
    extensions.insert(Room);
    extensions.remove::<Room>();
    Some(extensions)
}

#[cfg(test)]
mod tests {
    use axum::extract::{FromRequestParts as _, MatchedPath, RawPathParams};

    use super::*;

    #[test]
    fn extractors_find_what_the_router_would_have_put_there() {
        crate::testing::run(async {
            let request = Request::builder().uri("/a?b=c");
            let mut request = request.body(Body::empty()).unwrap();
            *request.extensions_mut() = extensions_at("/a").unwrap();
            let (mut parts, _) = request.into_parts();
            let path = MatchedPath::from_request_parts(&mut parts, &()).await.unwrap();
            assert_eq!(path.as_str(), "/a");
            let OriginalUri(uri) = OriginalUri::from_request_parts(&mut parts, &()).await.unwrap();
            assert_eq!(uri, "/a?b=c");
            let parameters = RawPathParams::from_request_parts(&mut parts, &()).await.unwrap();
            assert_eq!(parameters.iter().count(), 0);
        });
    }
}
