//! Transactions that conflict.

use crate::fixture::{Fixture, effect, execute, number, refusal, soon};
use fault::{Common, Fault};
use futures::future::join_all;
use pg::{Db, Tx};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::sync::Barrier;

/// Counts the attempts of two units of work, and makes their first attempts overlap.
#[derive(Clone)]
struct Overlap {
    attempts: Arc<AtomicU32>,
    barrier: Arc<Barrier>,
}

impl Overlap {
    fn of_two() -> Self {
        Self { attempts: Arc::default(), barrier: Arc::new(Barrier::new(2)) }
    }

    async fn half_way(&self) {
        // The first attempt of each waits here for the other.
        if self.attempts.fetch_add(1, Ordering::SeqCst) < 2 {
            self.barrier.wait().await;
        }
    }

    fn attempts(&self) -> u32 {
        self.attempts.load(Ordering::SeqCst)
    }
}

async fn add(tx: &mut Tx, key: &str) -> Result<(), Fault> {
    execute(tx, &format!("update effects set value = value + 1 where key = '{key}'")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn both_sides_of_a_deadlock_succeed_in_the_end() {
    let fixture = Fixture::new().await;
    fixture.execute("insert into effects (key) values ('left'), ('right')").await;
    let overlap = Overlap::of_two();
    let tasks = [("left", "right"), ("right", "left")].map(|(first, second)| {
        let (db, overlap) = (fixture.db.clone(), overlap.clone());
        tokio::spawn(async move {
            let overlap = &overlap;
            db.write("test.deadlock", async move |tx| {
                add(tx, first).await?;
                overlap.half_way().await;
                add(tx, second).await
            })
            .await
        })
    });
    for task in soon("the deadlock is resolved", join_all(tasks)).await {
        task.unwrap().unwrap();
    }
    // The victim of the deadlock was retried once.
    assert_eq!(overlap.attempts(), 3);
    assert_eq!(fixture.count("select count(*) from effects where value = 2").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn both_sides_of_a_serialization_failure_succeed_in_the_end() {
    let fixture = Fixture::new().await;
    let overlap = Overlap::of_two();
    let tasks = ["one", "other"].map(|key| {
        let (db, overlap) = (fixture.db.clone(), overlap.clone());
        tokio::spawn(async move {
            let overlap = &overlap;
            db.write("test.skew", async move |tx| {
                execute(tx, "set transaction isolation level serializable").await?;
                let before = number(tx, "select count(*) from effects").await?;
                overlap.half_way().await;
                effect(tx, key).await?;
                Ok(before)
            })
            .await
        })
    });
    let done = soon("both are done", join_all(tasks)).await;
    let mut seen: Vec<i64> = done.into_iter().map(|task| task.unwrap().unwrap()).collect();
    seen.sort_unstable();
    // The result is as if one had run after the other.
    assert_eq!(seen, [0, 1]);
    assert_eq!(overlap.attempts(), 3);
    assert_eq!(fixture.effects().await, 2);
}

/// Reads a row that a rival changes before this transaction writes it: always a serialization failure.
async fn conflict(tx: &mut Tx, rival: &Db) -> Result<(), Fault> {
    execute(tx, "set transaction isolation level repeatable read").await?;
    number(tx, "select value as count from effects where key = 'hot'").await?;
    rival.write("test.rival", async |tx| add(tx, "hot").await).await?;
    effect(tx, "left over").await?;
    add(tx, "hot").await
}

#[tokio::test]
async fn permanent_contention_fails_as_contended_after_eight_attempts() {
    let fixture = Fixture::new().await;
    fixture.execute("insert into effects (key) values ('hot')").await;
    let rival = &fixture.other(|_| {});
    let write = fixture.db.write("test.hot", async move |tx| conflict(tx, rival).await);
    let fault = soon("it gives up", write).await.unwrap_err();
    assert!(fault.is(Common::Contended), "{}", fault.chain());
    // The rival wrote once in each attempt; the attempts themselves left nothing.
    assert_eq!(fixture.count("select value as count from effects").await, 8);
    assert_eq!(fixture.connections("idle in transaction (aborted)").await, 0);
}

#[tokio::test]
async fn other_faults_are_not_retried() {
    let fixture = Fixture::new().await;
    let attempts = AtomicU32::new(0);
    let attempts = &attempts;
    let refused: Result<(), Fault> = fixture
        .db
        .write("test.refused", async move |_tx| {
            attempts.fetch_add(1, Ordering::SeqCst);
            Err(refusal())
        })
        .await;
    assert_eq!(refused.unwrap_err().reason(), refusal().reason());
    let broken = fixture.db.write("test.broken", async move |tx| {
        attempts.fetch_add(1, Ordering::SeqCst);
        execute(tx, "select 1 / 0").await
    });
    assert!(!broken.await.unwrap_err().is(Common::Contended));
    assert_eq!(attempts.load(Ordering::SeqCst), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_waits_for_a_connection_of_its_own_call_is_overloaded() {
    let fixture = Fixture::new().await;
    let db = fixture.other(|settings| {
        settings.max_connections = 1;
        settings.acquire_timeout = std::time::Duration::from_millis(50);
    });
    let held = &db;
    let fault = db
        .write("test.holder", async move |_tx| {
            // The only connection is in use while this call needs one.
            held.write("test.waiting", async |tx| effect(tx, "never").await).await
        })
        .await
        .unwrap_err();
    assert!(fault.is(Common::Overloaded), "{fault:?}");
    db.write("test.after", async |tx| effect(tx, "after").await).await.unwrap();
    assert_eq!(fixture.effects().await, 1);
}
