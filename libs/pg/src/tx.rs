use crate::pool::{Manager, give_back};
use crate::statement;
use chrono::{DateTime, TimeDelta, Utc};
use contracts::Fact;
use deadpool::managed::Object;
use diesel::QueryableByName;
use diesel::sql_types::Timestamptz;
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use fault::{Common, Fault, Kind, point};
use futures::future::BoxFuture;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, OwnedSemaphorePermit};
use tokio_postgres::NoTls;

/// A pooled connection.
type Pooled = Object<Manager>;

/// A connection in use, usually inside a transaction. If it is dropped before its end, for example because the call was cancelled,
/// the running statement is cancelled on the server and the connection is closed.
pub struct Tx {
    connection: Option<Pooled>,
    /// The place in the share of the database that the connection was taken from.
    share: Option<OwnedSemaphorePermit>,
    clock_offset: TimeDelta,
    /// Whether somebody follows the events of this process's own commits.
    is_followed: bool,
    committed: Committed,
}

/// What follows from a commit.
#[derive(Default)]
pub(crate) struct Committed {
    /// There are events to publish.
    pub events: bool,
    /// There is a new operation.
    pub operation: bool,
    /// Who is to be notified.
    pub signals: Vec<Arc<Notify>>,
    /// What is to be done.
    pub followers: Vec<BoxFuture<'static, ()>>,
    /// The events, where the process follows them itself.
    pub facts: Vec<Fact>,
}

impl Tx {
    pub(crate) fn new(
        connection: Pooled,
        share: Option<OwnedSemaphorePermit>,
        clock_offset: TimeDelta,
        is_followed: bool,
    ) -> Self {
        let (connection, committed) = (Some(connection), Committed::default());
        Self { connection, share, clock_offset, is_followed, committed }
    }

    /// The connection, to run queries on.
    pub fn conn(&mut self) -> &mut AsyncPgConnection {
        match &mut self.connection {
            Some(connection) => connection,
            // Only `release` and `drop` take the connection, and nothing uses a `Tx` after them.
            None => unreachable!("a Tx is not used after its end"),
        }
    }

    /// The current time of the database's clock. Read it after taking locks, so that timestamps follow the order of the changes.
    pub async fn now(&mut self) -> Result<DateTime<Utc>, Fault> {
        #[derive(QueryableByName)]
        struct Clock {
            #[diesel(sql_type = Timestamptz)]
            now: DateTime<Utc>,
        }
        let clock: Clock =
            statement("select clock_timestamp() as now").get_result(self.conn()).await?;
        Ok(self.at(clock.now))
    }

    /// The instant that [`Tx::now`] would return for a reading of the database's clock, for a read that has the clock in its statement.
    pub fn at(&self, clock: DateTime<Utc>) -> DateTime<Utc> {
        clock + self.clock_offset
    }

    /// What [`Tx::at`] adds, for a condition on the time within a statement.
    pub fn clock_offset(&self) -> TimeDelta {
        self.clock_offset
    }

    /// Marks the point that [`Tx::rollback_to_savepoint`] goes back to.
    pub async fn savepoint(&mut self) -> Result<(), Fault> {
        self.conn().batch_execute("SAVEPOINT dry_run").await.map_err(Fault::from)
    }

    /// Takes back everything since [`Tx::savepoint`], events included; the transaction goes on. A dry run does all of the work and
    /// takes it back, so that what only the database can refuse is found too.
    pub async fn rollback_to_savepoint(&mut self) -> Result<(), Fault> {
        self.conn().batch_execute("ROLLBACK TO SAVEPOINT dry_run").await.map_err(Fault::from)
    }

    /// Records that the transaction has written events to publish.
    pub(crate) fn has_events(&mut self) {
        self.committed.events = true;
    }

    /// The same for new events, which tell of a change.
    pub(crate) fn has_new_events(&mut self, facts: Vec<Fact>) {
        self.has_events();
        if self.is_followed {
            self.committed.facts.extend(facts);
        }
    }

    /// Records that the transaction has created an operation.
    pub(crate) fn has_operation(&mut self) {
        self.committed.operation = true;
    }

    /// Notifies `signal` once the transaction is committed.
    pub fn notify_after_commit(&mut self, signal: Arc<Notify>) {
        self.committed.signals.push(signal);
    }

    /// Does `work` once the transaction is committed, before its caller goes on. It is also done where that one is cancelled; if the process
    /// ends or the answer to the commit is lost it is not.
    pub fn after_commit(&mut self, work: impl Future<Output = ()> + Send + 'static) {
        self.committed.followers.push(Box::pin(work));
    }

    /// Commits; returns what follows from it. If a statement had failed and the body ignored the error, COMMIT would
    /// roll back without an error; the SELECT before it makes that an error.
    pub(crate) async fn commit(mut self) -> Result<Committed, Fault> {
        if let Err(fault) = point::reached("pg.commit").await {
            self.rollback().await;
            return Err(fault);
        }
        match self.conn().batch_execute("SELECT 1; COMMIT").await {
            Ok(()) => {
                self.release();
                point::reached("pg.committed").await.map_err(outcome_unknown)?;
                Ok(std::mem::take(&mut self.committed))
            }
            Err(error) => {
                let fault = Fault::from(error);
                if fault.is(Common::Contended) {
                    // The server refused the commit, so nothing was changed and the transaction may be retried.
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

    /// Rolls back. If that fails the connection is closed, which rolls back too.
    pub(crate) async fn rollback(mut self) {
        if self.conn().batch_execute("ROLLBACK").await.is_ok() {
            self.release();
        }
    }

    /// Returns the connection to the pool.
    pub(crate) fn release(&mut self) {
        if let Some(connection) = self.connection.take() {
            give_back(connection);
        }
        self.share = None;
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
        let (cancel, share) = (connection.cancel_token(), self.share.take());
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                let _ =
                    tokio::time::timeout(Duration::from_secs(5), cancel.cancel_query(NoTls)).await;
                drop((connection, share));
            });
        }
    }
}

/// Begins a transaction and sets the statement timeout in one round trip.
pub(crate) async fn begin(tx: &mut Tx, statement_timeout: Duration) -> Result<(), Fault> {
    let timeout = statement_timeout.as_millis().max(1);
    let begin =
        format!("BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL statement_timeout = {timeout}");
    tx.conn().batch_execute(&begin).await.map_err(Fault::from)
}

/// Names the future of an async closure, so that bounds such as those of [`crate::Db::write`] can require it to be `Send`; Rust has no
/// syntax for that yet. Implemented for every async closure.
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
