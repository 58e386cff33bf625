//! What a route leads to, and who may go there, with the types of the user's functions forgotten.

use std::panic::Location;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use axum::routing::MethodFilter;
use http::Method;
use http::request::Parts;

use super::Supply;
use super::controller::{self, Controller};
use crate::parts_handler::PartsHandler;
use crate::security::{Decision, IntoAccess};
use crate::websocket;

/// One route of a group.
pub(crate) struct Route<S = ()> {
    pub(crate) path: String,
    pub(crate) endpoint: Endpoint<S>,
    /// The path of the controller, or of a WebSocket handler's `init`.
    pub(crate) name: Option<&'static str>,
    pub(crate) place: &'static Location<'static>,
}

pub(crate) enum Endpoint<S = ()> {
    Http {
        filter: MethodFilter,
        methods: Vec<Method>,
        controller: Arc<dyn Controller<S>>,
    },
    WebSocket(websocket::Endpoint<S>),
    /// A directory or a file, below the project's root.
    Assets(PathBuf),
}

impl<S: Clone + Send + Sync + 'static> Route<S> {
    pub(super) fn with_state(self, state: &Supply<S>) -> Route {
        Route {
            path: self.path,
            endpoint: self.endpoint.with_state(state),
            name: self.name,
            place: self.place,
        }
    }
}

impl<S: Clone + Send + Sync + 'static> Endpoint<S> {
    fn with_state(self, state: &Supply<S>) -> Endpoint {
        match self {
            Self::Http {
                filter,
                methods,
                controller,
            } => Endpoint::Http {
                filter,
                methods,
                controller: controller::bound(controller, state),
            },
            Self::WebSocket(endpoint) => {
                let (answer, state) = (endpoint.answer, Arc::clone(state));
                Endpoint::WebSocket(websocket::Endpoint {
                    answer: Arc::new(move |parts, (), settings, route| answer(parts, state(), settings, route)),
                    handler: endpoint.handler,
                    resume: endpoint.resume,
                })
            }
            Self::Assets(directory) => Endpoint::Assets(directory),
        }
    }
}

impl<S> Endpoint<S> {
    /// The methods that it answers by itself; HEAD follows GET.
    pub(crate) fn methods(&self) -> &[Method] {
        match self {
            Self::Http { methods, .. } => methods,
            Self::WebSocket(_) | Self::Assets(_) => &[Method::GET],
        }
    }

    /// The methods that are this route's alone. A WebSocket's is CONNECT where the connection is one of HTTP/2.
    pub(crate) fn claims(&self) -> &[Method] {
        match self {
            Self::WebSocket(_) if cfg!(feature = "http2") => &[Method::GET, Method::CONNECT],
            _ => self.methods(),
        }
    }
}

/// A security function.
pub(crate) struct Guard<S = ()> {
    pub(crate) name: Option<&'static str>,
    check: Arc<Check<S>>,
}

type Check<S> = dyn for<'a> Fn(&'a mut Parts, S) -> Pin<Box<dyn Future<Output = Decision> + Send + 'a>> + Send + Sync;

impl<S> Guard<S> {
    pub(super) fn new<F, T>(function: F) -> Self
    where
        F: PartsHandler<T, S>,
        F::Output: IntoAccess,
        S: Send + Sync + 'static,
        T: 'static,
    {
        Self {
            name: super::name::of::<F>(),
            check: Arc::new(move |parts, state| {
                let function = function.clone();
                Box::pin(async move {
                    match function.call(parts, &state).await {
                        Ok(access) => access.into().into_decision(),
                        Err(rejection) => Decision::Deny(rejection),
                    }
                })
            }),
        }
    }

    pub(super) fn with_state(self, state: &Supply<S>) -> Guard
    where
        S: 'static,
    {
        let state = Arc::clone(state);
        Guard {
            name: self.name,
            check: Arc::new(move |parts, ()| (self.check)(parts, state())),
        }
    }
}

impl Guard {
    pub(crate) async fn check(&self, parts: &mut Parts) -> Decision {
        (self.check)(parts, ()).await
    }
}

impl<S> Clone for Guard<S> {
    fn clone(&self) -> Self {
        Self {
            name: self.name,
            check: Arc::clone(&self.check),
        }
    }
}
