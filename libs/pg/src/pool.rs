//! Connections of a service. Its pools share its own limit, and one budget with the other pools of the process: PostgreSQL's limit is
//! for all of them together. Where a limit is reached, connections that are idle in other pools are closed; a pool that goes on waiting
//! is given the next connection that any of them would use again.

use crate::not_opened::NotOpened;
use deadpool::managed::{self, Metrics, QueueMode, RecycleError, RecycleResult, WeakPool};
use diesel_async::pooled_connection::PoolableConnection;
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use fault::Fault;
use secrecy::{ExposeSecret, SecretString};
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_postgres::{Config, NoTls};

/// Timeout for connecting, for unacknowledged TCP data, and for idle time before TCP keepalives start.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a connection must be idle to be closed for another pool.
const RECLAIM_IDLE: Duration = Duration::from_millis(100);

/// How often idle connections are looked for while a pool waits for the budget.
const RECLAIM_INTERVAL: Duration = Duration::from_millis(20);

/// How often they were looked for when other pools give up connections that they use: each costs them a new one.
const STARVED_AFTER: u32 = 5;

/// Idle transactions are terminated: after a half-open connection their locks would otherwise be held until the server's TCP stack
/// gives up on the client; for the same reason the server sends keepalives.
const SETTINGS: &str = "
    set jit = off;
    set tcp_keepalives_idle = 5;
    set tcp_keepalives_interval = 2;
    set tcp_keepalives_count = 3;
    set idle_in_transaction_session_timeout = '15s'";

/// Reads with filters are planned anew on every execution, since the best plan depends on their values; and a plan that was kept since
/// a table was empty would still scan the whole table when it is large.
const FILTERED: &str = "set plan_cache_mode = force_custom_plan";

/// Transactions and look-ups find their rows by key and keep their plans, which cost several times what the statement does. Without
/// sequential scans the plan is by an index however small the table was when it was made.
const KEYED: &str = "set plan_cache_mode = force_generic_plan; set enable_seqscan = off";

/// How many connections the pools of a process may hold together.
#[derive(Clone)]
pub struct Budget {
    inner: Arc<Inner>,
}

struct Inner {
    permits: Arc<Semaphore>,
    pools: Mutex<Vec<WeakPool<Manager>>>,
    /// Pools that have waited for long.
    starved: AtomicUsize,
}

/// A pool that counts as starved for as long as this exists.
struct Starved<'a>(&'a AtomicUsize);

impl<'a> Starved<'a> {
    fn count(starved: &'a AtomicUsize) -> Self {
        starved.fetch_add(1, Ordering::Relaxed);
        Self(starved)
    }
}

impl Drop for Starved<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Budget {
    /// A budget of so many connections.
    pub fn new(connections: usize) -> Self {
        let permits = Arc::new(Semaphore::new(connections.min(Semaphore::MAX_PERMITS)));
        let starved = AtomicUsize::new(0);
        Self { inner: Arc::new(Inner { permits, pools: Mutex::default(), starved }) }
    }

    async fn acquire(&self) -> Option<OwnedSemaphorePermit> {
        // One wait, so that it keeps its place in the queue.
        let permit = Arc::clone(&self.inner.permits).acquire_owned();
        tokio::pin!(permit);
        let (mut rounds, mut starved) = (0, None);
        loop {
            match timeout(RECLAIM_INTERVAL, &mut permit).await {
                Ok(permit) => return permit.ok(),
                Err(_) => self.close_idle(RECLAIM_IDLE),
            }
            rounds += 1;
            if rounds == STARVED_AFTER {
                starved.get_or_insert(Starved::count(&self.inner.starved));
            }
        }
    }

    /// Closes the connections that have been idle for so long.
    pub fn close_idle(&self, idle: Duration) {
        let mut pools = self.inner.pools.lock().unwrap_or_else(PoisonError::into_inner);
        pools.retain(|pool| {
            let Some(pool) = pool.upgrade() else { return false };
            pool.retain(|_, metrics| metrics.last_used() < idle);
            true
        });
    }

    fn is_starved(&self) -> bool {
        self.inner.starved.load(Ordering::Relaxed) > 0
    }

