//! A WebSocket route with the types of its handler forgotten: how a request is answered, and how a connection that comes
//! from another process goes on.

use std::pin::Pin;
use std::sync::Arc;

use axum::response::Response;
use http::request::Parts;

use super::connection::resume;
use super::handoff::type_name;
use super::handshake::{Settings, upgrade};
use super::snapshot::Snapshot;
use super::{Init, IntoAccept, Route, WebSocketHandler};
use crate::transport::Successor;

/// What a route leads to.
pub(crate) struct Endpoint<S> {
    pub(crate) answer: Arc<Answer<S>>,
    /// The type of its handler, by which a connection that comes from another process finds it.
    pub(crate) handler: &'static str,
    pub(crate) resume: Resume,
}

type Answer<S> =
    dyn Fn(Parts, S, Arc<Settings>, Arc<Route>) -> Pin<Box<dyn Future<Output = Response> + Send>> + Send + Sync;

pub(crate) type Resume = fn(Snapshot, &Settings, Arc<Route>) -> Result<Successor, String>;

/// How connections of a route that come from another process go on.
#[derive(Clone)]
pub(crate) struct Resumer {
    pub(crate) route: Arc<Route>,
    /// The type of the route's handler.
    pub(crate) handler: &'static str,
    pub(crate) resume: Resume,
}

/// The endpoint of a route with this `init`.
pub(crate) fn endpoint<F, T, S, H, M, How>(init: F) -> Endpoint<S>
where
    F: Init<T, S, M>,
    F::Output: IntoAccept<H, M, How> + Send,
    H: WebSocketHandler<M>,
    M: Send + 'static,
    S: Send + Sync + 'static,
    T: 'static,
    How: 'static,
{
    Endpoint {
        answer: Arc::new(move |parts, state, settings, route| {
            let init = init.clone();
            Box::pin(async move { upgrade(&init, parts, &state, &settings, route).await })
        }),
        handler: type_name::<H>(),
        resume: resume::<H, M>,
    }
}
