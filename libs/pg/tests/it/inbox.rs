//! One effect for each event.

use crate::fixture::{Fixture, effect, eventually, refusal, soon};
use fault::Fault;
use futures::future::join_all;
use pg::{Db, inbox};
use std::sync::Arc;
use tokio::sync::{Mutex, oneshot};
use uuid::Uuid;

/// Handles an event as a consumer does; returns whether the claim was granted.
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
async fn concurrent_claims_of_one_event_have_one_effect() {
    let fixture = Fixture::new().await;
    let dbs = [fixture.db.clone(), fixture.other(|_| {})];
    let event = Uuid::now_v7();
    let claims = (0..16).map(|claim| {
        let db = dbs[claim % 2].clone();
        tokio::spawn(async move { handle(&db, "search", event).await.unwrap() })
    });
    let claimed = soon("all have tried", join_all(claims)).await;
    assert_eq!(claimed.into_iter().filter(|mine| *mine.as_ref().unwrap()).count(), 1);
    assert_eq!(fixture.effects().await, 1);
    assert!(!handle(&fixture.db, "search", event).await.unwrap());
}

#[tokio::test]
async fn claims_are_per_consumer_and_event() {
    let fixture = Fixture::new().await;
    let (event, other) = (Uuid::now_v7(), Uuid::now_v7());
    assert!(handle(&fixture.db, "search", event).await.unwrap());
    assert!(handle(&fixture.db, "another", event).await.unwrap());
    assert!(handle(&fixture.db, "search", other).await.unwrap());
    assert_eq!(fixture.effects().await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_that_waited_for_a_failure_is_granted() {
    let fixture = Fixture::new().await;
    let event = Uuid::now_v7();
    let (go, wait) = oneshot::channel::<()>();
    // Shared and taken once, since the closure must be `Clone`.
    let wait = Arc::new(Mutex::new(Some(wait)));
    let db = fixture.db.clone();
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
    eventually("the first one is inside", async || {
        fixture.connections("idle in transaction").await == 1
    })
    .await;
    let db = fixture.other(|_| {});
    let second = tokio::spawn(async move { handle(&db, "search", event).await });
    eventually("the second one waits for it", async || fixture.waiting().await == 1).await;
    go.send(()).unwrap();
    assert_eq!(first.await.unwrap().unwrap_err().reason(), refusal().reason());
    assert!(soon("the second one is done", second).await.unwrap().unwrap());
    assert_eq!(fixture.texts("select key as text from effects").await, ["search"]);
}
