//! What databases cost while nobody calls: each with its pool, its relay and the timers of the libraries, in one process.

use anyhow::{Context, Result, bail};
use mesh::identity::generate_keys;
use mesh::{Boot, Config, Tasks};
use pg::migrate;
use pg::provision;
use secrecy::{ExposeSecret, SecretString};
use stack::{Profile, Stack};
use std::time::Duration;
use tokio::time::{Instant, sleep};
use tokio_postgres::{Client, NoTls};
use tokio_util::sync::CancellationToken;

const FOLDER: &str = ".souk/bench";
const NAMES: [&str; 10] = ["d0", "d1", "d2", "d3", "d4", "d5", "d6", "d7", "d8", "d9"];
/// Time for what a start begins to end.
const SETTLING: Duration = Duration::from_secs(15);

/// Measures and prints.
pub async fn run(arguments: &[String]) -> Result<()> {
    let time = match arguments {
        [] => Duration::from_secs(60),
        [flag] if flag == "--quick" => Duration::from_secs(20),
        _ => bail!("usage: bench databases [--quick]"),
    };
    let servers = Stack::up(FOLDER, Profile::Development).await?;
    let superuser: SecretString = servers.postgres_url.clone().into();
    let mut urls = Vec::new();
    for name in NAMES {
        let database = format!("bench_idle_{name}");
        provision::drop(&superuser, &database).await?;
        provision::create(&superuser, &database, "unused").await?;
        let url: SecretString = provision::at(superuser.expose_secret(), &database).into();
        migrate::run(&url, migrate::SHARED).await?;
        urls.push((name, url));
    }
    let (client, connection) = tokio_postgres::connect(superuser.expose_secret(), NoTls).await?;
    tokio::spawn(connection);
    for count in [1, 4, NAMES.len()] {
        let urls = urls.get(..count).context("too few names")?;
        let idle = idle(&servers, urls, &client, time).await?;
        println!(
            "{count} databases: {:.2} transactions/s, {:.2} of each, {} new and {} open connections, {:.2} % of a core",
            idle.transactions,
            idle.transactions / count as f64,
            idle.new_connections,
            idle.connections,
            idle.cpu * 100.0
        );
    }
    for name in NAMES {
        provision::drop(&superuser, &format!("bench_idle_{name}")).await?;
    }
    Stack::remove(FOLDER).await?;
    Ok(())
}

struct Idle {
    transactions: f64,
    new_connections: i64,
    connections: i64,
    /// Of a core.
    cpu: f64,
}

async fn idle(
    servers: &Stack,
    urls: &[(&'static str, SecretString)],
    client: &Client,
    time: Duration,
) -> Result<Idle> {
    let folder = std::env::temp_dir().join(format!("bench-idle-{}", uuid::Uuid::now_v7()));
    let mut config = Config::default();
    config.server.grpc_listen.set_port(0);
    config.server.admin_listen.set_port(0);
    config.server.data_dir = folder.clone();
    config.nats.url = Some(servers.nats_url.clone().into());
    config.database.url.extend(urls.iter().map(|(name, url)| ((*name).to_owned(), url.clone())));
    generate_keys(&config.server.keys_folder())?;
    let names: Vec<&'static str> = urls.iter().map(|(name, _)| *name).collect();
    let tasks = Tasks::new(CancellationToken::new());
    let boot = Boot::bind(config, &names, tasks.clone()).await?;
    let mut open = Vec::new();
    for name in names {
        open.push(boot.open_database(name, true).await?);
    }
    sleep(SETTLING).await;
    let (before, used, begun) = (counts(client).await?, cpu()?, Instant::now());
    sleep(time).await;
    let seconds = begun.elapsed().as_secs_f64();
    let (after, cpu) = (counts(client).await?, (cpu()? - used) / seconds);
    tasks.stop().cancel();
    drop((open, boot));
    std::fs::remove_dir_all(folder)?;
    Ok(Idle {
        transactions: (after.0 - before.0) as f64 / seconds,
        new_connections: after.1 - before.1,
        connections: after.2,
        cpu,
    })
}

/// Transactions, sessions that were opened, and sessions that are open.
async fn counts(client: &Client) -> Result<(i64, i64, i64)> {
    let row = client
        .query_one(
            "select sum(xact_commit + xact_rollback)::bigint, sum(sessions)::bigint,
                    (select count(*) from pg_stat_activity where datname like 'bench\\_idle%')
             from pg_stat_database where datname like 'bench\\_idle%'",
            &[],
        )
        .await?;
    Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))
}

/// Seconds of processor time of this process.
fn cpu() -> Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> =
        stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|text| text.parse::<f64>().ok());
    // utime and stime, in hundredths of a second.
    Ok((ticks(11).unwrap_or_default() + ticks(12).unwrap_or_default()) / 100.0)
}
