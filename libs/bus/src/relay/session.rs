//! The session that holds the lead. All of the relay's SQL runs on it, so a relay that loses the session loses the lead. The
//! worst that a leader which was cut off can still do is to publish something twice under the same id.

use super::error::RelayError;
use super::sql;
use fault::{Fault, point};
use pg::Db;
use secrecy::ExposeSecret;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, Error, NoTls, Row, Statement};

/// Longest time of a statement, by our clock. The server's own limits are the same: where the network drops everything, leader
/// and server abort at the same time.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(5);

/// How often a statement is sent while there is other work, so that the server does not end the session as idle.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(2);

/// Any fixed number that no other advisory lock of the database has.
const LEADER_LOCK_ID: i64 = 0x6f75_7462_6f78;

/// Marks are not worth a disk flush each: one that is lost has its event published again under the same id. Every
/// statement finds its rows by an index and in its order. Right after a burst of writes the statistics are wrong, and
/// the planner would sort the whole backlog for each page; and compiling a statement takes longer than all of its rows.
const SETTINGS: &str = "
    set idle_session_timeout = '5s';
    set idle_in_transaction_session_timeout = '5s';
    set statement_timeout = '5s';
    set tcp_user_timeout = '5s';
    set synchronous_commit = off;
    set jit = off;
    set enable_seqscan = off;
    set enable_bitmapscan = off;
    set enable_sort = off";

/// A connection of the relay's own.
pub(super) struct Session {
    client: Client,
    pub statements: Statements,
    // Ends with the session: no connection is left that holds the lock.
    _connection: JoinSet<()>,
}

/// Prepared once, since they run a thousand times a minute.
pub(super) struct Statements {
    pub unpublished: Statement,
    pub mark: Statement,
    pub refuse: Statement,
    pub state: Statement,
    pub keep_state: Statement,
    pub lost: Statement,
    pub backlog: Statement,
}

impl Session {
    pub async fn open(db: &Db) -> Result<Self, RelayError> {
        let opened = async {
            let mut config: Config = db.url().expose_secret().parse()?;
            config
                .application_name(format!("souk relay {}", db.service()))
                .connect_timeout(STATEMENT_TIMEOUT)
                .tcp_user_timeout(STATEMENT_TIMEOUT)
                .keepalives_idle(STATEMENT_TIMEOUT);
            let (client, connection) = config.connect(NoTls).await?;
            let mut tasks = JoinSet::new();
            tasks.spawn(async move {
                // A statement that it fails reports the error.
                let _ = connection.await;
            });
            client.batch_execute(SETTINGS).await?;
            let statements = Statements::prepare(&client).await?;
            Ok(Self { client, statements, _connection: tasks })
        };
        let session = bounded(opened).await?;
        point::reached("relay.opened").await.map_err(RelayError::SessionLost)?;
        Ok(session)
    }

    /// Whether this session has the lead from now on. A database that takes no writes has no leader: what is published could
    /// not be marked, and would be published again and again.
    pub async fn try_lead(&self) -> Result<bool, RelayError> {
        let lead = "select case when current_setting('transaction_read_only') = 'off'
                                then pg_try_advisory_lock($1) else false end";
        let locked = self.client.query_one(lead, &[&LEADER_LOCK_ID]);
        let row = bounded(locked).await?;
        row.try_get(0).map_err(session_lost)
    }

    pub async fn query(
        &self,
        statement: &Statement,
        arguments: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, RelayError> {
        bounded(self.client.query(statement, arguments)).await
    }

    pub async fn execute(
        &self,
        statement: &Statement,
        arguments: &[&(dyn ToSql + Sync)],
    ) -> Result<(), RelayError> {
        bounded(self.client.execute(statement, arguments)).await.map(|_| ())
    }

    /// Does `work`, which is no SQL, and keeps the session alive meanwhile; fails when the session is lost.
    pub async fn alive_while<F: Future>(&self, work: F) -> Result<F::Output, RelayError> {
        tokio::pin!(work);
        loop {
            match tokio::time::timeout(KEEPALIVE_INTERVAL, &mut work).await {
                Ok(output) => return Ok(output),
                Err(_) => bounded(self.client.batch_execute("select 1")).await?,
            }
        }
    }
}

impl Statements {
    async fn prepare(client: &Client) -> Result<Self, Error> {
        Ok(Self {
            unpublished: client.prepare(&sql::unpublished_sql()).await?,
            mark: client.prepare(sql::MARK).await?,
            refuse: client.prepare(sql::REFUSE).await?,
            backlog: client.prepare(sql::BACKLOG).await?,
            state: client.prepare(sql::STATE).await?,
            keep_state: client.prepare(sql::KEEP_STATE).await?,
            lost: client.prepare(sql::LOST).await?,
        })
    }
}

async fn bounded<T>(statement: impl Future<Output = Result<T, Error>>) -> Result<T, RelayError> {
    match tokio::time::timeout(STATEMENT_TIMEOUT, statement).await {
        Ok(result) => result.map_err(session_lost),
        Err(late) => Err(RelayError::SessionLost(Fault::unavailable("the relay's database", late))),
    }
}

/// Any failure of SQL ends the session: the next one starts from what is committed.
pub(super) fn session_lost(error: Error) -> RelayError {
    RelayError::SessionLost(Fault::unavailable("the relay's database", error))
}
