//! What a route leads to, and who may go there, with the types of the user's functions forgotten.

use std::panic::Location;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use axum::routing::MethodRouter;
use http::Method;
use http::request::Parts;

use crate::parts_handler::PartsHandler;
use crate::security::{Access, Decision};
use crate::websocket;

/// One route of a group.
pub(crate) struct Route<S> {
    pub(crate) path: String,
    pub(crate) endpoint: Endpoint<S>,
    /// The path of the controller, or of a WebSocket handler's `init`.
    pub(crate) name: Option<&'static str>,
    pub(crate) place: &'static Location<'static>,
}

pub(crate) enum Endpoint<S> {
    Http {
        methods: Vec<Method>,
        router: Box<MethodRouter<S>>,
    },
    WebSocket(websocket::Endpoint<S>),
    /// A directory or a file, below the project's root.
    Assets(PathBuf),
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
pub(crate) struct Guard<S> {
    pub(crate) name: Option<&'static str>,
    check: Arc<Check<S>>,
}

type Check<S> =
    dyn for<'a> Fn(&'a mut Parts, &'a S) -> Pin<Box<dyn Future<Output = Decision> + Send + 'a>> + Send + Sync;

impl<S> Guard<S> {
    pub(super) fn new<F, T>(function: F) -> Self
    where
        F: PartsHandler<T, S>,
        F::Output: Into<Access>,
        S: Sync,
        T: 'static,
    {
        Self {
            name: super::name::of::<F>(),
            check: Arc::new(move |parts, state| {
                let function = function.clone();
                Box::pin(async move {
                    match function.call(parts, state).await {
                        Ok(access) => access.into().into_decision(),
                        Err(rejection) => Decision::Deny(rejection),
                    }
                })
            }),
        }
    }

    pub(crate) async fn check(&self, parts: &mut Parts, state: &S) -> Decision {
        (self.check)(parts, state).await
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
