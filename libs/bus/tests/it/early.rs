//! Events about something that has not come yet.

use crate::app::{App, knows, price_deleted, price_updated};
use crate::letters::{Put, put};
use crate::world::{World, eventually, listen, price};
use bus::{Bus, Consumers, Outcome, Received, Replayed, dead};
use chrono::TimeDelta;
use contracts::Event;
use contracts::pricing::v1::{PriceDeleted, PriceUpdated};
use diesel_async::SimpleAsyncConnection;
use fault::{Common, Fault};
use pg::Tx;
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

    // Else the sweep of those that run would take it again.
    world.search.shift_clock(TimeDelta::zero());
    assert_eq!(consumers.replay(&letters[0]).await.unwrap(), Replayed::Kept);
    assert_eq!(world.count(KEPT).await, 1);
    world.say(&[deleted(thing)]).await;
    eventually("it has an effect", async || world.effects().await == 2).await;
    assert_eq!(dead::count(&world.bus, "search").await.unwrap(), 0);
    relay.end().await;
    running.end().await;
}

#[tokio::test]
async fn a_letter_is_not_replayed_before_its_entry_is_removed() {
    let world = World::new().await;
    let relay = world.relay();
    let (thing, early) = (Uuid::now_v7(), Uuid::now_v7());
    let consumers = waiting(&world, thing, |_| Ok(Outcome::Done));
    let running = listen(consumers.clone());
    let said = price(early, 1);
    world.say(std::slice::from_ref(&said)).await;
    eventually("it is kept", async || world.count(KEPT).await == 1).await;
    running.end().await;
    // A sweep posts the letter first and dies before it has removed the entry.
    let id = world.outbox().await[0].id;
    let (key, payload) = (early.to_string(), said.encode_to_vec());
    put(&world, &[Put { id, key, reason: "TOO_EARLY", payload, ..Put::default() }]).await;
    let letter = &dead::list(&world.bus, "search", 0, 10).await.unwrap()[0];
    let refused = consumers.replay(letter).await.unwrap_err();
    assert!(refused.is(Common::Contended), "{refused:?}");
    assert_eq!(dead::count(&world.bus, "search").await.unwrap(), 1);

    world.search.shift_clock(TimeDelta::hours(25));
    assert_eq!(consumers.sweep_early().await.unwrap(), 1);
    assert_eq!(consumers.replay(letter).await.unwrap(), Replayed::Kept);
    assert_eq!(dead::count(&world.bus, "search").await.unwrap(), 0);
    relay.end().await;
}

#[tokio::test]
async fn a_letter_whose_event_is_kept_does_not_pass_for_the_one_that_comes_of_it() {
    let mut world = World::new().await;
    let (thing, early) = (Uuid::now_v7(), Uuid::now_v7());
    let (key, payload) = (early.to_string(), price(early, 1).encode_to_vec());
    put(&world, &[Put { key, payload, ..Put::default() }]).await;
    let letters = async |world: &World| dead::list(&world.bus, "search", 0, 10).await.unwrap();
    let letter = &letters(&world).await[0];
    // Who replays it keeps the event, and does not get as far as removing the letter.
    let other = Bus::connect(&bus::Settings::of(world.nats.url())).await.unwrap();
    let ours = std::mem::replace(&mut world.bus, other);
    let replaying = waiting(&world, thing, |_| Ok(Outcome::Done));
    world.bus = ours;
    world.nats.stop().await.unwrap();
    assert!(replaying.replay(letter).await.is_err());
    assert_eq!(world.count(KEPT).await, 1);
    drop(replaying);
    world.nats.restart().await.unwrap();
    eventually("the broker is back", async || world.bus.health().await.is_ok()).await;
    assert_eq!(letters(&world).await[0].sequence, letter.sequence);

    let consumers = waiting(&world, thing, |_| Ok(Outcome::Done));
    world.search.shift_clock(TimeDelta::hours(25));
    assert_eq!(consumers.sweep_early().await.unwrap(), 1);
    assert_eq!(world.count(KEPT).await, 0);
    // Now it gets there.
    dead::discard(&world.bus, letter).await.unwrap();
    let left = letters(&world).await;
    assert_eq!(left.len(), 1, "the event is somewhere");
    assert!(left[0].headers.get("souk-letter").is_none());
    assert_eq!(consumers.replay(&left[0]).await.unwrap(), Replayed::Kept);
    assert_eq!(dead::count(&world.bus, "search").await.unwrap(), 0);
}

