//! Streams and durable consumers that exist when a service starts, and are not as it asks.

use crate::app::{App, price_updated};
use crate::fixture::{Fixture, consume, eventually, prices};
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use async_nats::jetstream::stream::{self, DiscardPolicy, StorageType};
use std::time::Duration;

/// A stream and a consumer as created by hand.
fn stream() -> stream::Config {
    stream::Config {
        name: "PRICING".into(),
        subjects: vec!["pricing.>".into()],
        ..Default::default()
    }
}

fn durable() -> pull::Config {
    pull::Config { durable_name: Some("search-from-pricing".into()), ..Default::default() }
}

#[tokio::test]
async fn a_stream_that_cannot_be_as_asked_ends_the_start_and_is_named() {
    let fixture = Fixture::new().await;
    // Storage cannot be changed.
    let config = stream::Config { storage: StorageType::Memory, ..stream() };
    fixture.bus.jetstream().create_stream(config).await.unwrap();
    let fault = fixture.relay().fails().await.chain();
    assert!(fault.contains("PRICING") && fault.contains("storage type"), "{fault}");
}

#[tokio::test]
async fn a_stream_that_can_be_as_asked_is_changed_at_the_start_and_keeps_its_events() {
    let fixture = Fixture::new().await;
    let config = stream::Config {
        subjects: vec!["pricing.price.*".into()],
        description: Some("by hand".into()),
        discard: DiscardPolicy::Old,
        max_age: Duration::from_secs(3600),
        duplicate_window: Duration::from_secs(1),
        max_message_size: 100,
        max_messages: 1,
        allow_atomic_publish: false,
        ..stream()
    };
    let js = fixture.bus.jetstream();
    js.create_stream(config).await.unwrap();
    let sent = js.publish("pricing.price.updated", "kept".into()).await.unwrap();
    sent.await.unwrap();
    let relay = fixture.relay();
    fixture.commit_events(&prices(3)).await;
    eventually("all is published", async || fixture.all_published().await).await;
    relay.end().await;
    let stream = js.get_stream("PRICING").await.unwrap();
    let config = &stream.cached_info().config;
    assert_eq!(config.subjects, ["pricing.>"]);
    assert_eq!(config.discard, DiscardPolicy::New);
    assert_eq!(config.max_age, Duration::from_secs(7 * 24 * 3600));
    assert_eq!(config.duplicate_window, Duration::from_secs(120));
    assert_eq!((config.max_messages, config.max_message_size), (-1, 264 * 1024));
    assert_eq!(stream.cached_info().state.messages, 4);
}

#[tokio::test]
async fn a_consumer_that_cannot_be_as_asked_ends_the_start_and_says_why() {
    // Where it begins cannot be changed, nor whether it is acknowledged.
    for (config, what) in [
        (pull::Config { deliver_policy: DeliverPolicy::New, ..durable() }, "deliver policy"),
        (pull::Config { ack_policy: AckPolicy::None, ..durable() }, "ack policy"),
    ] {
        let fixture = Fixture::new().await;
        fixture.stream().await.create_consumer(config).await.unwrap();
        let fault =
            consume(fixture.consumers().on(App::new(), price_updated)).fails().await.chain();
        assert!(fault.contains("search-from-pricing") && fault.contains(what), "{what}: {fault}");
    }
}

#[tokio::test]
async fn a_consumer_that_can_be_as_asked_is_changed_at_the_start_and_repeats_nothing() {
    let fixture = Fixture::new().await;
    let config = pull::Config {
        description: Some("by hand".into()),
        filter_subject: "pricing.price.deleted".into(),
        ack_wait: Duration::from_secs(600),
        max_ack_pending: 1,
        max_deliver: 1,
        backoff: vec![Duration::from_secs(600)],
        // What makes no difference to events is left as it is.
        metadata: [("owner".to_owned(), "somebody".to_owned())].into(),
        ..durable()
    };
    fixture.stream().await.create_consumer(config).await.unwrap();
    let relay = fixture.relay();
    let consumers = consume(fixture.consumers().on(App::new(), price_updated));
    fixture.commit_events(&prices(3)).await;
    eventually("all have effects", async || fixture.effects().await == 3).await;
    let info = fixture.stream().await.consumer_info("search-from-pricing").await.unwrap();
    let config = info.config;
    assert_eq!(config.filter_subject, "pricing.>");
    assert_eq!((config.ack_wait, config.backoff), (Duration::from_secs(2), vec![]));
    assert_eq!((config.max_ack_pending, config.max_deliver), (256, 1000));
    relay.end().await;
    consumers.end().await;
}
