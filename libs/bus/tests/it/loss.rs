//! A broker that loses what it acknowledged.

use crate::app::{App, price_updated};
use crate::fixture::{Fixture, Running, consume, count, eventually, prices, relay};
use bus::{RelayTuning, dead};
use diesel::sql_types::Text;
use diesel::{QueryableByName, sql_query};
use diesel_async::RunQueryDsl;
use fault::{Common, Fault};
use pg::outbox::{self, Events, Page, Place};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

const STATE: &str = "select acked_seq as count from relay_state where stream = 'PRICING'";
const CREATED: &str =
    "select (extract(epoch from stream_created) * 1000000)::bigint as count from relay_state";

#[tokio::test]
async fn a_stream_that_was_created_anew_is_detected_while_running_and_at_start() {
    let fixture = Fixture::new().await;
    let relay = fixture.relay();
    fixture.commit_events(&prices(5)).await;
    eventually("all is published", async || fixture.all_published().await).await;
    assert_eq!(count(&fixture.pricing, STATE).await, 5);
    let first = count(&fixture.pricing, CREATED).await;

    fixture.bus.jetstream().delete_stream("PRICING").await.unwrap();
    fixture.commit_events(&prices(2)).await;
    eventually("the new stream is known", async || {
        fixture.all_published().await && count(&fixture.pricing, CREATED).await > first
    })
    .await;
    assert_eq!(count(&fixture.pricing, STATE).await, 2);
    relay.end().await;

    let second = count(&fixture.pricing, CREATED).await;
    fixture.bus.jetstream().delete_stream("PRICING").await.unwrap();
    let relay = fixture.relay();
    eventually("the newest stream is known", async || {
        count(&fixture.pricing, CREATED).await > second
    })
    .await;
    assert_eq!(count(&fixture.pricing, STATE).await, 0);
    relay.end().await;
}

const LOST: &str = "select count(*) from relay_state where lost_at is not null";
const LOSSES: &str = "select losses as count from relay_state";

/// The first page of everything.
async fn republish(fixture: &Fixture) -> Page {
    republish_from(fixture, None).await
}

async fn republish_from(fixture: &Fixture, place: Option<Place>) -> Page {
    let again = fixture.pricing.write("test.republish", async move |tx| {
        outbox::republish(tx, &Events::default(), place, false).await
    });
    again.await.unwrap()
}

/// Waits until the consumers have nothing pending and nothing in progress.
async fn all_acknowledged(fixture: &Fixture) {
    let stream = fixture.stream().await;
    eventually("all are done with", async || {
        let info = stream.consumer_info("search-from-pricing").await.unwrap();
        info.num_pending == 0 && info.num_ack_pending == 0
    })
    .await;
}

#[tokio::test]
async fn a_loss_is_remembered_until_it_is_made_good_and_makes_no_effect_twice() {
    let fixture = Fixture::new().await;
    let relay = fixture.relay();
    let consumers = consume(fixture.consumers().on(App::new(), price_updated));
    fixture.commit_events(&prices(5)).await;
    eventually("the first have effects", async || fixture.effects().await == 5).await;
    consumers.end().await;
    // Acknowledged, and lost before it was handled.
    fixture.commit_events(&prices(3)).await;
    eventually("all is published", async || fixture.all_published().await).await;
    relay.end().await;
    fixture.bus.jetstream().delete_stream("PRICING").await.unwrap();

    let relay = fixture.relay();
    eventually("it is detected", async || count(&fixture.pricing, LOST).await == 1).await;
    const AT: &str =
        "select (extract(epoch from lost_at) * 1000000)::bigint as count from relay_state";
    let detected = count(&fixture.pricing, AT).await;
    relay.end().await;
    fixture.bus.jetstream().delete_stream("PRICING").await.unwrap();
    let relay = fixture.relay();
    eventually("another is detected", async || count(&fixture.pricing, LOSSES).await == 2).await;
    assert_eq!(count(&fixture.pricing, AT).await, detected, "the first one counts");

    let consumers = consume(fixture.consumers().on(App::new(), price_updated));
    fixture.commit_events(&prices(2)).await;
    eventually("new events have effects", async || fixture.effects().await == 7).await;
    let page = republish(&fixture).await;
    assert_eq!((page.events, page.next), (10, None));
    assert_eq!(count(&fixture.pricing, LOST).await, 0);
    eventually("what was lost has effects", async || {
        fixture.all_published().await && fixture.effects().await == 10
    })
    .await;
    all_acknowledged(&fixture).await;
    assert_eq!(fixture.effects().await, 10);
    relay.end().await;
    consumers.end().await;
}

