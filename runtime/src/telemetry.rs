//! The log: `tracing` events on standard error.

use std::io::IsTerminal as _;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::environment::Environment;

/// The section `[log]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LogOptions {
    /// A level, or levels by target: `info`, or `warn,myapp=debug`.
    #[serde(deserialize_with = "targets")]
    level: Targets,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self {
            level: Targets::new().with_default(LevelFilter::INFO),
        }
    }
}

impl LogOptions {
    /// The levels. The broker's client says at `info` and above what the link says in its own words, so it is heard only
    /// where it is named.
    fn targets(&self) -> Targets {
        const CLIENT: &str = "async_nats";
        let targets = self.level.clone();
        match targets.iter().any(|(target, _)| target.starts_with(CLIENT)) {
            true => targets,
            false => targets.with_target(CLIENT, LevelFilter::OFF),
        }
    }
}

fn targets<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Targets, D::Error> {
    parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
}

/// A word alone must be a level. For [`Targets`] it may also be a target, of which everything is logged, and nothing of
/// all others: so a misspelt level would be silence.
fn parse(text: &str) -> Result<Targets, String> {
    let mut words = text.split(',').map(str::trim).filter(|part| !part.contains('='));
    if let Some(word) = words.find(|word| word.is_empty() || word.parse::<LevelFilter>().is_err()) {
        return Err(format!(
            "`{word}` is no level, expected one of `off`, `error`, `warn`, `info`, `debug`, `trace`, or `target=level`"
        ));
    }
    text.parse().map_err(|error| format!("`{text}`: {error}"))
}

/// Sends the log to standard error, unless the application has chosen its own subscriber before.
///
/// In `dev` a line has no date: the person who reads it is there.
pub(crate) fn start(options: &LogOptions, environment: &Environment) {
    let format = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(
        std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
    );
    let registry = tracing_subscriber::registry().with(options.targets());
    // A second subscriber is refused: the application's own, installed first, stays.
    let _ = if environment.is_dev() {
        registry.with(format.without_time().with_target(false)).try_init()
    } else {
        registry.with(format).try_init()
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_a_word_or_has_a_target() {
        for text in ["info", "OFF", "warn,myapp=debug", "warn, myapp::ws=trace, info"] {
            assert!(parse(text).is_ok(), "{text}");
        }
        assert_eq!(parse("info").unwrap(), LogOptions::default().level);
    }

    #[test]
    fn the_brokers_client_is_heard_where_it_is_named() {
        let enables = |level: &str| {
            let level = parse(level).unwrap();
            LogOptions { level }
                .targets()
                .would_enable("async_nats::connector", &tracing::Level::ERROR)
        };
        assert!(!enables("info") && !enables("trace"));
        assert!(enables("info,async_nats=debug") && enables("warn,async_nats::connector=debug"));
    }

    #[test]
    fn a_misspelt_level_is_an_error_and_not_silence() {
        for text in ["loud", "inf", "", "info,", "myapp", "myapp=loud", "warn,debg"] {
            assert!(parse(text).is_err(), "{text}");
        }
        let error = parse("warn,debg").unwrap_err();
        assert!(
            error.starts_with("`debg` is no level, expected one of `off`"),
            "{error}"
        );
    }
}
