//! Handlers that want no event older than what they have handled.

use crate::app::{App, price_deleted, price_updated};
use crate::world::{World, eventually, listen, price};
use bus::Outcome;
use contracts::pricing::v1::PriceDeleted;
use uuid::Uuid;

fn deleted(id: Uuid, version: i64) -> PriceDeleted {
    PriceDeleted { price_id: id.to_string(), version, product_id: Uuid::now_v7().to_string() }
}

async fn all_done(world: &World, count: u64) {
    let stream = world.stream().await;
    eventually("all are done with", async || {
        let info = stream.consumer_info("search-from-pricing").await;
        info.is_ok_and(|info| info.ack_floor.stream_sequence == count)
    })
    .await;
}

#[tokio::test]
async fn a_late_event_has_no_effect_and_brings_nothing_back() {
    let world = World::new().await;
    let relay = world.relay();
    let app = App::new();
    let consumers = world.consumers().on_newest(app.clone(), price_updated);
    let running = listen(consumers.on_newest(app, price_deleted));
    let id = Uuid::now_v7();
    // The outbox publishes in the order in which they were said, whatever their versions.
    world.say(&[price(id, 2), price(id, 1), price(id, 3)]).await;
    world.say(&[deleted(id, 5)]).await;
    world.say(&[price(id, 4), price(id, 5), price(id, 6)]).await;
    all_done(&world, 7).await;
    let handled = "select coalesce(sum(version), 0)::bigint as count from seen";
    assert_eq!(world.count(handled).await, 2 + 3 + 5 + 6);
    assert_eq!(world.effects().await, 4);
    relay.end().await;
    running.end().await;
}

#[tokio::test]
async fn an_event_that_is_kept_is_still_new_when_it_is_applied() {
    let world = World::new().await;
    let relay = world.relay();
    let (id, awaited) = (Uuid::now_v7(), Uuid::now_v7());
    let script = move |key: &str, call: u32| {
        // Asked once, and once more under the lock of what is awaited.
        let early = key == id.to_string() && call <= 2;
        Ok(if early { Outcome::early(awaited.to_string()) } else { Outcome::Done })
    };
    let app = App::scripted(script);
    let consumers = world.consumers().on_newest(app.clone(), price_updated);
    let running = listen(consumers.on_newest(app, price_deleted));
    world.say(&[price(id, 1)]).await;
    eventually("it is kept", async || world.count("select count(*) from early").await == 1).await;
    world.say(&[deleted(awaited, 1)]).await;
    eventually("both have effects", async || world.effects().await == 2).await;
    assert_eq!(world.count("select count(*) from early").await, 0);
    let handled = "select sum(version)::bigint as count from versions";
    assert_eq!(world.count(handled).await, 2);
    relay.end().await;
    running.end().await;
}

#[tokio::test]
async fn a_service_that_guards_a_part_of_an_aggregates_events_does_not_start() {
    let world = World::new().await;
    let consumers = world.consumers().on_newest(App::new(), price_updated);
    let fault = listen(consumers.on(App::new(), price_deleted)).fails().await;
    assert!(fault.chain().contains("pricing.price"), "{fault:?}");
}
