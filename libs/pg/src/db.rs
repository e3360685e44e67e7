use crate::budget::Budget;
use crate::not_opened::{overloaded, refusal};
use crate::pool::{Pool, Purpose, pool};
use crate::reading::Reading;
use crate::tx::{InTransaction, Tx, begin};
use chrono::TimeDelta;
use contracts::Fact;
use fault::{Common, Fault, Kind, context};
use futures::future::{BoxFuture, join_all};
use rand::Rng;
use secrecy::SecretString;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// Connection settings of one service's database.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `postgres://…` of the primary.
    pub url: SecretString,
    /// `postgres://…` of a replica for reads that may be stale; without one the primary serves them.
    pub replica_url: Option<SecretString>,
    /// Maximum number of connections to the primary, and as many to the replica.
    pub max_connections: usize,
    /// Longest wait for a free connection.
    pub acquire_timeout: Duration,
    /// Statement timeout; a call with a shorter deadline uses that deadline instead.
    pub statement_timeout: Duration,
    /// Connections that all databases of the process may hold together.
    pub budget: Budget,
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
            budget: Budget::new(usize::MAX),
        }
    }
}

/// The database of one service. Cheap to clone.
#[derive(Clone)]
pub struct Db {
    inner: Arc<Inner>,
    /// How many connections this one and its clones may use at a time; none: all of the pools.
    share: Option<Arc<Semaphore>>,
}

struct Inner {
    service: &'static str,
    settings: Settings,
    /// To the primary, for transactions and look-ups by key.
    keyed: Pool,
    /// To the primary, for reads with filters.
    filtered: Pool,
    replica: Option<Pool>,
    outbox_signal: Notify,
    reading: Reading,
    clock_offset_ms: AtomicI64,
    follower: OnceLock<Follower>,
}

/// What the process itself does about the events that it has committed.
type Follower = Box<dyn Fn(Vec<Fact>) -> BoxFuture<'static, ()> + Send + Sync>;

/// Some of the server's connections are kept for superusers and, since PostgreSQL 16, for roles that were given that right.
const SERVER_LIMIT: &str = "
    select current_setting('max_connections')::bigint
         - current_setting('superuser_reserved_connections')::bigint
         - coalesce(current_setting('reserved_connections', true)::bigint, 0) as connections";

/// How often a transaction is tried in total when it conflicts with others.
const MAX_ATTEMPTS: u32 = 8;

/// Connections of a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolUse {
    /// What they are for: `keyed`, `filtered` or `replica`.
    pub pool: &'static str,
    /// Most of them.
    pub max: usize,
    /// Those that are open.
    pub open: usize,
    /// Those of them that nobody uses.
    pub idle: usize,
    /// Callers that wait for one.
    pub waiting: usize,
}

impl Db {
    /// How much each pool is used.
    pub fn pools(&self) -> Vec<PoolUse> {
        let inner = &self.inner;
        let named = [("keyed", Some(&inner.keyed)), ("filtered", Some(&inner.filtered))];
        let named = named.into_iter().chain([("replica", inner.replica.as_ref())]);
        let used = named.filter_map(|(pool, own)| {
            let status = own?.status();
            let (max, open) = (status.max_size, status.size);
            Some(PoolUse { pool, max, open, idle: status.available, waiting: status.waiting })
        });
        used.collect()
    }

    /// How many connections the server takes of roles such as the service's, however many are open.
    pub async fn server_limit(&self) -> Result<usize, Fault> {
        #[derive(diesel::QueryableByName)]
        struct Limit {
            #[diesel(sql_type = diesel::sql_types::BigInt)]
            connections: i64,
        }
        let row: Limit = self
            .read("pg.server_limit", async |tx| {
                let query = diesel::sql_query(SERVER_LIMIT);
                // The trait's `load` would hide that of atomics here.
                diesel_async::RunQueryDsl::get_result(query, tx.conn()).await.map_err(Fault::from)
            })
            .await?;
        Ok(usize::try_from(row.connections).unwrap_or_default())
    }

    /// Creates the pools; connections are opened on first use.
    pub fn new(service: &'static str, settings: Settings) -> Result<Self, Fault> {
        let pool = |url: &SecretString, purpose, own: &Budget| {
            let limits = (settings.max_connections, settings.acquire_timeout);
            pool(url, purpose, limits, [own.clone(), settings.budget.clone()])
        };
        let own = &Budget::new(settings.max_connections);
        let keyed = pool(&settings.url, Purpose::Keyed, own)?;
        let filtered = pool(&settings.url, Purpose::Filtered, own)?;
        let replica = settings.replica_url.as_ref();
        let of_replica = &Budget::new(settings.max_connections);
        let replica = replica.map(|url| pool(url, Purpose::Filtered, of_replica)).transpose()?;
        Ok(Self {
            share: None,
            inner: Arc::new(Inner {
                service,
                settings,
                keyed,
                filtered,
                replica,
                outbox_signal: Notify::new(),
                reading: Reading::default(),
                clock_offset_ms: AtomicI64::new(0),
                follower: OnceLock::new(),
            }),
        })
    }

