//! Events about something that does not exist yet.

use crate::app::{App, exists, price_deleted, price_updated};
use crate::dead_letters::{StoredDeadLetter, store_dead_letters};
use crate::fixture::{Fixture, consume, eventually, price};
use bus::{Bus, Consumers, Outcome, Received, Replayed, dead};
use chrono::TimeDelta;
use contracts::Event;
use diesel_async::SimpleAsyncConnection;
use fault::{Common, Fault};
use pg::Tx;
use pricing_api::v1::{PriceDeleted, PriceUpdated};
use prost::Message;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Notify;
use uuid::Uuid;

pub const KEPT: &str = "select count(*) from early";

/// Transactions that wait for what is awaited.
const WAITS: &str = "
    select count(*) from pg_locks join pg_database on pg_database.oid = database
    where locktype = 'advisory' and not granted and datname = current_database()";

pub fn deleted(id: Uuid) -> PriceDeleted {
    PriceDeleted { price_id: id.to_string(), version: 1, product_id: Uuid::now_v7().to_string() }
}

/// Prices wait for the thing of that id until it exists.
fn waiting(
    fixture: &Fixture,
    thing: Uuid,
    then: impl Fn(&str) -> Result<Outcome, Fault> + Send + Sync + 'static,
) -> Consumers {
    let exists = Arc::new(AtomicBool::new(false));
    let app = App::scripted(move |key, _| {
        if key == thing.to_string() {
            exists.store(true, Ordering::SeqCst);
            Ok(Outcome::Done)
        } else if exists.load(Ordering::SeqCst) {
            then(key)
        } else {
            Ok(Outcome::early(thing.to_string()))
        }
    });
    fixture.consumers().on(app.clone(), price_updated).on(app, price_deleted)
}

#[tokio::test]
async fn what_comes_too_early_is_applied_when_the_awaited_thing_comes() {
    let fixture = Fixture::new().await;
    let relay = fixture.relay();
    let thing = Uuid::now_v7();
    let consumers = consume(waiting(&fixture, thing, |_| Ok(Outcome::Done)));
    let early: Vec<_> = (0..20).map(|_| price(Uuid::now_v7(), 1)).collect();
    fixture.commit_events(&early).await;
    eventually("all are kept", async || fixture.count(KEPT).await == 20).await;
    assert_eq!(fixture.effects().await, 0);
    fixture.commit_events(&[deleted(thing)]).await;
    eventually("all have effects", async || fixture.effects().await == 21).await;
    assert_eq!(fixture.count(KEPT).await, 0);
    assert_eq!(fixture.count("select count(*) from inbox").await, 21);
    relay.end().await;
    consumers.end().await;
}

#[tokio::test]
async fn one_that_fails_then_is_a_dead_letter_and_blocks_no_other() {
    let fixture = Fixture::new().await;
    let relay = fixture.relay();
    let thing = Uuid::now_v7();
    let bad = Uuid::now_v7();
    let consumers = waiting(&fixture, thing, move |key| {
        if key == bad.to_string() {
            Err(Fault::new(Common::InvalidField, "never"))
        } else {
            Ok(Outcome::Done)
        }
    });
    let running = consume(consumers.clone());
    fixture
        .commit_events(&[price(Uuid::now_v7(), 1), price(bad, 1), price(Uuid::now_v7(), 1)])
        .await;
    eventually("all are kept", async || fixture.count(KEPT).await == 3).await;
    fixture.commit_events(&[deleted(thing)]).await;
    eventually("the others have effects", async || fixture.effects().await == 3).await;
    assert_eq!(fixture.count(KEPT).await, 1);
    assert_eq!(consumers.sweep_early().await.unwrap(), 1);
    let dead_letters = dead::list(&fixture.bus, "search", 0, 10).await.unwrap();
    assert_eq!(dead_letters.len(), 1);
    assert_eq!(dead_letters[0].reason, "INVALID_FIELD");
    assert!(dead_letters[0].error.contains("never"));
    assert!(dead_letters[0].headers.get("souk-reason").is_none());
    assert_eq!(fixture.count(KEPT).await, 0);
    relay.end().await;
    running.end().await;
}

#[tokio::test]
async fn one_that_waits_for_a_day_is_a_dead_letter_that_can_be_replayed() {
    let fixture = Fixture::new().await;
    let relay = fixture.relay();
    let thing = Uuid::now_v7();
    let consumers = waiting(&fixture, thing, |_| Ok(Outcome::Done));
    let running = consume(consumers.clone());
    fixture.commit_events(&[price(Uuid::now_v7(), 1)]).await;
    eventually("it is kept", async || fixture.count(KEPT).await == 1).await;
    fixture.search.shift_clock(TimeDelta::hours(23));
    assert_eq!(consumers.sweep_early().await.unwrap(), 0);
    fixture.search.shift_clock(TimeDelta::hours(25));
    assert_eq!(consumers.sweep_early().await.unwrap(), 1);
    assert_eq!(fixture.count("select count(*) from inbox").await, 0);
    let dead_letters = dead::list(&fixture.bus, "search", 0, 10).await.unwrap();
    assert_eq!(dead_letters[0].reason, "TOO_EARLY");

    // Else the sweep of those that run would take it again.
    fixture.search.shift_clock(TimeDelta::zero());
    assert_eq!(consumers.replay(&dead_letters[0]).await.unwrap(), Replayed::Kept);
    assert_eq!(fixture.count(KEPT).await, 1);
    fixture.commit_events(&[deleted(thing)]).await;
    eventually("it has an effect", async || fixture.effects().await == 2).await;
    assert_eq!(dead::count(&fixture.bus, "search").await.unwrap(), 0);
    relay.end().await;
    running.end().await;
}

