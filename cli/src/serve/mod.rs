//! `nova serve`: builds and runs the application, and does it again on every change.
//!
//! The listening socket is the command's own, so no connection is refused while one process takes over from another, and
//! the old one serves until then. The pieces know nothing of each other: [`watch`], [`build`], [`swap`] and [`signals`]
//! are sources, [`supervise`] decides, `drive` carries out.
//!
//! However the command ends, its children end: by a signal they are stopped and waited for; by an error they are killed
//! when their owners are dropped; and where the command itself is killed, the application sees the end of its standard
//! input, and a build under way ends by itself.

use std::process::ExitCode;

use crate::error::{Error, Result};
use crate::project::Project;
use crate::settings::{self, Settings};

pub(crate) mod build;
mod cargo_text;
mod changes;
mod deadline;
mod drive;
pub(crate) mod group;
mod listen;
mod notice;
mod port_holder;
mod readiness;
pub(crate) mod signals;
mod supervise;
mod swap;
mod tree;
mod watch;

/// Runs the command. Its exit code is 128 and the number of the signal that ended it.
pub(crate) fn run(args: crate::args::Serve) -> Result<ExitCode> {
    let here = std::env::current_dir().map_err(|error| Error::failed(format!("no current directory: {error}")))?;
    let project = Project::find(&here)?;
    let typed = settings::Partial {
        host: args.host,
        port: args.port,
    };
    let listener = listen::Listener::bind(&Settings::resolve(typed, &project.root)?)?;
    let launch = swap::Launch {
        root: project.root.clone(),
        args: args.args,
        environment: settings::environment(),
    };
    runtime()?.block_on(async {
        let driver = drive::Driver {
            release: args.release,
            url: format!("http://{}", listener.address()),
            listener,
            signals: signals::Signals::listen()?,
            watch: watch::Watch::start(&project.root)?,
            processes: swap::Processes::new(launch),
            build: None,
            project,
        };
        driver.run().await.map(ExitCode::from)
    })
}

/// One thread is enough for waiting, and keeps the order of everything that is done here.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::failed(format!("can't start: {error}")))
}
