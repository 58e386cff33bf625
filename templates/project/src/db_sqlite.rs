//! The database: where it is, and how it is opened.

use std::time::Duration;

use nova::prelude::*;
use serde::Deserialize;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions};
use sqlx::{ConnectOptions, SqliteConnection, SqlitePool};

/// The connections. A controller takes them as `State(db): State<Db>`.
pub type Db = SqlitePool;

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
    // A query that waits longer for a connection is an error.
    let pool = SqlitePoolOptions::new().acquire_timeout(Duration::from_secs(5));
    if *start.environment() == Environment::TEST {
        // In memory. One connection keeps it, and each test has one of its own.
        let pool = pool.idle_timeout(None).max_lifetime(None);
        let pool = pool.max_connections(1);
        return migrated(pool.connect("sqlite::memory:").await?).await;
    }
    let failed = |error| nova::Error::new(format!("can't open {}: {error}", settings.url));
    let options: SqliteConnectOptions = settings.url.parse()?;
    let options = options
        .create_if_missing(true)
        .foreign_keys(true)
        // Who writes does not hold up who reads, and waits for who else writes.
        .journal_mode(SqliteJournalMode::Wal)
        .busy_timeout(Duration::from_secs(5));
    let _turn = turn(&options).await.map_err(failed)?;
    let pool = pool.max_connections(settings.max_connections);
    let db = pool.connect_with(options).await.map_err(failed)?;
    migrated(db).await
}

/// Runs the migrations that it lacks. An older program starts on a newer database, so that a step back is one.
async fn migrated(db: Db) -> nova::Result<Db> {
    let mut migrations = sqlx::migrate!();
    migrations.set_ignore_missing(true).run(&db).await?;
    Ok(db)
}

/// Of processes that start at once one opens and migrates the database, and the others wait until it drops this: it is the lock
/// of an empty database beside it, which goes with the process too.
async fn turn(options: &SqliteConnectOptions) -> sqlx::Result<SqliteConnection> {
    let file = options.get_filename().with_added_extension("lock");
    let options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .busy_timeout(Duration::from_secs(60));
    let mut turn = options.connect().await?;
    sqlx::query("BEGIN EXCLUSIVE").execute(&mut turn).await?;
    Ok(turn)
}
