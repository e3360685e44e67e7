//! Replays that operators request: once each, at a pace, and whatever dies.

use crate::app::{App, price_updated};
use crate::dead_letters::{StoredDeadLetter, store_dead_letters};
use crate::fixture::{Fixture, Running, consume, eventually, price};
use bus::{Outcome, dead};
use contracts::Event;
use contracts::operations::v1::{
    DeadLetterFilter, Operation, OperationState, ReplayOrder, ReplayReport,
};
use fault::{Common, Fault};
use pricing_api::v1::PriceDeleted;
use prost::Message;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Dead letters of good events, each about a price of its own.
fn dead_letters(count: usize) -> Vec<StoredDeadLetter> {
    let dead_letter = |_| {
        let event = price(Uuid::now_v7(), 1);
        StoredDeadLetter {
            key: event.key().to_owned(),
            payload: event.encode_to_vec(),
            ..StoredDeadLetter::default()
        }
    };
    (0..count).map(dead_letter).collect()
}

async fn request(fixture: &Fixture, filter: DeadLetterFilter, per_second: i32) -> Uuid {
    let last = dead::last(&fixture.bus, "search").await.unwrap().cast_signed();
    let order = &ReplayOrder { filter: Some(filter), per_second, last, ..ReplayOrder::default() };
    let asked =
        fixture.search.write("test.order", async move |tx| dead::request_replay(tx, order).await);
    asked.await.unwrap().id
}

async fn operation(fixture: &Fixture, id: Uuid) -> Operation {
    fixture.search.operation(dead::REPLAY, id).await.unwrap().message("search")
}

/// Waits for the end of a replay.
async fn ended(fixture: &Fixture, id: Uuid) -> (Operation, ReplayReport) {
    eventually("the replay ends", async || {
        let found = fixture.search.operation(dead::REPLAY, id).await;
        found.is_ok_and(|operation| !operation.is_running())
    })
    .await;
    let done = operation(fixture, id).await;
    assert_eq!(done.state(), OperationState::Succeeded, "{}", done.message);
    let report = ReplayReport::decode(done.result.as_ref().unwrap().value.as_slice()).unwrap();
    (done, report)
}

async fn left(fixture: &Fixture) -> u64 {
    dead::count(&fixture.bus, "search").await.unwrap()
}

/// Lets 15 seconds pass for leases.
async fn leases_end(fixture: &Fixture) {
    let over = "update operations set leased_until = leased_until - interval '15 seconds'
                returning 1::bigint as count";
    fixture.count(over).await;
}

async fn doubled(fixture: &Fixture) -> i64 {
    fixture
        .count("select count(*) from (select from seen group by key having count(*) > 1) as twice")
        .await
}

#[tokio::test]
async fn each_dead_letter_is_reported_and_only_one_that_fails_stays() {
    let fixture = Fixture::new().await;
    let mut all = dead_letters(6);
    all[1].reason = "UNDECODABLE";
    all[2].subject = PriceDeleted::SUBJECT;
    all[3].payload = vec![0xff];
    let refused = all[4].key.clone();
    let app = App::scripted(move |key, _| match key == refused {
        true => Err(Fault::new(Common::InvalidField, "not this one")),
        false => Ok(Outcome::Done),
    });
    store_dead_letters(&fixture, &all).await;
    let consumers = fixture.consumers().on(app, price_updated);
    let done_before = dead::list(&fixture.bus, "search", 5, 1).await.unwrap();
    let dead_letter = &done_before[0];
    consumers.replay(dead_letter).await.unwrap();
    store_dead_letters(
        &fixture,
        &[StoredDeadLetter {
            id: all[5].id,
            payload: all[5].payload.clone(),
            ..StoredDeadLetter::default()
        }],
    )
    .await;

    let filter = DeadLetterFilter { reason: "INTERNAL".into(), ..DeadLetterFilter::default() };
    let id = request(&fixture, filter, 1_000).await;
    // It did not exist when the replay was requested.
    store_dead_letters(&fixture, &dead_letters(1)).await;
    let running = consume(consumers);
    let (done, report) = ended(&fixture, id).await;
    let counts = [report.applied, report.duplicates, report.ignored, report.failed, report.kept];
    assert_eq!(counts, [1, 1, 1, 2, 0]);
    assert_eq!((done.done, done.total), (5, 5));
    let failures: Vec<(String, String)> =
        report.failures.into_iter().map(|failure| (failure.event_id, failure.reason)).collect();
    assert_eq!(
        failures,
        [
            (all[3].id.to_string(), "UNDECODABLE".to_owned()),
            (all[4].id.to_string(), "INVALID_FIELD".to_owned())
        ]
    );
    let stay: Vec<u64> = dead::list(&fixture.bus, "search", 0, 10)
        .await
        .unwrap()
        .iter()
        .map(|dead_letter| dead_letter.sequence)
        .collect();
    assert_eq!(stay, [2, 4, 5, 8]);
    assert_eq!((fixture.effects().await, doubled(&fixture).await), (2, 0));
    running.end().await;
}

