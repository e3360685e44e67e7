use crate::tx::{InTransaction, Tx, begin};
use chrono::TimeDelta;
use diesel::{ConnectionError, ConnectionResult};
use diesel_async::pooled_connection::deadpool::Pool;
use diesel_async::pooled_connection::{
    AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod,
};
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use fault::{Common, Fault, Kind, context};
use rand::Rng;
use secrecy::{ExposeSecret, SecretString};
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio_postgres::{Config, NoTls};

/// How one service reaches its database.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `postgres://…` of the primary.
    pub url: SecretString,
    /// `postgres://…` of a replica for reads that may lag; none: the primary serves them.
    pub replica_url: Option<SecretString>,
    /// Most connections to each of the two.
    pub max_connections: usize,
    /// Longest wait for a free connection.
    pub acquire_timeout: Duration,
    /// Longest time of one statement where the work has no deadline of its own.
    pub statement_timeout: Duration,
}

impl Settings {
    /// The usual settings for a database.
    pub fn of(url: SecretString) -> Self {
        Self {
            url,
            replica_url: None,
            max_connections: 16,
            acquire_timeout: Duration::from_secs(2),
            statement_timeout: Duration::from_secs(30),
        }
    }
}

/// The database of one service. Cheap to clone.
#[derive(Clone)]
pub struct Db {
    inner: Arc<Inner>,
}

struct Inner {
    service: &'static str,
    settings: Settings,
    primary: Pool<AsyncPgConnection>,
    replica: Option<Pool<AsyncPgConnection>>,
    outbox_signal: Notify,
    clock_offset_ms: AtomicI64,
}

/// How long a server may say nothing, not even that it has what was sent.
const SILENCE: Duration = Duration::from_secs(5);

/// How often a transaction that others get in the way of is tried.
const ATTEMPTS: u32 = 8;

impl Db {
    /// Prepares the pools; the first use connects.
    pub fn new(service: &'static str, settings: Settings) -> Result<Self, Fault> {
        let primary = pool(&settings.url, &settings)?;
        let replica = settings.replica_url.as_ref().map(|url| pool(url, &settings)).transpose()?;
        Ok(Self {
            inner: Arc::new(Inner {
                service,
                settings,
                primary,
                replica,
                outbox_signal: Notify::new(),
                clock_offset_ms: AtomicI64::new(0),
            }),
        })
    }

