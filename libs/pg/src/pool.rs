//! Connections of a service. Its pools share its own limit, and one budget with the other pools of the process: PostgreSQL's limit is
//! for all of them together.

use crate::budget::{Budget, Part, Place};
use crate::not_opened::NotOpened;
use deadpool::managed::{self, Metrics, Object, QueueMode, RecycleError, RecycleResult};
use diesel_async::pooled_connection::PoolableConnection;
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use fault::Fault;
use secrecy::{ExposeSecret, SecretString};
use std::collections::VecDeque;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_postgres::{Config, NoTls};

/// Timeout for connecting, for unacknowledged TCP data, and for idle time before TCP keepalives start.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(5);

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
    /// Of the budgets of the service and of the process; always taken in this order.
    parts: [Part; 2],
    acquire_timeout: Duration,
    /// Callers that found no connection idle, the first one first. The next that is no longer used is theirs.
    waiting: Mutex<VecDeque<oneshot::Sender<Connection>>>,
}

/// A connection with its places in the budgets.
pub(crate) struct Connection {
    inner: AsyncPgConnection,
    places: [Place; 2],
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

    /// Opens a connection where the budgets allow one more, unless another caller of the pool gives back its own before.
    async fn create(&self) -> Result<Connection, NotOpened> {
        let (caller, mut handed) = oneshot::channel();
        self.waiting().push_back(caller);
        let places = timeout(self.acquire_timeout, async {
            let [own, all] = &self.parts;
            Some([own.acquire().await?, all.acquire().await?])
        });
        let places = tokio::select! {
            biased;
            Ok(connection) = &mut handed => return Ok(connection),
            places = places => places.ok().flatten(),
        };
        // One may have come at that moment.
        handed.close();
        if let Ok(connection) = handed.try_recv() {
            return Ok(connection);
        }
        let places = places.ok_or(NotOpened::BudgetSpent)?;
        Ok(Connection { inner: connect(&self.url, self.purpose).await?, places })
    }

    /// Detects closed connections without a query on every checkout.
    async fn recycle(&self, connection: &mut Connection, _: &Metrics) -> RecycleResult<NotOpened> {
        match std::thread::panicking() || connection.inner.is_broken() {
            true => Err(RecycleError::Message("the connection is broken".into())),
            false => Ok(()),
        }
    }
}

impl Manager {
    fn waiting(&self) -> MutexGuard<'_, VecDeque<oneshot::Sender<Connection>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next_waiting(&self) -> Option<oneshot::Sender<Connection>> {
        let mut waiting = self.waiting();
        std::iter::from_fn(|| waiting.pop_front()).find(|caller| !caller.is_closed())
    }
}

/// Ends the use of a connection. Its place goes to a pool that has fewer and waits for long, or else it goes to whoever waits in its own
/// pool: a caller that waits for a place in the budget would not see that it is idle.
pub(crate) fn give_back(mut used: Object<Manager>) {
    let Some(pool) = Object::pool(&used) else { return };
    let manager = pool.manager();
    if used.inner.is_broken() {
        drop(Object::take(used));
        return;
    }
    for (index, part) in manager.parts.iter().enumerate() {
        if let Some(promise) = part.wanted() {
            let Connection { inner, places } = Object::take(used);
            drop(inner);
            if let Some(place) = places.into_iter().nth(index) {
                promise.keep(place);
            }
            return;
        }
    }
    let Some(mut caller) = manager.next_waiting() else { return };
    let mut connection = Object::take(used);
    // It is closed where all of them have gone meanwhile.
    while let Err(unwanted) = caller.send(connection) {
        connection = unwanted;
        let Some(next) = manager.next_waiting() else { return };
        caller = next;
    }
}

/// A pool that opens connections on first use: at most so many, for which a caller waits for so long.
pub(crate) fn pool(
    url: &SecretString,
    purpose: Purpose,
    (max_connections, acquire_timeout): (usize, Duration),
    budgets: [Budget; 2],
) -> Result<Pool, Fault> {
    let parts = budgets.each_ref().map(Budget::part);
    let (url, waiting) = (url.clone(), Mutex::default());
    let manager = Manager { url, purpose, parts, acquire_timeout, waiting };
    let pool = Pool::builder(manager)
        .max_size(max_connections)
        .runtime(deadpool::Runtime::Tokio1)
        // The connection used last is used next, so that those that are not needed become idle.
        .queue_mode(QueueMode::Lifo)
        .wait_timeout(Some(acquire_timeout))
        .create_timeout(Some(acquire_timeout + CONNECTION_TIMEOUT))
        .build()
        .map_err(Fault::internal)?;
    for budget in &budgets {
        let pool = pool.weak();
        budget.add(move |idle| {
            let Some(pool) = pool.upgrade() else { return false };
            pool.retain(|_, metrics| metrics.last_used() < idle);
            true
        });
    }
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
