//! What only a developer sees: all of it exists in the environment `dev` alone. See `docs/dev.md`.
//!
//! [`Dev::around`] is the one way in: a service around the application, outside its routes, layers and status pages. Below
//! `/__nova/` it answers requests from this machine; into HTML pages for this machine it puts a script, which reloads them
//! and shows what does not compile.

mod ansi;
mod console;
mod dashboard;
mod editor;
mod error_page;
mod events;
mod feed;
mod guard;
mod html;
mod inject;
#[cfg(feature = "openapi")]
mod openapi;
mod policy;
mod requests;
mod service;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use serde_json::Value;

use crate::config::{Config, Setting};
use crate::dispatch::ErrorPage;
use crate::lifecycle::Lifecycle;
use crate::lot;
use crate::pubsub::PubSub;
use crate::router::AppService;
use crate::view::{ViewError, Views, Watcher};
use crate::websocket::Watch;

pub(crate) use console::console;
use editor::Editor;
use events::Events;
pub(crate) use feed::Feed;
use feed::ViewsRead;
use requests::Requests;

/// The one palette, as rules for what `selector` matches.
fn palette(selector: &str) -> String {
    include_str!("palette.css").replace("{root}", selector)
}

/// What a developer is shown, before there is an application to show.
pub(crate) struct Dev(Arc<Shared>);

struct Shared {
    /// By which a page knows that it is out of date.
    build: String,
    root: PathBuf,
    editor: Editor,
    events: Arc<Events>,
    requests: Requests,
    watch: Watch,
    settings: Vec<Setting>,
    started: SystemTime,
    views_read: ViewsRead,
    /// Set when there is an application.
    application: OnceLock<Application>,
}

/// What a developer is shown of an application.
pub(crate) struct Application {
    /// The route table, as `nova routes` has it.
    pub(crate) routes: Vec<Value>,
    /// The `OpenAPI` document.
    #[cfg(feature = "openapi")]
    pub(crate) openapi: String,
    pub(crate) views: Views,
    pub(crate) pubsub: PubSub,
    pub(crate) lifecycle: Lifecycle,
}

impl Dev {
    /// For an application with these settings, of which those in `sections` are shown.
    pub(crate) fn new(config: &Config, sections: &[&str]) -> Self {
        let root = std::path::absolute(config.root()).unwrap_or_else(|_| config.root().to_path_buf());
        Self(Arc::new(Shared {
            build: build(),
            editor: Editor::new(root.clone(), std::env::var("NOVA_EDITOR").ok()),
            root,
            events: Arc::new(Events::new()),
            requests: Requests::default(),
            watch: Watch::new(),
            settings: config.in_force(sections),
            started: SystemTime::now(),
            views_read: ViewsRead::new(serde_json::json!({ "event": "views", "error": null })),
            application: OnceLock::new(),
        }))
    }

    /// The page for errors.
    pub(crate) fn error_page(&self) -> ErrorPage {
        error_page::error_page(Arc::clone(&self.0))
    }

    /// Who watches the application's connections.
    pub(crate) fn watch(&self) -> Watch {
        self.0.watch.clone()
    }

    /// Who is told when changed views have been read.
    pub(crate) fn views_watcher(&self) -> Watcher {
        let shared = Arc::clone(&self.0);
        Arc::new(move |error: Option<&ViewError>| shared.views_read(error))
    }

    /// The application with all that `dev` serves around it.
    pub(crate) fn around(self, service: AppService, application: Application) -> AppService {
        // It is set here alone.
        let _ = self.0.application.set(application);
        service::around(service, self.0)
    }

    /// Where the lines of the supervisor go.
    pub(crate) fn feed(&self) -> Feed {
        Feed::new(Arc::clone(&self.0))
    }
}

/// What `NOVA_BUILD` says, told apart from the builds of another supervisor; or else a number by lot.
fn build() -> String {
    match std::env::var("NOVA_BUILD") {
        #[cfg(unix)]
        Ok(build) => format!("{build}-{:x}", std::os::unix::process::parent_id()),
        #[cfg(not(unix))]
        Ok(build) => build,
        Err(_) => format!("{:016x}", lot::draw()),
    }
}
