//! Transactions that get in each other's way.

use crate::world::{World, effect, execute, number, refusal, soon};
use fault::{Common, Fault};
use futures::future::join_all;
use pg::{Db, Tx};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::sync::Barrier;

/// Counts the attempts of two units of work, and lets both be half-way at once in their first one.
#[derive(Clone)]
struct Meeting {
    attempts: Arc<AtomicU32>,
    barrier: Arc<Barrier>,
}

impl Meeting {
    fn of_two() -> Self {
        Self { attempts: Arc::default(), barrier: Arc::new(Barrier::new(2)) }
    }

    async fn half_way(&self) {
        // The first two attempts are the first ones of the two: neither ends before the other is here.
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
    let world = World::new().await;
    world.execute("insert into effects (key) values ('left'), ('right')").await;
    let meeting = Meeting::of_two();
    let tasks = [("left", "right"), ("right", "left")].map(|(first, second)| {
        let (db, meeting) = (world.db.clone(), meeting.clone());
        tokio::spawn(async move {
            let meeting = &meeting;
            db.write("test.deadlock", async move |tx| {
                add(tx, first).await?;
                meeting.half_way().await;
                add(tx, second).await
            })
            .await
        })
    });
    for task in soon("the deadlock is resolved", join_all(tasks)).await {
        task.unwrap().unwrap();
    }
    // One of the two was the victim and came again.
    assert_eq!(meeting.attempts(), 3);
    assert_eq!(world.count("select count(*) from effects where value = 2").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn both_sides_of_a_serialization_failure_succeed_in_the_end() {
    let world = World::new().await;
    let meeting = Meeting::of_two();
    let tasks = ["one", "other"].map(|key| {
        let (db, meeting) = (world.db.clone(), meeting.clone());
        tokio::spawn(async move {
            let meeting = &meeting;
            db.write("test.skew", async move |tx| {
                execute(tx, "set transaction isolation level serializable").await?;
                let before = number(tx, "select count(*) from effects").await?;
                meeting.half_way().await;
                effect(tx, key).await?;
                Ok(before)
            })
            .await
        })
    });
    let done = soon("both are done", join_all(tasks)).await;
    let mut seen: Vec<i64> = done.into_iter().map(|task| task.unwrap().unwrap()).collect();
    seen.sort_unstable();
    // In the end it is as if one had come after the other.
    assert_eq!(seen, [0, 1]);
    assert_eq!(meeting.attempts(), 3);
    assert_eq!(world.effects().await, 2);
}

/// Reads a row that somebody else changes before it writes it: each time a serialization failure.
async fn overtaken(tx: &mut Tx, rival: &Db) -> Result<(), Fault> {
    execute(tx, "set transaction isolation level repeatable read").await?;
    number(tx, "select value as count from effects where key = 'hot'").await?;
    rival.write("test.rival", async |tx| add(tx, "hot").await).await?;
    effect(tx, "left over").await?;
    add(tx, "hot").await
}

#[tokio::test]
async fn contention_that_never_ends_is_contended_after_eight_attempts() {
    let world = World::new().await;
    world.execute("insert into effects (key) values ('hot')").await;
    let rival = &world.other(|_| {});
    let write = world.db.write("test.hot", async move |tx| overtaken(tx, rival).await);
    let fault = soon("it gives up", write).await.unwrap_err();
    assert!(fault.is(Common::Contended), "{}", fault.chain());
    // The rival was there once in each attempt; of the attempts themselves nothing is left.
    assert_eq!(world.count("select value as count from effects").await, 8);
    assert_eq!(world.connections("idle in transaction (aborted)").await, 0);
}

#[tokio::test]
async fn what_is_no_contention_is_tried_once() {
    let world = World::new().await;
    let attempts = AtomicU32::new(0);
    let attempts = &attempts;
    let refused: Result<(), Fault> = world
        .db
        .write("test.refused", async move |_tx| {
            attempts.fetch_add(1, Ordering::SeqCst);
            Err(refusal())
        })
        .await;
    assert_eq!(refused.unwrap_err().reason(), refusal().reason());
    let broken = world.db.write("test.broken", async move |tx| {
        attempts.fetch_add(1, Ordering::SeqCst);
        execute(tx, "select 1 / 0").await
    });
    assert!(!broken.await.unwrap_err().is(Common::Contended));
    assert_eq!(attempts.load(Ordering::SeqCst), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_that_stays_full_is_unavailable() {
    let world = World::new().await;
    let db = world.other(|settings| {
        settings.max_connections = 1;
        settings.acquire_timeout = std::time::Duration::from_millis(50);
    });
    let held = &db;
    let fault = db
        .write("test.holder", async move |_tx| {
            // The only connection is ours while this one asks for it.
            held.write("test.waiting", async |tx| effect(tx, "never").await).await
        })
        .await
        .unwrap_err();
    assert_eq!(fault.kind(), fault::Kind::Unavailable);
    db.write("test.after", async |tx| effect(tx, "after").await).await.unwrap();
    assert_eq!(world.effects().await, 1);
}
