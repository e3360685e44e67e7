//! Events that share a transaction, and handlers that take many at once.

use crate::app::{App, price_updated, record};
use crate::fixture::{Fixture, consume, eventually, price, prices};
use bus::{Batch, Outcome, Tuning, dead};
use contracts::Event;
use diesel::sql_query;
use diesel::sql_types::Text;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use fault::{Common, Fault};
use pg::Tx;
use pricing_api::v1::PriceUpdated;
use prost::Message;
use std::sync::Mutex;
use std::time::Duration;
use uuid::Uuid;

/// Sizes of the batches that were handled, and of those that failed.
static SIZES: Mutex<Vec<usize>> = Mutex::new(Vec::new());
static FAILED: Mutex<Vec<usize>> = Mutex::new(Vec::new());

async fn record_batch(_: &App, tx: &mut Tx, batch: Batch) -> Result<Vec<Outcome>, Fault> {
    SIZES.lock().unwrap().push(batch.events.len());
    let mut outcomes = Vec::new();
    for event in &batch.events {
        let price = PriceUpdated::decode(event.payload.clone()).unwrap();
        if price.version() == 666 {
            FAILED.lock().unwrap().push(batch.events.len());
            return Err(Fault::new(Common::InvalidField, "never"));
        }
        record(tx, price.key(), price.version()).await?;
        outcomes.push(Outcome::Done);
    }
    Ok(outcomes)
}

#[tokio::test]
async fn queued_events_go_to_the_batch_handler_together_and_in_halves_where_that_fails() {
    let fixture = Fixture::new().await;
    let relay = fixture.relay();
    let versions = (1..=100).chain([666]).chain(101..=200);
    fixture
        .commit_events(&versions.map(|version| price(Uuid::now_v7(), version)).collect::<Vec<_>>())
        .await;
    eventually("all is published", async || fixture.all_published().await).await;
    let consumers = fixture.consumers().on_batch(App::new(), [PriceUpdated::SUBJECT], record_batch);
    let consumers = consume(consumers);
    eventually("the good ones have effects", async || fixture.effects().await == 200).await;
    eventually("the bad one is a dead letter", async || {
        dead::count(&fixture.bus, "search").await.is_ok_and(|count| count == 1)
    })
    .await;
    assert!(SIZES.lock().unwrap().iter().any(|size| *size > 1));
    let failed = FAILED.lock().unwrap().clone();
    assert_eq!(failed.last(), Some(&1), "{failed:?}");
    assert!(failed.windows(2).all(|two| two[1].abs_diff(two[0] / 2) <= 1), "{failed:?}");
    relay.end().await;
    consumers.end().await;
}

#[tokio::test]
async fn an_event_that_fails_costs_the_others_one_repetition() {
    let fixture = Fixture::new().await;
    let relay = fixture.relay();
    let events: Vec<PriceUpdated> = (0..60).map(|_| price(Uuid::now_v7(), 1)).collect();
    let bad = events[33].key().to_owned();
    fixture.commit_events(&events).await;
    eventually("all is published", async || fixture.all_published().await).await;
    let script = {
        let bad = bad.clone();
        move |key: &str, _| match key == bad {
            true => Err(Fault::new(Common::InvalidField, "never")),
            false => Ok(Outcome::Done),
        }
    };
    let app = App::scripted(script);
    let tuning = Tuning { workers: 1, ..Tuning::default() };
    let consumers = consume(fixture.consumers().tuned(tuning).on(app.clone(), price_updated));
    eventually("the good ones have effects", async || fixture.effects().await == 59).await;
    eventually("the bad one is a dead letter", async || {
        dead::count(&fixture.bus, "search").await.is_ok_and(|count| count == 1)
    })
    .await;
    let most = events.iter().map(|event| app.calls(event.key())).max();
    assert_eq!((most, app.calls(&bad)), (Some(2), 2));
    relay.end().await;
    consumers.end().await;
}

#[tokio::test]
async fn an_event_that_is_tried_again_costs_new_ones_no_repetition() {
    let fixture = Fixture::new().await;
    let relay = fixture.relay();
    // By its key the bad one is the last, so that all others would have had their effects before it fails.
    let (others, bad) = (prices(40), price(Uuid::now_v7(), 1));
    let key = bad.key().to_owned();
    let app = App::scripted(move |of, _| match of == key {
        true => Err(Fault::internal("a bug")),
        false => Ok(Outcome::Done),
    });
    // The bad one is delivered again while the others queue behind one that waits for the database.
    let tuning =
        Tuning { workers: 1, batch: 64, retry: Duration::from_secs(1), ..Tuning::default() };
    let consumers = consume(fixture.consumers().tuned(tuning).on(app.clone(), price_updated));
    fixture.commit_events(std::slice::from_ref(&bad)).await;
    eventually("it has failed", async || {
        fixture.count("select count(*) from attempts where failures = 1").await == 1
    })
    .await;
    fixture.allow_search_database(false).await;
    let stream = fixture.stream().await;
    let acks = async || {
        let info = stream.consumer_info("search-from-pricing").await.unwrap();
        (info.num_ack_pending, info.num_redelivered)
    };
    fixture.commit_events(&prices(1)).await;
    eventually("the first one has come", async || acks().await.0 == 2).await;
    fixture.commit_events(&others).await;
    eventually("all have come", async || acks().await == (42, 1)).await;
    fixture.allow_search_database(true).await;
    eventually("the others have effects", async || fixture.effects().await == 41).await;
    eventually("the bad one is a dead letter", async || {
        dead::count(&fixture.bus, "search").await.is_ok_and(|count| count == 1)
    })
    .await;
    let most = others.iter().map(|event| app.calls(event.key())).max();
    assert_eq!((most, app.calls(bad.key())), (Some(1), 3));
    relay.end().await;
    consumers.end().await;
}

