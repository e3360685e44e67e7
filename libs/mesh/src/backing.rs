//! What every service depends on: its database and the broker, with the background work that both need in every process. A
//! service that opens its [`Backing`] publishes its outbox, deletes expired rows, and is ready only when its migrations are.

use crate::boot::{Boot, BootError};
use crate::cached::Cached;
use crate::check::Check;
use crate::client::Client;
use crate::config::{Config, OwnSettings};
use crate::door::Door;
use crate::paging::Paging;
use crate::reconcile::{FamilyCopy, Owner, Reconciler};
use crate::service::Service;
use crate::tasks::Tasks;
use axum::response::IntoResponse;
use bus::{Bus, Consumers, Relay};
use contracts::Serve;
use fault::{Fault, context};
use http::Request;
use pg::heads::Aggregates;
use pg::migrate::{self, Migrations};
use pg::{Db, sweep};
use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tonic::body::Body;
use tonic::server::NamedService;

/// Interval at which expired rows are deleted.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);

/// Interval at which the use of connection pools is measured.
const POOLS_INTERVAL: Duration = Duration::from_secs(15);

/// How long a database may take to tell how many connections its server takes.
const LIMIT_TIMEOUT: Duration = Duration::from_secs(3);

/// What a service is built on: its database, the broker, and the process that serves it.
pub struct Backing<'b> {
    db: Option<Db>,
    /// The broker, shared by the services of a process.
    pub bus: Bus,
    boot: &'b Boot,
    name: &'static str,
    aggregates: &'static [Aggregates],
    /// What [`Backing::listen`] was given.
    listening: Mutex<Vec<Consumers>>,
    /// Checks that must succeed before the service is ready.
    checks: Vec<Check>,
}

impl<'b> Backing<'b> {
    /// Opens database and broker of a service, and starts its relay and its sweep.
    pub(crate) async fn open(
        boot: &'b Boot,
        service: &'static str,
        migrations: Option<fn() -> Migrations>,
        aggregates: &'static [Aggregates],
    ) -> Result<Self, BootError> {
        let bus = boot.bus().await?;
        let mut checks = Vec::new();
        let db = match migrations {
            Some(migrations) => {
                let db = boot.open_database(service, !aggregates.is_empty()).await?;
                let (checked, migrated) = (db.clone(), Arc::new(AtomicBool::new(false)));
                checks.push(Check::hard("database", move || {
                    ready(checked.clone(), migrations, migrated.clone())
                }));
                Some(db)
            }
            None => None,
        };
        let broker = bus.clone();
        checks.push(Check::soft("broker", move || {
            let broker = broker.clone();
            async move { broker.health().await }
        }));
        if let Some(redis) = boot.redis.clone() {
            checks.push(Check::soft("redis", move || {
                let redis = redis.clone();
                async move { redis.answers() }
            }));
        }
        let listening = Mutex::default();
        Ok(Self { db, bus, boot, name: service, aggregates, listening, checks })
    }

    /// The service's own database.
    pub fn db(&self) -> Result<Db, BootError> {
        self.db.clone().ok_or_else(|| {
            let message =
                format!("the role {} declares no migrations, so it has no database", self.name);
            Fault::internal(message).into()
        })
    }

    /// A client with which the service calls another one: at the configured address, else inside this process.
    pub fn client(&self, target: &str) -> Result<Client, BootError> {
        self.boot.client(self.name, target)
    }

    /// Whether the mesh has a service, as far as this process knows: it serves it itself or has its address.
    pub fn reaches(&self, target: &str) -> bool {
        self.boot.reaches(target)
    }

    /// Makes and opens page tokens.
    pub fn paging(&self) -> Paging {
        self.boot.paging()
    }

    /// The configuration of the process.
    pub fn config(&self) -> &Config {
        &self.boot.config
    }

