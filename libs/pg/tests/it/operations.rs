//! Long-running work.

use crate::fixture::{Fixture, answer, soon};
use contracts::operations::v1::{OperationState, Reason};
use fault::Common;
use futures::future::join_all;
use pg::operations::{self, Operation, Progress};
use pg::{Db, Tx};
use pricing_api::v1::SetPriceResponse;
use prost::Name;
use std::time::Duration;
use uuid::Uuid;

async fn start(fixture: &Fixture, kind: &'static str) -> Uuid {
    let start = async move |tx: &mut Tx| operations::start(tx, kind, None).await;
    fixture.db.write("test.start", start).await.unwrap().id
}

async fn take_up(db: &Db) -> Option<Operation> {
    let taken = db.write("test.take_up", async |tx| operations::take_up(tx, "reindex").await);
    soon("taking up does not wait", taken).await.unwrap()
}

/// Lets all leases expire.
async fn expire_leases(fixture: &Fixture) {
    fixture
        .execute("update operations set leased_until = leased_until - interval '15 seconds'")
        .await;
}

#[tokio::test]
async fn an_operation_is_worked_on_by_one_process_at_a_time_oldest_first() {
    let fixture = Fixture::new().await;
    start(&fixture, "another kind").await;
    let ids = [start(&fixture, "reindex").await, start(&fixture, "reindex").await];
    let processes: Vec<Db> = (0..16).map(|_| fixture.other(|_| {})).collect();
    let all = async || {
        let mut taken: Vec<Uuid> = join_all(processes.iter().map(take_up))
            .await
            .into_iter()
            .flatten()
            .map(|operation| operation.id)
            .collect();
        taken.sort();
        taken
    };
    assert_eq!(all().await, ids, "each goes to one of 16");
    assert!(all().await.is_empty());
    // A process that ends without finishing the work leaves it to the next one.
    expire_leases(&fixture).await;
    assert_eq!(take_up(&fixture.db).await.unwrap().id, ids[0], "the oldest comes first");
    assert_eq!(all().await, ids[1..]);
}

#[tokio::test]
async fn who_is_alive_keeps_its_operation_and_who_was_frozen_loses_it() {
    let fixture = Fixture::new().await;
    let other = fixture.other(|_| {});
    start(&fixture, "reindex").await;
    let mine = &take_up(&fixture.db).await.unwrap();
    let seconds =
        "select round(extract(epoch from leased_until - clock_timestamp()))::bigint as count
                   from operations";
    assert!((13..=15).contains(&fixture.count(seconds).await));
    for by in ["checkpoint", "renew", "progress"] {
        fixture
            .execute("update operations set leased_until = leased_until - interval '9 seconds'")
            .await;
        let renewed = fixture.db.write("test.renew", async move |tx| match by {
            "checkpoint" => operations::checkpoint(tx, mine, &Progress::default()).await,
            "renew" => operations::renew(tx, mine).await,
            _ => operations::progress(tx, mine.id, 1, 2, "").await.map(|()| true),
        });
        assert!(renewed.await.unwrap());
        assert!((13..=15).contains(&fixture.count(seconds).await), "{by}");
    }

    expire_leases(&fixture).await;
    let theirs = &take_up(&other).await.unwrap();
    let progress = Progress { done: 7, request: Some(b"x".to_vec()), ..Progress::default() };
    let frozen = fixture.db.write("test.frozen", async |tx| {
        Ok((operations::checkpoint(tx, mine, &progress).await?, operations::renew(tx, mine).await?))
    });
    assert_eq!(frozen.await.unwrap(), (false, false));
    let kept = fixture.db.operation("reindex", mine.id).await.unwrap();
    assert_eq!((kept.done, kept.request), (1, None));

    // A released operation is available at once.
    other.write("test.release", async |tx| operations::release(tx, theirs).await).await.unwrap();
    assert_eq!(take_up(&fixture.db).await.unwrap().id, mine.id);
}

#[tokio::test]
async fn a_lease_is_renewed_during_the_work_and_its_loss_cancels_the_work() {
    let fixture = Fixture::new().await;
    let other = fixture.other(|_| {});
    start(&fixture, "reindex").await;
    let mine = take_up(&fixture.db).await.unwrap();
    assert_eq!(operations::with_lease(&fixture.db, &mine, async { Ok(7) }).await.unwrap(), 7);
    let lost = operations::with_lease(&fixture.db, &mine, std::future::pending::<Result<(), _>>());
    let taken = async {
        expire_leases(&fixture).await;
        take_up(&other).await.unwrap()
    };
    let (lost, taken) = soon("it is noticed", async { tokio::join!(lost, taken) }).await;
    assert!(lost.unwrap_err().is(Common::ConcurrentModification));
    assert_eq!(taken.id, mine.id);
}