#[tokio::test]
async fn later_events_of_a_failed_events_key_wait_until_that_is_tried_again() {
    let fixture = Fixture::new().await;
    let relay = fixture.relay();
    let key = Uuid::now_v7();
    let mut events = Vec::new();
    for version in 1..=6 {
        events.extend((0..4).map(|_| price(Uuid::now_v7(), 1)));
        events.push(price(key, version));
    }
    fixture.commit_events(&events).await;
    eventually("all is published", async || fixture.all_published().await).await;
    let fails_once = {
        let key = key.to_string();
        move |of: &str, call| match of == key && call == 3 {
            // By itself it would be tried again at once.
            true => Err(Fault::new(Common::ConcurrentModification, "only now")),
            false => Ok(Outcome::Done),
        }
    };
    let tuning = Tuning { workers: 1, ..Tuning::default() };
    let consumers = fixture.consumers().tuned(tuning).on(App::scripted(fails_once), price_updated);
    let consumers = consume(consumers);
    eventually("all have effects", async || fixture.effects().await == 30).await;
    let disordered = "select count(*) from seen as early join seen as late using (key)
                      where early.version < late.version and early.number > late.number";
    assert_eq!(fixture.count(disordered).await, 0);
    relay.end().await;
    consumers.end().await;
}

/// Size of the largest batch that was counted, and the number of deadlocks.
static LARGEST: Mutex<usize> = Mutex::new(0);
static DEADLOCKS: Mutex<usize> = Mutex::new(0);

/// Counts events by key, in the order in which it is given them.
async fn counted(_: &App, tx: &mut Tx, batch: Batch) -> Result<Vec<Outcome>, Fault> {
    let mut outcomes = Vec::new();
    for event in &batch.events {
        let price = PriceUpdated::decode(event.payload.clone()).unwrap();
        let count = "insert into hot (key, events) values ($1, 1)
                     on conflict (key) do update set events = hot.events + 1";
        let done = sql_query(count).bind::<Text, _>(price.key()).execute(tx.conn()).await;
        if let Err(error) = done {
            *DEADLOCKS.lock().unwrap() += usize::from(error.to_string().contains("deadlock"));
            return Err(error.into());
        }
        outcomes.push(Outcome::Done);
    }
    let mut largest = LARGEST.lock().unwrap();
    *largest = batch.events.len().max(*largest);
    Ok(outcomes)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_that_handle_events_of_the_same_keys_do_not_deadlock() {
    let fixture = Fixture::new().await;
    let table = async |tx: &mut Tx| {
        let hot = "create table hot (key text primary key, events bigint not null)";
        Ok(tx.conn().batch_execute(hot).await?)
    };
    fixture.search.write("test.hot", table).await.unwrap();
    let keys: Vec<Uuid> = (0..8).map(|_| Uuid::now_v7()).collect();
    // Up and down and up again, so that any two halves of it have the keys in different orders.
    let mut versions = vec![0; keys.len()];
    let mut events = Vec::new();
    for round in 0..250 {
        for step in 0..keys.len() {
            let index = if round % 2 == 0 { step } else { keys.len() - 1 - step };
            versions[index] += 1;
            events.push(price(keys[index], versions[index]));
        }
    }
    let relay = fixture.relay();
    fixture.commit_events(&events).await;
    eventually("all is published", async || fixture.all_published().await).await;
    let replica = || {
        let tuning = Tuning { workers: 2, batch: 32, ..Tuning::default() };
        consume(fixture.consumers().tuned(tuning).on_batch(
            App::new(),
            [PriceUpdated::SUBJECT],
            counted,
        ))
    };
    let replicas = [replica(), replica(), replica()];
    let sum = "select coalesce(sum(events), 0)::bigint as count from hot";
    eventually("each event has its effect", async || fixture.count(sum).await == 2_000).await;
    assert!(*LARGEST.lock().unwrap() > 1, "no events came together");
    assert_eq!(*DEADLOCKS.lock().unwrap(), 0);
    relay.end().await;
    for replica in replicas {
        replica.end().await;
    }
}