    /// The service's own settings, as its role declares them.
    pub fn settings<S: OwnSettings + Clone>(&self) -> Result<S, BootError> {
        let found = self.config().services.iter().find_map(|own| own.downcast_ref::<S>());
        found.cloned().ok_or_else(|| {
            let name = std::any::type_name::<S>();
            Fault::internal(format!("the role declares no settings {name}")).into()
        })
    }

    /// The tasks of the process, for the service's jobs.
    pub fn tasks(&self) -> &Tasks {
        &self.boot.tasks
    }

    /// Consumers of other services' events; [`Backing::listen`] runs them.
    pub fn consumers(&self) -> Result<Consumers, BootError> {
        Ok(Consumers::new(self.db()?, self.bus.clone()))
    }

    /// Redis; none where the configuration names none.
    pub fn redis(&self) -> Option<cache::Redis> {
        self.boot.redis.clone()
    }

    /// Kept answers of the service's methods, of which a process has so many bytes.
    pub fn cached(&self, max_bytes: u64) -> Cached {
        let cached = Cached::new(self.name, max_bytes, self.redis(), Some(self.bus.clone()));
        let tasks = self.tasks();
        tasks.keep("cached_answers", cached.clone().follow(self.bus.clone(), tasks.ending()));
        tasks.keep("popular_questions", cached.clone().report(tasks.ending()));
        cached
    }

    /// Finds out who sends a request over HTTP.
    pub fn door(&self) -> Door {
        Door::new(self.boot.auth.clone(), self.boot.config.rate_limit.trusted_proxies)
    }

    /// Runs what the service consumes, until the process ends, and compares the copies that it keeps by [`Consumers::project`] with
    /// their owners.
    pub fn listen(&self, consumers: Consumers) -> Result<(), BootError> {
        self.reconcile_copies(&consumers)?;
        self.listening.lock().unwrap_or_else(PoisonError::into_inner).push(consumers.clone());
        let ending = self.boot.tasks.ending();
        self.boot.tasks.keep("consumers", async move {
            if let Err(fault) = consumers.run(ending).await {
                tracing::error!("the consumers cannot run: {}", fault.chain());
            }
        });
        Ok(())
    }

    fn reconcile_copies(&self, consumers: &Consumers) -> Result<(), BootError> {
        let (mut copies, db) = (Vec::new(), self.db()?);
        for copied in consumers.copies() {
            let owner = copied.family.split('.').next().unwrap_or_default();
            if !self.boot.reaches(owner) {
                // The copy is what the events say; a mesh need not have every service.
                let (service, family) = (self.name, copied.family);
                tracing::warn!(service, family, "no address of {owner}: its copy is not compared");
                continue;
            }
            let owner = Owner::new(self.client(owner)?, owner);
            copies.push(FamilyCopy::new(db.clone(), copied.clone(), consumers.clone(), owner));
        }
        if !copies.is_empty() {
            let settings = &self.config().reconcile;
            let reconciler = Reconciler::new(db, settings, copies);
            self.tasks().keep("reconcile copies", reconciler.run(self.tasks().ending()));
        }
        Ok(())
    }

    /// The service with its handlers, ready once its database and its migrations are there.
    pub fn serve<A>(self, app: A) -> Service
    where
        A: Serve,
        A::Server: tower::Service<Request<Body>, Error = Infallible> + NamedService,
        A::Server: Clone + Send + Sync + 'static,
        <A::Server as tower::Service<Request<Body>>>::Response: IntoResponse,
        <A::Server as tower::Service<Request<Body>>>::Future: Send + 'static,
    {
        let mut service = Service::new(self.name);
        service.checks.extend(self.checks);
        service.db = self.db;
        service.aggregates = self.aggregates;
        service.consumers = self.listening.into_inner().unwrap_or_else(PoisonError::into_inner);
        service.mount(app, self.boot.config.server.max_message_bytes)
    }
}