#[tokio::test]
async fn the_request_and_the_checkpoint_are_available_after_take_up() {
    let fixture = Fixture::new().await;
    let start = async |tx: &mut Tx| operations::start(tx, "reindex", Some(b"all".to_vec())).await;
    fixture.db.write("test.start", start).await.unwrap();
    let first = &take_up(&fixture.db).await.unwrap();
    assert_eq!(first.request.as_deref(), Some(&b"all"[..]));
    let progress =
        &Progress { done: 3, total: 9, request: Some(b"the rest".to_vec()), message: "b".into() };
    let noted = fixture.db.write("test.checkpoint", async move |tx| {
        operations::checkpoint(tx, first, progress).await
    });
    assert!(noted.await.unwrap());
    expire_leases(&fixture).await;
    let second = take_up(&fixture.db).await.unwrap();
    assert_eq!(second.request.as_deref(), Some(&b"the rest"[..]));
    assert_eq!((second.done, second.total, second.message.as_str()), (3, 9, "b"));
}

#[tokio::test]
async fn an_ended_operation_is_not_taken_up_and_has_its_result() {
    let fixture = Fixture::new().await;
    let result = answer();
    let given = &result;
    let (good, bad) = fixture
        .db
        .write("test.operations", async move |tx| {
            let good = operations::start(tx, "reindex", None).await?.id;
            operations::progress(tx, good, 3, 7, "reading").await?;
            operations::succeed(tx, good, Some(given)).await?;
            let bad = operations::start(tx, "reindex", None).await?.id;
            operations::fail(tx, bad, "no room").await?;
            assert!(operations::take_up(tx, "reindex").await?.is_none());
            Ok((good, bad))
        })
        .await
        .unwrap();
    let good = fixture.db.operation("reindex", good).await.unwrap().message("pricing");
    assert_eq!(good.state(), OperationState::Succeeded);
    assert_eq!((good.done, good.total), (3, 7));
    let any = good.result.unwrap();
    assert_eq!(any.type_url, format!("type.googleapis.com/{}", SetPriceResponse::full_name()));
    assert_eq!(any.value, prost::Message::encode_to_vec(&result));
    let bad = fixture.db.operation("reindex", bad).await.unwrap().message("pricing");
    assert_eq!((bad.state(), bad.message.as_str()), (OperationState::Failed, "no room"));
}

#[tokio::test]
async fn operations_are_listed_newest_first_and_an_unknown_one_is_not_found() {
    let fixture = Fixture::new().await;
    let ids = fixture
        .db
        .write("test.start", async |tx| {
            let mut ids = Vec::new();
            for _ in 0..3 {
                ids.insert(0, operations::start(tx, "reindex", None).await?.id);
            }
            Ok(ids)
        })
        .await
        .unwrap();
    let page = async |before, limit| {
        let page = fixture.db.operations(before, limit).await.unwrap();
        page.into_iter().map(|operation| operation.id).collect::<Vec<_>>()
    };
    assert_eq!(page(None, 2).await, ids[..2]);
    assert_eq!(page(Some(ids[1]), 2).await, ids[2..]);
    let unknown = fixture.db.operation("reindex", Uuid::now_v7()).await.unwrap_err();
    assert!(unknown.is(Reason::OperationNotFound));
    // An id belongs to its kind.
    let other_kind = fixture.db.operation("another", ids[0]).await.unwrap_err();
    assert!(other_kind.is(Reason::OperationNotFound));
}

#[tokio::test]
async fn a_due_operation_is_started_by_one_replica_and_again_after_failure_or_its_period() {
    let fixture = Fixture::new().await;
    let db = &fixture.db;
    let hour = Duration::from_secs(3600);
    let start = async || {
        let start = async move |tx: &mut Tx| operations::start_if_due(tx, "nightly", hour).await;
        db.write("test.due", start).await.unwrap().map(|operation| operation.id)
    };
    let replicas = join_all((0..8).map(|_| start())).await;
    let started: Vec<Uuid> = replicas.into_iter().flatten().collect();
    assert_eq!(started.len(), 1, "{started:?}");
    let first = started[0];
    // Each kind is due independently.
    let other = async |tx: &mut Tx| operations::start_if_due(tx, "other", hour).await;
    assert!(db.write("test.due", other).await.unwrap().is_some());

    db.write("test.fail", async |tx| operations::fail(tx, first, "the owner is away").await)
        .await
        .unwrap();
    assert!(start().await.is_some(), "a failed run does not count");
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
