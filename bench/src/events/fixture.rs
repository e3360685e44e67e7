//! The servers, and new databases and a new broker for each workload.

use anyhow::{Context, Result};
use bus::Bus;
use diesel_async::SimpleAsyncConnection;
use pg::{Db, migrate, provision};
use secrecy::SecretString;
use stack::{Flush, Nats, Private, Profile, Stack};
use std::path::{Path, PathBuf};
use std::time::Duration;
use uuid::Uuid;

const FOLDER: &str = ".souk/bench";

/// PostgreSQL as in production, for the bench alone.
pub struct Servers {
    superuser: SecretString,
}

impl Servers {
    pub async fn start() -> Result<Self> {
        let stack = Stack::up(FOLDER, Profile::Development).await?;
        Ok(Self { superuser: stack.postgres_url.into() })
    }

    /// Ends them and removes what they wrote.
    pub async fn remove(self) -> Result<()> {
        Stack::remove(FOLDER).await
    }
}

/// Databases and broker of one workload: pricing publishes, search consumes.
pub struct Fixture {
    pub pricing: Db,
    pub search: Db,
    pub bus: Bus,
    broker: Private<Nats>,
    folder: PathBuf,
    databases: [String; 2],
    superuser: SecretString,
}

impl Fixture {
    pub async fn new(servers: &Servers) -> Result<Self> {
        let id = Uuid::now_v7().simple().to_string();
        let folder = Path::new(FOLDER).join(&id);
        let broker = Nats::spawn_private_with(&folder, Flush::Always).await?;
        let superuser = servers.superuser.clone();
        let databases = ["pricing", "search"].map(|service| format!("bench_{id}_{service}"));
        let pricing = database(&superuser, "pricing", &databases[0]).await?;
        let search = database(&superuser, "search", &databases[1]).await?;
        let bus = Bus::connect(&bus::Settings::of(broker.url())).await?;
        Ok(Self { pricing, search, bus, broker, folder, databases, superuser })
    }

    /// Another connection to the broker, for watching.
    pub async fn connect(&self) -> Result<Bus> {
        Ok(Bus::connect(&bus::Settings::of(self.broker.url())).await?)
    }

    pub async fn end(mut self) -> Result<()> {
        self.broker.stop().await?;
        for name in &self.databases {
            provision::drop(&self.superuser, name).await?;
        }
        std::fs::remove_dir_all(&self.folder).context("remove the broker's data")
    }
}

/// A database with the shared tables, and the one that the consumer has its effects in.
async fn database(superuser: &SecretString, service: &'static str, name: &str) -> Result<Db> {
    provision::create(superuser, name, "unused").await?;
    let url = provision::at(secrecy::ExposeSecret::expose_secret(superuser), name);
    migrate::run(&url.clone().into(), migrate::SHARED).await?;
    let mut settings = pg::Settings::of(url.into());
    // The steady load commits at its rate whatever a commit takes, so many are open where the disk is slow.
    (settings.max_connections, settings.acquire_timeout) = (48, Duration::from_secs(30));
    let db = Db::new(service, settings)?;
    db.write("bench.table", async |tx| {
        let seen = "create table seen (key text primary key, version bigint not null)";
        Ok(tx.conn().batch_execute(seen).await?)
    })
    .await?;
    Ok(db)
}
