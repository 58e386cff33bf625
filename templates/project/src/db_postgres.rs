//! The database: where it is, and how it is opened.

use std::time::Duration;

use nova::prelude::*;
use serde::Deserialize;
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

/// The connections. A controller takes them as `State(db): State<Db>`.
pub type Db = PgPool;

/// `[database]` in `nova.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    url: String,
    max_connections: u32,
}

/// Opens the database when the application starts, and runs the migrations that it lacks.
pub async fn connect(start: nova::Start) -> nova::Result<Db> {
    let settings: Settings = start.config().section("database")?;
    let options: PgConnectOptions = settings.url.parse()?;
    // A query that waits longer for a connection is an error.
    let pool = PgPoolOptions::new().acquire_timeout(Duration::from_secs(5));
    // Without what is secret in the URL.
    let (host, port) = (options.get_host(), options.get_port());
    let place = format!("postgres://{host}:{port}");
    let opened = if *start.environment() == Environment::TEST {
        // Each test has one connection, and its tables in that connection's temporary schema: no other sees them, and they go
        // with it.
        let options = options.options([("search_path", "pg_temp")]);
        let pool = pool.idle_timeout(None).max_lifetime(None);
        pool.max_connections(1).connect_with(options).await
    } else {
        let pool = pool.max_connections(settings.max_connections);
        pool.connect_with(options).await
    };
    let failed = |error| format!("can't connect to {place}: {error}");
    let db = opened.map_err(|error| nova::Error::new(failed(error)))?;
    // An older program starts on a newer database, so that a step back is one.
    let mut migrations = sqlx::migrate!();
    migrations.set_ignore_missing(true).run(&db).await?;
    Ok(db)
}
