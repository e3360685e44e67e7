//! Work that is given up while it runs: the caller has gone, or its time is up.

use crate::world::{World, backend, effect, eventually, execute, number, soon};
use fault::context::{self, Context};
use fault::{Common, Fault};
use pg::{Db, Tx};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// One connection: what was returned dirty would be what comes next.
fn narrow(world: &World) -> Db {
    world.other(|settings| {
        settings.max_connections = 1;
        settings.acquire_timeout = Duration::from_secs(60);
    })
}

/// Long enough that a test which waits for its end fails.
async fn long_statement(tx: &mut Tx) -> Result<(), Fault> {
    execute(tx, "select pg_sleep(600)").await
}

/// Nothing runs, nothing is left, and the next call gets a connection that nobody has used.
async fn nothing_is_left(world: &World, db: &Db, before: i64) {
    eventually("the server has ended it", async || {
        let of_it = "select count(*) from pg_stat_activity
             where datname = current_database() and pid = ";
        world.count(&format!("{of_it}{before}")).await == 0
    })
    .await;
    assert_eq!(world.connections("active").await, 0);
    assert_eq!(world.connections("idle in transaction").await, 0);
    assert_eq!(world.effects().await, 0);
    let now = soon(
        "a connection is free",
        db.write("test.after", async |tx| {
            effect(tx, "after").await?;
            backend(tx).await
        }),
    );
    assert_ne!(now.await.unwrap(), before);
    assert_eq!(world.effects().await, 1);
}

/// The process that serves the connection of the pool.
async fn backend_of(db: &Db) -> i64 {
    db.read("test.backend", async |tx| backend(tx).await).await.unwrap()
}

async fn abort<T: std::fmt::Debug>(task: JoinHandle<T>) {
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
}

#[tokio::test]
async fn a_dropped_call_is_cancelled_in_the_database() {
    let world = World::new().await;
    let db = narrow(&world);
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
        world.count(asleep).await == 1
    })
    .await;
    abort(task).await;
    nothing_is_left(&world, &db, before).await;
}

#[tokio::test]
async fn a_call_that_is_dropped_between_statements_is_rolled_back() {
    let world = World::new().await;
    let db = narrow(&world);
    let before = backend_of(&db).await;
    let writer = db.clone();
    let task = tokio::spawn(async move {
        let write = async |tx: &mut Tx| {
            effect(tx, "dropped").await?;
            std::future::pending::<Result<(), Fault>>().await
        };
        writer.write("test.dropped", write).await
    });
    eventually("it is inside", async || world.connections("idle in transaction").await == 1).await;
    abort(task).await;
    nothing_is_left(&world, &db, before).await;
}

#[tokio::test]
async fn a_dropped_read_is_cancelled_too() {
    let world = World::new().await;
    let db = narrow(&world);
    let before = backend_of(&db).await;
    let reader = db.clone();
    let task = tokio::spawn(async move {
        reader.read("test.dropped", async |tx: &mut Tx| long_statement(tx).await).await
    });
    eventually("it runs", async || world.connections("active").await == 1).await;
    abort(task).await;
    nothing_is_left(&world, &db, before).await;
}

#[tokio::test]
async fn a_call_that_panics_leaves_nothing_behind() {
    let world = World::new().await;
    let db = narrow(&world);
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
    nothing_is_left(&world, &db, before).await;
}

#[tokio::test]
async fn the_database_ends_a_statement_when_the_callers_time_is_up() {
    let world = World::new().await;
    let db = narrow(&world);
    let deadline = Instant::now() + Duration::from_millis(300);
    let short = Context { deadline: Some(deadline), ..Context::of_service("test") };
    let write = db.write("test.slow", async |tx| {
        effect(tx, "slow").await?;
        long_statement(tx).await
    });
    let fault = soon("its time is up", context::scope(short, write)).await.unwrap_err();
    assert!(fault.is(Common::DeadlineExceeded), "{}", fault.chain());
    assert_eq!(world.effects().await, 0);
    // The limit was this call's; the connection went back without it.
    let limit = "select setting::bigint as count from pg_settings where name = 'statement_timeout'";
    assert_eq!(db.read("test.limit", async |tx| number(tx, limit).await).await.unwrap(), 0);
}

#[tokio::test]
async fn a_call_whose_time_is_up_does_not_begin() {
    let world = World::new().await;
    let late = Context { deadline: Some(Instant::now()), ..Context::of_service("test") };
    let write = world.db.write("test.late", async |tx| effect(tx, "late").await);
    let fault = context::scope(late, write).await.unwrap_err();
    assert!(fault.is(Common::DeadlineExceeded), "{}", fault.chain());
    assert_eq!(world.effects().await, 0);
}

#[tokio::test]
async fn work_without_a_deadline_has_the_limit_of_the_settings() {
    let world = World::new().await;
    let db = world.other(|settings| settings.statement_timeout = Duration::from_millis(200));
    let write = db.write("test.slow", async |tx| long_statement(tx).await);
    let fault = soon("it is ended", write).await.unwrap_err();
    assert!(fault.is(Common::DeadlineExceeded), "{}", fault.chain());
}
