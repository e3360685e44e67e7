//! Events that the broker refused, and an operator who retries them while the relay is at work.

use crate::fixture::{Fixture, count, eventually, price, relay};
use async_nats::jetstream::stream::Config;
use bus::{Envelope, RelayTuning};
use pg::outbox::refused::{Due, Which, list, retry};
use std::collections::HashMap;
use std::time::Duration;
use uuid::Uuid;

const REFUSED: &str =
    "select count(*) from outbox where published_at is null and retry_at is not null";

/// Changes the largest message that pricing's stream takes, as an operator by hand; returns the limit before.
async fn limit(fixture: &Fixture, bytes: i32) -> i32 {
    let js = fixture.bus.jetstream();
    let stream = js.get_stream("PRICING").await.unwrap();
    let config = stream.cached_info().config.clone();
    let before = config.max_message_size;
    js.update_stream(Config { max_message_size: bytes, ..config }).await.unwrap();
    before
}

async fn again(fixture: &Fixture) -> Due {
    let all = Which::default();
    let done = fixture.pricing.write("test.retry", async |tx| retry(tx, &all, 0, false).await);
    done.await.unwrap()
}

/// The operator retries without a pause: before the repair, while rows are read, refused and marked, and after it.
#[tokio::test]
async fn events_that_are_tried_again_at_any_moment_are_published_once_and_in_order() {
    let fixture = Fixture::new().await;
    let relay = fixture.relay();
    let ids: Vec<Uuid> = (0..40).map(|_| Uuid::now_v7()).collect();
    let all = |version| ids.iter().map(|id| price(*id, version)).collect::<Vec<_>>();
    fixture.commit_events(&all(1)).await;
    eventually("the relay has created its stream", async || fixture.all_published().await).await;
    let usual = limit(&fixture, 200).await;
    for version in 2..=4 {
        fixture.commit_events(&all(version)).await;
    }
    eventually("all keys are refused", async || count(&fixture.pricing, REFUSED).await == 40).await;
    let first =
        fixture.pricing.read("test.list", async |tx| list(tx, &Which::default(), 0, 1).await);
    let first = &first.await.unwrap()[0];
    assert_eq!((first.key.clone(), first.version), (ids[0].to_string(), 2));
    assert!(first.error.contains("maximum"), "{}", first.error);

    for round in 0..50 {
        if round == 25 {
            limit(&fixture, usual).await;
        }
        again(&fixture).await;
    }
    eventually("all is published", async || fixture.all_published().await).await;
    relay.end().await;
    let stream = fixture.stream().await;
    let mut versions: HashMap<String, Vec<i64>> = HashMap::new();
    for position in 1..=stream.cached_info().state.last_sequence {
        let message = stream.get_raw_message(position).await.unwrap();
        let envelope = Envelope::read(&message.subject, &message.headers).unwrap();
        versions.entry(envelope.key).or_default().push(envelope.version);
    }
    assert_eq!(versions.len(), ids.len());
    assert!(versions.values().all(|versions| versions == &[1, 2, 3, 4]), "{versions:?}");
    assert_eq!(again(&fixture).await.events, 0);
}

#[tokio::test]
async fn an_event_that_is_tried_again_does_not_wait_for_its_pause() {
    let fixture = Fixture::new().await;
    // Longer than this test waits.
    let tuning = RelayTuning { refused: Duration::from_secs(300), ..RelayTuning::default() };
    let relay = relay(&fixture.pricing, &fixture.bus, tuning);
    let id = Uuid::now_v7();
    fixture.commit_events(&[price(id, 1)]).await;
    eventually("the relay has created its stream", async || fixture.all_published().await).await;
    let usual = limit(&fixture, 200).await;
    fixture.commit_events(&[price(id, 2), price(id, 3)]).await;
    eventually("it is refused", async || count(&fixture.pricing, REFUSED).await == 1).await;
    limit(&fixture, usual).await;
    assert_eq!(again(&fixture).await.events, 1);
    eventually("its key goes on", async || fixture.all_published().await).await;
    relay.end().await;
}
