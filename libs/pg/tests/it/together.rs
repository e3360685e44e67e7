//! A change and its events are committed together or not at all.

use crate::fixture::{Fixture, effect, execute, fact, price, refusal};
use contracts::types::v1::Money;
use contracts::{Fact, Violation};
use fault::context::{self, Context};
use fault::{Common, Fault, Kind};
use futures::FutureExt;
use pg::outbox;
use pricing_api::v1::PriceUpdated;
use uuid::Uuid;

#[tokio::test]
async fn a_change_and_its_events_are_committed_together_and_in_order() {
    let fixture = Fixture::new().await;
    let (one, other) = (Uuid::now_v7(), Uuid::now_v7());
    let context = Context { causation_id: Some("cause".into()), ..Context::of_service("test") };
    let correlation = context.correlation_id.clone();
    let write = fixture.db.write("test.write", async move |tx| {
        effect(tx, "change").await?;
        outbox::append(tx, [fact(one, 1), fact(other, 7), fact(one, 2)]).await
    });
    context::scope(context, write).await.unwrap();
    assert_eq!(fixture.effects().await, 1);
    let rows = fixture
        .texts(
            "select key || ' ' || version || ' ' || (headers->>'correlation-id')
                    || ' ' || (headers->>'causation-id') as text from outbox order by seq",
        )
        .await;
    let row = |id: Uuid, version: i64| format!("{id} {version} {correlation} cause");
    assert_eq!(rows, [row(one, 1), row(other, 7), row(one, 2)]);
}

#[tokio::test]
async fn a_refusal_after_the_events_leaves_neither_change_nor_events() {
    let fixture = Fixture::new().await;
    let result: Result<(), Fault> = fixture
        .db
        .write("test.write", async |tx| {
            effect(tx, "change").await?;
            outbox::append(tx, [fact(Uuid::now_v7(), 1)]).await?;
            Err(refusal())
        })
        .await;
    assert_eq!(result.unwrap_err().reason(), refusal().reason());
    nothing_is_left(&fixture).await;
}

#[tokio::test]
async fn a_statement_that_fails_after_the_events_leaves_neither() {
    let fixture = Fixture::new().await;
    let fault = fixture
        .db
        .write("test.write", async |tx| {
            effect(tx, "change").await?;
            outbox::append(tx, [fact(Uuid::now_v7(), 1)]).await?;
            execute(tx, "select 1 / 0").await
        })
        .await
        .unwrap_err();
    assert_eq!(fault.kind(), Kind::Internal);
    nothing_is_left(&fixture).await;
}

#[tokio::test]
async fn an_event_that_breaks_the_contract_rolls_the_change_back() {
    let fixture = Fixture::new().await;
    let mut broken = fact(Uuid::now_v7(), 1);
    let violation =
        Violation { field: "price".into(), rule: "required", message: "must be".into() };
    broken.violations.push(violation);
    let facts = [fact(Uuid::now_v7(), 1), broken];
    let facts = &facts;
    let fault = fixture
        .db
        .write("test.write", async move |tx| {
            effect(tx, "change").await?;
            outbox::append(tx, facts.iter().cloned()).await
        })
        .await
        .unwrap_err();
    assert_eq!(fault.kind(), Kind::Internal);
    nothing_is_left(&fixture).await;
}

#[tokio::test]
async fn an_event_with_a_negative_amount_rolls_the_change_back() {
    let fixture = Fixture::new().await;
    let id = Uuid::now_v7();
    let base = Money { currency_code: "USD".into(), minor_units: Some(-1) };
    let mut price = price(id, 1);
    price.base = Some(base);
    let event = &PriceUpdated { price: Some(price), changed: Vec::new() };
    let fault = fixture
        .db
        .write("test.write", async move |tx| {
            effect(tx, "change").await?;
            outbox::append(tx, [Fact::from(event)]).await
        })
        .await
        .unwrap_err();
    assert_eq!(fault.kind(), Kind::Internal);
    assert!(fault.chain().contains("price.base is -1, a negative amount"), "{fault:?}");
    nothing_is_left(&fixture).await;
}

#[tokio::test]
async fn a_commit_that_the_server_refuses_leaves_neither() {
    let fixture = Fixture::new().await;
    // Checked at the COMMIT and not before.
    fixture
        .execute(
            "alter table effects add constraint once unique (key) deferrable initially deferred",
        )
        .await;
    let fault = fixture
        .db
        .write("test.write", async |tx| {
            effect(tx, "twice").await?;
            effect(tx, "twice").await?;
            outbox::append(tx, [fact(Uuid::now_v7(), 1)]).await
        })
        .await
        .unwrap_err();
    // The server has reported the failure, so the outcome is not unknown.
    assert_eq!(fault.kind(), Kind::Internal);
    assert!(!fault.is(Common::OutcomeUnknown));
    nothing_is_left(&fixture).await;
}

#[tokio::test]
async fn a_change_that_the_server_rolled_back_is_not_reported_as_done() {
    let fixture = Fixture::new().await;
    let result = fixture
        .db
        .write("test.write", async |tx| {
            effect(tx, "change").await?;
            // The transaction is aborted here: the server answers COMMIT with ROLLBACK and no error.
            let _ = execute(tx, "select 1 / 0").await;
            Ok(())
        })
        .await;
    assert_eq!(fixture.effects().await, 0);
    assert_eq!(result.unwrap_err().kind(), Kind::Internal);
    nothing_is_left(&fixture).await;
}

#[tokio::test]
async fn only_a_commit_with_events_wakes_the_relay() {
    let fixture = Fixture::new().await;
    fixture.db.write("test.quiet", async |tx| effect(tx, "quiet").await).await.unwrap();
    assert!(fixture.db.outbox_written().now_or_never().is_none());
    let append = async |tx: &mut pg::Tx| outbox::append(tx, [fact(Uuid::now_v7(), 1)]).await;
    fixture.db.write("test.loud", append).await.unwrap();
    assert!(fixture.db.outbox_written().now_or_never().is_some());
}

/// Asserts that the tables and the outbox are empty and no connection is in a transaction.
async fn nothing_is_left(fixture: &Fixture) {
    assert_eq!(fixture.effects().await, 0);
    assert_eq!(fixture.count("select count(*) from outbox").await, 0);
    assert!(fixture.db.outbox_written().now_or_never().is_none());
    assert_eq!(fixture.connections("idle in transaction").await, 0);
    assert_eq!(fixture.connections("idle in transaction (aborted)").await, 0);
    // The pool still returns working connections.
    fixture.db.write("test.after", async |tx| effect(tx, "after").await).await.unwrap();
}
