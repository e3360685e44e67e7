//! The answer to a COMMIT is lost. The outcome is unknown then; repeating the request with its `request_id` is safe.

use crate::fixture::{Fixture, answer, effect, request};
use crate::proxy::{Cut, Proxy};
use fault::{Common, Fault, Kind};
use pg::{Db, Settings};
use pricing_api::v1::{SetPriceRequest, SetPriceResponse};
use uuid::Uuid;

async fn act(db: &Db, request: &SetPriceRequest) -> Result<SetPriceResponse, Fault> {
    db.write_once(request, async |tx| {
        effect(tx, "done").await?;
        Ok(answer())
    })
    .await
}

/// Cuts the connection of a service to its database at a COMMIT.
async fn cut(fixture: &Fixture, at: Cut) -> (Proxy, Db, SetPriceRequest) {
    let proxy = Proxy::to(fixture.db.url()).await;
    let db = Db::new("pricing", Settings::of(proxy.url(fixture.db.url()))).unwrap();
    proxy.cut(at);
    let request = request(&Uuid::now_v7().to_string(), 1);
    let fault = act(&db, &request).await.unwrap_err();
    assert!(fault.is(Common::OutcomeUnknown), "{}", fault.chain());
    assert!(proxy.is_cut());
    (proxy, db, request)
}

#[tokio::test]
async fn an_answer_lost_after_the_commit_is_unknown_and_the_repeat_gets_it() {
    let fixture = Fixture::new().await;
    let (_proxy, db, request) = cut(&fixture, Cut::After).await;
    assert_eq!(fixture.effects().await, 1);
    let first: Option<SetPriceResponse> = fixture.db.replayed(&request).await.unwrap();
    let repeated = act(&db, &request).await.unwrap();
    assert_eq!(first, Some(repeated));
    assert_eq!(fixture.effects().await, 1);
}

#[tokio::test]
async fn a_commit_lost_before_the_server_is_unknown_and_the_repeat_does_the_work() {
    let fixture = Fixture::new().await;
    let (_proxy, db, request) = cut(&fixture, Cut::Before).await;
    assert_eq!(fixture.effects().await, 0);
    act(&db, &request).await.unwrap();
    assert_eq!(fixture.effects().await, 1);
}

#[tokio::test]
async fn a_server_that_dies_in_the_commit_is_unknown_and_the_repeat_does_the_work() {
    let fixture = Fixture::new().await;
    // Runs inside COMMIT, and ends the process that does it.
    fixture
        .execute(
            "create function die() returns trigger language plpgsql as
             $$ begin perform pg_terminate_backend(pg_backend_pid()); return null; end $$;
             create constraint trigger die after insert on effects
             deferrable initially deferred for each row execute function die()",
        )
        .await;
    let request = request(&Uuid::now_v7().to_string(), 1);
    let fault = act(&fixture.db, &request).await.unwrap_err();
    assert!(fault.is(Common::OutcomeUnknown), "{}", fault.chain());
    assert_eq!(fixture.effects().await, 0);
    fixture.execute("drop trigger die on effects").await;
    act(&fixture.db, &request).await.unwrap();
    assert_eq!(fixture.effects().await, 1);
}

#[tokio::test]
async fn a_lost_commit_is_never_retried_automatically() {
    let fixture = Fixture::new().await;
    let proxy = Proxy::to(fixture.db.url()).await;
    let db = Db::new("pricing", Settings::of(proxy.url(fixture.db.url()))).unwrap();
    for (at, effects) in [(Cut::After, 1), (Cut::Before, 1)] {
        proxy.cut(at);
        let fault = db.write("test.act", async |tx| effect(tx, "done").await).await.unwrap_err();
        assert!(fault.is(Common::OutcomeUnknown), "{}", fault.chain());
        assert_eq!(fixture.effects().await, effects);
    }
}

#[tokio::test]
async fn a_connection_lost_before_the_commit_is_unavailable_and_not_unknown() {
    let fixture = Fixture::new().await;
    let observer = &fixture.observer;
    let fault = fixture
        .db
        .write("test.act", async move |tx| {
            effect(tx, "done").await?;
            let pid = crate::fixture::backend(tx).await?;
            let end = format!("select pg_terminate_backend({pid}, 60000)::int::bigint as count");
            assert_eq!(crate::fixture::count(observer, &end).await, 1);
            effect(tx, "never").await
        })
        .await
        .unwrap_err();
    assert_eq!(fault.kind(), Kind::Unavailable, "{}", fault.chain());
    assert!(!fault.is(Common::OutcomeUnknown));
    fixture.db.write("test.after", async |tx| effect(tx, "after").await).await.unwrap();
    assert_eq!(fixture.effects().await, 1);
}
