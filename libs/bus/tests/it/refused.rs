//! Events that the broker refused, and an operator who has them tried again while the relay is at work.

use crate::world::{World, count, eventually, price, relay};
use async_nats::jetstream::stream::Config;
use bus::{Envelope, Tempo};
use pg::outbox::refused::{Due, Which, list, retry};
use std::collections::HashMap;
use std::time::Duration;
use uuid::Uuid;

const REFUSED: &str =
    "select count(*) from outbox where published_at is null and retry_at is not null";

/// Changes the largest message that pricing's stream takes, as somebody by hand; returns what it was.
async fn limit(world: &World, bytes: i32) -> i32 {
    let js = world.bus.jetstream();
    let stream = js.get_stream("PRICING").await.unwrap();
    let config = stream.cached_info().config.clone();
    let before = config.max_message_size;
    js.update_stream(Config { max_message_size: bytes, ..config }).await.unwrap();
    before
}

async fn again(world: &World) -> Due {
    let all = Which::default();
    let done = world.pricing.write("test.retry", async |tx| retry(tx, &all, 0, false).await);
    done.await.unwrap()
}

/// The operator tries without a pause: before the mend, while rows are read, refused and marked, and after it.
#[tokio::test]
async fn events_that_are_tried_again_at_any_moment_are_published_once_and_in_order() {
    let world = World::new().await;
    let relay = world.relay();
    let ids: Vec<Uuid> = (0..40).map(|_| Uuid::now_v7()).collect();
    let all = |version| ids.iter().map(|id| price(*id, version)).collect::<Vec<_>>();
    world.say(&all(1)).await;
    eventually("the relay has made its stream", async || world.all_published().await).await;
    let usual = limit(&world, 200).await;
    for version in 2..=4 {
        world.say(&all(version)).await;
    }
    eventually("all keys are refused", async || count(&world.pricing, REFUSED).await == 40).await;
    let first = world.pricing.read("test.list", async |tx| list(tx, &Which::default(), 0, 1).await);
    let first = &first.await.unwrap()[0];
    assert_eq!((first.key.clone(), first.version), (ids[0].to_string(), 2));
    assert!(first.error.contains("maximum"), "{}", first.error);

    for round in 0..50 {
        if round == 25 {
            limit(&world, usual).await;
        }
        again(&world).await;
    }
    eventually("all is published", async || world.all_published().await).await;
    relay.end().await;
    let stream = world.stream().await;
    let mut versions: HashMap<String, Vec<i64>> = HashMap::new();
    for position in 1..=stream.cached_info().state.last_sequence {
        let message = stream.get_raw_message(position).await.unwrap();
        let envelope = Envelope::read(&message.subject, &message.headers).unwrap();
        versions.entry(envelope.key).or_default().push(envelope.version);
    }
    assert_eq!(versions.len(), ids.len());
    assert!(versions.values().all(|versions| versions == &[1, 2, 3, 4]), "{versions:?}");
    assert_eq!(again(&world).await.events, 0);
}

#[tokio::test]
async fn an_event_that_is_tried_again_does_not_wait_for_its_pause() {
    let world = World::new().await;
    // Longer than this test waits.
    let tempo = Tempo { refused: Duration::from_secs(300), ..Tempo::default() };
    let relay = relay(&world.pricing, &world.bus, tempo);
    let id = Uuid::now_v7();
    world.say(&[price(id, 1)]).await;
    eventually("the relay has made its stream", async || world.all_published().await).await;
    let usual = limit(&world, 200).await;
    world.say(&[price(id, 2), price(id, 3)]).await;
    eventually("it is refused", async || count(&world.pricing, REFUSED).await == 1).await;
    limit(&world, usual).await;
    assert_eq!(again(&world).await.events, 1);
    eventually("its key goes on", async || world.all_published().await).await;
    relay.end().await;
}
