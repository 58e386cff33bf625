//! `nova serve`: builds and runs the application, and does it again on every change.
//!
//! The listening socket is the command's own, so no connection is refused while one process takes over from another, and
//! the old one serves until then. The pieces know nothing of each other: [`watch`], [`build`], [`swap`], [`keys`] and
//! [`signals`] are sources, [`supervise`] decides, `drive` carries out.
//!
//! However the command ends, its children end: by a signal they are stopped and waited for; by an error they are killed
//! when their owners are dropped; and where the command itself is killed, the application sees the end of its standard
//! input, and a build under way ends by itself.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::project::Project;
use crate::settings::{self, Settings};
use crate::terminal;

mod browser;
pub(crate) mod build;
mod deadline;
mod drive;
mod editor;
pub(crate) mod group;
mod inputs;
mod json;
mod keys;
mod line;
mod listen;
mod members;
mod notice;
mod place;
mod port_holder;
mod readiness;
pub(crate) mod signals;
mod supervise;
mod swap;
mod watch;

/// Runs the command. Its exit code is 128 and the number of the signal that ended it.
pub(crate) fn run(args: crate::args::Serve) -> Result<ExitCode> {
    let project = Project::here()?;
    let typed = settings::Partial {
        host: args.host,
        port: args.port,
        tls: false,
    };
    let settings = Settings::resolve(typed, &project.root)?;
    let listener = listen::Listener::bind(&settings)?;
    let launch = swap::Launch {
        root: project.root.clone(),
        args: args.args,
        environment: settings::environment(),
        package: (project.name.clone(), project.version.clone()),
        editor: editor::detect(|name| std::env::var(name).ok()),
        quiet: args.json,
    };
    let scheme = if settings.tls { "https" } else { "http" };
    let json = args.json.then(json::Json::start).transpose();
    let json = json.map_err(|error| Error::failed(format!("can't start: {error}")))?;
    let poll = args.poll.or_else(|| poll_by_itself(&project.root));
    runtime()?.block_on(async {
        let driver = drive::Driver {
            release: args.release,
            url: format!("{scheme}://{}", listener.address()),
            listener,
            signals: signals::Signals::listen()?,
            watch: watch::Watch::start(&project.root, poll)?,
            processes: swap::Processes::new(launch),
            builds: build::Builds::default(),
            program: None,
            members: members::Members::unknown(),
            keys: keys::Keys::listen(),
            json,
            project,
        };
        driver.run().await.map(ExitCode::from)
    })
}

/// How often to look for changes where nobody has said it: only where the file system tells of none.
fn poll_by_itself(root: &Path) -> Option<Duration> {
    let kind = watch::poll::without_events(&root.canonicalize().ok()?)?;
    terminal::warning(
        "Polling",
        format_args!("{kind} tells of no changes; they are looked for every second (--poll)"),
    );
    Some(watch::poll::INTERVAL)
}

/// One thread is enough for waiting, and keeps the order of everything that is done here.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::failed(format!("can't start: {error}")))
}