#[tokio::test]
async fn a_replay_keeps_to_its_pace() {
    let fixture = Fixture::new().await;
    store_dead_letters(&fixture, &dead_letters(11)).await;
    let running = consume(fixture.consumers().on(App::new(), price_updated));
    let begun = Instant::now();
    let id = request(&fixture, DeadLetterFilter::default(), 5).await;
    eventually("it makes progress", async || fixture.effects().await > 0).await;
    let (_, report) = ended(&fixture, id).await;
    assert_eq!((report.applied, left(&fixture).await), (11, 0));
    // Ten pauses of a fifth of a second.
    assert!(begun.elapsed() >= Duration::from_secs(2), "{:?}", begun.elapsed());
    running.end().await;
}

#[tokio::test]
async fn a_replay_that_is_killed_half_way_loses_nothing_and_repeats_nothing() {
    let fixture = Fixture::new().await;
    store_dead_letters(&fixture, &dead_letters(90)).await;
    let process = || consume(fixture.consumers().on(App::new(), price_updated));
    let id = request(&fixture, DeadLetterFilter::default(), 50).await;
    for effects in [20, 50] {
        let running = process();
        eventually("it is half-way", async || fixture.effects().await >= effects).await;
        running.crash().await;
        let now = operation(&fixture, id).await;
        assert_eq!((now.state(), now.total), (OperationState::Running, 90));
        leases_end(&fixture).await;
    }
    // Two may take it up.
    let both = [process(), process()];
    let (done, report) = ended(&fixture, id).await;
    assert_eq!(
        (fixture.effects().await, doubled(&fixture).await, left(&fixture).await),
        (90, 0, 0)
    );
    // Those that a crashed process had no time to record are not counted.
    assert!((45..=90).contains(&done.done), "{done:?}");
    assert_eq!((report.failed, report.applied + report.duplicates), (0, done.done));
    for running in both {
        running.end().await;
    }
}

#[tokio::test]
async fn a_process_that_ends_in_order_leaves_the_rest_to_another_at_once() {
    let fixture = Fixture::new().await;
    store_dead_letters(&fixture, &dead_letters(40)).await;
    let process = || consume(fixture.consumers().on(App::new(), price_updated));
    let id = request(&fixture, DeadLetterFilter::default(), 20).await;
    let first = process();
    eventually("it is half-way", async || fixture.effects().await >= 10).await;
    first.end().await;
    let free = "select count(*) from operations where leased_until is null";
    assert_eq!(fixture.count(free).await, 1);
    let second = process();
    let (done, report) = ended(&fixture, id).await;
    assert_eq!((done.done, report.applied + report.duplicates), (40, 40));
    assert_eq!(
        (fixture.effects().await, doubled(&fixture).await, left(&fixture).await),
        (40, 0, 0)
    );
    second.end().await;
}

#[tokio::test]
async fn an_outage_fails_no_dead_letter() {
    let mut fixture = Fixture::new().await;
    store_dead_letters(&fixture, &dead_letters(120)).await;
    let running = consume(fixture.consumers().on(App::new(), price_updated));
    let id = request(&fixture, DeadLetterFilter::default(), 40).await;
    eventually("it makes progress", async || fixture.effects().await >= 20).await;
    fixture.allow_search_database(false).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    fixture.allow_search_database(true).await;
    eventually("it makes progress again", async || {
        fixture.search.operation(dead::REPLAY, id).await.is_ok_and(|o| o.done >= 60)
    })
    .await;
    fixture.nats.stop().await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    fixture.nats.restart().await.unwrap();
    let (done, report) = ended(&fixture, id).await;
    assert_eq!((report.failed, report.applied + report.duplicates), (0, 120));
    assert_eq!(done.done, 120);
    assert_eq!(
        (fixture.effects().await, doubled(&fixture).await, left(&fixture).await),
        (120, 0, 0)
    );
    running.end().await;
}

#[tokio::test]
async fn a_poison_event_does_not_kill_processes_for_ever() {
    let fixture = Fixture::new().await;
    let all = dead_letters(5);
    let (poison, tried) = (all[2].key.clone(), Arc::new(AtomicBool::new(false)));
    store_dead_letters(&fixture, &all).await;
    let process = || -> Running {
        let (poison, tried) = (poison.clone(), tried.clone());
        let app = App::scripted(move |key, _| {
            if key != poison {
                return Ok(Outcome::Done);
            }
            tried.store(true, Ordering::SeqCst);
            // The test kills the process before this is tried again.
            Err(Fault::unavailable("something", "it dies"))
        });
        consume(fixture.consumers().on(app, price_updated))
    };
    let id = request(&fixture, DeadLetterFilter::default(), 1_000).await;
    for _ in 0..4 {
        let running = process();
        eventually("it is tried", async || tried.swap(false, Ordering::SeqCst)).await;
        running.crash().await;
        leases_end(&fixture).await;
    }
    let running = process();
    let (_, report) = ended(&fixture, id).await;
    assert!(!tried.load(Ordering::SeqCst), "it is not tried again");
    assert_eq!((report.failed, report.failures[0].reason.as_str()), (1, "PROCESS_DIED"));
    assert_eq!(report.failures[0].event_id, all[2].id.to_string());
    assert_eq!((fixture.effects().await, left(&fixture).await), (4, 1));
    running.end().await;
}

#[tokio::test]
async fn a_replay_in_a_service_without_dead_letters_succeeds_at_once() {
    let fixture = Fixture::new().await;
    let id = request(&fixture, DeadLetterFilter::default(), 50).await;
    let (done, report) = ended(&fixture, id).await;
    assert_eq!((done.done, report), (0, ReplayReport::default()));
}
