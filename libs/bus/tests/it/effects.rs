//! One effect for each event, in order per key.

use crate::app::{App, price_updated};
use crate::fixture::{Fixture, consume, count, eventually, price, prices};
use bus::envelope::without_broker;
use bus::{Outcome, Tuning};
use fault::{Common, Fault};
use uuid::Uuid;

#[tokio::test]
async fn an_event_that_is_delivered_again_as_another_message_has_one_effect() {
    let fixture = Fixture::new().await;
    let relay = fixture.relay();
    let consumers = consume(fixture.consumers().on(App::new(), price_updated));
    fixture.commit_events(&prices(30)).await;
    eventually("all have effects", async || fixture.effects().await == 30).await;
    let stream = fixture.stream().await;
    for sequence in 1..=30 {
        let message = stream.get_raw_message(sequence).await.unwrap();
        let headers = without_broker(&message.headers);
        fixture.publish_raw(&message.subject, headers, message.payload.to_vec()).await;
    }
    // What is published after them is handled after them, key by key; by then all have been handled.
    eventually("all are acknowledged", async || {
        let info = stream.consumer_info("search-from-pricing").await.unwrap();
        info.ack_floor.stream_sequence == 60
    })
    .await;
    assert_eq!(fixture.effects().await, 30);
    relay.end().await;
    consumers.end().await;
}

#[tokio::test]
async fn events_of_a_key_are_handled_in_order() {
    let fixture = Fixture::new().await;
    let relay = fixture.relay();
    let consumers = consume(fixture.consumers().on(App::new(), price_updated));
    let keys: Vec<Uuid> = (0..50).map(|_| Uuid::now_v7()).collect();
    for version in 1..=40 {
        let events: Vec<_> = keys.iter().map(|key| price(*key, version)).collect();
        fixture.commit_events(&events).await;
    }
    eventually("all have effects", async || fixture.effects().await == 2000).await;
    let disordered = "select count(*) from (
        select version - lag(version) over (partition by key order by number) as step from seen) steps
        where step <> 1";
    assert_eq!(fixture.count(disordered).await, 0);
    relay.end().await;
    consumers.end().await;
}

#[tokio::test]
async fn a_failure_in_a_shared_transaction_fails_its_own_event_only() {
    let fixture = Fixture::new().await;
    let relay = fixture.relay();
    let events = prices(40);
    let bad = events[17].price.as_ref().unwrap().price_id.clone();
    let app = App::scripted(move |key, _| {
        if key == bad { Err(Fault::new(Common::InvalidField, "never")) } else { Ok(Outcome::Done) }
    });
    fixture.commit_events(&events).await;
    eventually("all is published", async || fixture.all_published().await).await;
    // One worker, so that they meet.
    let tuning = Tuning { workers: 1, ..Tuning::default() };
    let consumers = consume(fixture.consumers().tuned(tuning).on(app, price_updated));
    eventually("the others have effects", async || fixture.effects().await == 39).await;
    eventually("it is a dead letter", async || {
        bus::dead::count(&fixture.bus, "search").await.is_ok_and(|count| count == 1)
    })
    .await;
    let claims = "select count(*) from inbox";
    assert_eq!(count(&fixture.search, claims).await, 39);
    relay.end().await;
    consumers.end().await;
}

#[tokio::test]
async fn events_that_take_longer_than_the_broker_waits_are_not_delivered_again() {
    let fixture = Fixture::new().await;
    let relay = fixture.relay();
    // Each attempt takes longer than the broker waits, in the database's time.
    let app = App::new();
    let consumers = consume(fixture.consumers().on(app.clone(), slow));
    let id = Uuid::now_v7();
    fixture.commit_events(&[price(id, 1)]).await;
    eventually("it has an effect", async || fixture.effects().await == 1).await;
    assert_eq!(app.calls(&id.to_string()), 0);
    let info = fixture.stream().await.consumer_info("search-from-pricing").await.unwrap();
    assert_eq!(info.num_redelivered, 0);
    relay.end().await;
    consumers.end().await;
}

async fn slow(
    _: &App,
    tx: &mut pg::Tx,
    price: bus::Received<pricing_api::v1::PriceUpdated>,
) -> Result<Outcome, Fault> {
    use diesel_async::SimpleAsyncConnection;
    tx.conn().batch_execute("select pg_sleep(5)").await?;
    crate::app::record(tx, contracts::Event::key(&price.event), 1).await?;
    Ok(Outcome::Done)
}
