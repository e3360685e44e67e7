//! One effect for each event.

use crate::world::{World, effect, eventually, refusal, soon};
use fault::Fault;
use futures::future::join_all;
use pg::{Db, inbox};
use std::sync::Arc;
use tokio::sync::{Mutex, oneshot};
use uuid::Uuid;

/// Handles an event as a consumer does; says whether it was the one.
async fn handle(db: &Db, consumer: &str, event: Uuid) -> Result<bool, Fault> {
    db.write("test.handle", async move |tx| {
        let mine = inbox::claim(tx, consumer, event, "pricing.price.updated").await?;
        if mine {
            effect(tx, consumer).await?;
        }
        Ok(mine)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_claimed_by_many_at_once_has_one_effect() {
    let world = World::new().await;
    let dbs = [world.db.clone(), world.other(|_| {})];
    let event = Uuid::now_v7();
    let claims = (0..16).map(|claim| {
        let db = dbs[claim % 2].clone();
        tokio::spawn(async move { handle(&db, "search", event).await.unwrap() })
    });
    let claimed = soon("all have tried", join_all(claims)).await;
    assert_eq!(claimed.into_iter().filter(|mine| *mine.as_ref().unwrap()).count(), 1);
    assert_eq!(world.effects().await, 1);
    assert!(!handle(&world.db, "search", event).await.unwrap());
}

#[tokio::test]
async fn each_consumer_and_each_event_has_a_claim_of_its_own() {
    let world = World::new().await;
    let (event, other) = (Uuid::now_v7(), Uuid::now_v7());
    assert!(handle(&world.db, "search", event).await.unwrap());
    assert!(handle(&world.db, "another", event).await.unwrap());
    assert!(handle(&world.db, "search", other).await.unwrap());
    assert_eq!(world.effects().await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_that_waited_for_a_failure_is_granted() {
    let world = World::new().await;
    let event = Uuid::now_v7();
    let (go, wait) = oneshot::channel::<()>();
    // Shared and taken out once, since the closure must be `Clone`.
    let wait = Arc::new(Mutex::new(Some(wait)));
    let db = world.db.clone();
    let first = tokio::spawn(async move {
        db.write("test.first", async move |tx| {
            let mine = inbox::claim(tx, "search", event, "pricing.price.updated").await?;
            effect(tx, "failed").await?;
            let wait = wait.lock().await.take().unwrap();
            wait.await.unwrap();
            assert!(mine);
            Err::<(), Fault>(refusal())
        })
        .await
    });
    eventually("the first one is at it", async || {
        world.connections("idle in transaction").await == 1
    })
    .await;
    let db = world.other(|_| {});
    let second = tokio::spawn(async move { handle(&db, "search", event).await });
    eventually("the second one waits for it", async || world.waiting().await == 1).await;
    go.send(()).unwrap();
    assert_eq!(first.await.unwrap().unwrap_err().reason(), refusal().reason());
    assert!(soon("the second one is done", second).await.unwrap().unwrap());
    assert_eq!(world.texts("select key as text from effects").await, ["search"]);
}
