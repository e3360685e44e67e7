//! Handlers that take many events at once.

use crate::app::{App, see};
use crate::world::{World, eventually, listen, price};
use bus::{Batch, Outcome, dead};
use contracts::Event;
use contracts::pricing::v1::PriceUpdated;
use fault::{Common, Fault};
use pg::Tx;
use prost::Message;
use std::sync::Mutex;
use uuid::Uuid;

/// Sizes of the batches that came, and of those that failed.
static SIZES: Mutex<Vec<usize>> = Mutex::new(Vec::new());
static FAILED: Mutex<Vec<usize>> = Mutex::new(Vec::new());

async fn told(_: &App, tx: &mut Tx, batch: Batch) -> Result<Vec<Outcome>, Fault> {
    SIZES.lock().unwrap().push(batch.events.len());
    let mut outcomes = Vec::new();
    for event in &batch.events {
        let price = PriceUpdated::decode(event.payload.clone()).unwrap();
        if price.version() == 666 {
            FAILED.lock().unwrap().push(batch.events.len());
            return Err(Fault::new(Common::InvalidField, "never"));
        }
        see(tx, price.key(), price.version()).await?;
        outcomes.push(Outcome::Done);
    }
    Ok(outcomes)
}

#[tokio::test]
async fn what_has_gathered_goes_to_the_handler_together_and_in_halves_where_that_fails() {
    let world = World::new().await;
    let relay = world.relay();
    let versions = (1..=100).chain([666]).chain(101..=200);
    world.say(&versions.map(|version| price(Uuid::now_v7(), version)).collect::<Vec<_>>()).await;
    eventually("all is published", async || world.all_published().await).await;
    let consumers = world.consumers().on_batch(App::new(), [PriceUpdated::SUBJECT], told);
    let consumers = listen(consumers);
    eventually("the good ones have effects", async || world.effects().await == 200).await;
    eventually("the bad one is a letter", async || {
        dead::count(&world.bus, "search").await.is_ok_and(|count| count == 1)
    })
    .await;
    assert!(SIZES.lock().unwrap().iter().any(|size| *size > 1));
    let failed = FAILED.lock().unwrap().clone();
    assert_eq!(failed.last(), Some(&1), "{failed:?}");
    assert!(failed.windows(2).all(|two| two[1].abs_diff(two[0] / 2) <= 1), "{failed:?}");
    relay.end().await;
    consumers.end().await;
}
