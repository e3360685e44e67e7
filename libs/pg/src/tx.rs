use crate::statement;
use chrono::{DateTime, TimeDelta, Utc};
use deadpool::managed::Object;
use diesel::QueryableByName;
use diesel::sql_types::Timestamptz;
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use fault::{Common, Fault, Kind, point};
use std::time::Duration;
use tokio_postgres::NoTls;

/// A pooled connection.
type Pooled = diesel_async::pooled_connection::deadpool::Object<AsyncPgConnection>;

/// A connection in use, mostly inside a transaction. Dropping it half-way cancels its statement on the server and throws
/// the connection away, so nothing of an abandoned call goes on.
pub struct Tx {
    connection: Option<Pooled>,
    clock_offset: TimeDelta,
    events: bool,
}

impl Tx {
    pub(crate) fn new(connection: Pooled, clock_offset: TimeDelta) -> Self {
        Self { connection: Some(connection), clock_offset, events: false }
    }

    /// The connection, to run queries on.
    pub fn conn(&mut self) -> &mut AsyncPgConnection {
        match &mut self.connection {
            Some(connection) => connection,
            // `release` and `commit` take the connection and are the last thing that happens to a `Tx`.
            None => unreachable!("a Tx is not used after its end"),
        }
    }

    /// The database's clock now. Read it after the locks: then all replicas agree on what came first.
    pub async fn now(&mut self) -> Result<DateTime<Utc>, Fault> {
        #[derive(QueryableByName)]
        struct Clock {
            #[diesel(sql_type = Timestamptz)]
            now: DateTime<Utc>,
        }
        let clock: Clock =
            statement("select clock_timestamp() as now").get_result(self.conn()).await?;
        Ok(clock.now + self.clock_offset)
    }

    /// Notes that the transaction has something to publish.
    pub(crate) fn has_events(&mut self) {
        self.events = true;
    }

    /// Commits; says whether there is something to publish. The server answers COMMIT with a silent rollback where a
    /// statement has failed and the body went on; the SELECT before it fails then.
    pub(crate) async fn commit(mut self) -> Result<bool, Fault> {
        if let Err(fault) = point::reached("pg.commit").await {
            self.rollback().await;
            return Err(fault);
        }
        match self.conn().batch_execute("SELECT 1; COMMIT").await {
            Ok(()) => {
                self.release();
                point::reached("pg.committed").await.map_err(outcome_unknown)?;
                Ok(self.events)
            }
            Err(error) => {
                let fault = Fault::from(error);
                if fault.is(Common::Contended) {
                    // The server said no, so nothing happened and it may be tried again.
                    self.rollback().await;
                    return Err(fault);
                }
                if fault.kind() == Kind::Internal {
                    self.rollback().await;
                    return Err(fault.context("commit"));
                }
                Err(outcome_unknown(fault))
            }
        }
    }

    /// Undoes everything. Where that fails the connection is thrown away, which undoes it too.
    pub(crate) async fn rollback(mut self) {
        if self.conn().batch_execute("ROLLBACK").await.is_ok() {
            self.release();
        }
    }

    /// Gives the connection back to the pool.
    pub(crate) fn release(&mut self) {
        self.connection = None;
    }
}

fn outcome_unknown(cause: Fault) -> Fault {
    let message = "the answer to the commit was lost; repeat the call with the same request_id";
    Fault::new(Common::OutcomeUnknown, message).because(cause)
}

impl Drop for Tx {
    fn drop(&mut self) {
        let Some(pooled) = self.connection.take() else { return };
        let connection = Object::take(pooled);
        let cancel = connection.cancel_token();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                let _ =
                    tokio::time::timeout(Duration::from_secs(5), cancel.cancel_query(NoTls)).await;
                drop(connection);
            });
        }
    }
}

/// Begins and sets the limits in one round trip.
pub(crate) async fn begin(tx: &mut Tx, statement_timeout: Duration) -> Result<(), Fault> {
    let timeout = statement_timeout.as_millis().max(1);
    let begin =
        format!("BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL statement_timeout = {timeout}");
    tx.conn().batch_execute(&begin).await.map_err(Fault::from)
}

/// Lets the bounds of [`crate::Db::write`] say that the future of an async closure can move between threads, which the
/// language cannot say yet. Every async closure that can has it.
pub trait InTransaction<T, R>:
    AsyncFnOnce(T) -> R + FnOnce(T) -> <Self as InTransaction<T, R>>::Running
{
    /// The future of the closure.
    type Running: Future<Output = R>;
}

impl<F, T, Running, R> InTransaction<T, R> for F
where
    F: AsyncFnOnce(T) -> R + FnOnce(T) -> Running,
    Running: Future<Output = R>,
{
    type Running = Running;
}