impl Boot {
    /// Opens the database of a service, and starts what each needs in the background: its relay where it publishes events, the sweep of
    /// expired rows, the news of operations.
    pub async fn open_database(
        &self,
        service: &'static str,
        publishes: bool,
    ) -> Result<Db, BootError> {
        let bus = self.bus().await?;
        let config = &self.config.database;
        let url = config.url.get(service).cloned().ok_or_else(|| {
            let name = service.to_ascii_uppercase();
            BootError::missing(format!("SOUK_DATABASE_URL_{name}: is needed to serve {service}"))
        })?;
        let mut settings = pg::Settings::of(url.clone());
        settings.replica_url = config.replica_url.get(service).cloned();
        settings.max_connections = usize::try_from(config.pool_size).unwrap_or(16);
        settings.budget = self.connections.clone();
        let db = Db::new(service, settings)?;
        require_connections(self, service, &db).await?;

        // A service that publishes nothing has an empty outbox.
        if publishes {
            let relay = Relay::new(db.clone(), bus.clone());
            let ending = self.tasks.ending();
            self.tasks.keep("relay", async move {
                if let Err(fault) = relay.run(ending).await {
                    tracing::error!("the relay cannot run: {}", fault.chain());
                }
            });
        }
        let (watched, ending) = (db.clone(), self.tasks.ending());
        self.tasks.keep("pools", async move {
            while tokio::time::timeout(POOLS_INTERVAL, ending.cancelled()).await.is_err() {
                measure_pools(&watched);
            }
        });
        let (swept, ending) = (db.clone(), self.tasks.ending());
        self.tasks.keep("sweep", async move {
            while tokio::time::timeout(SWEEP_INTERVAL, ending.cancelled()).await.is_err() {
                let work =
                    context::scope(context::Context::of_service(service), sweep::sweep(&swept));
                if let Err(fault) = work.await {
                    tracing::warn!("sweeping failed, trying again: {}", fault.chain());
                }
            }
        });
        self.tasks.keep(
            "operations",
            bus::operations::share(db.clone(), bus.clone(), self.tasks.ending()),
        );
        Ok(db)
    }
}

/// Refuses to start where the process may open more connections than the server takes. A server that cannot be asked now is no reason: the
/// service becomes ready when it is there.
async fn require_connections(boot: &Boot, service: &str, db: &Db) -> Result<(), BootError> {
    let Ok(Ok(limit)) = tokio::time::timeout(LIMIT_TIMEOUT, db.server_limit()).await else {
        return Ok(());
    };
    // One more for the relay of each service.
    let pooled = usize::try_from(boot.config.database.connections).unwrap_or(usize::MAX);
    let most = pooled.saturating_add(boot.services());
    if most <= limit {
        return Ok(());
    }
    Err(BootError::missing(format!(
        "SOUK_DATABASE_CONNECTIONS: this process may open {most} connections, but the server of {service} takes {limit}; lower it, or \
         raise max_connections there"
    )))
}

fn measure_pools(db: &Db) {
    let service = db.service();
    for own in db.pools() {
        let pool = own.pool;
        let gauge = |state: &'static str, count: usize| {
            metrics::gauge!("db_pool_connections", "service" => service, "pool" => pool, "state" => state)
                .set(count as f64);
        };
        gauge("max", own.max);
        gauge("open", own.open);
        gauge("idle", own.idle);
        metrics::gauge!("db_pool_waiting", "service" => service, "pool" => pool)
            .set(own.waiting as f64);
    }
}

/// Whether the database answers, and all migrations have been run; that stays so once it was.
async fn ready(
    db: Db,
    migrations: fn() -> Migrations,
    migrated: Arc<AtomicBool>,
) -> Result<(), Fault> {
    if migrated.load(Ordering::Relaxed) {
        return db.answers().await;
    }
    let pending = migrate::pending(db.url(), migrations()).await?;
    match pending.first() {
        None => {
            migrated.store(true, Ordering::Relaxed);
            Ok(())
        }
        Some(first) => Err(Fault::internal(format!(
            "{} migrations are to be run, from {first} on: run `souk migrate`",
            pending.len()
        ))),
    }
}