    fn add(&self, pool: &Pool) {
        let mut pools = self.inner.pools.lock().unwrap_or_else(PoisonError::into_inner);
        pools.push(pool.weak());
    }
}

impl std::fmt::Debug for Budget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Budget({} left)", self.inner.permits.available_permits())
    }
}

/// The connections of one database for one purpose.
pub(crate) type Pool = managed::Pool<Manager>;

/// What the sessions of a pool are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Reads with filters.
    Filtered,
    /// Transactions, and look-ups by key.
    Keyed,
}

/// Opens connections.
pub(crate) struct Manager {
    url: SecretString,
    purpose: Purpose,
    /// Of the service, and of the process; always taken in this order.
    budgets: [Budget; 2],
    acquire_timeout: Duration,
}

/// A connection with its share of the budgets.
pub(crate) struct Connection {
    inner: AsyncPgConnection,
    _permits: [OwnedSemaphorePermit; 2],
}

impl Deref for Connection {
    type Target = AsyncPgConnection;

    fn deref(&self) -> &AsyncPgConnection {
        &self.inner
    }
}

impl DerefMut for Connection {
    fn deref_mut(&mut self) -> &mut AsyncPgConnection {
        &mut self.inner
    }
}

impl managed::Manager for Manager {
    type Type = Connection;
    type Error = NotOpened;

    async fn create(&self) -> Result<Connection, NotOpened> {
        let permits = timeout(self.acquire_timeout, async {
            let [own, all] = &self.budgets;
            Some([own.acquire().await?, all.acquire().await?])
        });
        let permits = permits.await.ok().flatten().ok_or(NotOpened::BudgetSpent)?;
        Ok(Connection { inner: connect(&self.url, self.purpose).await?, _permits: permits })
    }

    /// Detects closed connections without a query on every checkout.
    async fn recycle(&self, connection: &mut Connection, _: &Metrics) -> RecycleResult<NotOpened> {
        if std::thread::panicking() || connection.inner.is_broken() {
            return Err(RecycleError::Message("the connection is broken".into()));
        }
        match self.budgets.iter().any(Budget::is_starved) {
            true => Err(RecycleError::Message("another pool waits for a connection".into())),
            false => Ok(()),
        }
    }
}

/// A pool that opens connections on first use: at most so many, for which a caller waits for so long.
pub(crate) fn pool(
    url: &SecretString,
    purpose: Purpose,
    (max_connections, acquire_timeout): (usize, Duration),
    budgets: [Budget; 2],
) -> Result<Pool, Fault> {
    let manager = Manager { url: url.clone(), purpose, budgets: budgets.clone(), acquire_timeout };
    let pool = Pool::builder(manager)
        .max_size(max_connections)
        .runtime(deadpool::Runtime::Tokio1)
        // The connection used last is used next, so that those that are not needed become idle.
        .queue_mode(QueueMode::Lifo)
        .wait_timeout(Some(acquire_timeout))
        .create_timeout(Some(acquire_timeout + CONNECTION_TIMEOUT))
        .build()
        .map_err(Fault::internal)?;
    budgets.iter().for_each(|budget| budget.add(&pool));
    Ok(pool)
}

/// Connects with TCP timeouts, so that a half-open connection to a lost server is detected instead of hanging.
pub(crate) async fn connect(
    url: &SecretString,
    purpose: Purpose,
) -> Result<AsyncPgConnection, NotOpened> {
    let mut config: Config = url.expose_secret().parse()?;
    config
        .connect_timeout(CONNECTION_TIMEOUT)
        .tcp_user_timeout(CONNECTION_TIMEOUT)
        .keepalives_idle(CONNECTION_TIMEOUT);
    let (client, link) = config.connect(NoTls).await?;
    let mut connection = AsyncPgConnection::try_from_client_and_connection(client, link).await?;
    let plans = match purpose {
        Purpose::Filtered => FILTERED,
        Purpose::Keyed => KEYED,
    };
    let set = connection.batch_execute(&format!("{SETTINGS};{plans}")).await;
    set.map_err(diesel::ConnectionError::CouldntSetupConfiguration)?;
    Ok(connection)
}