#[tokio::test]
async fn an_event_that_fails_after_the_broker_lost_its_data_is_a_dead_letter_too() {
    let fixture = Fixture::new().await;
    let relay = fixture.relay();
    let broken = App::scripted(|_, _| Err(Fault::new(Common::InvalidField, "never")));
    let consumers = consume(fixture.consumers().on(broken, price_updated));
    let dead_letters = async || dead::count(&fixture.bus, "search").await.unwrap_or_default();
    fixture.commit_events(&prices(1)).await;
    eventually("there is a dead letter", async || dead_letters().await == 1).await;
    for stream in ["DEAD_SEARCH", "ADVISORIES", "PRICING"] {
        fixture.bus.jetstream().delete_stream(stream).await.unwrap();
    }
    fixture.commit_events(&prices(1)).await;
    eventually("there is a dead letter again", async || dead_letters().await == 1).await;
    assert!(fixture.bus.jetstream().get_stream("ADVISORIES").await.is_ok());
    relay.end().await;
    consumers.end().await;
}

/// Five events are in the broker's backup. Five more are published after it, of which two are handled; these five get lost.
async fn published_before_and_after_a_backup() -> Fixture {
    let mut fixture = Fixture::new().await;
    let (relay, consumers) = (fixture.relay(), start_consumers(&fixture));
    fixture.commit_events(&prices(5)).await;
    eventually("the first have effects", async || fixture.effects().await == 5).await;
    consumers.end().await;
    relay.end().await;
    fixture.back_up_broker().await;
    let (relay, consumers) = (fixture.relay(), start_consumers(&fixture));
    fixture.commit_events(&prices(2)).await;
    eventually("the next have effects", async || fixture.effects().await == 7).await;
    consumers.end().await;
    fixture.commit_events(&prices(3)).await;
    eventually("all is published", async || fixture.all_published().await).await;
    relay.end().await;
    assert_eq!(count(&fixture.pricing, STATE).await, 10);
    fixture
}

fn start_consumers(fixture: &Fixture) -> Running {
    consume(fixture.consumers().on(App::new(), price_updated))
}

/// Waits until the loss is detected, and returns how it was.
async fn detected_loss(fixture: &Fixture) -> String {
    eventually("the loss is detected", async || count(&fixture.pricing, LOST).await == 1).await;
    let lost_how = fixture.pricing.read("test.lost", async |tx| {
        #[derive(QueryableByName)]
        struct Lost {
            #[diesel(sql_type = Text)]
            lost_how: String,
        }
        let lost: Lost =
            sql_query("select lost_how from relay_state").get_result(tx.conn()).await?;
        Ok(lost.lost_how)
    });
    lost_how.await.unwrap()
}

/// Publishes all again, of which there are so many, and expects each to have its effect once.
async fn is_made_good(fixture: &Fixture, relay: Running, all: i64) {
    let consumers = start_consumers(fixture);
    let page = republish(fixture).await;
    assert_eq!((page.events, page.next), (all, None));
    eventually("all have effects", async || {
        fixture.all_published().await && fixture.effects().await == all
    })
    .await;
    all_acknowledged(fixture).await;
    assert_eq!(fixture.effects().await, all);
    let keys = "select count(distinct key) from seen";
    assert_eq!(fixture.count(keys).await, all);
    assert_eq!(count(&fixture.pricing, LOST).await, 0);
    assert_eq!(count(&fixture.pricing, LOSSES).await, 1, "it is one loss");
    relay.end().await;
    consumers.end().await;
}

#[tokio::test]
async fn a_restored_backup_of_the_broker_is_detected_at_start_and_made_good() {
    let mut fixture = published_before_and_after_a_backup().await;
    fixture.restore_backup().await;
    fixture.nats.restart().await.unwrap();
    let relay = fixture.relay();
    assert_eq!(detected_loss(&fixture).await, "its last sequence is 5, acknowledged was 10");
    assert_eq!(count(&fixture.pricing, STATE).await, 5);
    is_made_good(&fixture, relay, 10).await;
}

