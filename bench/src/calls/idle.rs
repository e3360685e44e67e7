//! What the mesh costs while nobody calls it.

use super::processes::Processes;
use crate::client::Mesh;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::{Instant, sleep};
use tokio_postgres::{Client, NoTls};

/// Time for what was begun before to end.
const SETTLING: Duration = Duration::from_secs(15);

/// Waits, and counts transactions and new connections of all databases, and processor time.
pub async fn measure(mesh: &Mesh, processes: &Processes, time: Duration) -> Result<Value> {
    let url = mesh.variable("SOUK_DATABASE_URL_CATALOG").context("no database: ./dev up")?;
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await?;
    tokio::spawn(connection);
    eprintln!("idle: measuring for {time:?} after {SETTLING:?} ...");
    sleep(SETTLING).await;
    let (before, cpu, started) = (counts(&client).await?, processes.cpu()?, Instant::now());
    sleep(time).await;
    let seconds = started.elapsed().as_secs_f64();
    let (after, used) = (counts(&client).await?, processes.cpu()?);
    Ok(json!({
        "workload": "idle",
        "transactions_per_second": (after.0 - before.0) as f64 / seconds,
        "new_connections": after.1 - before.1,
        "souk_cpu_percent": (used.souk - cpu.souk) / seconds * 100.0,
        "postgres_cpu_percent": (used.postgres - cpu.postgres) / seconds * 100.0,
        "connections": after.2,
    }))
}

/// Transactions, sessions that were opened, and sessions that are open. The statistics lag behind by a second at most.
async fn counts(client: &Client) -> Result<(i64, i64, i64)> {
    let row = client
        .query_one(
            "select sum(xact_commit + xact_rollback)::bigint, sum(sessions)::bigint,
                    (select count(*) from pg_stat_activity where datname like 'souk\\_%')
             from pg_stat_database where datname like 'souk\\_%'",
            &[],
        )
        .await?;
    Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))
}
