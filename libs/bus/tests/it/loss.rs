//! A broker that forgets what it acknowledged.

use crate::app::{App, price_updated};
use crate::world::{Running, World, count, eventually, listen, prices, relay};
use bus::{Tempo, dead};
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
async fn a_stream_that_was_made_anew_is_noticed_while_running_and_at_start() {
    let world = World::new().await;
    let relay = world.relay();
    world.say(&prices(5)).await;
    eventually("all is published", async || world.all_published().await).await;
    assert_eq!(count(&world.pricing, STATE).await, 5);
    let first = count(&world.pricing, CREATED).await;

    world.bus.jetstream().delete_stream("PRICING").await.unwrap();
    world.say(&prices(2)).await;
    eventually("the new stream is known", async || {
        world.all_published().await && count(&world.pricing, CREATED).await > first
    })
    .await;
    assert_eq!(count(&world.pricing, STATE).await, 2);
    relay.end().await;

    let second = count(&world.pricing, CREATED).await;
    world.bus.jetstream().delete_stream("PRICING").await.unwrap();
    let relay = world.relay();
    eventually("the newest stream is known", async || {
        count(&world.pricing, CREATED).await > second
    })
    .await;
    assert_eq!(count(&world.pricing, STATE).await, 0);
    relay.end().await;
}

const LOST: &str = "select count(*) from relay_state where lost_at is not null";
const LOSSES: &str = "select losses as count from relay_state";

/// The first page of everything.
async fn republish(world: &World) -> Page {
    republish_from(world, None).await
}

async fn republish_from(world: &World, place: Option<Place>) -> Page {
    let again = world.pricing.write("test.republish", async move |tx| {
        outbox::republish(tx, &Events::default(), place, false).await
    });
    again.await.unwrap()
}

/// Waits until the listeners have nothing before them and nothing in hand.
async fn all_done_with(world: &World) {
    let stream = world.stream().await;
    eventually("all are done with", async || {
        let info = stream.consumer_info("search-from-pricing").await.unwrap();
        info.num_pending == 0 && info.num_ack_pending == 0
    })
    .await;
}

#[tokio::test]
async fn a_loss_is_remembered_until_it_is_made_good_and_makes_no_effect_twice() {
    let world = World::new().await;
    let relay = world.relay();
    let consumers = listen(world.consumers().on(App::new(), price_updated));
    world.say(&prices(5)).await;
    eventually("the first have effects", async || world.effects().await == 5).await;
    consumers.end().await;
    // Acknowledged, and gone before anybody has handled it.
    world.say(&prices(3)).await;
    eventually("all is published", async || world.all_published().await).await;
    relay.end().await;
    world.bus.jetstream().delete_stream("PRICING").await.unwrap();

    let relay = world.relay();
    eventually("it is noticed", async || count(&world.pricing, LOST).await == 1).await;
    const AT: &str =
        "select (extract(epoch from lost_at) * 1000000)::bigint as count from relay_state";
    let noticed = count(&world.pricing, AT).await;
    relay.end().await;
    world.bus.jetstream().delete_stream("PRICING").await.unwrap();
    let relay = world.relay();
    eventually("another is noticed", async || count(&world.pricing, LOSSES).await == 2).await;
    assert_eq!(count(&world.pricing, AT).await, noticed, "the first one counts");

    let consumers = listen(world.consumers().on(App::new(), price_updated));
    world.say(&prices(2)).await;
    eventually("new events have effects", async || world.effects().await == 7).await;
    let page = republish(&world).await;
    assert_eq!((page.events, page.next), (10, None));
    assert_eq!(count(&world.pricing, LOST).await, 0);
    eventually("what was lost has effects", async || {
        world.all_published().await && world.effects().await == 10
    })
    .await;
    all_done_with(&world).await;
    assert_eq!(world.effects().await, 10);
    relay.end().await;
    consumers.end().await;
}

#[tokio::test]
async fn what_goes_wrong_after_the_broker_lost_its_data_is_kept_too() {
    let world = World::new().await;
    let relay = world.relay();
    let broken = App::scripted(|_, _| Err(Fault::new(Common::InvalidField, "never")));
    let consumers = listen(world.consumers().on(broken, price_updated));
    let letters = async || dead::count(&world.bus, "search").await.unwrap_or_default();
    world.say(&prices(1)).await;
    eventually("there is a letter", async || letters().await == 1).await;
    for stream in ["DEAD_SEARCH", "ADVISORIES", "PRICING"] {
        world.bus.jetstream().delete_stream(stream).await.unwrap();
    }
    world.say(&prices(1)).await;
    eventually("there is a letter again", async || letters().await == 1).await;
    assert!(world.bus.jetstream().get_stream("ADVISORIES").await.is_ok());
    relay.end().await;
    consumers.end().await;
}

/// Five events are in the broker's backup. Five more come after it, of which two are handled; these five get lost.
async fn said_before_and_after_a_backup() -> World {
    let mut world = World::new().await;
    let (relay, consumers) = (world.relay(), listeners(&world));
    world.say(&prices(5)).await;
    eventually("the first have effects", async || world.effects().await == 5).await;
    consumers.end().await;
    relay.end().await;
    world.back_up_broker().await;
    let (relay, consumers) = (world.relay(), listeners(&world));
    world.say(&prices(2)).await;
    eventually("the next have effects", async || world.effects().await == 7).await;
    consumers.end().await;
    world.say(&prices(3)).await;
    eventually("all is published", async || world.all_published().await).await;
    relay.end().await;
    assert_eq!(count(&world.pricing, STATE).await, 10);
    world
}