#[tokio::test]
async fn a_restored_backup_is_detected_by_a_relay_that_waits_for_the_broker() {
    let mut fixture = published_before_and_after_a_backup().await;
    let relay = fixture.relay();
    fixture.commit_events(&prices(1)).await;
    eventually("it leads", async || fixture.all_published().await).await;
    fixture.restore_backup().await;
    // It finds the broker away, and checks the stream when that is back.
    fixture.commit_events(&prices(1)).await;
    fixture.nats.restart().await.unwrap();
    assert_eq!(detected_loss(&fixture).await, "its last sequence is 5, acknowledged was 11");
    eventually("it goes on", async || fixture.all_published().await).await;
    assert_eq!(count(&fixture.pricing, STATE).await, 6);
    is_made_good(&fixture, relay, 12).await;
}

#[tokio::test]
async fn a_restored_backup_is_detected_by_the_acknowledgements_of_a_relay_that_did_not_miss_the_broker()
 {
    let mut fixture = published_before_and_after_a_backup().await;
    let hour = Duration::from_secs(3600);
    let relay = relay(
        &fixture.pricing,
        &fixture.bus,
        RelayTuning { poll_min: hour, poll_max: hour, ..RelayTuning::default() },
    );
    fixture.commit_events(&prices(1)).await;
    eventually("it leads", async || fixture.all_published().await).await;
    // It sleeps meanwhile.
    fixture.restore_backup().await;
    fixture.nats.restart().await.unwrap();
    eventually("the broker answers", async || fixture.bus.health().await.is_ok()).await;
    fixture.commit_events(&prices(4)).await;
    // On a busy machine it may check the stream first: because it was not asleep yet, or because the check is due.
    let acknowledged = "it acknowledged 6, after 11 before";
    let checked = "its last sequence is 5, acknowledged was 11";
    let lost_how = detected_loss(&fixture).await;
    assert!(lost_how == acknowledged || lost_how == checked, "{lost_how}");
    eventually("it goes on", async || fixture.all_published().await).await;
    assert_eq!(count(&fixture.pricing, STATE).await, 9);
    is_made_good(&fixture, relay, 15).await;
}

/// Two pages, of which the second one does not get as far as its commit.
#[tokio::test]
async fn a_republish_that_is_killed_half_way_is_begun_anew_and_makes_no_effect_twice() {
    let fixture = Fixture::new().await;
    let (relay, consumers) = (fixture.relay(), start_consumers(&fixture));
    fixture.commit_events(&prices(5_500)).await;
    eventually("all have effects", async || fixture.effects().await == 5_500).await;
    relay.end().await;
    fixture.bus.jetstream().delete_stream("PRICING").await.unwrap();
    let relay = fixture.relay();
    eventually("the loss is detected", async || count(&fixture.pricing, LOST).await == 1).await;

    let first = republish(&fixture).await;
    assert_eq!(first.events, 5_000);
    let (db, marked) = (fixture.pricing.clone(), Arc::new(Notify::new()));
    let done = marked.clone();
    let operator = tokio::spawn(async move {
        db.write("test.republish", async |tx| {
            let page = outbox::republish(tx, &Events::default(), first.next, false).await?;
            assert_eq!((page.events, page.next), (500, None));
            done.notify_one();
            std::future::pending::<Result<(), Fault>>().await
        })
        .await
    });
    marked.notified().await;
    operator.abort();
    let published = "select count(*) from outbox where published_at is not null";
    eventually("the first page is published again", async || {
        count(&fixture.pricing, published).await == 5_500
    })
    .await;
    assert_eq!(count(&fixture.pricing, LOST).await, 1, "half of it does not make the loss good");
    assert_eq!(fixture.stream().await.cached_info().state.messages, 5_000);

    let mut page = republish(&fixture).await;
    while let Some(place) = page.next {
        page = republish_from(&fixture, Some(place)).await;
    }
    eventually("all is published again", async || {
        fixture.all_published().await && count(&fixture.pricing, LOST).await == 0
    })
    .await;
    let mut stored = fixture.stored().await;
    stored.sort();
    stored.dedup();
    assert_eq!(stored.len(), 5_500);
    all_acknowledged(&fixture).await;
    assert_eq!(fixture.effects().await, 5_500);
    assert_eq!(fixture.count("select count(distinct key) from seen").await, 5_500);
    relay.end().await;
    consumers.end().await;
}
