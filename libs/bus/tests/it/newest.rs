//! Handlers that want no event older than what they have handled.

use crate::app::{App, price_deleted, price_updated};
use crate::fixture::{Fixture, consume, eventually, price};
use bus::Outcome;
use pricing_api::v1::PriceDeleted;
use uuid::Uuid;

fn deleted(id: Uuid, version: i64) -> PriceDeleted {
    PriceDeleted { price_id: id.to_string(), version, product_id: Uuid::now_v7().to_string() }
}

async fn all_done(fixture: &Fixture, count: u64) {
    let stream = fixture.stream().await;
    eventually("all are done with", async || {
        let info = stream.consumer_info("search-from-pricing").await;
        info.is_ok_and(|info| info.ack_floor.stream_sequence == count)
    })
    .await;
}

#[tokio::test]
async fn a_late_event_has_no_effect_and_brings_nothing_back() {
    let fixture = Fixture::new().await;
    let relay = fixture.relay();
    let app = App::new();
    let consumers = fixture.consumers().on_newest(app.clone(), price_updated);
    let running = consume(consumers.on_newest(app, price_deleted));
    let id = Uuid::now_v7();
    // The outbox publishes in the order of the commits, whatever the versions.
    fixture.commit_events(&[price(id, 2), price(id, 1), price(id, 3)]).await;
    fixture.commit_events(&[deleted(id, 5)]).await;
    fixture.commit_events(&[price(id, 4), price(id, 5), price(id, 6)]).await;
    all_done(&fixture, 7).await;
    let handled = "select coalesce(sum(version), 0)::bigint as count from seen";
    assert_eq!(fixture.count(handled).await, 2 + 3 + 5 + 6);
    assert_eq!(fixture.effects().await, 4);
    relay.end().await;
    running.end().await;
}

#[tokio::test]
async fn an_event_that_is_kept_is_still_new_when_it_is_applied() {
    let fixture = Fixture::new().await;
    let relay = fixture.relay();
    let (id, awaited) = (Uuid::now_v7(), Uuid::now_v7());
    let script = move |key: &str, call: u32| {
        // Handled once, and once more under the lock of what is awaited.
        let early = key == id.to_string() && call <= 2;
        Ok(if early { Outcome::early(awaited.to_string()) } else { Outcome::Done })
    };
    let app = App::scripted(script);
    let consumers = fixture.consumers().on_newest(app.clone(), price_updated);
    let running = consume(consumers.on_newest(app, price_deleted));
    fixture.commit_events(&[price(id, 1)]).await;
    eventually("it is kept", async || fixture.count("select count(*) from early").await == 1).await;
    fixture.commit_events(&[deleted(awaited, 1)]).await;
    eventually("both have effects", async || fixture.effects().await == 2).await;
    assert_eq!(fixture.count("select count(*) from early").await, 0);
    let handled = "select sum(version)::bigint as count from versions";
    assert_eq!(fixture.count(handled).await, 2);
    relay.end().await;
    running.end().await;
}

#[tokio::test]
async fn a_service_that_guards_a_part_of_an_aggregates_events_does_not_start() {
    let fixture = Fixture::new().await;
    let consumers = fixture.consumers().on_newest(App::new(), price_updated);
    let fault = consume(consumers.on(App::new(), price_deleted)).fails().await;
    assert!(fault.chain().contains("pricing.price"), "{fault:?}");
}
