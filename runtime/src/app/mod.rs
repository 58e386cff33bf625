//! What an application is made of.

mod describe;
#[cfg(feature = "openapi")]
mod openapi;
#[cfg(feature = "openapi")]
pub use openapi::document;
#[cfg(unix)]
mod orders;
#[cfg(unix)]
mod process;
#[cfg(not(unix))]
#[path = "process_elsewhere.rs"]
mod process;
mod ready;
mod start;
mod state;
mod supervised;
#[cfg(unix)]
mod upgrade;

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use axum::Router;
use axum::extract::Request;
use axum::response::IntoResponse;
use axum::routing::Route;
use tokio::net::TcpListener;
use tower::{Layer, Service};

pub(crate) use self::ready::Assembled;
use self::ready::{Parts, Ready};
pub(crate) use self::start::Background;
pub use self::start::Start;
use self::state::{GiveRoutes, State, Typed};
use crate::config::Config;
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::fallback::{Fallback, Invalid};
use crate::registry::{Registry, Replying, RequestContext};
use crate::reply::Kind;
use crate::router::AppLayer;
use crate::routes::Routes;
use crate::session::{Store, StoreOf};
use crate::unwind;

/// An application.
///
/// ```no_run
/// # use nova::prelude::*;
/// # fn routes() -> Routes { Routes::new() }
/// fn main() -> nova::Result<()> {
///     nova::App::new(routes).run()
/// }
/// ```
///
/// With state, which controllers extract with `State`:
///
/// ```no_run
/// # use nova::prelude::*;
/// #[derive(Clone)]
/// struct Shop { name: &'static str }
///
/// async fn name(State(shop): State<Shop>) -> &'static str { shop.name }
///
/// fn routes() -> Routes<Shop> {
///     Routes::new().group(Group::new("/").get("/name", name))
/// }
///
/// fn main() -> nova::Result<()> {
///     nova::App::new(routes).state(Shop { name: "tea" }).run()
/// }
/// ```
///
/// `App<Shop>` is the type of an application with the state `Shop`, and `App` of one without. Between `new` and `state`, or
/// [`start`](Self::start), it is an `App<Shop, ()>`, which can't run yet.
#[must_use]
pub struct App<S = (), Given = S> {
    routes: GiveRoutes<S>,
    state: State<Given>,
    parts: Parts,
}

type Assembling = Pin<Box<dyn Future<Output = Result<Assembled>> + Send>>;

/// A function that gives the route table: of nothing, or of the environment.
#[diagnostic::on_unimplemented(
    message = "`{Self}` gives no route table",
    note = "it is a function `fn() -> Routes<S>` or `fn(&Environment) -> Routes<S>`"
)]
pub trait RouteTable<S, Arguments>: Send + 'static {
    /// Gives the table.
    fn table(self, environment: &Environment) -> Routes<S>;
}

impl<S, F: FnOnce() -> Routes<S> + Send + 'static> RouteTable<S, ()> for F {
    fn table(self, _environment: &Environment) -> Routes<S> {
        self()
    }
}

impl<S, F: FnOnce(&Environment) -> Routes<S> + Send + 'static> RouteTable<S, (Environment,)> for F {
    fn table(self, environment: &Environment) -> Routes<S> {
        self(environment)
    }
}

