//! An application put together, and run.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;

use tokio::net::TcpListener;

#[cfg(feature = "openapi")]
use super::describe;
use super::describe::Table;
use super::process::Process;
use super::start::{Background, Start};
use super::state::{Started, Unstarted};
use super::supervised;
use crate::client::Proxies;
use crate::config::Config;
use crate::csrf::{Csrf, CsrfOptions};
use crate::dev::{self, Dev};
use crate::dispatch::Dispatcher;
use crate::environment::Environment;
use crate::error::{Error, Result};
#[cfg(feature = "multipart")]
use crate::extract::UploadOptions;
use crate::fallback::Fallback;
use crate::lifecycle::{Ended, Lifecycle};
use crate::pubsub::PubSub;
use crate::registry::{Registry, builtin};
use crate::router::{self, AppLayer, AppService, Assembly};
use crate::scope::{Scope, Values};
use crate::server::{self, Arrivals, MovedHere, Remaining, ServerOptions, Tls};
use crate::session::{SessionOptions, Sessions, StoreOf};
use crate::telemetry;
use crate::unwind;
use crate::view::{ViewOptions, Views};
use crate::websocket::{Resumer, Settings, WebSocketOptions};
use crate::wheel::Wheel;

/// The sections of `nova.toml` that the framework reads, and the application's own.
const SECTIONS: &[&str] = &[
    "server",
    "log",
    "views",
    "session",
    "csrf",
    "websocket",
    "pubsub",
    #[cfg(feature = "multipart")]
    "uploads",
    // The application's own.
    "app",
    "database",
];

/// What an application has besides its routes and their state.
#[derive(Default)]
pub(super) struct Parts {
    pub(super) config: Option<Config>,
    pub(super) fallback: Option<Fallback>,
    pub(super) layers: Vec<AppLayer>,
    pub(super) reply_handlers: Vec<RegisterHandlers>,
    pub(super) sessions: Option<StoreOf>,
    pub(super) in_test: bool,
    #[cfg(feature = "openapi")]
    pub(super) openapi: Option<super::openapi::Change>,
}

/// An application that can start.
pub(super) struct Ready {
    pub(super) typed: Box<dyn Unstarted>,
    pub(super) parts: Parts,
}

pub(super) type RegisterHandlers = Box<dyn FnOnce(&mut Registry) -> Result<()> + Send>;

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
    pub(crate) background: Background,
    /// Where the application has them.
    pub(crate) sessions: Option<Arc<Sessions>>,
    /// Where the supervisor's lines for open pages go: in `dev` only.
    pub(crate) feed: Option<dev::Feed>,
}

/// What is left of an application that accepts no more.
pub(crate) struct Ending {
    remaining: Remaining,
    lifecycle: Lifecycle,
    background: Background,
    pubsub: PubSub,
}

