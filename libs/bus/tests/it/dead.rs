//! Dead letters: once each, complete, and replayed to their consumer only.

use crate::app::{App, price_updated};
use crate::dead_letters::{StoredDeadLetter, store_dead_letters};
use crate::fixture::{Fixture, consume, eventually, price, prices};
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

async fn dead_letters(fixture: &Fixture) -> Vec<dead::DeadLetter> {
    dead::list(&fixture.bus, "search", 0, 1000).await.unwrap_or_default()
}

#[tokio::test]
async fn a_dead_letter_is_complete_and_exists_once() {
    let fixture = Fixture::new().await;
    let relay = fixture.relay();
    let (app, _) = broken();
    let consumers = consume(fixture.consumers().on(app, price_updated));
    let event = price(Uuid::now_v7(), 4);
    fixture.commit_events(std::slice::from_ref(&event)).await;
    eventually("there is a dead letter", async || dead_letters(&fixture).await.len() == 1).await;
    let original = fixture.stream().await.get_raw_message(1).await.unwrap();
    // The same event as another message makes no second dead letter.
    let headers = bus::envelope::without_broker(&original.headers);
    fixture.publish_raw(&original.subject, headers.clone(), original.payload.to_vec()).await;
    let stream = fixture.stream().await;
    eventually("both are done with", async || {
        let info = stream.consumer_info("search-from-pricing").await.unwrap();
        info.ack_floor.stream_sequence == 2
    })
    .await;
    let found = dead_letters(&fixture).await;
    assert_eq!(found.len(), 1);
    let dead_letter = &found[0];
    let row = &fixture.outbox().await[0];
    assert_eq!(dead_letter.event_id, row.id.to_string());
    assert_eq!(
        (dead_letter.service.as_str(), dead_letter.consumer.as_str()),
        ("search", "search-from-pricing")
    );
    assert_eq!(dead_letter.original_subject, "pricing.price.updated");
    assert_eq!(dead_letter.payload, event.encode_to_vec());
    assert_eq!(dead_letter.headers, headers);
    assert_eq!(dead_letter.reason, "INVALID_FIELD");
    assert!(dead_letter.error.contains("line one\r\nNats-Msg-Id: 7"));
    let same = dead::find(&fixture.bus, "search", &dead_letter.consumer, &dead_letter.event_id)
        .await
        .unwrap();
    assert_eq!(same.unwrap().sequence, dead_letter.sequence);
    relay.end().await;
    consumers.end().await;
}

#[tokio::test]
async fn a_replay_has_one_effect_and_removes_the_dead_letter_only_then() {
    let fixture = Fixture::new().await;
    let relay = fixture.relay();
    let (app, repaired) = broken();
    let consumers = fixture.consumers().on(app, price_updated);
    let running = consume(consumers.clone());
    fixture.commit_events(&prices(3)).await;
    eventually("there are dead letters", async || dead_letters(&fixture).await.len() == 3).await;
    let found = dead_letters(&fixture).await;

    let fault = consumers.replay(&found[0]).await.unwrap_err();
    assert!(fault.is(Common::InvalidField));
    assert_eq!((dead_letters(&fixture).await.len(), fixture.effects().await), (3, 0));

    repaired.store(true, Ordering::SeqCst);
    assert_eq!(consumers.replay(&found[0]).await.unwrap(), Replayed::Applied);
    assert_eq!((dead_letters(&fixture).await.len(), fixture.effects().await), (2, 1));
    // Killed between commit and removal, it is repeated: the dead letter is gone, the effect there.
    assert_eq!(consumers.replay(&found[0]).await.unwrap(), Replayed::Duplicate);
    // Two operators at once.
    let (one, other) = tokio::join!(consumers.replay(&found[1]), consumers.replay(&found[1]));
    let mut both = [one.unwrap(), other.unwrap()];
    both.sort_by_key(|replayed| *replayed == Replayed::Duplicate);
    assert_eq!(both, [Replayed::Applied, Replayed::Duplicate]);
    assert_eq!((dead_letters(&fixture).await.len(), fixture.effects().await), (1, 2));
    dead::discard(&fixture.bus, &found[2]).await.unwrap();
    dead::discard(&fixture.bus, &found[2]).await.unwrap();
    assert_eq!(dead::count(&fixture.bus, "search").await.unwrap(), 0);
    // A discarded one can be published again.
    relay.end().await;
    running.end().await;
}

