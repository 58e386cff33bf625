//! The handler registry: which function turns replies of which kind into responses.

use std::any::Any;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Method, StatusCode, Uri};

use crate::error::Error;
use crate::reply::Kind;
use crate::session::Session;

pub(crate) mod builtin;

/// The request that a reply answers, as reply handlers and fallback controllers see it. The body is the controller's.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RequestContext {
    /// The method.
    pub method: Method,
    /// The target, without a trailing slash.
    pub uri: Uri,
    /// The headers.
    pub headers: HeaderMap,
    /// The controller's name without that of its crate, as `controllers::posts::show`. `None` for a closure.
    pub controller: Option<&'static str>,
    /// For status pages, where the application has sessions.
    pub(crate) session: Option<Session>,
    /// For the page for developers: in `dev` only.
    pub(crate) peer: Option<SocketAddr>,
    /// Whether a test asks for what is replied.
    pub(crate) is_watched: bool,
}

impl RequestContext {
    /// A request with this method and target, without headers: for tests of reply handlers and fallback controllers.
    pub fn new(method: Method, uri: Uri) -> Self {
        Self {
            method,
            uri,
            headers: HeaderMap::new(),
            controller: None,
            session: None,
            peer: None,
            is_watched: false,
        }
    }
}

/// A reply as its handler receives it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Replying<P> {
    /// The status that the controller has set. It wins over the response's without the handler's doing.
    pub status: Option<StatusCode>,
    /// The headers that the controller has set. They win likewise.
    pub headers: HeaderMap,
    /// What the controller has replied.
    pub payload: P,
}

impl<P> Replying<P> {
    /// A reply on which nothing but the payload is set: for tests of reply handlers.
    pub fn new(payload: P) -> Self {
        Self {
            status: None,
            headers: HeaderMap::new(),
            payload,
        }
    }

    /// The same reply with another payload: to hand it on to another handler.
    pub fn map<Q>(self, payload: impl FnOnce(P) -> Q) -> Replying<Q> {
        Replying {
            status: self.status,
            headers: self.headers,
            payload: payload(self.payload),
        }
    }
}

/// A response, now or later.
pub(crate) enum Handling {
    Done(Response),
    Pending(Pin<Box<dyn Future<Output = Response> + Send>>),
}

/// The payload is not of the type that the handler takes.
#[derive(Debug)]
pub(crate) struct Mismatch {
    /// The type that the handler takes.
    pub(crate) expected: &'static str,
}

/// A reply with its payload's type forgotten.
pub(crate) type AnyReply = Replying<Box<dyn Any + Send>>;
pub(crate) type Handler = Arc<dyn Fn(AnyReply, &RequestContext) -> Result<Handling, Mismatch> + Send + Sync>;

/// The reply handlers, by kind.
///
/// That of an application holds the built-in kinds `json`, `ok`, `view`, `status`, `redirect` and `sendfile` from the
/// start ([`App::reply_handlers`](crate::App::reply_handlers) gives access). It is complete when the application starts,
/// and is not changed after.
#[derive(Clone, Default)]
pub struct Registry {
    handlers: BTreeMap<Cow<'static, str>, Handler>,
}

/// A handler of a registry, which can be called.
#[derive(Clone)]
pub struct ReplyHandler(Handler);

impl ReplyHandler {
    /// Turns a payload into a response, as the registry does. It panics as the handler does.
    ///
    /// # Errors
    /// Gives an error when the handler takes payloads of another type.
    pub async fn respond<P: Send + 'static>(
        &self,
        reply: Replying<P>,
        request: &RequestContext,
    ) -> Result<Response, Error> {
        match (self.0)(reply.map(|payload| Box::new(payload) as Box<dyn Any + Send>), request) {
            Ok(Handling::Done(response)) => Ok(response),
            Ok(Handling::Pending(response)) => Ok(response.await),
            Err(mismatch) => Err(Error::new(format!("the handler takes a `{}`", mismatch.expected))),
        }
    }
}

impl fmt::Debug for ReplyHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReplyHandler")
    }
}

