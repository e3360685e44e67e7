//! Work that is cancelled while it runs: the caller disconnected, or its deadline passed.

use crate::fixture::{Fixture, backend, effect, eventually, execute, number, soon};
use fault::context::{self, Context};
use fault::{Common, Fault};
use pg::{Db, Tx};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// A pool of one connection: a connection that is returned dirty would be used by the next call.
fn single_connection(fixture: &Fixture) -> Db {
    fixture.other(|settings| {
        settings.max_connections = 1;
        settings.acquire_timeout = Duration::from_secs(60);
    })
}

/// Longer than a test may take.
async fn long_statement(tx: &mut Tx) -> Result<(), Fault> {
    execute(tx, "select pg_sleep(600)").await
}

/// Asserts that nothing runs, no effect is left, and the next call gets a new connection.
async fn nothing_is_left(fixture: &Fixture, db: &Db, before: i64) {
    eventually("the server has ended it", async || {
        let of_it = "select count(*) from pg_stat_activity
             where datname = current_database() and pid = ";
        fixture.count(&format!("{of_it}{before}")).await == 0
    })
    .await;
    assert_eq!(fixture.connections("active").await, 0);
    assert_eq!(fixture.connections("idle in transaction").await, 0);
    assert_eq!(fixture.effects().await, 0);
    let now = soon(
        "a connection is free",
        db.write("test.after", async |tx| {
            effect(tx, "after").await?;
            backend(tx).await
        }),
    );
    assert_ne!(now.await.unwrap(), before);
    assert_eq!(fixture.effects().await, 1);
}

/// Pid of the server process of the connection for transactions.
async fn backend_of(db: &Db) -> i64 {
    db.write("test.backend", async |tx| backend(tx).await).await.unwrap()
}

async fn abort<T: std::fmt::Debug>(task: JoinHandle<T>) {
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
}

#[tokio::test]
async fn a_dropped_call_is_cancelled_in_the_database() {
    let fixture = Fixture::new().await;
    let db = single_connection(&fixture);
    let before = backend_of(&db).await;
    let writer = db.clone();
    let task = tokio::spawn(async move {
        let write = async |tx: &mut Tx| {
            effect(tx, "dropped").await?;
            long_statement(tx).await
        };
        writer.write("test.dropped", write).await
    });
    eventually("it runs", async || {
        let asleep = "select count(*) from pg_stat_activity
            where datname = current_database() and wait_event = 'PgSleep'";
        fixture.count(asleep).await == 1
    })
    .await;
    abort(task).await;
    nothing_is_left(&fixture, &db, before).await;
}

#[tokio::test]
async fn a_call_that_is_dropped_between_statements_is_rolled_back() {
    let fixture = Fixture::new().await;
    let db = single_connection(&fixture);
    let before = backend_of(&db).await;
    let writer = db.clone();
    let task = tokio::spawn(async move {
        let write = async |tx: &mut Tx| {
            effect(tx, "dropped").await?;
            std::future::pending::<Result<(), Fault>>().await
        };
        writer.write("test.dropped", write).await
    });
    eventually("it is inside", async || fixture.connections("idle in transaction").await == 1)
        .await;
    abort(task).await;
    nothing_is_left(&fixture, &db, before).await;
}

#[tokio::test]
async fn a_dropped_read_is_cancelled_too() {
    let fixture = Fixture::new().await;
    let db = single_connection(&fixture);
    let before = db.read("test.backend", async |tx| backend(tx).await).await.unwrap();
    let reader = db.clone();
    let task = tokio::spawn(async move {
        reader.read("test.dropped", async |tx: &mut Tx| long_statement(tx).await).await
    });
    eventually("it runs", async || fixture.connections("active").await == 1).await;
    abort(task).await;
    nothing_is_left(&fixture, &db, before).await;
}

#[tokio::test]
async fn a_call_that_panics_leaves_nothing_behind() {
    let fixture = Fixture::new().await;
    let db = single_connection(&fixture);
    let before = backend_of(&db).await;
    let writer = db.clone();
    let task = tokio::spawn(async move {
        let write = async |tx: &mut Tx| -> Result<(), Fault> {
            effect(tx, "panicked").await?;
            panic!("as a bug does");
        };
        writer.write("test.panic", write).await
    });
    assert!(task.await.unwrap_err().is_panic());
    nothing_is_left(&fixture, &db, before).await;
}

#[tokio::test]
async fn the_database_cancels_a_statement_at_the_callers_deadline() {
    let fixture = Fixture::new().await;
    let db = single_connection(&fixture);
    let deadline = Instant::now() + Duration::from_millis(300);
    let short = Context { deadline: Some(deadline), ..Context::of_service("test") };
    let write = db.write("test.slow", async |tx| {
        effect(tx, "slow").await?;
        long_statement(tx).await
    });
    let fault = soon("the deadline ends it", context::scope(short, write)).await.unwrap_err();
    assert!(fault.is(Common::DeadlineExceeded), "{}", fault.chain());
    assert_eq!(fixture.effects().await, 0);
    // The limit applied to this call only; the connection is returned without it.
    let limit = "select setting::bigint as count from pg_settings where name = 'statement_timeout'";
    assert_eq!(db.read("test.limit", async |tx| number(tx, limit).await).await.unwrap(), 0);
}

#[tokio::test]
async fn a_call_after_its_deadline_does_not_begin() {
    let fixture = Fixture::new().await;
    let late = Context { deadline: Some(Instant::now()), ..Context::of_service("test") };
    let write = fixture.db.write("test.late", async |tx| effect(tx, "late").await);
    let fault = context::scope(late, write).await.unwrap_err();
    assert!(fault.is(Common::DeadlineExceeded), "{}", fault.chain());
    assert_eq!(fixture.effects().await, 0);
}

#[tokio::test]
async fn work_without_a_deadline_has_the_limit_of_the_settings() {
    let fixture = Fixture::new().await;
    let db = fixture.other(|settings| settings.statement_timeout = Duration::from_millis(200));
    let write = db.write("test.slow", async |tx| long_statement(tx).await);
    let fault = soon("it is ended", write).await.unwrap_err();
    assert!(fault.is(Common::DeadlineExceeded), "{}", fault.chain());
}