fn listeners(world: &World) -> Running {
    listen(world.consumers().on(App::new(), price_updated))
}

/// Waits until the loss is noticed, and returns what is told of it.
async fn noticed(world: &World) -> String {
    eventually("the loss is noticed", async || count(&world.pricing, LOST).await == 1).await;
    let told = world.pricing.read("test.lost", async |tx| {
        #[derive(QueryableByName)]
        struct Lost {
            #[diesel(sql_type = Text)]
            lost_how: String,
        }
        let lost: Lost =
            sql_query("select lost_how from relay_state").get_result(tx.conn()).await?;
        Ok(lost.lost_how)
    });
    told.await.unwrap()
}

/// Publishes all again, of which there are so many, and expects each to have its effect once.
async fn is_made_good(world: &World, relay: Running, all: i64) {
    let consumers = listeners(world);
    let page = republish(world).await;
    assert_eq!((page.events, page.next), (all, None));
    eventually("all have effects", async || {
        world.all_published().await && world.effects().await == all
    })
    .await;
    all_done_with(world).await;
    assert_eq!(world.effects().await, all);
    let keys = "select count(distinct key) from seen";
    assert_eq!(world.count(keys).await, all);
    assert_eq!(count(&world.pricing, LOST).await, 0);
    assert_eq!(count(&world.pricing, LOSSES).await, 1, "it is one loss");
    relay.end().await;
    consumers.end().await;
}

#[tokio::test]
async fn a_backup_in_the_place_of_what_the_broker_had_is_noticed_at_start_and_made_good() {
    let mut world = said_before_and_after_a_backup().await;
    world.put_backup_back().await;
    world.nats.restart().await.unwrap();
    let relay = world.relay();
    assert_eq!(noticed(&world).await, "its last sequence is 5, acknowledged was 10");
    assert_eq!(count(&world.pricing, STATE).await, 5);
    is_made_good(&world, relay, 10).await;
}

#[tokio::test]
async fn a_backup_is_noticed_by_a_relay_that_waits_for_the_broker() {
    let mut world = said_before_and_after_a_backup().await;
    let relay = world.relay();
    world.say(&prices(1)).await;
    eventually("it leads", async || world.all_published().await).await;
    world.put_backup_back().await;
    // It finds the broker away, and looks at the stream when that is back.
    world.say(&prices(1)).await;
    world.nats.restart().await.unwrap();
    assert_eq!(noticed(&world).await, "its last sequence is 5, acknowledged was 11");
    eventually("it goes on", async || world.all_published().await).await;
    assert_eq!(count(&world.pricing, STATE).await, 6);
    is_made_good(&world, relay, 12).await;
}

#[tokio::test]
async fn a_backup_is_noticed_by_the_acknowledgements_of_a_relay_that_did_not_miss_the_broker() {
    let mut world = said_before_and_after_a_backup().await;
    let hour = Duration::from_secs(3600);
    let relay = relay(
        &world.pricing,
        &world.bus,
        Tempo { poll_min: hour, poll_max: hour, ..Tempo::default() },
    );
    world.say(&prices(1)).await;
    eventually("it leads", async || world.all_published().await).await;
    // It sleeps all the while.
    world.put_backup_back().await;
    world.nats.restart().await.unwrap();
    eventually("the broker answers", async || world.bus.health().await.is_ok()).await;
    world.say(&prices(4)).await;
    // On a machine so busy that it was not asleep yet, or for so long that it is time to look, it looks first.
    let acknowledged = "it acknowledged 6, after 11 before";
    let looked_at = "its last sequence is 5, acknowledged was 11";
    let told = noticed(&world).await;
    assert!(told == acknowledged || told == looked_at, "{told}");
    eventually("it goes on", async || world.all_published().await).await;
    assert_eq!(count(&world.pricing, STATE).await, 9);
    is_made_good(&world, relay, 15).await;
}

/// Two pages, of which the second one does not get as far as its commit.
#[tokio::test]
async fn a_republish_that_is_killed_half_way_is_begun_anew_and_makes_no_effect_twice() {
    let world = World::new().await;
    let (relay, consumers) = (world.relay(), listeners(&world));
    world.say(&prices(5_500)).await;
    eventually("all have effects", async || world.effects().await == 5_500).await;
    relay.end().await;
    world.bus.jetstream().delete_stream("PRICING").await.unwrap();
    let relay = world.relay();
    eventually("the loss is noticed", async || count(&world.pricing, LOST).await == 1).await;

    let first = republish(&world).await;
    assert_eq!(first.events, 5_000);
    let (db, marked) = (world.pricing.clone(), Arc::new(Notify::new()));
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
        count(&world.pricing, published).await == 5_500
    })
    .await;
    assert_eq!(count(&world.pricing, LOST).await, 1, "half of it makes nothing good");
    assert_eq!(world.stream().await.cached_info().state.messages, 5_000);

    let mut page = republish(&world).await;
    while let Some(place) = page.next {
        page = republish_from(&world, Some(place)).await;
    }
    eventually("all is published again", async || {
        world.all_published().await && count(&world.pricing, LOST).await == 0
    })
    .await;
    let mut stored = world.stored().await;
    stored.sort();
    stored.dedup();
    assert_eq!(stored.len(), 5_500);
    all_done_with(&world).await;
    assert_eq!(world.effects().await, 5_500);
    assert_eq!(world.count("select count(distinct key) from seen").await, 5_500);
    relay.end().await;
    consumers.end().await;
}