impl<S: Clone + Send + Sync + 'static> App<S, ()> {
    /// An application with these routes: a function `fn() -> Routes<S>`, or `fn(&Environment) -> Routes<S>` where an
    /// environment has routes that another lacks.
    pub fn new<A>(routes: impl RouteTable<S, A>) -> Self {
        Self {
            routes: Box::new(|environment| routes.table(environment)),
            state: State::Given(()),
            parts: Parts::default(),
        }
    }

    /// Gives the state that controllers extract with `State`. See [`start`](Self::start) for one that takes work to make.
    pub fn state(self, state: S) -> App<S> {
        App {
            routes: self.routes,
            state: self.state.then_given(state),
            parts: self.parts,
        }
    }

    /// Makes the state when the application starts: in the async runtime, before the first connection is accepted, before
    /// readiness is told, and before anything is taken over from a process that this one replaces. An application without
    /// state uses it for what runs in its [background](Start::spawn); there it can be called several times, and each
    /// function is called after the one before it.
    ///
    /// ```no_run
    /// use nova::prelude::*;
    /// use nova::{App, Start};
    /// # #[derive(Clone)] struct Pool;
    /// # impl Pool { async fn connect(_: &str) -> std::io::Result<Self> { Ok(Self) } }
    ///
    /// #[derive(Clone)]
    /// pub struct Db { pool: Pool }
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Options { database: String }
    ///
    /// async fn connect(start: Start) -> nova::Result<Db> {
    ///     let options: Options = start.config().section("app")?;
    ///     Ok(Db { pool: Pool::connect(&options.database).await? })
    /// }
    /// # fn routes() -> Routes<Db> { Routes::new() }
    ///
    /// pub fn app() -> App<Db> {
    ///     App::new(routes).start(connect)
    /// }
    ///
    /// fn main() -> nova::Result<()> {
    ///     app().run()
    /// }
    /// ```
    ///
    /// It is awaited for as long as it takes; who starts the application has a deadline for it, as a service manager, or the
    /// process that is replaced (a minute). Where the application is only asked for its routes (`nova routes`, `nova openapi`,
    /// `nova audit`), it is not called: no database is needed to list them.
    ///
    /// # Errors
    /// What it returns is an error at start: [`run`](Self::run) returns it as it is, and the process fails.
    pub fn start<F, Fut>(self, start: F) -> App<S>
    where
        F: FnOnce(Start) -> Fut + Send + 'static,
        Fut: Future<Output = Result<S>> + Send + 'static,
    {
        App {
            routes: self.routes,
            state: self.state.then(start),
            parts: self.parts,
        }
    }
}

impl<S: Clone + Send + Sync + 'static, Given> App<S, Given> {
    /// Uses these settings in place of those that [`Config::load`] finds.
    pub fn config(mut self, config: Config) -> Self {
        self.parts.config = Some(config);
        self
    }

    /// Adds a handler for a kind of reply: see [`Registry::register`]. That a kind is taken is an error at start.
    pub fn reply_handler<P, F, Fut>(self, kind: impl Into<Kind<P>>, handler: F) -> Self
    where
        P: Send + 'static,
        F: Fn(Replying<P>, RequestContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: IntoResponse> + Send + 'static,
    {
        let kind = kind.into();
        self.reply_handlers(move |registry| Ok(registry.register(kind, handler)?))
    }

    /// Changes the registry, which has the built-in kinds: to replace or remove a handler.
    ///
    /// An error here is an error at start.
    pub fn reply_handlers(mut self, change: impl FnOnce(&mut Registry) -> Result<()> + Send + 'static) -> Self {
        self.parts.reply_handlers.push(Box::new(change));
        self
    }

    /// Names the fallback controller for groups that have none of their own: see [`Group::fallback`](crate::Group::fallback).
    pub fn fallback<F, Fut>(mut self, resolve: F) -> Self
    where
        F: Fn(RequestContext, Invalid) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: IntoResponse> + Send + 'static,
    {
        self.parts.fallback = Some(Fallback::new(resolve));
        self
    }

    /// Gives the application sessions, kept in this store: see [`session`](crate::session). It then needs a `session.key`,
    /// but for `dev` and `test`.
    pub fn sessions(mut self, store: impl Store) -> Self {
        self.parts.sessions = Some(StoreOf::new(store));
        self
    }

    /// Changes the `OpenAPI` document that describes the application, before anybody sees it: its title, its servers, how its
    /// clients are known. See [`openapi`](crate::openapi).
    ///
    /// ```no_run
    /// # use nova::prelude::*;
    /// # fn routes() -> Routes { Routes::new() }
    /// nova::App::new(routes).openapi(|document| {
    ///     document["info"]["title"] = json!("The tea shop");
    ///     document["components"]["securitySchemes"]["bearer"] = json!({ "type": "http", "scheme": "bearer" });
    ///     document["security"] = json!([{ "bearer": [] }]);
    /// });
    /// ```
    #[cfg(feature = "openapi")]
    pub fn openapi(mut self, change: impl FnOnce(&mut serde_json::Value) + Send + 'static) -> Self {
        self.parts.openapi = Some(Box::new(change));
        self
    }

    /// Puts a middleware around the whole application, misses included: any tower layer that axum takes. The first that
    /// is added is the outermost.
    pub fn layer<L>(mut self, layer: L) -> Self
    where
        L: Layer<Route> + Clone + Send + Sync + 'static,
        L::Service: Service<Request, Error = Infallible> + Clone + Send + Sync + 'static,
        <L::Service as Service<Request>>::Response: IntoResponse + 'static,
        <L::Service as Service<Request>>::Future: Send + 'static,
    {
        self.parts.layers.push(AppLayer {
            type_name: std::any::type_name::<L>(),
            apply: Box::new(move |router: Router| router.layer(layer.clone())),
        });
        self
    }
}

