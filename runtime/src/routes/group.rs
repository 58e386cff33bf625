//! Groups of routes.

use std::any::type_name;
use std::convert::Infallible;
use std::panic::Location;
use std::path::PathBuf;

use axum::extract::Request;
use axum::response::IntoResponse;
use axum::routing::{MethodFilter, MethodRouter, Route as AxumRoute};
use http::Method;
use tower::{Layer, Service};

use super::controller::{Controller, IntoController, erased};
use super::endpoint::{Endpoint, Guard, Route};
use super::slashes::TrailingSlash;
use super::{Supply, name};
use crate::fallback::{Fallback, Invalid};
use crate::parts_handler::PartsHandler;
use crate::registry::RequestContext;
use crate::security::IntoAccess;
use crate::websocket::{self, Init, IntoAccept, WebSocketHandler};

/// Routes with what they have in common: a prefix, a host, a security function, middleware and a fallback controller.
///
/// Paths are those of axum 0.8: `/users/{id}` and `/files/{*path}`. A literal part is preferred to a parameter, and a
/// parameter to a wildcard, whatever the order of declaration. The parameters are percent-decoded. The path decides before
/// the method does: where a literal path is known, another method of it is 405, also where a parameter would take it. A
/// parameter may be empty between two slashes (`/users//posts`), and never at the end.
#[must_use]
pub struct Group<S = ()> {
    pub(crate) prefix: String,
    pub(crate) host: Option<String>,
    pub(crate) guards: Vec<Guard<S>>,
    pub(crate) layers: Vec<GroupLayer>,
    pub(crate) fallback: Option<Fallback>,
    pub(crate) body_limit: Option<usize>,
    pub(crate) csrf: bool,
    /// Why it needs no security function.
    pub(crate) public: Option<String>,
    pub(crate) routes: Vec<Route<S>>,
}

/// A middleware of a group.
pub(crate) struct GroupLayer {
    /// Of the layer.
    pub(crate) type_name: &'static str,
    /// Puts it around a route.
    pub(crate) apply: Box<dyn Fn(MethodRouter) -> MethodRouter + Send + Sync>,
}

