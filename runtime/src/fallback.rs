//! Fallback controllers: what becomes of a reply that nothing can dispatch.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use axum::response::{IntoResponse, Response};

use crate::error::Error;
use crate::registry::RequestContext;
use crate::reply::Reply;

/// What a controller returned that could not be turned into a response.
#[derive(Debug)]
#[non_exhaustive]
pub enum Invalid {
    /// The controller returned an `Err`.
    Error(Error),
    /// No handler is registered for the reply's kind.
    Unhandled(Reply),
    /// The reply can't be sent as it is: a payload of another type than its handler takes, or an illegal status,
    /// header or location.
    Malformed {
        /// The reply's kind.
        kind: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// An async function of the request and of what was invalid.
#[derive(Clone)]
pub(crate) struct Fallback {
    /// Of the function.
    pub(crate) type_name: &'static str,
    resolve: Arc<Resolve>,
}

type Resolve = dyn Fn(RequestContext, Invalid) -> Pin<Box<dyn Future<Output = Response> + Send>> + Send + Sync;

impl Fallback {
    pub(crate) fn new<F, Fut>(resolve: F) -> Self
    where
        F: Fn(RequestContext, Invalid) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: IntoResponse> + Send + 'static,
    {
        Self {
            type_name: std::any::type_name::<F>(),
            resolve: Arc::new(move |request, invalid| {
                let response = resolve(request, invalid);
                Box::pin(async move { response.await.into_response() })
            }),
        }
    }

    pub(crate) async fn resolve(&self, request: RequestContext, invalid: Invalid) -> Response {
        (self.resolve)(request, invalid).await
    }
}

impl fmt::Debug for Fallback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fallback")
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error(error) => error.fmt(f),
            Self::Unhandled(reply) => write!(f, "no handler is registered for replies of kind `{}`", reply.kind()),
            Self::Malformed { kind, reason } => write!(f, "a reply of kind `{kind}` can't be sent: {reason}"),
        }
    }
}

/// The error for a person: in the log, and on the page for developers.
impl From<Invalid> for Error {
    fn from(invalid: Invalid) -> Self {
        match invalid {
            Invalid::Error(error) => error,
            other => Self::new(other.to_string()),
        }
    }
}
