//! Copies of aggregates that the library keeps the versions of.

use crate::app::{App, record};
use crate::fixture::{Fixture, consume, eventually, price};
use bus::{Outcome, Tuning};
use contracts::{Aggregate, Observed};
use fault::Fault;
use pg::{Tx, projections};
use pricing_api::v1::{Price, PriceDeleted};
use uuid::Uuid;

/// Notes each state that it is given; a deletion with the version as a negative number.
async fn keep_price(app: &App, tx: &mut Tx, price: Observed<Price>) -> Result<Outcome, Fault> {
    let outcome = app.outcome(&price.key);
    if let Ok(Outcome::Done) = outcome {
        let sign = if price.state.is_some() { 1 } else { -1 };
        record(tx, &price.key, sign * price.version).await?;
    }
    outcome
}

fn deleted(id: Uuid, version: i64) -> PriceDeleted {
    PriceDeleted { price_id: id.to_string(), version, product_id: Uuid::now_v7().to_string() }
}

async fn head(fixture: &Fixture, id: Uuid) -> Option<(i64, bool)> {
    let list = async |tx: &mut Tx| projections::list(tx, Price::FAMILY, "", 100).await;
    let heads = fixture.search.read("test.heads", list).await.unwrap();
    let head = heads.into_iter().find(|head| head.key == id.to_string())?;
    Some((head.version, head.digest.is_some()))
}

async fn states(fixture: &Fixture) -> i64 {
    fixture.count("select coalesce(sum(version), 0)::bigint as count from seen").await
}

#[tokio::test]
async fn a_copy_is_given_each_newer_state_and_the_deletion_and_nothing_older() {
    let fixture = Fixture::new().await;
    let relay = fixture.relay();
    let running = consume(fixture.consumers().project(App::new(), keep_price));
    let id = Uuid::now_v7();
    // The outbox publishes in the order of the commits, whatever the versions.
    fixture.commit_events(&[price(id, 2), price(id, 1), price(id, 3)]).await;
    eventually("its head is known", async || head(&fixture, id).await == Some((3, true))).await;
    assert_eq!(states(&fixture).await, [2, 3].iter().sum::<i64>());
    fixture.commit_events(&[deleted(id, 5)]).await;
    fixture.commit_events(&[price(id, 4), price(id, 5)]).await;
    eventually("it is gone", async || head(&fixture, id).await == Some((5, false))).await;
    // Events of a key keep their order, so those before have been handled.
    fixture.commit_events(&[price(id, 6)]).await;
    eventually("it is back", async || head(&fixture, id).await == Some((6, true))).await;
    assert_eq!(states(&fixture).await, [2, 3, -5, 6].iter().sum::<i64>());
    relay.end().await;
    running.end().await;
}

/// Notes the states that it is given at once.
async fn keep_prices(_: &App, tx: &mut Tx, prices: Vec<Observed<Price>>) -> Result<(), Fault> {
    for price in prices {
        let sign = if price.state.is_some() { 1 } else { -1 };
        record(tx, &price.key, sign * price.version).await?;
    }
    Ok(())
}

#[tokio::test]
async fn of_a_batch_each_copy_is_given_its_newest_state_alone() {
    let fixture = Fixture::new().await;
    let ids: Vec<Uuid> = (0..40).map(|_| Uuid::now_v7()).collect();
    // All are there before anything is consumed, so they come together; those of a copy go to one worker.
    let tuning = Tuning { workers: 1, batch: 256, ..Tuning::default() };
    let consumers = fixture.consumers().tuned(tuning).project_batch(App::new(), keep_prices);
    for version in [2, 1, 3] {
        let all: Vec<_> = ids.iter().map(|id| price(*id, version)).collect();
        fixture.commit_events(&all).await;
    }
    fixture.commit_events(&[deleted(ids[0], 5)]).await;
    let relay = fixture.relay();
    let running = consume(consumers);
    for (at, id) in ids.iter().enumerate() {
        let newest = if at == 0 { (5, false) } else { (3, true) };
        eventually("its head is known", async || head(&fixture, *id).await == Some(newest)).await;
    }
    let oldest = fixture.count("select count(*) from seen where version = 1").await;
    assert_eq!(oldest, 0, "what is older than what was kept is given to nobody");
    fixture.commit_events(&[price(ids[0], 5), price(ids[1], 2)]).await;
    fixture.commit_events(&[price(ids[0], 6)]).await;
    eventually("it is back", async || head(&fixture, ids[0]).await == Some((6, true))).await;
    assert_eq!(head(&fixture, ids[1]).await, Some((3, true)));
    relay.end().await;
    running.end().await;
}

#[tokio::test]
async fn a_state_that_comes_too_early_is_not_the_copys_until_it_is_applied() {
    let fixture = Fixture::new().await;
    let relay = fixture.relay();
    let (id, awaited) = (Uuid::now_v7(), Uuid::now_v7());
    let app = App::scripted(move |key, _| {
        Ok(if key == id.to_string() { Outcome::early(awaited.to_string()) } else { Outcome::Done })
    });
    let running = consume(fixture.consumers().project(app, keep_price));
    fixture.commit_events(&[price(id, 1)]).await;
    eventually("it is kept", async || fixture.count("select count(*) from early").await == 1).await;
    assert_eq!(head(&fixture, id).await.map(|(version, _)| version).unwrap_or_default(), 0);
    relay.end().await;
    running.end().await;
}

#[tokio::test]
async fn a_copy_that_its_owner_never_had_is_removed_unless_it_has_changed() {
    let fixture = Fixture::new().await;
    let relay = fixture.relay();
    let consumers = fixture.consumers().project(App::new(), keep_price);
    let copied = consumers.copies().first().unwrap().clone();
    let running = consume(consumers);
    let id = Uuid::now_v7();
    fixture.commit_events(&[price(id, 2)]).await;
    eventually("its head is known", async || head(&fixture, id).await == Some((2, true))).await;
    let (copied, key) = (&copied, &id.to_string());
    for version in [1, 2] {
        let forget = async |tx: &mut Tx| copied.forget(tx, key, version).await;
        fixture.search.write("test.forget", forget).await.unwrap();
        // The handler that removes the copy sees version 0.
        assert_eq!(head(&fixture, id).await.is_some(), version == 1);
    }
    assert_eq!(fixture.count("select count(*) from seen").await, 2);
    relay.end().await;
    running.end().await;
}
