//! Assembly: an application put together from its parts, and run.

mod describe;
#[cfg(unix)]
mod orders;
#[cfg(unix)]
mod process;
#[cfg(not(unix))]
#[path = "process_elsewhere.rs"]
mod process;
mod supervised;
#[cfg(unix)]
mod upgrade;

use std::any::Any;
use std::cell::RefCell;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::response::IntoResponse;
use axum::routing::Route;
use tokio::net::TcpListener;
use tower::{Layer, Service};

use self::process::Process;
use crate::config::Config;
use crate::dev::{self, Dev};
use crate::dispatch::Dispatcher;
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::fallback::{Fallback, Invalid};
use crate::lifecycle::{Ended, Lifecycle};
use crate::pubsub::PubSub;
use crate::registry::{Registry, Replying, RequestContext, builtin};
use crate::reply::Kind;
use crate::router::{self, AppLayer, AppService, Assembly};
use crate::routes::Routes;
use crate::scope::{Scope, Values};
use crate::server::{self, Arrivals, MovedHere, Remaining, ServerOptions, Tls};
use crate::telemetry;
use crate::unwind;
use crate::view::{ViewOptions, Views};
use crate::websocket::{Resumer, Settings, WebSocketOptions};
use crate::wheel::Wheel;

/// The sections of `nova.toml` that the framework reads, and the application's own.
const SECTIONS: [&str; 6] = ["server", "log", "views", "websocket", "pubsub", "app"];

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
#[must_use]
pub struct App<S = (), Given = ()> {
    routes: GiveRoutes<S>,
    state: Given,
    parts: Parts,
}

/// What an application has besides its routes and their state.
#[derive(Default)]
struct Parts {
    config: Option<Config>,
    fallback: Option<Fallback>,
    layers: Vec<AppLayer>,
    reply_handlers: Vec<RegisterHandlers>,
}

/// An application whose routes have their state. It is of one type for all, so that what puts it together and runs it is
/// compiled with this crate, and not with the application at every edit.
struct Ready {
    routes: GiveRoutes<()>,
    /// The state itself, for connections that come from another process.
    state: Arc<dyn Any + Send + Sync>,
    parts: Parts,
}

type GiveRoutes<S> = Box<dyn FnOnce(&Environment) -> Routes<S> + Send>;
type RegisterHandlers = Box<dyn FnOnce(&mut Registry) -> Result<()> + Send>;

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

/// An application put together: what a server serves.
pub(crate) struct Assembled {
    pub(crate) service: AppService,
    pub(crate) settings: Arc<Settings>,
    /// By which connections that come from another process go on.
    pub(crate) resumers: Vec<Resumer>,
    pub(crate) options: ServerOptions,
    pub(crate) tls: Option<Tls>,
    pub(crate) pubsub: PubSub,
    pub(crate) wheel: Wheel,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) ended: Ended,
    /// Where the supervisor's lines for open pages go: in `dev` only.
    pub(crate) feed: Option<dev::Feed>,
}

