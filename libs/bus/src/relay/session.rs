//! The session that holds the lead. All of the relay's SQL runs on it, so who loses the session loses the lead; and what a
//! leader that was cut off may still do is to publish something twice under the same id.

use super::lead::Ended;
use fault::{Fault, point};
use pg::Db;
use secrecy::ExposeSecret;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, Error, NoTls, Row, Statement};

/// Longest time of a statement, by our clock. The server's own limits are the same: a leader behind a network that
/// swallows everything gives up when the server does.
const LIMIT: Duration = Duration::from_secs(5);

/// How often the session says something.
const SPEAK: Duration = Duration::from_secs(1);

/// Any fixed number that no other advisory lock of the database has.
const LOCK: i64 = 0x6f75_7462_6f78;

/// Marks are not worth a disk flush each: one that is lost has its event published again under the same id. Every
/// statement finds its rows by an index and in its order. Right after a burst of writes the statistics say otherwise, and
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
    pub is_lost: Statement,
    pub backlog: Statement,
}

impl Session {
    pub async fn open(db: &Db) -> Result<Self, Ended> {
        let opened = async {
            let mut config: Config = db.url().expose_secret().parse()?;
            config
                .application_name(format!("souk relay {}", db.service()))
                .connect_timeout(LIMIT)
                .tcp_user_timeout(LIMIT)
                .keepalives_idle(LIMIT);
            let (client, connection) = config.connect(NoTls).await?;
            let mut tasks = JoinSet::new();
            tasks.spawn(async move {
                // Its error is that of the statement which met it.
                let _ = connection.await;
            });
            client.batch_execute(SETTINGS).await?;
            let statements = Statements::prepare(&client).await?;
            Ok(Self { client, statements, _connection: tasks })
        };
        let session = bounded(opened).await?;
        point::reached("relay.opened").await.map_err(Ended::Lost)?;
        Ok(session)
    }

    /// Whether this session has the lead from now on. A database that takes no writes has no leader: what is published could
    /// not be marked, and would be published again and again.
    pub async fn try_lead(&self) -> Result<bool, Ended> {
        let lead = "select case when current_setting('transaction_read_only') = 'off'
                                then pg_try_advisory_lock($1) else false end";
        let asked = self.client.query_one(lead, &[&LOCK]);
        let row = bounded(asked).await?;
        row.try_get(0).map_err(lost)
    }

    pub async fn query(
        &self,
        statement: &Statement,
        arguments: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Ended> {
        bounded(self.client.query(statement, arguments)).await
    }

    pub async fn execute(
        &self,
        statement: &Statement,
        arguments: &[&(dyn ToSql + Sync)],
    ) -> Result<(), Ended> {
        bounded(self.client.execute(statement, arguments)).await.map(|_| ())
    }

    /// Does `work`, which is no SQL, and says something each second meanwhile; gives it up with the session.
    pub async fn alive_while<F: Future>(&self, work: F) -> Result<F::Output, Ended> {
        tokio::pin!(work);
        loop {
            match tokio::time::timeout(SPEAK, &mut work).await {
                Ok(output) => return Ok(output),
                Err(_) => bounded(self.client.batch_execute("select 1")).await?,
            }
        }
    }
}

impl Statements {
    async fn prepare(client: &Client) -> Result<Self, Error> {
        use super::{loss, outbox};
        Ok(Self {
            unpublished: client.prepare(&outbox::unpublished_sql()).await?,
            mark: client.prepare(outbox::MARK).await?,
            refuse: client.prepare(outbox::REFUSE).await?,
            backlog: client.prepare(outbox::BACKLOG).await?,
            state: client.prepare(loss::STATE).await?,
            keep_state: client.prepare(loss::KEEP_STATE).await?,
            lost: client.prepare(loss::LOST).await?,
            is_lost: client.prepare(loss::IS_LOST).await?,
        })
    }
}

async fn bounded<T>(statement: impl Future<Output = Result<T, Error>>) -> Result<T, Ended> {
    match tokio::time::timeout(LIMIT, statement).await {
        Ok(result) => result.map_err(lost),
        Err(late) => Err(Ended::Lost(Fault::unavailable("the relay's database", late))),
    }
}

/// Any failure of SQL ends the session: the next one starts from what is committed.
pub(super) fn lost(error: Error) -> Ended {
    Ended::Lost(Fault::unavailable("the relay's database", error))
}