    /// Name of the service whose database this is.
    pub fn service(&self) -> &'static str {
        self.inner.service
    }

    /// URL of the primary, for connections that live outside the pool (the relay's).
    pub fn url(&self) -> &SecretString {
        &self.inner.settings.url
    }

    /// Reads without a transaction, seeing everything that is committed.
    pub async fn read<R, F>(&self, name: &'static str, body: F) -> Result<R, Fault>
    where
        for<'t> F: AsyncFnOnce(&'t mut Tx) -> Result<R, Fault>
            + InTransaction<&'t mut Tx, Result<R, Fault>, Running: Send>
            + Send,
        R: Send,
    {
        let started = Instant::now();
        let mut tx = self.open(&self.inner.primary).await?;
        let result = body(&mut tx).await;
        tx.release();
        self.measure(name, started, result)
    }

    /// Reads from the replica where there is one: the answer may lag behind the last write.
    pub async fn read_stale<R, F>(&self, name: &'static str, body: F) -> Result<R, Fault>
    where
        for<'t> F: AsyncFnOnce(&'t mut Tx) -> Result<R, Fault>
            + InTransaction<&'t mut Tx, Result<R, Fault>, Running: Send>
            + Send,
        R: Send,
    {
        let started = Instant::now();
        let pool = self.inner.replica.as_ref().unwrap_or(&self.inner.primary);
        let mut tx = self.open(pool).await?;
        let result = body(&mut tx).await;
        tx.release();
        self.measure(name, started, result)
    }

    /// Does `body` in one transaction. Where others get in the way (deadlock, serialization failure, a contended insert) it
    /// is rolled back and done again, so `body` must not do anything but SQL. An answer to COMMIT that got lost is never
    /// retried: the caller learns OUTCOME_UNKNOWN and repeats with its `request_id`.
    pub async fn write<R, F>(&self, name: &'static str, body: F) -> Result<R, Fault>
    where
        for<'t> F: AsyncFnOnce(&'t mut Tx) -> Result<R, Fault>
            + InTransaction<&'t mut Tx, Result<R, Fault>, Running: Send>
            + Clone
            + Send,
        R: Send,
    {
        let started = Instant::now();
        let mut attempt = 1;
        loop {
            let result = self.write_try(body.clone()).await;
            match result {
                Err(fault) if fault.is(Common::Contended) && attempt < ATTEMPTS => {
                    metrics::counter!("db_retries_total", "operation" => name).increment(1);
                    tokio::time::sleep(pause(attempt)).await;
                    attempt += 1;
                }
                result => return self.measure(name, started, result),
            }
        }
    }

    async fn write_try<R, F>(&self, body: F) -> Result<R, Fault>
    where
        for<'t> F: AsyncFnOnce(&'t mut Tx) -> Result<R, Fault>
            + InTransaction<&'t mut Tx, Result<R, Fault>, Running: Send>
            + Send,
        R: Send,
    {
        let mut tx = self.open(&self.inner.primary).await?;
        begin(&mut tx, self.statement_timeout()?).await?;
        match body(&mut tx).await {
            Ok(value) => {
                if tx.commit().await? {
                    self.inner.outbox_signal.notify_one();
                }
                Ok(value)
            }
            Err(fault) => {
                tx.rollback().await;
                Err(fault)
            }
        }
    }

    /// Completes when this process has committed something to publish since the last call.
    pub async fn outbox_written(&self) {
        self.inner.outbox_signal.notified().await;
    }

    /// Throws the connections away that nobody uses. They may lead to a server that will never answer again, and each of them
    /// would be found out by somebody who waits for it in vain.
    pub fn renew(&self) {
        self.inner.primary.retain(|_, _| false);
    }

    /// Moves the clock that transactions read; tests use it instead of waiting.
    pub fn shift_clock(&self, by: TimeDelta) {
        self.inner.clock_offset_ms.store(by.num_milliseconds(), Ordering::Relaxed);
    }

    async fn open(&self, pool: &Pool<AsyncPgConnection>) -> Result<Tx, Fault> {
        let connection = pool.get().await.map_err(|error| {
            metrics::counter!("db_pool_failures_total", "service" => self.inner.service)
                .increment(1);
            Fault::unavailable("the database", error)
        })?;
        let offset = self.inner.clock_offset_ms.load(Ordering::Relaxed);
        Ok(Tx::new(connection, TimeDelta::milliseconds(offset)))
    }

    fn statement_timeout(&self) -> Result<Duration, Fault> {
        let limit = self.inner.settings.statement_timeout;
        let Some(remaining) = context::current().remaining() else { return Ok(limit) };
        if remaining < Duration::from_millis(1) {
            return Err(Fault::new(Common::DeadlineExceeded, "the time for this call was up"));
        }
        Ok(remaining.min(limit))
    }

    fn measure<R>(
        &self,
        name: &'static str,
        started: Instant,
        result: Result<R, Fault>,
    ) -> Result<R, Fault> {
        let outcome = match &result {
            Ok(_) => "ok",
            Err(fault) if matches!(fault.kind(), Kind::Internal | Kind::Unavailable) => "error",
            Err(_) => "refused",
        };
        metrics::histogram!("db_client_operation_duration_seconds", "operation" => name, "outcome" => outcome)
            .record(started.elapsed());
        result
    }
}

fn pool(url: &SecretString, settings: &Settings) -> Result<Pool<AsyncPgConnection>, Fault> {
    let mut config = ManagerConfig::default();
    config.custom_setup = Box::new(|url| Box::pin(connect(url)));
    // A connection that was closed is known as such without a question on every use.
    config.recycling_method = RecyclingMethod::Fast;
    let manager = AsyncDieselConnectionManager::new_with_config(url.expose_secret(), config);
    Pool::builder(manager)
        .max_size(settings.max_connections)
        .runtime(deadpool::Runtime::Tokio1)
        .wait_timeout(Some(settings.acquire_timeout))
        .create_timeout(Some(SILENCE))
        .build()
        .map_err(Fault::internal)
}

/// Statements are prepared, but planned for what they are given: a plan that the server keeps from the days when a table was
/// empty would read all of it when it is large. A transaction in which nobody does anything is ended: its client may be gone
/// without a word, and whoever waits for its locks would wait until the server's kernel notices.
const SETTINGS: &str = "
    set plan_cache_mode = force_custom_plan;
    set idle_in_transaction_session_timeout = '15s'";

/// A server that is gone without a word is noticed: what was sent and is not confirmed in time ends the connection.
async fn connect(url: &str) -> ConnectionResult<AsyncPgConnection> {
    let mut config: Config = url.parse().map_err(not_connected)?;
    config.connect_timeout(SILENCE).tcp_user_timeout(SILENCE).keepalives_idle(SILENCE);
    let (client, link) = config.connect(NoTls).await.map_err(not_connected)?;
    let mut connection = AsyncPgConnection::try_from_client_and_connection(client, link).await?;
    connection.batch_execute(SETTINGS).await.map_err(ConnectionError::CouldntSetupConfiguration)?;
    Ok(connection)
}

fn not_connected(error: tokio_postgres::Error) -> ConnectionError {
    let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
    ConnectionError::BadConnection(format!("{error}{cause}"))
}

fn pause(attempt: u32) -> Duration {
    let most = 5u64 << attempt.min(6);
    Duration::from_millis(rand::rng().random_range(1..=most))
}
