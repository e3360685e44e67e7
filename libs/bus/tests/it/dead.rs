//! Dead letters: once each, whole, and replayed to their consumer only.

use crate::app::{App, price_updated};
use crate::letters::{Put, put};
use crate::world::{World, eventually, listen, price, prices};
use async_nats::HeaderMap;
use bus::{Envelope, Outcome, Replayed, dead};
use contracts::Event;
use fault::{Common, Fault};
use prost::Message;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use uuid::Uuid;

/// Refuses everything until it is repaired.
fn broken() -> (Arc<App>, Arc<AtomicBool>) {
    let repaired = Arc::new(AtomicBool::new(false));
    let works = repaired.clone();
    let app = App::scripted(move |_, _| {
        if works.load(Ordering::SeqCst) {
            Ok(Outcome::Done)
        } else {
            Err(Fault::new(Common::InvalidField, "line one\r\nNats-Msg-Id: 7"))
        }
    });
    (app, repaired)
}

async fn letters(world: &World) -> Vec<dead::Letter> {
    dead::list(&world.bus, "search", 0, 1000).await.unwrap_or_default()
}

#[tokio::test]
async fn a_letter_is_whole_and_exists_once() {
    let world = World::new().await;
    let relay = world.relay();
    let (app, _) = broken();
    let consumers = listen(world.consumers().on(app, price_updated));
    let said = price(Uuid::now_v7(), 4);
    world.say(std::slice::from_ref(&said)).await;
    eventually("there is a letter", async || letters(&world).await.len() == 1).await;
    let original = world.stream().await.get_raw_message(1).await.unwrap();
    // The same event as another message makes no second letter.
    let headers = bus::envelope::without_broker(&original.headers);
    world.publish(&original.subject, headers.clone(), original.payload.to_vec()).await;
    let stream = world.stream().await;
    eventually("both are done with", async || {
        let info = stream.consumer_info("search-from-pricing").await.unwrap();
        info.ack_floor.stream_sequence == 2
    })
    .await;
    let found = letters(&world).await;
    assert_eq!(found.len(), 1);
    let letter = &found[0];
    let row = &world.outbox().await[0];
    assert_eq!(letter.letter_id, row.id.to_string());
    assert_eq!(
        (letter.service.as_str(), letter.consumer.as_str()),
        ("search", "search-from-pricing")
    );
    assert_eq!(letter.original_subject, "pricing.price.updated");
    assert_eq!(letter.payload, said.encode_to_vec());
    assert_eq!(letter.headers, headers);
    assert_eq!(letter.reason, "INVALID_FIELD");
    assert!(letter.error.contains("line one\r\nNats-Msg-Id: 7"));
    let same = dead::find(&world.bus, "search", &letter.consumer, &letter.letter_id).await.unwrap();
    assert_eq!(same.unwrap().sequence, letter.sequence);
    relay.end().await;
    consumers.end().await;
}

#[tokio::test]
async fn a_replay_has_one_effect_and_removes_the_letter_only_then() {
    let world = World::new().await;
    let relay = world.relay();
    let (app, repaired) = broken();
    let consumers = world.consumers().on(app, price_updated);
    let running = listen(consumers.clone());
    world.say(&prices(3)).await;
    eventually("there are letters", async || letters(&world).await.len() == 3).await;
    let found = letters(&world).await;

    let fault = consumers.replay(&found[0]).await.unwrap_err();
    assert!(fault.is(Common::InvalidField));
    assert_eq!((letters(&world).await.len(), world.effects().await), (3, 0));

    repaired.store(true, Ordering::SeqCst);
    assert_eq!(consumers.replay(&found[0]).await.unwrap(), Replayed::Applied);
    assert_eq!((letters(&world).await.len(), world.effects().await), (2, 1));
    // Killed between commit and removal, it is repeated: the letter is gone, the effect there.
    assert_eq!(consumers.replay(&found[0]).await.unwrap(), Replayed::Duplicate);
    // Two operators at once.
    let (one, other) = tokio::join!(consumers.replay(&found[1]), consumers.replay(&found[1]));
    let mut both = [one.unwrap(), other.unwrap()];
    both.sort_by_key(|replayed| *replayed == Replayed::Duplicate);
    assert_eq!(both, [Replayed::Applied, Replayed::Duplicate]);
    assert_eq!((letters(&world).await.len(), world.effects().await), (1, 2));
    dead::discard(&world.bus, &found[2]).await.unwrap();
    dead::discard(&world.bus, &found[2]).await.unwrap();
    assert_eq!(dead::count(&world.bus, "search").await.unwrap(), 0);
    // A discarded letter can come again.
    relay.end().await;
    running.end().await;
}

