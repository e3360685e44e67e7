//! A broker that forgets what it acknowledged.

use crate::app::{App, price_updated};
use crate::world::{World, count, eventually, listen, prices};
use bus::dead;
use fault::{Common, Fault};
use pg::outbox::{self, Events};

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
    let losses = "select losses as count from relay_state";
    eventually("another is noticed", async || count(&world.pricing, losses).await == 2).await;
    assert_eq!(count(&world.pricing, AT).await, noticed, "the first one counts");

    let consumers = listen(world.consumers().on(App::new(), price_updated));
    world.say(&prices(2)).await;
    eventually("new events have effects", async || world.effects().await == 7).await;
    let again = world.pricing.write("test.republish", async |tx| {
        outbox::republish(tx, &Events::default(), None, false).await
    });
    let page = again.await.unwrap();
    assert_eq!((page.events, page.next), (10, None));
    assert_eq!(count(&world.pricing, LOST).await, 0);
    eventually("what was lost has effects", async || {
        world.all_published().await && world.effects().await == 10
    })
    .await;
    let stream = world.stream().await;
    eventually("all are done with", async || {
        let info = stream.consumer_info("search-from-pricing").await.unwrap();
        info.num_pending == 0 && info.num_ack_pending == 0
    })
    .await;
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
