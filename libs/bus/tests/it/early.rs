//! Events about something that has not come yet.

use crate::app::{App, price_deleted, price_updated};
use crate::world::{World, eventually, listen, price};
use bus::{Consumers, Outcome, Replayed, dead};
use chrono::TimeDelta;
use contracts::pricing::v1::PriceDeleted;
use fault::{Common, Fault};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use uuid::Uuid;

const KEPT: &str = "select count(*) from early";

fn deleted(id: Uuid) -> PriceDeleted {
    PriceDeleted { price_id: id.to_string(), version: 1, product_id: Uuid::now_v7().to_string() }
}

/// Prices wait for the thing of that id until it has come.
fn waiting(
    world: &World,
    thing: Uuid,
    then: impl Fn(&str) -> Result<Outcome, Fault> + Send + Sync + 'static,
) -> Consumers {
    let come = Arc::new(AtomicBool::new(false));
    let app = App::scripted(move |key, _| {
        if key == thing.to_string() {
            come.store(true, Ordering::SeqCst);
            Ok(Outcome::Done)
        } else if come.load(Ordering::SeqCst) {
            then(key)
        } else {
            Ok(Outcome::early(thing.to_string()))
        }
    });
    world.consumers().on(app.clone(), price_updated).on(app, price_deleted)
}

#[tokio::test]
async fn what_comes_too_early_is_applied_when_the_awaited_thing_comes() {
    let world = World::new().await;
    let relay = world.relay();
    let thing = Uuid::now_v7();
    let consumers = listen(waiting(&world, thing, |_| Ok(Outcome::Done)));
    let early: Vec<_> = (0..20).map(|_| price(Uuid::now_v7(), 1)).collect();
    world.say(&early).await;
    eventually("all are kept", async || world.count(KEPT).await == 20).await;
    assert_eq!(world.effects().await, 0);
    world.say(&[deleted(thing)]).await;
    eventually("all have effects", async || world.effects().await == 21).await;
    assert_eq!(world.count(KEPT).await, 0);
    assert_eq!(world.count("select count(*) from inbox").await, 21);
    relay.end().await;
    consumers.end().await;
}

#[tokio::test]
async fn one_that_fails_then_is_a_dead_letter_and_holds_up_nobody() {
    let world = World::new().await;
    let relay = world.relay();
    let thing = Uuid::now_v7();
    let bad = Uuid::now_v7();
    let consumers = waiting(&world, thing, move |key| {
        if key == bad.to_string() {
            Err(Fault::new(Common::InvalidField, "never"))
        } else {
            Ok(Outcome::Done)
        }
    });
    let running = listen(consumers.clone());
    world.say(&[price(Uuid::now_v7(), 1), price(bad, 1), price(Uuid::now_v7(), 1)]).await;
    eventually("all are kept", async || world.count(KEPT).await == 3).await;
    world.say(&[deleted(thing)]).await;
    eventually("the others have effects", async || world.effects().await == 3).await;
    assert_eq!(world.count(KEPT).await, 1);
    assert_eq!(consumers.sweep_early().await.unwrap(), 1);
    let letters = dead::list(&world.bus, "search", 0, 10).await.unwrap();
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].reason, "INVALID_FIELD");
    assert!(letters[0].error.contains("never"));
    assert!(letters[0].headers.get("souk-reason").is_none());
    assert_eq!(world.count(KEPT).await, 0);
    relay.end().await;
    running.end().await;
}

#[tokio::test]
async fn one_that_waits_for_a_day_is_a_dead_letter_that_can_be_replayed() {
    let world = World::new().await;
    let relay = world.relay();
    let thing = Uuid::now_v7();
    let consumers = waiting(&world, thing, |_| Ok(Outcome::Done));
    let running = listen(consumers.clone());
    world.say(&[price(Uuid::now_v7(), 1)]).await;
    eventually("it is kept", async || world.count(KEPT).await == 1).await;
    world.search.shift_clock(TimeDelta::hours(23));
    assert_eq!(consumers.sweep_early().await.unwrap(), 0);
    world.search.shift_clock(TimeDelta::hours(25));
    assert_eq!(consumers.sweep_early().await.unwrap(), 1);
    assert_eq!(world.count("select count(*) from inbox").await, 0);
    let letters = dead::list(&world.bus, "search", 0, 10).await.unwrap();
    assert_eq!(letters[0].reason, "TOO_EARLY");

    assert_eq!(consumers.replay(&letters[0]).await.unwrap(), Replayed::Kept);
    assert_eq!(world.count(KEPT).await, 1);
    world.say(&[deleted(thing)]).await;
    eventually("it has an effect", async || world.effects().await == 2).await;
    assert_eq!(dead::count(&world.bus, "search").await.unwrap(), 0);
    relay.end().await;
    running.end().await;
}

#[tokio::test]
async fn none_is_missed_while_the_awaited_things_come() {
    let world = World::new().await;
    let relay = world.relay();
    let consumers = world.consumers().on(App::new(), tied).on(App::new(), price_deleted);
    let running = listen(consumers);
    // Each price waits for a thing that comes at about the same time, by another worker.
    let things: Vec<Uuid> = (0..200).map(|_| Uuid::now_v7()).collect();
    for things in things.chunks(20) {
        let mut tied = Vec::new();
        for thing in things {
            let mut event = price(Uuid::now_v7(), 1);
            event.price.as_mut().unwrap().product_id = thing.to_string();
            tied.push(event);
        }
        let come: Vec<_> = things.iter().map(|thing| deleted(*thing)).collect();
        world.say(&tied).await;
        world.say(&come).await;
    }
    eventually("all have effects", async || world.effects().await == 400).await;
    assert_eq!(world.count(KEPT).await, 0);
    relay.end().await;
    running.end().await;
}

/// A price that needs its product, which is what the table says and no script.
async fn tied(
    _: &App,
    tx: &mut pg::Tx,
    event: bus::Received<contracts::pricing::v1::PriceUpdated>,
) -> Result<Outcome, Fault> {
    use diesel_async::RunQueryDsl;
    let price = event.price.clone().unwrap_or_default();
    let known = diesel::sql_query("select 1 from seen where key = $1")
        .bind::<diesel::sql_types::Text, _>(&price.product_id)
        .execute(tx.conn())
        .await?;
    if known == 0 {
        return Ok(Outcome::early(price.product_id));
    }
    crate::app::see(tx, &price.price_id, price.version).await?;
    Ok(Outcome::Done)
}