impl<S: Clone + Send + Sync + 'static, Given> App<S, Given> {
    /// Lets a test see what was replied, and answer for security functions.
    pub(crate) fn in_test(mut self) -> Self {
        self.parts.in_test = true;
        self
    }

    pub(crate) fn has_config(&self) -> bool {
        self.parts.config.is_some()
    }
}

impl<S: Clone + Send + Sync + 'static> App<S> {
    /// Runs the application until it is told to end by SIGTERM, SIGINT or ctrl-c.
    ///
    /// It listens where `server.host` and `server.port` say (127.0.0.1:8080), or on the socket that it was started with
    /// (`LISTEN_FDS`), logs as `log.level` says, and says when it is ready (`NOTIFY_SOCKET`). At the end it serves on for
    /// `server.shutdown_delay` (0 s), while [`health`](crate::health()) says that it is ending; then it stops accepting, finishes what runs, closes WebSockets with 1001, and returns within `server.shutdown_timeout`
    /// (30 s). A second signal ends the process at once.
    ///
    /// At SIGUSR2 it starts the program as it is now on disk, with the same arguments, and hands it the listening socket and
    /// the open WebSockets, as far as their handlers [travel](crate::Handoff); then it ends as above. Where that fails, it
    /// goes on as if nothing had been.
    ///
    /// # Errors
    /// When the application can't start: a setting, a route or a template is wrong, the start function fails, or the address
    /// is taken.
    ///
    /// # Panics
    /// When it is called inside an async runtime: use [`serve`](Self::serve) there.
    pub fn run(self) -> Result<()> {
        self.ready().run()
    }

    /// Serves the application on a listener, inside a runtime of the caller's, until the future is dropped.
    ///
    /// It takes no signals and starts no log.
    ///
    /// # Errors
    /// When the application can't start: a setting, a route or a template is wrong, or the start function fails.
    pub async fn serve(self, listener: TcpListener) -> Result<()> {
        unwind::install_hook();
        let app = self.assemble().await?;
        app.serve(listener).await.end().await;
        Ok(())
    }

    /// As [`serve`](Self::serve), until `shutdown` is done: then it ends as [`run`](Self::run) does at a signal.
    ///
    /// # Errors
    /// When the application can't start: a setting, a route or a template is wrong, or the start function fails.
    pub async fn serve_until(self, listener: TcpListener, shutdown: impl Future<Output = ()>) -> Result<()> {
        unwind::install_hook();
        let app = self.assemble().await?;
        let (lifecycle, delay) = (app.lifecycle.clone(), app.options.shutdown_delay());
        let mut serving = app.serve(listener);
        let shutdown = async {
            shutdown.await;
            lifecycle.leave(delay).await;
        };
        let ending = tokio::select! {
            ending = &mut serving => ending,
            () = shutdown => {
                lifecycle.drain();
                serving.await
            }
        };
        ending.end().await;
        Ok(())
    }

    /// In a box, so that the caller's crate does not compile it again.
    pub(crate) fn assemble(self) -> Assembling {
        Box::pin(self.ready().assemble())
    }

    /// Forgets the type of the state.
    fn ready(self) -> Ready {
        let Self { routes, state, parts } = self;
        let typed = Box::new(Typed { routes, state });
        Ready { typed, parts }
    }
}

impl App<(), ()> {
    /// The same at once, where nothing has to be awaited.
    ///
    /// # Errors
    /// When it has a start function, or can't start.
    pub(crate) fn assemble_at_once(self) -> Result<Assembled> {
        match self.assemble().as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(assembled) => assembled,
            Poll::Pending => Err(Error::new("a start function has to be awaited")),
        }
    }
}