#[tokio::test]
async fn a_dead_letter_is_not_replayed_before_its_entry_is_removed() {
    let fixture = Fixture::new().await;
    let relay = fixture.relay();
    let (thing, early) = (Uuid::now_v7(), Uuid::now_v7());
    let consumers = waiting(&fixture, thing, |_| Ok(Outcome::Done));
    let running = consume(consumers.clone());
    let event = price(early, 1);
    fixture.commit_events(std::slice::from_ref(&event)).await;
    eventually("it is kept", async || fixture.count(KEPT).await == 1).await;
    running.end().await;
    // A sweep publishes the dead letter first and dies before it has removed the entry.
    let id = fixture.outbox().await[0].id;
    let (key, payload) = (early.to_string(), event.encode_to_vec());
    store_dead_letters(
        &fixture,
        &[StoredDeadLetter {
            id,
            key,
            reason: "TOO_EARLY",
            payload,
            ..StoredDeadLetter::default()
        }],
    )
    .await;
    let dead_letter = &dead::list(&fixture.bus, "search", 0, 10).await.unwrap()[0];
    let refused = consumers.replay(dead_letter).await.unwrap_err();
    assert!(refused.is(Common::Contended), "{refused:?}");
    assert_eq!(dead::count(&fixture.bus, "search").await.unwrap(), 1);

    fixture.search.shift_clock(TimeDelta::hours(25));
    assert_eq!(consumers.sweep_early().await.unwrap(), 1);
    assert_eq!(consumers.replay(dead_letter).await.unwrap(), Replayed::Kept);
    assert_eq!(dead::count(&fixture.bus, "search").await.unwrap(), 0);
    relay.end().await;
}

#[tokio::test]
async fn a_dead_letter_whose_event_is_kept_again_does_not_hide_the_next_dead_letter_of_that_event()
{
    let mut fixture = Fixture::new().await;
    let (thing, early) = (Uuid::now_v7(), Uuid::now_v7());
    let (key, payload) = (early.to_string(), price(early, 1).encode_to_vec());
    store_dead_letters(
        &fixture,
        &[StoredDeadLetter { key, payload, ..StoredDeadLetter::default() }],
    )
    .await;
    let dead_letters =
        async |fixture: &Fixture| dead::list(&fixture.bus, "search", 0, 10).await.unwrap();
    let dead_letter = &dead_letters(&fixture).await[0];
    // Who replays it keeps the event, and does not get as far as removing the dead letter.
    let other = Bus::connect(&bus::Settings::of(fixture.nats.url())).await.unwrap();
    let ours = std::mem::replace(&mut fixture.bus, other);
    let replaying = waiting(&fixture, thing, |_| Ok(Outcome::Done));
    fixture.bus = ours;
    fixture.nats.stop().await.unwrap();
    assert!(replaying.replay(dead_letter).await.is_err());
    assert_eq!(fixture.count(KEPT).await, 1);
    drop(replaying);
    fixture.nats.restart().await.unwrap();
    eventually("the broker is back", async || fixture.bus.health().await.is_ok()).await;
    assert_eq!(dead_letters(&fixture).await[0].sequence, dead_letter.sequence);

    let consumers = waiting(&fixture, thing, |_| Ok(Outcome::Done));
    fixture.search.shift_clock(TimeDelta::hours(25));
    assert_eq!(consumers.sweep_early().await.unwrap(), 1);
    assert_eq!(fixture.count(KEPT).await, 0);
    // Now the replay removes it.
    dead::discard(&fixture.bus, dead_letter).await.unwrap();
    let left = dead_letters(&fixture).await;
    assert_eq!(left.len(), 1, "the event is somewhere");
    assert!(left[0].headers.get("souk-letter").is_none());
    assert_eq!(consumers.replay(&left[0]).await.unwrap(), Replayed::Kept);
    assert_eq!(dead::count(&fixture.bus, "search").await.unwrap(), 0);
}

