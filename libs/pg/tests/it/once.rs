//! A mutating call that is repeated with its `request_id`.

use crate::fixture::{Fixture, answer, effect, eventually, refusal, request, soon};
use contracts::Rpc;
use fault::context::{self, Context};
use fault::{Common, Fault};
use futures::future::join_all;
use pg::Db;
use pricing_api::v1::{
    BulkSetPricesRequest, BulkSetPricesResponse, SetPriceRequest, SetPriceResponse,
};
use prost::Message;
use tokio::sync::oneshot;
use uuid::Uuid;

fn id() -> String {
    Uuid::now_v7().to_string()
}

/// Has an effect and a unique answer.
async fn act(db: &Db, request: &SetPriceRequest) -> Result<SetPriceResponse, Fault> {
    db.write_once(request, async |tx| {
        effect(tx, "done").await?;
        Ok(answer())
    })
    .await
}

async fn refuse(db: &Db, request: &SetPriceRequest) -> Fault {
    let refused: Result<SetPriceResponse, Fault> = db
        .write_once(request, async |tx| {
            effect(tx, "refused").await?;
            Err(refusal())
        })
        .await;
    refused.unwrap_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_concurrent_calls_with_one_id_have_one_effect_and_one_answer() {
    let fixture = Fixture::new().await;
    // In two processes.
    let dbs = [fixture.db.clone(), fixture.other(|_| {})];
    let request = request(&id(), 1);
    let calls = (0..16).map(|call| {
        let (db, request) = (dbs[call % 2].clone(), request.clone());
        tokio::spawn(async move { act(&db, &request).await })
    });
    let answers = soon("all are answered", join_all(calls)).await;
    let first = act(&fixture.db, &request).await.unwrap();
    let mut answered = 0;
    for answer in answers {
        match answer.unwrap() {
            Ok(answer) => {
                assert_eq!(answer, first);
                answered += 1;
            }
            Err(fault) => assert!(fault.is(Common::Contended), "{}", fault.chain()),
        }
    }
    assert_ne!(answered, 0);
    assert_eq!(fixture.effects().await, 1);
}

#[tokio::test]
async fn the_same_id_in_capitals_is_the_same_request() {
    let fixture = Fixture::new().await;
    let id = id();
    let first = act(&fixture.db, &request(&id, 1)).await.unwrap();
    let again = act(&fixture.db, &request(&id.to_uppercase(), 1)).await.unwrap();
    assert_eq!((again, fixture.effects().await), (first, 1));
    assert!(fixture.db.replayed(&request(&id.to_uppercase(), 1)).await.unwrap().is_some());
    let other = act(&fixture.db, &request(&id.to_uppercase(), 2)).await.unwrap_err();
    assert!(other.is(Common::RequestIdReused));
}

#[tokio::test]
async fn the_same_id_with_another_body_or_method_is_refused() {
    let fixture = Fixture::new().await;
    let id = id();
    act(&fixture.db, &request(&id, 1)).await.unwrap();
    let fault = act(&fixture.db, &request(&id, 2)).await.unwrap_err();
    assert!(fault.is(Common::RequestIdReused), "{}", fault.chain());
    let same_body =
        BulkSetPricesRequest { validate_only: true, request_id: id.clone(), ..Default::default() };
    assert_eq!(same_body.encode_to_vec(), request(&id, 1).encode_to_vec());
    assert_ne!(BulkSetPricesRequest::METHOD, SetPriceRequest::METHOD);
    let other_method = fixture.db.write_once(&same_body, async |tx| {
        effect(tx, "another").await?;
        Ok(BulkSetPricesResponse::default())
    });
    assert!(other_method.await.unwrap_err().is(Common::RequestIdReused));
    let looked: Result<Option<SetPriceResponse>, Fault> =
        fixture.db.replayed(&request(&id, 2)).await;
    assert!(looked.unwrap_err().is(Common::RequestIdReused));
    assert_eq!(fixture.effects().await, 1);
}

#[tokio::test]
async fn the_same_id_of_another_caller_is_another_request() {
    let fixture = Fixture::new().await;
    let request = request(&id(), 1);
    let mut answers = Vec::new();
    for caller in ["ann", "bob", "ann"] {
        let work = act(&fixture.db, &request);
        answers.push(context::scope(Context::of_service(caller), work).await.unwrap());
    }
    assert_ne!(answers[0], answers[1]);
    assert_eq!(answers[0], answers[2]);
    assert_eq!(fixture.effects().await, 2);
}

#[tokio::test]
async fn a_refused_call_is_not_recorded() {
    let fixture = Fixture::new().await;
    let id = id();
    assert_eq!(refuse(&fixture.db, &request(&id, 1)).await.reason(), refusal().reason());
    assert_eq!(fixture.effects().await, 0);
    // Nor is its body: the caller may correct it.
    act(&fixture.db, &request(&id, 2)).await.unwrap();
    assert_eq!(fixture.effects().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_duplicate_that_waits_for_a_refusal_does_the_work_itself() {
    let fixture = Fixture::new().await;
    let request = request(&id(), 1);
    let (go, wait) = oneshot::channel::<()>();
    // Shared and taken once, since the closure must be `Clone`.
    let wait = std::sync::Arc::new(tokio::sync::Mutex::new(Some(wait)));
    let (db, first) = (fixture.db.clone(), request.clone());
    let first = tokio::spawn(async move {
        let refused: Result<SetPriceResponse, Fault> = db
            .write_once(&first, async move |tx| {
                effect(tx, "refused").await?;
                let wait = wait.lock().await.take().unwrap();
                wait.await.unwrap();
                Err(refusal())
            })
            .await;
        refused.unwrap_err()
    });
    eventually("the first one is inside", async || {
        fixture.connections("idle in transaction").await == 1
    })
    .await;
    let (db, second) = (fixture.other(|_| {}), request.clone());
    let second = tokio::spawn(async move { act(&db, &second).await });
    eventually("the second one waits for it", async || fixture.waiting().await == 1).await;
    go.send(()).unwrap();
    assert_eq!(first.await.unwrap().reason(), refusal().reason());
    let done = soon("the second one is done", second).await.unwrap().unwrap();
    assert_eq!(fixture.effects().await, 1);
    assert_eq!(fixture.db.replayed(&request).await.unwrap(), Some(done));
}

#[tokio::test]
async fn a_stored_answer_is_found_by_replayed_and_returned_by_a_repeat() {
    let fixture = Fixture::new().await;
    let request = request(&id(), 1);
    assert_eq!(fixture.db.replayed(&request).await.unwrap(), None);
    let done = act(&fixture.db, &request).await.unwrap();
    assert_eq!(fixture.db.replayed(&request).await.unwrap(), Some(done));
}

#[tokio::test]
async fn an_id_can_be_reused_after_a_day() {
    let fixture = Fixture::new().await;
    let id = id();
    let first = act(&fixture.db, &request(&id, 1)).await.unwrap();
    fixture.execute("update request_replay set created_at = now() - interval '25 hours'").await;
    assert_eq!(fixture.db.replayed(&request(&id, 2)).await.unwrap(), None);
    let second = act(&fixture.db, &request(&id, 2)).await.unwrap();
    assert_ne!(first, second);
    assert_eq!(act(&fixture.db, &request(&id, 2)).await.unwrap(), second);
    assert_eq!(fixture.effects().await, 2);
}

#[tokio::test]
async fn a_call_without_an_id_acts_each_time_and_one_with_a_bad_id_never() {
    let fixture = Fixture::new().await;
    for _ in 0..2 {
        act(&fixture.db, &request("", 1)).await.unwrap();
    }
    assert!(act(&fixture.db, &request("mine", 1)).await.unwrap_err().is(Common::InvalidField));
    assert_eq!(fixture.effects().await, 2);
}
