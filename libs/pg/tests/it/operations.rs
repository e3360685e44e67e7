//! Long-running work.

use crate::world::{World, answer, soon};
use contracts::operations::v1::{OperationState, Reason};
use contracts::pricing::v1::Price;
use pg::operations;
use prost::Name;
use uuid::Uuid;

#[tokio::test]
async fn an_operation_is_worked_on_by_one_process_at_a_time_oldest_first() {
    let world = World::new().await;
    let start = async |kind: &'static str| {
        let start = async move |tx: &mut pg::Tx| operations::start(tx, kind).await;
        world.db.write("test.start", start).await.unwrap().id
    };
    start("another kind").await;
    let (older, younger) = (start("reindex").await, start("reindex").await);
    let other = &world.other(|_| {});
    let look = async || {
        let taken = other.write("test.second", async |tx| operations::take_up(tx, "reindex").await);
        soon("it does not wait", taken).await.unwrap().map(|operation| operation.id)
    };
    let look = &look;
    let seen = world.db.write("test.first", async move |tx| {
        let mine = operations::take_up(tx, "reindex").await?.map(|operation| operation.id);
        Ok((mine, look().await))
    });
    assert_eq!(seen.await.unwrap(), (Some(older), Some(younger)));
    // Whoever ends without an end of the work leaves it to the next one.
    assert_eq!(look().await, Some(older));
}

#[tokio::test]
async fn an_operation_that_has_ended_is_not_taken_up_and_tells_how_it_went() {
    let world = World::new().await;
    let result = answer();
    let given = &result;
    let (good, bad) = world
        .db
        .write("test.operations", async move |tx| {
            let good = operations::start(tx, "reindex").await?.id;
            operations::progress(tx, good, 3, 7, "reading").await?;
            operations::succeed(tx, good, Some(given)).await?;
            let bad = operations::start(tx, "reindex").await?.id;
            operations::fail(tx, bad, "no room").await?;
            assert!(operations::take_up(tx, "reindex").await?.is_none());
            Ok((good, bad))
        })
        .await
        .unwrap();
    let good = world.db.operation("reindex", good).await.unwrap().message("pricing");
    assert_eq!(good.state(), OperationState::Succeeded);
    assert_eq!((good.done, good.total), (3, 7));
    let any = good.result.unwrap();
    assert_eq!(any.type_url, format!("type.googleapis.com/{}", Price::full_name()));
    assert_eq!(any.value, prost::Message::encode_to_vec(&result));
    let bad = world.db.operation("reindex", bad).await.unwrap().message("pricing");
    assert_eq!((bad.state(), bad.message.as_str()), (OperationState::Failed, "no room"));
}

#[tokio::test]
async fn operations_are_listed_latest_first_and_an_unknown_one_is_not_found() {
    let world = World::new().await;
    let ids = world
        .db
        .write("test.start", async |tx| {
            let mut ids = Vec::new();
            for _ in 0..3 {
                ids.insert(0, operations::start(tx, "reindex").await?.id);
            }
            Ok(ids)
        })
        .await
        .unwrap();
    let page = async |before, limit| {
        let page = world.db.operations(before, limit).await.unwrap();
        page.into_iter().map(|operation| operation.id).collect::<Vec<_>>()
    };
    assert_eq!(page(None, 2).await, ids[..2]);
    assert_eq!(page(Some(ids[1]), 2).await, ids[2..]);
    let unknown = world.db.operation("reindex", Uuid::now_v7()).await.unwrap_err();
    assert!(unknown.is(Reason::OperationNotFound));
    // An id belongs to its kind.
    let other_kind = world.db.operation("another", ids[0]).await.unwrap_err();
    assert!(other_kind.is(Reason::OperationNotFound));
}

#[tokio::test]
async fn what_is_due_is_started_by_one_replica_and_again_when_it_failed_or_is_old() {
    let world = World::new().await;
    let db = &world.db;
    let hour = std::time::Duration::from_secs(3600);
    let start = async || {
        let start =
            async move |tx: &mut pg::Tx| operations::start_if_due(tx, "nightly", hour).await;
        db.write("test.due", start).await.unwrap().map(|operation| operation.id)
    };
    let replicas = futures::future::join_all((0..8).map(|_| start())).await;
    let started: Vec<Uuid> = replicas.into_iter().flatten().collect();
    assert_eq!(started.len(), 1, "{started:?}");
    let first = started[0];
    // Another kind is due by itself.
    let other = async |tx: &mut pg::Tx| operations::start_if_due(tx, "other", hour).await;
    assert!(db.write("test.due", other).await.unwrap().is_some());

    db.write("test.fail", async |tx| operations::fail(tx, first, "the owner is away").await)
        .await
        .unwrap();
    assert!(start().await.is_some(), "a run that failed is none");
    assert_eq!(start().await, None);
    db.write("test.age", async |tx| {
        let age = "update operations set created_at = created_at - interval '61 minutes'";
        diesel_async::RunQueryDsl::execute(diesel::sql_query(age), tx.conn()).await?;
        Ok(())
    })
    .await
    .unwrap();
    assert!(start().await.is_some(), "the last one was too long ago");
}