#[tokio::test]
async fn a_sweep_that_was_slow_does_not_remove_what_was_kept_again_meanwhile() {
    let fixture = Fixture::new().await;
    let relay = fixture.relay();
    let consumers = waiting(&fixture, Uuid::now_v7(), |_| Ok(Outcome::Done));
    let running = consume(consumers.clone());
    fixture.commit_events(&[price(Uuid::now_v7(), 1)]).await;
    eventually("it is kept", async || fixture.count(KEPT).await == 1).await;
    running.end().await;
    relay.end().await;

    fixture.search.shift_clock(TimeDelta::hours(25));
    let sent = || fixture.bus.client().statistics().out_messages.load(Ordering::Relaxed);
    // What was sent before is counted before.
    fixture.bus.client().flush().await.unwrap();
    fixture.nats.freeze().unwrap();
    let before = sent();
    let sweep = tokio::spawn(async move { consumers.sweep_early().await });
    eventually("it publishes the dead letter", async || sent() > before).await;
    // Another sweep was faster, and its dead letter was replayed.
    let again = fixture.search.write("test.again", async |tx| {
        Ok(tx.conn().batch_execute("update early set kept_at = clock_timestamp()").await?)
    });
    again.await.unwrap();
    fixture.nats.thaw().unwrap();
    sweep.await.unwrap().unwrap();
    let kept = "select count(*) from early join inbox using (consumer, event_id)";
    assert_eq!(fixture.count(kept).await, 1);
}

#[tokio::test]
async fn none_is_missed_while_the_awaited_things_come() {
    let fixture = Fixture::new().await;
    let relay = fixture.relay();
    let consumers = fixture.consumers().on(App::new(), tied).on(App::new(), price_deleted);
    let running = consume(consumers);
    // Each price waits for a thing that is created at about the same time, by another worker.
    let things: Vec<Uuid> = (0..200).map(|_| Uuid::now_v7()).collect();
    for things in things.chunks(20) {
        let mut tied = Vec::new();
        for thing in things {
            let mut event = price(Uuid::now_v7(), 1);
            event.price.as_mut().unwrap().product_id = thing.to_string();
            tied.push(event);
        }
        let come: Vec<_> = things.iter().map(|thing| deleted(*thing)).collect();
        fixture.commit_events(&tied).await;
        fixture.commit_events(&come).await;
    }
    eventually("all have effects", async || fixture.effects().await == 400).await;
    assert_eq!(fixture.count(KEPT).await, 0);
    relay.end().await;
    running.end().await;
}

/// A price that needs its product, by the table and not by a script.
async fn tied(_: &App, tx: &mut Tx, event: Received<PriceUpdated>) -> Result<Outcome, Fault> {
    let price = event.price.clone().unwrap_or_default();
    if !exists(tx, &price.product_id).await? {
        return Ok(Outcome::early(price.product_id));
    }
    crate::app::record(tx, &price.price_id, price.version).await?;
    Ok(Outcome::Done)
}

#[tokio::test]
async fn what_waits_for_something_else_by_then_does_not_miss_its_coming() {
    let fixture = Fixture::new().await;
    let relay = fixture.relay();
    // A price needs its product and then its owner.
    let consumers = fixture.consumers().on(App::new(), tied_twice).on(App::new(), price_deleted);
    let running = consume(consumers.clone());
    let (product, owner) = (Uuid::now_v7(), Uuid::now_v7());
    let mut event = price(owner, 1);
    event.price.as_mut().unwrap().product_id = product.to_string();
    fixture.commit_events(&[event]).await;
    eventually("it is kept", async || fixture.count(KEPT).await == 1).await;
    running.end().await;

    let (product, owner) = (product.to_string(), owner.to_string());
    let (owner_came, waited_for) = (&Notify::new(), &Notify::new());
    let (fixture, consumers, product, owner) = (&fixture, &consumers, &product, &owner);
    let owner_comes = fixture.search.write("test.owner", async move |tx| {
        crate::app::record(tx, &format!("owner {owner}"), 1).await?;
        assert_eq!(consumers.apply_early(tx, &format!("owner {owner}")).await?, 0);
        owner_came.notify_one();
        // The other transaction has looked for the owner, found none, and waits for this one's end.
        waited_for.notified().await;
        Ok(())
    });
    let product_comes = async {
        owner_came.notified().await;
        let come = fixture.search.write("test.product", async move |tx| {
            crate::app::record(tx, product, 1).await?;
            consumers.apply_early(tx, product).await
        });
        come.await
    };
    let waits = async {
        eventually("it waits for the owner", async || fixture.count(WAITS).await == 1).await;
        waited_for.notify_one();
        Ok(())
    };
    let (_, taken, ()) = tokio::try_join!(owner_comes, product_comes, waits).unwrap();
    assert_eq!((taken, fixture.count(KEPT).await, fixture.effects().await), (1, 0, 3));
    relay.end().await;
}

async fn tied_twice(
    app: &App,
    tx: &mut Tx,
    event: Received<PriceUpdated>,
) -> Result<Outcome, Fault> {
    let owner = format!("owner {}", event.key());
    let product = event.price.clone().unwrap_or_default().product_id;
    if exists(tx, &product).await? && !exists(tx, &owner).await? {
        return Ok(Outcome::early(owner));
    }
    tied(app, tx, event).await
}
