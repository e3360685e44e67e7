//! What a service stands on: its database and the broker, with the work that both need in every process. A service that
//! opens its [`Backing`] publishes its outbox, forgets what has served its time, and is ready only when its migrations are.

use crate::{Boot, BootError, Check};
use bus::{Bus, Consumers, Relay};
use fault::{Fault, context};
use pg::migrate::{self, Migrations};
use pg::{Db, sweep};
use std::time::Duration;

/// Between two rounds over what has served its time.
const SWEEP: Duration = Duration::from_secs(60);

/// The database of one service, and the broker.
#[derive(Clone)]
pub struct Backing {
    /// The service's own database.
    pub db: Db,
    /// The broker, shared by the services of a process.
    pub bus: Bus,
    /// What to wait for before the service is ready.
    pub checks: [Check; 2],
}

impl Boot {
    /// Opens what `service` stands on, and starts its relay and its sweep.
    pub async fn backing(
        &self,
        service: &'static str,
        migrations: fn() -> Migrations,
    ) -> Result<Backing, BootError> {
        let config = &self.config.database;
        let url = config.url.get(service).cloned().ok_or_else(|| {
            let name = service.to_ascii_uppercase();
            BootError::missing(format!("SOUK_DATABASE_URL_{name}: is needed to serve {service}"))
        })?;
        let mut settings = pg::Settings::of(url.clone());
        settings.replica_url = config.replica_url.get(service).cloned();
        settings.max_connections = usize::try_from(config.pool_size).unwrap_or(16);
        let db = Db::new(service, settings)?;
        let bus = self.bus().await?;

        let relay = Relay::new(db.clone(), bus.clone());
        let ending = self.tasks.ending();
        self.tasks.keep("relay", async move {
            if let Err(fault) = relay.run(ending).await {
                tracing::error!("the relay cannot run: {}", fault.chain());
            }
        });
        let (swept, ending) = (db.clone(), self.tasks.ending());
        self.tasks.keep("sweep", async move {
            while tokio::time::timeout(SWEEP, ending.cancelled()).await.is_err() {
                let work =
                    context::scope(context::Context::of_service(service), sweep::sweep(&swept));
                if let Err(fault) = work.await {
                    tracing::warn!("sweeping failed, trying again: {}", fault.chain());
                }
            }
        });
        let broker = bus.clone();
        let checks = [
            Check::hard("database", move || ready(url.clone(), migrations)),
            Check::soft("broker", move || {
                let broker = broker.clone();
                async move { broker.health().await }
            }),
        ];
        Ok(Backing { db, bus, checks })
    }

    /// Runs what a service listens to, until the process ends.
    pub fn listen(&self, consumers: Consumers) {
        let ending = self.tasks.ending();
        self.tasks.keep("consumers", async move {
            if let Err(fault) = consumers.run(ending).await {
                tracing::error!("the consumers cannot run: {}", fault.chain());
            }
        });
    }
}

async fn ready(url: secrecy::SecretString, migrations: fn() -> Migrations) -> Result<(), Fault> {
    let pending = migrate::pending(&url, migrations()).await?;
    match pending.first() {
        None => Ok(()),
        Some(first) => Err(Fault::internal(format!(
            "{} migrations are to be run, from {first} on: run `souk migrate`",
            pending.len()
        ))),
    }
}
