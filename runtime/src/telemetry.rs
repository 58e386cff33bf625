//! The log: `tracing` events on standard error.

use std::io::IsTerminal as _;

use serde::Deserialize;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::environment::Environment;
use crate::error::{Error, Result};

/// The section `[log]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LogOptions {
    /// A level, or levels by target: `info`, or `warn,myapp=debug`.
    level: String,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self {
            level: "info".to_owned(),
        }
    }
}

/// Sends the log to standard error, unless the application has chosen its own subscriber before.
///
/// In `dev` a line has no date: the person who reads it is there.
pub(crate) fn start(options: &LogOptions, environment: &Environment) -> Result<()> {
    let targets: Targets = options.level.parse().map_err(|error| {
        Error::new(format!(
            "log.level is `{}`, which is no level or list of target=level: {error}",
            options.level
        ))
    })?;
    let format = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(
        std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
    );
    let registry = tracing_subscriber::registry().with(targets);
    // A second subscriber is refused: the application's own, installed first, stays.
    let _ = if environment.is_dev() {
        registry.with(format.without_time().with_target(false)).try_init()
    } else {
        registry.with(format).try_init()
    };
    Ok(())
}
