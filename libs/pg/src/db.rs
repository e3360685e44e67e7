use crate::due::Reading;
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

/// Connection settings of one service's database.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `postgres://…` of the primary.
    pub url: SecretString,
    /// `postgres://…` of a replica for reads that may be stale; without one the primary serves them.
    pub replica_url: Option<SecretString>,
    /// Maximum number of connections in each pool, primary and replica.
    pub max_connections: usize,
    /// Longest wait for a free connection.
    pub acquire_timeout: Duration,
    /// Statement timeout; a call with a shorter deadline uses that deadline instead.
    pub statement_timeout: Duration,
}

impl Settings {
    /// Default settings for a database URL.
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
    reading: Reading,
    clock_offset_ms: AtomicI64,
}

/// Timeout for connecting, for unacknowledged TCP data, and for idle time before TCP keepalives start.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(5);

/// How often a transaction is tried in total when it conflicts with others.
const MAX_ATTEMPTS: u32 = 8;

impl Db {
    /// Creates the pools; connections are opened on first use.
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
                reading: Reading::default(),
                clock_offset_ms: AtomicI64::new(0),
            }),
        })
    }

    /// Name of the service whose database this is.
    pub fn service(&self) -> &'static str {
        self.inner.service
    }

    /// URL of the primary, for connections outside the pool, such as the outbox relay's.
    pub fn url(&self) -> &SecretString {
        &self.inner.settings.url
    }

    /// Runs a read on the primary without a transaction: each statement sees everything committed before it.
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

    /// Runs a read on the replica if there is one; its result may be stale.
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

    /// Runs `body` in one transaction. On a conflict (deadlock, serialization failure, a contended insert) the transaction is
    /// rolled back and `body` runs again, so it must have no side effects but SQL. If the connection fails during COMMIT there is
    /// no retry, because the commit may have succeeded: the caller gets OUTCOME_UNKNOWN and retries with its `request_id`.
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
                Err(fault) if fault.is(Common::Contended) && attempt < MAX_ATTEMPTS => {
                    metrics::counter!("db_retries_total", "operation" => name).increment(1);
                    tokio::time::sleep(backoff(attempt)).await;
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
                let committed = tx.commit().await?;
                if committed.events {
                    self.inner.outbox_signal.notify_one();
                }
                if committed.operation {
                    self.announce_operation();
                }
                for signal in committed.signals {
                    signal.notify_one();
                }
                Ok(value)
            }
            Err(fault) => {
                tx.rollback().await;
                Err(fault)
            }
        }
    }

    pub(crate) fn reading(&self) -> &Reading {
        &self.inner.reading
    }

    /// Completes once this process has committed an event to publish since the last call.
    pub async fn outbox_written(&self) {
        self.inner.outbox_signal.notified().await;
    }

    /// Closes the idle connections of the primary's pool. After a failover they may be half-open, and each would cost one caller
    /// a timeout.
    pub fn renew(&self) {
        self.inner.primary.retain(|_, _| false);
    }

    /// Shifts the clock that [`Tx::now`] returns; tests use it instead of waiting.
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
    // `Fast` detects closed connections without a query on every checkout.
    config.recycling_method = RecyclingMethod::Fast;
    let manager = AsyncDieselConnectionManager::new_with_config(url.expose_secret(), config);
    Pool::builder(manager)
        .max_size(settings.max_connections)
        .runtime(deadpool::Runtime::Tokio1)
        .wait_timeout(Some(settings.acquire_timeout))
        .create_timeout(Some(CONNECTION_TIMEOUT))
        .build()
        .map_err(Fault::internal)
}

/// Prepared statements get a custom plan on every execution: a cached generic plan made when a table was empty would still scan the
/// whole table when it is large. The server notices clients that a network forgot within seconds, not after two hours. Idle transactions are terminated: after a half-open connection their locks would otherwise be held
/// until the server's TCP stack gives up on the client.
const SESSION_SETTINGS: &str = "
    set plan_cache_mode = force_custom_plan;
    set tcp_keepalives_idle = 5;
    set tcp_keepalives_interval = 2;
    set tcp_keepalives_count = 3;
    set idle_in_transaction_session_timeout = '15s'";

/// Connects with TCP timeouts, so that a half-open connection to a lost server is detected instead of hanging.
async fn connect(url: &str) -> ConnectionResult<AsyncPgConnection> {
    let mut config: Config = url.parse().map_err(not_connected)?;
    config
        .connect_timeout(CONNECTION_TIMEOUT)
        .tcp_user_timeout(CONNECTION_TIMEOUT)
        .keepalives_idle(CONNECTION_TIMEOUT);
    let (client, link) = config.connect(NoTls).await.map_err(not_connected)?;
    let mut connection = AsyncPgConnection::try_from_client_and_connection(client, link).await?;
    let set = connection.batch_execute(SESSION_SETTINGS).await;
    set.map_err(ConnectionError::CouldntSetupConfiguration)?;
    Ok(connection)
}

fn not_connected(error: tokio_postgres::Error) -> ConnectionError {
    let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
    ConnectionError::BadConnection(format!("{error}{cause}"))
}

/// Exponential backoff with full jitter.
fn backoff(attempt: u32) -> Duration {
    let max_ms = 5u64 << attempt.min(6);
    Duration::from_millis(rand::rng().random_range(1..=max_ms))
}