impl<S: Clone + Send + Sync + 'static> App<S> {
    /// An application with these routes: a function `fn() -> Routes<S>`, or `fn(&Environment) -> Routes<S>` where an
    /// environment has routes that another lacks.
    pub fn new<A>(routes: impl RouteTable<S, A>) -> Self {
        Self {
            routes: Box::new(|environment| routes.table(environment)),
            state: (),
            parts: Parts::default(),
        }
    }

    /// Gives the state that controllers extract with `State`.
    pub fn state(self, state: S) -> App<S, S> {
        App {
            routes: self.routes,
            state,
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

    /// Puts a middleware around the whole application, misses included: any tower layer that axum takes. The first that
    /// is added is the outermost.
    pub fn layer<L>(mut self, layer: L) -> Self
    where
        L: Layer<Route> + Clone + Send + Sync + 'static,
        L::Service: Service<Request, Error = Infallible> + Clone + Send + Sync + 'static,
        <L::Service as Service<Request>>::Response: IntoResponse + 'static,
        <L::Service as Service<Request>>::Future: Send + 'static,
    {
        self.parts
            .layers
            .push(Box::new(move |router: Router| router.layer(layer.clone())));
        self
    }
}

impl<S: Clone + Send + Sync + 'static> App<S, S> {
    /// Runs the application until it is told to end by SIGTERM, SIGINT or ctrl-c.
    ///
    /// It listens where `server.host` and `server.port` say (127.0.0.1:8080), or on the socket that it was started with
    /// (`LISTEN_FDS`), logs as `log.level` says, and says when it is ready (`NOTIFY_SOCKET`). At the end it stops
    /// accepting, finishes what runs, closes WebSockets with 1001, and returns within `server.shutdown_timeout`
    /// (30 s). A second signal ends the process at once.
    ///
    /// At SIGUSR2 it starts the program as it is now on disk, with the same arguments, and hands it the listening socket and
    /// the open WebSockets, as far as their handlers [travel](crate::Handoff); then it ends as above. Where that fails, it
    /// goes on as if nothing had been.
    ///
    /// # Errors
    /// When the application can't start: a setting, a route or a template is wrong, or the address is taken.
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
    /// When the application can't start: a setting, a route or a template is wrong.
    pub async fn serve(self, listener: TcpListener) -> Result<()> {
        unwind::install_hook();
        let app = self.assemble()?;
        let pubsub = app.pubsub.clone();
        end(app.serve(listener).await, &pubsub).await;
        Ok(())
    }

    pub(crate) fn has_config(&self) -> bool {
        self.parts.config.is_some()
    }

    /// As [`serve`](Self::serve), until `shutdown` is done: then it ends as [`run`](Self::run) does at a signal.
    ///
    /// # Errors
    /// When the application can't start: a setting, a route or a template is wrong.
    pub async fn serve_until(self, listener: TcpListener, shutdown: impl Future<Output = ()>) -> Result<()> {
        unwind::install_hook();
        let app = self.assemble()?;
        let (lifecycle, pubsub) = (app.lifecycle.clone(), app.pubsub.clone());
        let mut serving = app.serve(listener);
        let remaining = tokio::select! {
            remaining = &mut serving => remaining,
            () = shutdown => {
                lifecycle.drain();
                serving.await
            }
        };
        end(remaining, &pubsub).await;
        Ok(())
    }

    pub(crate) fn assemble(self) -> Result<Assembled> {
        self.ready().assemble()
    }

    /// Gives the routes their state.
    fn ready(self) -> Ready {
        let Self { routes, state, parts } = self;
        Ready {
            state: Arc::new(state.clone()),
            routes: Box::new(move |environment| routes(environment).with_state(&state)),
            parts,
        }
    }
}

impl Ready {
    fn run(mut self) -> Result<()> {
        if supervised::describes_routes() {
            let environment = Environment::current();
            return describe::print(&(self.routes)(&environment));
        }
        let config = self.take_config()?;
        telemetry::start(&config.section("log")?, config.environment());
        unwind::install_hook();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let result = runtime.block_on(async {
            let mut process = Process::begin().await?;
            let options: ServerOptions = config.section("server")?;
            self.parts.config = Some(config);
            let app = self.assemble()?;
            let listener = match process.listener()? {
                Some(listener) => listener,
                None => listen(&options).await?,
            };
            supervised::end_with_signals(app.lifecycle.clone())?;
            let moved = process.take_over(&app).await?;
            process.attend(&app, &listener)?;
            announce(&listener, if app.tls.is_some() { "https" } else { "http" })?;
            supervised::notify("READY=1");
            let pubsub = app.pubsub.clone();
            let remaining = app.serve_with(listener, moved).await;
            process.stopping();
            end(remaining, &pubsub).await;
            process.end().await;
            Ok(())
        });
        // What blocking work is left is not waited for: its deadline has passed.
        runtime.shutdown_background();
        result
    }

    fn take_config(&mut self) -> Result<Config> {
        match self.parts.config.take() {
            Some(config) => Ok(config),
            None => Ok(Config::load(Environment::current())?),
        }
    }