macro_rules! verbs {
    ($($(#[$documentation:meta])* $verb:ident => $method:ident;)*) => {$(
        $(#[$documentation])*
        #[track_caller]
        pub fn $verb<H, T>(self, path: &str, controller: H) -> Self
        where
            H: IntoController<T, S>,
            T: 'static,
        {
            self.http(MethodFilter::$method, path, type_name::<H>(), erased(controller), Location::caller())
        }
    )*};
}

impl<S: Clone + Send + Sync + 'static> Group<S> {
    /// A group whose paths begin with `prefix`; `/` is none.
    pub fn new(prefix: &str) -> Self {
        Self {
            prefix: prefix.trim_end_matches('/').to_owned(),
            host: None,
            guards: Vec::new(),
            layers: Vec::new(),
            fallback: None,
            body_limit: None,
            csrf: true,
            public: None,
            routes: Vec::new(),
        }
    }

    verbs! {
        /// Answers GET, and HEAD likewise without the body.
        get => GET;
        /// Answers POST.
        post => POST;
        /// Answers PUT.
        put => PUT;
        /// Answers PATCH.
        patch => PATCH;
        /// Answers DELETE.
        delete => DELETE;
        /// Answers HEAD, where that is not what GET gives.
        head => HEAD;
        /// Answers OPTIONS, where that is not the list of methods.
        options => OPTIONS;
    }

    /// Answers several methods with one controller: `MethodFilter::PUT.or(MethodFilter::PATCH)`.
    ///
    /// A method that there is not does not compile:
    ///
    /// ```compile_fail,E0599
    /// use nova::axum::routing::MethodFilter;
    /// use nova::prelude::*;
    ///
    /// let group: Group = Group::new("/").on(MethodFilter::BREW, "/pot", async || "tea");
    /// ```
    #[track_caller]
    pub fn on<H, T>(self, methods: MethodFilter, path: &str, controller: H) -> Self
    where
        H: IntoController<T, S>,
        T: 'static,
    {
        self.http(methods, path, type_name::<H>(), erased(controller), Location::caller())
    }

    fn http(
        mut self,
        filter: MethodFilter,
        path: &str,
        controller_type: &'static str,
        controller: Box<dyn Controller<S>>,
        place: &'static Location<'static>,
    ) -> Self {
        #[cfg(feature = "openapi")]
        let controller_type = controller
            .documentation()
            .map_or(controller_type, |typed| typed.type_name);
        self.routes.push(Route {
            path: path.to_owned(),
            name: name::in_type(controller_type),
            endpoint: Endpoint::Http {
                filter,
                methods: listed(filter),
                controller: controller.into(),
            },
            place,
        });
        self
    }

    /// Accepts WebSocket connections, with a handler that `init` gives: an async function of extractors, which may also
    /// refuse. See [`WebSocketHandler`].
    #[track_caller]
    pub fn ws<F, T, H, M, How>(mut self, path: &str, init: F) -> Self
    where
        F: Init<T, S, M>,
        F::Output: IntoAccept<H, M, How> + Send,
        H: WebSocketHandler<M>,
        M: Send + 'static,
        T: 'static,
        How: 'static,
    {
        self.routes.push(Route {
            path: path.to_owned(),
            name: name::of::<F>(),
            endpoint: Endpoint::WebSocket(websocket::endpoint(init)),
            place: Location::caller(),
        });
        self
    }

    /// Serves the files of a directory below a path, or one file at a path. A relative directory is below the project's.
    ///
    /// Nothing outside it is ever served, whether by `..`, by encoding or by a symbolic link. A directory is 404: there is no
    /// list of it, and no `index.html` in its place.
    ///
    /// Conditional and range requests are answered as [`SendFile`](crate::SendFile) says. Where `app.css.br`, `app.css.zst` or
    /// `app.css.gz` is beside `app.css`, and not older, clients that take such a coding are sent that, as they weigh it
    /// (`accept-encoding`), with `app.css`'s media type and a tag of its own.
    #[track_caller]
    pub fn assets(mut self, path: &str, directory: impl Into<PathBuf>) -> Self {
        self.routes.push(Route {
            path: path.to_owned(),
            name: None,
            endpoint: Endpoint::Assets(directory.into()),
            place: Location::caller(),
        });
        self
    }

    /// Answers only requests to this host (without a port). A group without one answers every host. On a host that has
    /// routes of its own, those come first: what is left to the others are the paths that they do not know.
    pub fn host(mut self, host: &str) -> Self {
        self.host = Some(host.to_ascii_lowercase());
        self
    }

    /// The most bytes that a request's body may have in this group, in place of `server.body_limit` (2 MiB). More is 413,
    /// before any of it is read where the request says how much it will be.
    pub fn body_limit(mut self, bytes: usize) -> Self {
        self.body_limit = Some(bytes);
        self
    }

    /// Whether requests that change something are refused where a page of another site has sent them: so by default, see
    /// [`CsrfToken`](crate::CsrfToken). `false` is for routes that know their callers by something that a browser does not
    /// add by itself, as a webhook's signature or a bearer token. WebSockets have a check of their own,
    /// `websocket.allowed_origins`.
    pub fn csrf(mut self, protected: bool) -> Self {
        self.csrf = protected;
        self
    }

    /// Says that everybody may use the routes of this group, and why: `nova audit` then asks for no security function.
    /// Nothing else follows from it.
    ///
    /// ```
    /// use nova::prelude::*;
    /// # async fn create() -> Reply { Reply::status(201) }
    ///
    /// let group: Group = Group::new("/accounts")
    ///     .public("whoever signs up has no account yet")
    ///     .post("/", create);
    /// ```
    pub fn public(mut self, because: impl Into<String>) -> Self {
        self.public = Some(because.into());
        self
    }

    /// Asks this function before every route of the group, WebSockets included. See [`Access`](crate::Access). Of several,
    /// each is asked, in the order of declaration, until one denies.
    pub fn security<F, T>(mut self, function: F) -> Self
    where
        F: PartsHandler<T, S>,
        F::Output: IntoAccess,
        T: 'static,
    {
        self.guards.push(Guard::new(function));
        self
    }

    /// Puts a middleware around every route of the group: any tower layer that axum takes. The first that is declared is
    /// the outermost; all are outside the security function.
    pub fn layer<L>(mut self, layer: L) -> Self
    where
        L: Layer<AxumRoute> + Clone + Send + Sync + 'static,
        L::Service: Service<Request, Error = Infallible> + Clone + Send + Sync + 'static,
        <L::Service as Service<Request>>::Response: IntoResponse + 'static,
        <L::Service as Service<Request>>::Future: Send + 'static,
    {
        self.layers.push(GroupLayer {
            type_name: type_name::<L>(),
            apply: Box::new(move |router| router.layer(layer.clone())),
        });
        self
    }

    /// Names the group's fallback controller: it is told of every `Err` that a controller of the group returns, and of
    /// every reply that can't be dispatched, and replies in its place.
    ///
    /// ```
    /// use nova::prelude::*;
    /// use nova::{Invalid, RequestContext};
    ///
    /// async fn resolve(_request: RequestContext, invalid: Invalid) -> Reply {
    ///     match invalid {
    ///         Invalid::Error(error) if error.downcast_ref::<std::num::ParseIntError>().is_some() => Reply::status(404),
    ///         other => Reply::json(json!({ "error": other.to_string() })).with_status(500),
    ///     }
    /// }
    ///
    /// let group: Group = Group::new("/api").fallback(resolve);
    /// ```
    pub fn fallback<F, Fut>(mut self, resolve: F) -> Self
    where
        F: Fn(RequestContext, Invalid) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: IntoResponse> + Send + 'static,
    {
        self.fallback = Some(Fallback::new(resolve));
        self
    }

    pub(super) fn with_state(self, state: &Supply<S>) -> Group {
        let routes = self.routes.into_iter().map(|route| route.with_state(state));
        let guards = self.guards.into_iter().map(|guard| guard.with_state(state));
        Group {
            prefix: self.prefix,
            host: self.host,
            guards: guards.collect(),
            layers: self.layers,
            fallback: self.fallback,
            body_limit: self.body_limit,
            csrf: self.csrf,
            public: self.public,
            routes: routes.collect(),
        }
    }

    pub(super) fn below(mut self, prefix: &str) -> Self {
        self.prefix = joined(prefix, &self.prefix);
        self
    }

    /// A route's whole path. That `/` is declared below a prefix is the prefix itself.
    pub(crate) fn path_of(&self, route: &Route<S>, slashes: TrailingSlash) -> String {
        match joined(&self.prefix, &route.path) {
            path if path.is_empty() => "/".to_owned(),
            path if slashes.is_strict() && route.path.len() > 1 && route.path.ends_with('/') => path + "/",
            path => path,
        }
    }
}

/// Two parts of a path, without the slash that either may end in.
pub(super) fn joined(prefix: &str, path: &str) -> String {
    format!("{}{}", prefix.trim_end_matches('/'), path.trim_end_matches('/'))
}

/// The methods of a filter, by name.
fn listed(filter: MethodFilter) -> Vec<Method> {
    let all = [
        (MethodFilter::GET, Method::GET),
        (MethodFilter::POST, Method::POST),
        (MethodFilter::PUT, Method::PUT),
        (MethodFilter::PATCH, Method::PATCH),
        (MethodFilter::DELETE, Method::DELETE),
        (MethodFilter::HEAD, Method::HEAD),
        (MethodFilter::OPTIONS, Method::OPTIONS),
        (MethodFilter::CONNECT, Method::CONNECT),
        (MethodFilter::TRACE, Method::TRACE),
    ];
    all.into_iter()
        .filter(|(one, _)| filter.or(*one) == filter)
        .map(|(_, method)| method)
        .collect()
}