#[tokio::test]
async fn a_sweep_that_was_slow_does_not_remove_what_was_kept_again_meanwhile() {
    let world = World::new().await;
    let relay = world.relay();
    let consumers = waiting(&world, Uuid::now_v7(), |_| Ok(Outcome::Done));
    let running = listen(consumers.clone());
    world.say(&[price(Uuid::now_v7(), 1)]).await;
    eventually("it is kept", async || world.count(KEPT).await == 1).await;
    running.end().await;
    relay.end().await;

    world.search.shift_clock(TimeDelta::hours(25));
    let sent = || world.bus.client().statistics().out_messages.load(Ordering::Relaxed);
    world.nats.freeze().unwrap();
    let before = sent();
    let sweep = tokio::spawn(async move { consumers.sweep_early().await });
    eventually("it posts the letter", async || sent() > before).await;
    // Another sweep was faster, and its letter was replayed.
    let again = world.search.write("test.again", async |tx| {
        Ok(tx.conn().batch_execute("update early set kept_at = clock_timestamp()").await?)
    });
    again.await.unwrap();
    world.nats.thaw().unwrap();
    sweep.await.unwrap().unwrap();
    let kept = "select count(*) from early join inbox using (consumer, event_id)";
    assert_eq!(world.count(kept).await, 1);
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
async fn tied(_: &App, tx: &mut Tx, event: Received<PriceUpdated>) -> Result<Outcome, Fault> {
    let price = event.price.clone().unwrap_or_default();
    if !knows(tx, &price.product_id).await? {
        return Ok(Outcome::early(price.product_id));
    }
    crate::app::see(tx, &price.price_id, price.version).await?;
    Ok(Outcome::Done)
}

#[tokio::test]
async fn what_waits_for_something_else_by_then_does_not_miss_its_coming() {
    let world = World::new().await;
    let relay = world.relay();
    // A price needs its product and then its owner.
    let consumers = world.consumers().on(App::new(), tied_twice).on(App::new(), price_deleted);
    let running = listen(consumers.clone());
    let (product, owner) = (Uuid::now_v7(), Uuid::now_v7());
    let mut event = price(owner, 1);
    event.price.as_mut().unwrap().product_id = product.to_string();
    world.say(&[event]).await;
    eventually("it is kept", async || world.count(KEPT).await == 1).await;
    running.end().await;

    let (product, owner) = (product.to_string(), owner.to_string());
    let (owner_came, waited_for) = (&Notify::new(), &Notify::new());
    let (world, consumers, product, owner) = (&world, &consumers, &product, &owner);
    let owner_comes = world.search.write("test.owner", async move |tx| {
        crate::app::see(tx, &format!("owner {owner}"), 1).await?;
        assert_eq!(consumers.apply_early(tx, &format!("owner {owner}")).await?, 0);
        owner_came.notify_one();
        // The other transaction has looked for the owner, found none, and waits for this one's end.
        waited_for.notified().await;
        Ok(())
    });
    let product_comes = async {
        owner_came.notified().await;
        let come = world.search.write("test.product", async move |tx| {
            crate::app::see(tx, product, 1).await?;
            consumers.apply_early(tx, product).await
        });
        come.await
    };
    let waits = async {
        eventually("it waits for the owner", async || world.count(WAITS).await == 1).await;
        waited_for.notify_one();
        Ok(())
    };
    let (_, taken, ()) = tokio::try_join!(owner_comes, product_comes, waits).unwrap();
    assert_eq!((taken, world.count(KEPT).await, world.effects().await), (1, 0, 3));
    relay.end().await;
}

async fn tied_twice(
    app: &App,
    tx: &mut Tx,
    event: Received<PriceUpdated>,
) -> Result<Outcome, Fault> {
    let owner = format!("owner {}", event.key());
    let product = event.price.clone().unwrap_or_default().product_id;
    if knows(tx, &product).await? && !knows(tx, &owner).await? {
        return Ok(Outcome::early(owner));
    }
    tied(app, tx, event).await
}