#[tokio::test]
async fn a_dead_letter_is_not_removed_in_the_place_of_one_that_had_its_position() {
    let fixture = Fixture::new().await;
    store_dead_letters(&fixture, &[StoredDeadLetter::default()]).await;
    let before = dead_letters(&fixture).await.remove(0);
    fixture.bus.jetstream().delete_stream("DEAD_SEARCH").await.unwrap();
    store_dead_letters(&fixture, &[StoredDeadLetter::default()]).await;
    let since = dead_letters(&fixture).await.remove(0);
    assert_eq!(since.sequence, before.sequence);
    dead::discard(&fixture.bus, &before).await.unwrap();
    assert_eq!(dead_letters(&fixture).await.len(), 1);
    dead::discard(&fixture.bus, &since).await.unwrap();
    assert!(dead_letters(&fixture).await.is_empty());
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
async fn what_cannot_be_read_is_parked_and_what_has_no_handler_is_acknowledged() {
    let fixture = Fixture::new().await;
    let consumers = consume(fixture.consumers().on(App::new(), price_updated));
    let (unknown, garbled, invalid) = (Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7());
    let known = "pricing.price.updated";
    fixture.publish_raw("pricing.price.unheard", envelope("", unknown), vec![1]).await;
    fixture.publish_raw(known, envelope("", garbled), vec![0xff; 9]).await;
    // Decodes, but has no price.
    fixture.publish_raw(known, envelope("", invalid), Vec::new()).await;
    fixture.publish_raw(known, HeaderMap::new(), vec![1]).await;
    fixture.publish_raw("pricing.price.deleted", envelope("", Uuid::now_v7()), vec![1]).await;
    fixture
        .publish_raw(known, envelope("", Uuid::now_v7()), price(Uuid::now_v7(), 1).encode_to_vec())
        .await;
    let stream = fixture.stream().await;
    eventually("all are done with", async || {
        let info = stream.consumer_info("search-from-pricing").await;
        info.is_ok_and(|info| info.ack_floor.stream_sequence == 6)
    })
    .await;
    let mut found: Vec<(String, String)> = dead_letters(&fixture)
        .await
        .into_iter()
        .map(|dead_letter| (dead_letter.event_id, dead_letter.reason))
        .collect();
    found.sort();
    let mut expected = vec![
        (unknown.to_string(), "UNKNOWN_TYPE".to_owned()),
        (garbled.to_string(), "UNDECODABLE".to_owned()),
        (invalid.to_string(), "INVALID_FIELD".to_owned()),
        ("PRICING-4".to_owned(), "UNDECODABLE".to_owned()),
    ];
    expected.sort();
    assert_eq!(found, expected);
    assert_eq!(fixture.effects().await, 1);
    consumers.end().await;
}

#[tokio::test]
async fn the_largest_event_with_the_longest_error_becomes_a_dead_letter() {
    let fixture = Fixture::new().await;
    let relay = fixture.relay();
    let error = "\"€".repeat(50_000);
    let why = error.clone();
    let app = App::scripted(move |_, _| Err(Fault::new(Common::InvalidField, why.clone())));
    let consumers = consume(fixture.consumers().on(app, price_updated));
    let id = Uuid::now_v7();
    let mut payload = price(id, 1).encode_to_vec();
    // A field of a newer publisher, which is ignored; its tag and length take 6 bytes.
    let rest = "x".repeat(pg::outbox::MAX_EVENT_BYTES - payload.len() - 6);
    prost::encoding::string::encode(5001, &rest, &mut payload);
    assert_eq!(payload.len(), pg::outbox::MAX_EVENT_BYTES);
    fixture.insert_outbox_row("pricing.price.updated", &"k".repeat(200), 1, payload.clone()).await;
    eventually("there is a dead letter", async || dead_letters(&fixture).await.len() == 1).await;
    let dead_letter = &dead_letters(&fixture).await[0];
    assert_eq!(dead_letter.payload, payload);
    let (_, kept) = dead_letter.error.split_once('"').unwrap();
    assert!(kept.len() > 1_000 && error.contains(kept), "{kept}");
    relay.end().await;
    consumers.end().await;
}

#[tokio::test]
async fn a_binary_that_knows_a_parked_type_replays_it_by_itself() {
    let fixture = Fixture::new().await;
    // Parked by an older binary, of a type that this one knows.
    bus::streams::ensure_dead(&fixture.bus, "search").await.unwrap();
    let id = Uuid::now_v7();
    let event = price(Uuid::now_v7(), 1);
    let mut headers = envelope("", id);
    headers.insert("souk-reason", "UNKNOWN_TYPE");
    headers.insert("souk-original-subject", pricing_api::v1::PriceUpdated::SUBJECT);
    let subject = format!("dead.search.search-from-pricing.{id}");
    let js = fixture.bus.jetstream();
    let sent = js.publish_with_headers(subject, headers, event.encode_to_vec().into()).await;
    sent.unwrap().await.unwrap();
    let consumers = consume(fixture.consumers().on(App::new(), price_updated));
    eventually("it has an effect", async || fixture.effects().await == 1).await;
    eventually("the dead letter is gone", async || dead_letters(&fixture).await.is_empty()).await;
    consumers.end().await;
}