impl Ready {
    pub(super) fn run(mut self) -> Result<()> {
        if let Some(what) = supervised::describes() {
            return self.describe(&what);
        }
        let config = self.take_config()?;
        telemetry::start(&config.section("log")?, config.environment());
        unwind::install_hook();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let result = runtime.block_on(async {
            // Also what is still starting ends at a signal: the first process of a container has no end of its own there.
            let mut told = supervised::first_signal()?;
            let mut process = Process::begin().await?;
            self.parts.config = Some(config);
            let app = tokio::select! {
                app = self.assemble() => app?,
                _ = &mut told => {
                    tracing::info!("told to end before it had started");
                    return Ok(());
                }
            };
            let listener = match process.listener()? {
                Some(listener) => listener,
                None => listen(&app.options).await?,
            };
            supervised::end_with_signal(told, app.lifecycle.clone(), app.options.shutdown_delay());
            let moved = process.take_over(&app).await?;
            process.attend(&app, &listener)?;
            announce(&listener, if app.tls.is_some() { "https" } else { "http" })?;
            supervised::notify("READY=1");
            let ending = app.serve_with(listener, moved).await;
            process.stopping();
            ending.end().await;
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

    /// Prints the route table, or the document made of it. What is wrong with the settings is not said here.
    fn describe(mut self, what: &str) -> Result<()> {
        let config = self.take_config().ok();
        let environment = config.as_ref().map(|config| config.environment().clone());
        let options = config.and_then(|config| config.section("server").ok());
        let options: ServerOptions = options.unwrap_or_default();
        let routes = self.typed.look_at(&environment.unwrap_or_else(Environment::current));
        #[cfg(feature = "openapi")]
        if what == "openapi" {
            let document = super::openapi::of(&routes, options.trailing_slash, self.parts.openapi);
            return describe::print([document]);
        }
        if what != "routes" {
            return Err(Error::new(format!("this application can't describe its {what}")));
        }
        Table::of(
            &routes,
            &self.parts.layers,
            self.parts.fallback.as_ref(),
            options.trailing_slash,
        )
        .print()
    }

    /// Puts everything together, checking all that can be checked before the first request. The state is made when the
    /// settings and the templates are known to be right.
    pub(super) async fn assemble(mut self) -> Result<Assembled> {
        let config = self.take_config()?;
        config.expect_sections(SECTIONS)?;
        let environment = config.environment().clone();
        if environment.is_dev() {
            Error::record_backtraces();
        }
        let options: ServerOptions = config.section("server")?;
        let tls = options.tls.as_ref();
        let tls = tls.map(|tls| Tls::load(tls, config.root())).transpose()?;
        let websocket: WebSocketOptions = config.section("websocket")?;
        let views: ViewOptions = config.section("views")?;
        let csrf: CsrfOptions = config.section("csrf")?;
        // Checked also where there are none.
        let _: SessionOptions = config.section("session")?;
        let sessions = self.parts.sessions.map(|store| Sessions::new(store, &config));
        let sessions = sessions.transpose()?.map(Arc::new);
        let dev = environment.is_dev().then(|| Dev::new(&config, SECTIONS));
        let watcher = dev.as_ref().map(Dev::views_watcher);
        let views = Views::load(config.root().join(views.dir()), watcher)?;

        let registry = registry(&views, config.root(), self.parts.reply_handlers)?;
        let pubsub = PubSub::with_settings(&config)?;
        let (start, background) = Start::new(config.clone(), pubsub.clone());
        let Started { routes, state } = self.typed.start(start).await?;
        let mut routes = routes(&environment);
        let table = Table::of(
            &routes,
            &self.parts.layers,
            self.parts.fallback.as_ref(),
            options.trailing_slash,
        );
        let described = dev.as_ref().map(|_| table.values());
        #[cfg(feature = "openapi")]
        let document = dev
            .as_ref()
            .map(|_| super::openapi::text(&routes, options.trailing_slash, self.parts.openapi));
        let wheel = Wheel::with_a_past();
        let (lifecycle, ended) = Lifecycle::new();
        let scope = scope(config, &pubsub, &lifecycle, &options)?;
        let dispatcher = Dispatcher {
            registry,
            pages: router::pages(&mut routes)?,
            fallback: self.parts.fallback,
            error_page: dev.as_ref().map(Dev::error_page),
            scope: scope.clone(),
            in_test: self.parts.in_test,
        };

        let settings = Settings {
            options: websocket,
            pubsub: pubsub.clone(),
            wheel: wheel.clone(),
            lifecycle: lifecycle.clone(),
            state,
            console: environment.is_dev().then_some(dev::console),
        };
        let assembly = Assembly {
            dispatcher: Arc::new(dispatcher),
            scope,
            settings: Arc::new(settings),
            body_limit: options.body_limit,
            slashes: options.trailing_slash,
            sessions: sessions.clone(),
            csrf: Arc::new(Csrf::new(csrf)),
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
                #[cfg(feature = "openapi")]
                openapi: document.unwrap_or_default(),
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
            background,
            sessions,
            feed,
        })
    }
}

impl Assembled {
    pub(crate) fn serve(self, listener: TcpListener) -> Pin<Box<dyn Future<Output = Ending> + Send>> {
        self.serve_with(listener, MovedHere::default())
    }

    /// Serves, first of all those that have moved here. In a box, so that the caller's crate does not compile it again.
    fn serve_with(self, listener: TcpListener, moved: MovedHere) -> Pin<Box<dyn Future<Output = Ending> + Send>> {
        Box::pin(async move {
            self.pubsub.start();
            self.background.begin();
            let remaining = server::serve(
                Arrivals { listener, moved },
                self.service,
                self.tls,
                &self.options,
                self.lifecycle.clone(),
                self.wheel,
                self.ended,
            );
            Ending {
                remaining: remaining.await,
                lifecycle: self.lifecycle,
                background: self.background,
                pubsub: self.pubsub,
            }
        })
    }
}

/// What extractors find.
#[cfg_attr(
    not(feature = "multipart"),
    expect(clippy::unnecessary_wraps, reason = "uploads have settings")
)]
fn scope(config: Config, pubsub: &PubSub, lifecycle: &Lifecycle, options: &ServerOptions) -> Result<Scope> {
    #[cfg(feature = "multipart")]
    let uploads = config.section::<UploadOptions>("uploads")?.below(config.root());
    Ok(Scope(Arc::new(Values {
        config,
        pubsub: pubsub.clone(),
        lifecycle: lifecycle.clone(),
        is_tls: options.tls.is_some(),
        proxies: Proxies::new(options.trusted_proxies.clone()),
        #[cfg(feature = "multipart")]
        uploads,
    })))
}

/// The built-in reply handlers, with those of the application.
fn registry(views: &Views, root: &Path, changes: Vec<RegisterHandlers>) -> Result<Registry> {
    let mut registry = builtin::registry(views, root);
    for change in changes {
        change(&mut registry)?;
    }
    Ok(registry)
}

impl Ending {
    /// Waits for the end of what is still served, ends what runs in the background, and waits for what both have sent to other
    /// nodes.
    pub(crate) async fn end(self) {
        let ending = self.remaining.end();
        tokio::pin!(ending);
        tokio::select! {
            biased;
            // In the process that has taken over they run already.
            () = self.lifecycle.moved() => {
                self.background.abort();
                ending.await;
            }
            () = &mut ending => {}
        }
        self.background.end().await;
        self.pubsub.close().await;
    }
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