/// Why a handler was not registered.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RegistryError {
    /// The kind has a handler already, which stays.
    Taken {
        /// The kind.
        kind: String,
    },
}

impl Registry {
    /// A registry without handlers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a handler for a kind of reply.
    ///
    /// The handler is an async function of the reply and of the request's context. What it returns is anything that axum
    /// can respond with. An `Err` with a [`nova::Error`](crate::Error) is told to the fallback.
    ///
    /// ```
    /// use nova::{Registry, Replying, RequestContext};
    ///
    /// async fn csv(reply: Replying<Vec<[u32; 2]>>, _request: RequestContext) -> ([(&'static str, &'static str); 1], String) {
    ///     let lines: String = reply.payload.iter().map(|[a, b]| format!("{a},{b}\n")).collect();
    ///     ([("content-type", "text/csv")], lines)
    /// }
    ///
    /// let mut registry = Registry::new();
    /// registry.register("csv", csv)?;
    /// assert!(registry.register("csv", csv).is_err());
    /// # Ok::<(), nova::RegistryError>(())
    /// ```
    ///
    /// # Errors
    /// When the kind has a handler already. That one stays.
    pub fn register<P, F, Fut>(&mut self, kind: impl Into<Kind<P>>, handler: F) -> Result<(), RegistryError>
    where
        P: Send + 'static,
        F: Fn(Replying<P>, RequestContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: IntoResponse> + Send + 'static,
    {
        let kind = kind.into();
        if self.handlers.contains_key(kind.name()) {
            return Err(RegistryError::Taken {
                kind: kind.name().to_owned(),
            });
        }
        self.replace(kind, handler);
        Ok(())
    }

    /// Sets the handler for a kind of reply, whether it had one or not. Built-in kinds can be replaced too, by a handler
    /// for payloads of the application's own.
    pub fn replace<P, F, Fut>(&mut self, kind: impl Into<Kind<P>>, handler: F)
    where
        P: Send + 'static,
        F: Fn(Replying<P>, RequestContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: IntoResponse> + Send + 'static,
    {
        self.set(kind.into(), move |reply, context| {
            let response = handler(reply, context.clone());
            Handling::Pending(Box::pin(async move { response.await.into_response() }))
        });
    }

    /// Removes the handler for a kind, and says whether there was one.
    pub fn unregister(&mut self, kind: &str) -> bool {
        self.handlers.remove(kind).is_some()
    }

    /// Finds the handler of a kind, to be registered again under another or called by another.
    pub fn get(&self, kind: &str) -> Option<ReplyHandler> {
        self.handlers.get(kind).map(|handler| ReplyHandler(Arc::clone(handler)))
    }

    /// Whether a kind has a handler.
    pub fn contains(&self, kind: &str) -> bool {
        self.handlers.contains_key(kind)
    }

    /// The kinds that have a handler, in alphabetical order.
    pub fn kinds(&self) -> impl Iterator<Item = &str> {
        self.handlers.keys().map(|kind| &**kind)
    }

    pub(crate) fn set<P: Send + 'static>(
        &mut self,
        kind: Kind<P>,
        handler: impl Fn(Replying<P>, &RequestContext) -> Handling + Send + Sync + 'static,
    ) {
        let handler = move |reply: AnyReply, context: &RequestContext| {
            let payload = reply.payload.downcast::<P>().map_err(|_| Mismatch {
                expected: std::any::type_name::<P>(),
            })?;
            let reply = Replying {
                status: reply.status,
                headers: reply.headers,
                payload: *payload,
            };
            Ok(handler(reply, context))
        };
        self.handlers.insert(Cow::Borrowed(kind.name()), Arc::new(handler));
    }

    /// The handler of a kind, as it is called.
    pub(crate) fn handler(&self, kind: &str) -> Option<&Handler> {
        self.handlers.get(kind)
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.kinds()).finish()
    }
}

impl fmt::Display for RegistryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Taken { kind } => write!(
                f,
                "replies of kind `{kind}` have a handler already: use `replace` to set another knowingly"
            ),
        }
    }
}

impl std::error::Error for RegistryError {}