#[tokio::test]
async fn a_letter_is_not_removed_in_the_place_of_one_that_had_its_position() {
    let world = World::new().await;
    put(&world, &[Put::default()]).await;
    let before = letters(&world).await.remove(0);
    world.bus.jetstream().delete_stream("DEAD_SEARCH").await.unwrap();
    put(&world, &[Put::default()]).await;
    let since = letters(&world).await.remove(0);
    assert_eq!(since.sequence, before.sequence);
    dead::discard(&world.bus, &before).await.unwrap();
    assert_eq!(letters(&world).await.len(), 1);
    dead::discard(&world.bus, &since).await.unwrap();
    assert!(letters(&world).await.is_empty());
}

fn envelope(subject: &str, id: Uuid) -> HeaderMap {
    let envelope = Envelope {
        id,
        subject: subject.to_owned(),
        message: "souk.pricing.v1.Unheard".into(),
        source: "/souk/pricing".into(),
        key: "key".into(),
        version: 1,
        at: chrono::Utc::now(),
        traceparent: None,
        correlation_id: None,
        causation_id: None,
    };
    envelope.headers()
}

#[tokio::test]
async fn what_cannot_be_read_is_parked_and_what_is_not_cared_for_is_acknowledged() {
    let world = World::new().await;
    let consumers = listen(world.consumers().on(App::new(), price_updated));
    let (unknown, garbled, invalid) = (Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7());
    let known = "pricing.price.updated";
    world.publish("pricing.price.unheard", envelope("", unknown), vec![1]).await;
    world.publish(known, envelope("", garbled), vec![0xff; 9]).await;
    // Decodes, but has no price.
    world.publish(known, envelope("", invalid), Vec::new()).await;
    world.publish(known, HeaderMap::new(), vec![1]).await;
    world.publish("pricing.price.deleted", envelope("", Uuid::now_v7()), vec![1]).await;
    world
        .publish(known, envelope("", Uuid::now_v7()), price(Uuid::now_v7(), 1).encode_to_vec())
        .await;
    let stream = world.stream().await;
    eventually("all are done with", async || {
        let info = stream.consumer_info("search-from-pricing").await;
        info.is_ok_and(|info| info.ack_floor.stream_sequence == 6)
    })
    .await;
    let mut found: Vec<(String, String)> =
        letters(&world).await.into_iter().map(|letter| (letter.letter_id, letter.reason)).collect();
    found.sort();
    let mut expected = vec![
        (unknown.to_string(), "UNKNOWN_TYPE".to_owned()),
        (garbled.to_string(), "UNDECODABLE".to_owned()),
        (invalid.to_string(), "INVALID_FIELD".to_owned()),
        ("PRICING-4".to_owned(), "UNDECODABLE".to_owned()),
    ];
    expected.sort();
    assert_eq!(found, expected);
    assert_eq!(world.effects().await, 1);
    consumers.end().await;
}

#[tokio::test]
async fn the_largest_event_with_the_longest_error_becomes_a_letter() {
    let world = World::new().await;
    let relay = world.relay();
    let error = "\"€".repeat(50_000);
    let why = error.clone();
    let app = App::scripted(move |_, _| Err(Fault::new(Common::InvalidField, why.clone())));
    let consumers = listen(world.consumers().on(app, price_updated));
    let id = Uuid::now_v7();
    let mut payload = price(id, 1).encode_to_vec();
    // A field of a newer publisher, which is ignored; its tag and length take 6 bytes.
    let rest = "x".repeat(pg::outbox::MAX_EVENT_BYTES - payload.len() - 6);
    prost::encoding::string::encode(5001, &rest, &mut payload);
    assert_eq!(payload.len(), pg::outbox::MAX_EVENT_BYTES);
    world.force("pricing.price.updated", &"k".repeat(200), 1, payload.clone()).await;
    eventually("there is a letter", async || letters(&world).await.len() == 1).await;
    let letter = &letters(&world).await[0];
    assert_eq!(letter.payload, payload);
    let (_, kept) = letter.error.split_once('"').unwrap();
    assert!(kept.len() > 1_000 && error.contains(kept), "{kept}");
    relay.end().await;
    consumers.end().await;
}

#[tokio::test]
async fn a_binary_that_knows_a_parked_type_replays_it_by_itself() {
    let world = World::new().await;
    // Parked by an older binary: the letter is of a type that this one knows.
    bus::streams::ensure_dead(&world.bus, "search").await.unwrap();
    let id = Uuid::now_v7();
    let said = price(Uuid::now_v7(), 1);
    let mut headers = envelope("", id);
    headers.insert("souk-reason", "UNKNOWN_TYPE");
    headers.insert("souk-original-subject", contracts::pricing::v1::PriceUpdated::SUBJECT);
    let subject = format!("dead.search.search-from-pricing.{id}");
    let js = world.bus.jetstream();
    let sent = js.publish_with_headers(subject, headers, said.encode_to_vec().into()).await;
    sent.unwrap().await.unwrap();
    let consumers = listen(world.consumers().on(App::new(), price_updated));
    eventually("it has an effect", async || world.effects().await == 1).await;
    eventually("the letter is gone", async || letters(&world).await.is_empty()).await;
    consumers.end().await;
}