    /// Puts everything together, checking all that can be checked before the first request.
    fn assemble(mut self) -> Result<Assembled> {
        let config = self.take_config()?;
        config.expect_sections(&SECTIONS)?;
        let environment = config.environment().clone();
        if environment.is_dev() {
            Error::record_backtraces();
        }
        let options: ServerOptions = config.section("server")?;
        let tls = options.tls.as_ref();
        let tls = tls.map(|tls| Tls::load(tls, config.root())).transpose()?;
        let websocket: WebSocketOptions = config.section("websocket")?;
        let views: ViewOptions = config.section("views")?;
        let dev = environment.is_dev().then(|| Dev::new(&config, &SECTIONS));
        let watcher = dev.as_ref().map(Dev::views_watcher);
        let views = Views::load(config.root().join(views.dir()), watcher)?;

        let mut registry = builtin::registry(&views, config.root());
        for change in self.parts.reply_handlers {
            change(&mut registry)?;
        }
        let mut routes = (self.routes)(&environment);
        let described = dev.as_ref().map(|_| describe::values(&routes));
        let wheel = Wheel::with_a_past();
        let pubsub = PubSub::with_settings(&config)?;
        let (lifecycle, ended) = Lifecycle::new();
        let scope = Scope(Arc::new(Values {
            config,
            pubsub: pubsub.clone(),
            lifecycle: lifecycle.clone(),
        }));
        let dispatcher = Dispatcher {
            registry,
            pages: router::pages(&mut routes)?,
            fallback: self.parts.fallback,
            error_page: environment.is_dev().then_some(dev::error_page),
            scope: scope.clone(),
        };

        let settings = Settings {
            options: websocket,
            pubsub: pubsub.clone(),
            wheel: wheel.clone(),
            lifecycle: lifecycle.clone(),
            state: self.state,
            console: environment.is_dev().then_some(dev::console),
        };
        let assembly = Assembly {
            dispatcher: Arc::new(dispatcher),
            scope,
            settings: Arc::new(settings),
            body_limit: options.body_limit,
            layers: self.parts.layers,
            tells_routes: dev.is_some(),
            watch: dev.as_ref().map(Dev::watch),
            resumers: RefCell::default(),
        };
        let feed = dev.as_ref().map(Dev::feed);
        let mut service = router::build(&routes, &assembly)?;
        if let Some(dev) = dev {
            let application = dev::Application {
                routes: described.unwrap_or_default(),
                views,
                pubsub: pubsub.clone(),
                lifecycle: lifecycle.clone(),
            };
            service = dev.around(service, application);
        }
        Ok(Assembled {
            service,
            settings: assembly.settings,
            resumers: assembly.resumers.into_inner(),
            options,
            tls,
            pubsub,
            wheel,
            lifecycle,
            ended,
            feed,
        })
    }
}

impl Assembled {
    pub(crate) fn serve(self, listener: TcpListener) -> Pin<Box<dyn Future<Output = Remaining> + Send>> {
        self.serve_with(listener, MovedHere::default())
    }

    /// Serves, first of all those that have moved here. In a box, so that the caller's crate does not compile it again.
    fn serve_with(self, listener: TcpListener, moved: MovedHere) -> Pin<Box<dyn Future<Output = Remaining> + Send>> {
        Box::pin(async move {
            self.pubsub.start();
            server::serve(
                Arrivals { listener, moved },
                self.service,
                self.tls,
                &self.options,
                self.lifecycle,
                self.wheel,
                self.ended,
            )
            .await
        })
    }
}

/// Waits for the end of what is still served, and then for what it has sent to other nodes.
async fn end(remaining: Remaining, pubsub: &PubSub) {
    remaining.end().await;
    pubsub.close().await;
}

/// A socket of the process's own.
async fn listen(options: &ServerOptions) -> Result<TcpListener> {
    let address = (options.host.as_str(), options.port);
    TcpListener::bind(address)
        .await
        .map_err(|error| Error::new(format!("can't listen on {}:{}: {error}", options.host, options.port)))
}

fn announce(listener: &TcpListener, scheme: &str) -> Result<()> {
    let address: SocketAddr = listener.local_addr()?;
    if !supervised::is_supervised() {
        tracing::info!("listening on {scheme}://{address}");
    }
    Ok(())
}
