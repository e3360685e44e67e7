//! A broker that forgets what it acknowledged.

use crate::world::{World, count, eventually, prices};

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
