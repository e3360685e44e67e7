//! Migrations: the shared tables of `migrations/shared`, then the service's own. Services never run them (`souk migrate` does, and
//! `souk dev up` for development); a service whose database has pending migrations does not become ready.

use diesel::migration::{Migration, MigrationSource};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel_async::{AsyncConnection, AsyncMigrationHarness, AsyncPgConnection, RunQueryDsl};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use fault::Fault;
use secrecy::{ExposeSecret, SecretString};
use std::collections::BTreeSet;
use std::time::Duration;

/// Migrations of one database.
pub type Migrations = EmbeddedMigrations;

/// The tables that every service's database has.
pub const SHARED: Migrations = embed_migrations!("../../migrations/shared");

/// Key of the advisory lock: an arbitrary number, the same in every process.
const LOCK_KEY: i64 = 0x736f_756b;

/// Runs all pending migrations and returns their names. An advisory lock makes concurrent callers wait for each other. It is
/// polled, because a session that blocks on it would deadlock with `create index concurrently`.
pub async fn run<S>(url: &SecretString, own: S) -> Result<Vec<String>, Fault>
where
    S: MigrationSource<Pg> + Send + 'static,
{
    let mut connection = connect(url).await?;
    while !try_lock(&mut connection).await? {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    tokio::task::spawn_blocking(move || {
        let mut harness = AsyncMigrationHarness::new(connection);
        let mut done = run_source(&mut harness, SHARED)?;
        done.extend(run_source(&mut harness, own)?);
        Ok(done)
    })
    .await
    .map_err(Fault::internal)?
}

fn run_source(
    harness: &mut impl MigrationHarness<Pg>,
    source: impl MigrationSource<Pg>,
) -> Result<Vec<String>, Fault> {
    let mut done = Vec::new();
    for migration in harness.pending_migrations(source).map_err(Fault::internal)? {
        harness.run_migration(&migration).map_err(Fault::internal)?;
        done.push(migration.name().to_string());
    }
    Ok(done)
}

/// Names of the migrations in this binary that were not run on the database yet.
pub async fn pending(url: &SecretString, own: Migrations) -> Result<Vec<String>, Fault> {
    let mut connection = connect(url).await?;
    let applied = applied(&mut connection).await?;
    Ok(names(own)?
        .into_iter()
        .filter(|(version, _)| !applied.contains(version))
        .map(|(_, name)| name)
        .collect())
}

fn names(own: Migrations) -> Result<Vec<(String, String)>, Fault> {
    let mut names = Vec::new();
    for source in [SHARED, own] {
        let migrations: Vec<Box<dyn Migration<Pg>>> =
            source.migrations().map_err(Fault::internal)?;
        for migration in migrations {
            let name = migration.name();
            names.push((name.version().to_string(), name.to_string()));
        }
    }
    names.sort();
    Ok(names)
}

async fn applied(connection: &mut AsyncPgConnection) -> Result<BTreeSet<String>, Fault> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::Text)]
        version: String,
    }
    let known = diesel::sql_query(
        "select 'x' as version from information_schema.tables
         where table_name = '__diesel_schema_migrations'",
    )
    .get_results::<Row>(connection)
    .await?;
    if known.is_empty() {
        return Ok(BTreeSet::new());
    }
    let rows: Vec<Row> = diesel::sql_query("select version from __diesel_schema_migrations")
        .get_results(connection)
        .await?;
    Ok(rows.into_iter().map(|row| row.version).collect())
}

async fn connect(url: &SecretString) -> Result<AsyncPgConnection, Fault> {
    AsyncPgConnection::establish(url.expose_secret())
        .await
        .map_err(|error| Fault::unavailable("the database", error))
}

async fn try_lock(connection: &mut AsyncPgConnection) -> Result<bool, Fault> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::Bool)]
        locked: bool,
    }
    let row: Row = diesel::sql_query("select pg_try_advisory_lock($1) as locked")
        .bind::<diesel::sql_types::BigInt, _>(LOCK_KEY)
        .get_result(connection)
        .await?;
    Ok(row.locked)
}