    /// The same database for work that must not take the connections of calls: it and its clones use so many at a time.
    #[must_use]
    pub fn share(&self, connections: usize) -> Self {
        Self { inner: Arc::clone(&self.inner), share: Some(Arc::new(Semaphore::new(connections))) }
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
        self.read_from(&self.inner.filtered, name, body).await
    }

    /// Runs a read on the primary that finds rows by key: its plans are made once for each connection, by index and whatever the key
    /// is. Not for lists, filters or batches, whose best plan depends on their values.
    pub async fn look_up<R, F>(&self, name: &'static str, body: F) -> Result<R, Fault>
    where
        for<'t> F: AsyncFnOnce(&'t mut Tx) -> Result<R, Fault>
            + InTransaction<&'t mut Tx, Result<R, Fault>, Running: Send>
            + Send,
        R: Send,
    {
        self.read_from(&self.inner.keyed, name, body).await
    }

    /// Runs a read on the replica if there is one; its result may be stale.
    pub async fn read_stale<R, F>(&self, name: &'static str, body: F) -> Result<R, Fault>
    where
        for<'t> F: AsyncFnOnce(&'t mut Tx) -> Result<R, Fault>
            + InTransaction<&'t mut Tx, Result<R, Fault>, Running: Send>
            + Send,
        R: Send,
    {
        let pool = self.inner.replica.as_ref().unwrap_or(&self.inner.filtered);
        self.read_from(pool, name, body).await
    }

    async fn read_from<R, F>(&self, pool: &Pool, name: &'static str, body: F) -> Result<R, Fault>
    where
        for<'t> F: AsyncFnOnce(&'t mut Tx) -> Result<R, Fault>
            + InTransaction<&'t mut Tx, Result<R, Fault>, Running: Send>
            + Send,
        R: Send,
    {
        let started = Instant::now();
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
        let mut tx = self.open(&self.inner.keyed).await?;
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
                self.follow(committed.facts, committed.followers).await;
                Ok(value)
            }
            Err(fault) => {
                tx.rollback().await;
                Err(fault)
            }
        }
    }

    /// Has `follower` told of the events of each commit of this process, before the caller of [`Db::write`] goes on; for caches, since an
    /// event may be lost to it as with [`Tx::after_commit`]. Only the first follower counts.
    pub fn follow_commits(
        &self,
        follower: impl Fn(Vec<Fact>) -> BoxFuture<'static, ()> + Send + Sync + 'static,
    ) {
        let _ = self.inner.follower.set(Box::new(follower));
    }

    async fn follow(&self, facts: Vec<Fact>, mut work: Vec<BoxFuture<'static, ()>>) {
        if let Some(follower) = self.inner.follower.get().filter(|_| !facts.is_empty()) {
            work.push(follower(facts));
        }
        if !work.is_empty() {
            // In a task of its own, so that it is done also where the call is cancelled meanwhile.
            let _ = tokio::spawn(join_all(work)).await;
        }
    }

    pub(crate) fn reading(&self) -> &Reading {
        &self.inner.reading
    }

    /// Completes once this process has committed an event to publish since the last call.
    pub async fn outbox_written(&self) {
        self.inner.outbox_signal.notified().await;
    }

    /// Closes the idle connections to the primary. After a failover they may be half-open, and each would cost one caller
    /// a timeout.
    pub fn renew(&self) {
        self.inner.keyed.retain(|_, _| false);
        self.inner.filtered.retain(|_, _| false);
    }

    /// Shifts the clock that [`Tx::now`] returns; tests use it instead of waiting.
    pub fn shift_clock(&self, by: TimeDelta) {
        self.inner.clock_offset_ms.store(by.num_milliseconds(), Ordering::Relaxed);
    }

    async fn open(&self, pool: &Pool) -> Result<Tx, Fault> {
        let failed = || {
            metrics::counter!("db_pool_failures_total", "service" => self.inner.service)
                .increment(1);
        };
        let share = self.enter_share().await.inspect_err(|_| failed())?;
        let connection = pool.get().await.map_err(refusal).inspect_err(|_| failed())?;
        let offset = self.inner.clock_offset_ms.load(Ordering::Relaxed);
        let is_followed = self.inner.follower.get().is_some();
        Ok(Tx::new(connection, share, TimeDelta::milliseconds(offset), is_followed))
    }

    async fn enter_share(&self) -> Result<Option<OwnedSemaphorePermit>, Fault> {
        let Some(share) = &self.share else { return Ok(None) };
        let permit = Arc::clone(share).acquire_owned();
        let permit = timeout(self.inner.settings.acquire_timeout, permit).await;
        permit.ok().and_then(Result::ok).map(Some).ok_or_else(overloaded)
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

/// Exponential backoff with full jitter.
fn backoff(attempt: u32) -> Duration {
    let max_ms = 5u64 << attempt.min(6);
    Duration::from_millis(rand::rng().random_range(1..=max_ms))
}
