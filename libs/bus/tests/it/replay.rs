//! Replays that operators ask for: once each, at a pace, and whatever dies.

use crate::app::{App, price_updated};
use crate::letters::{Put, put};
use crate::world::{Running, World, eventually, listen, price};
use bus::{Outcome, dead};
use contracts::Event;
use contracts::operations::v1::{
    DeadLetterFilter, Operation, OperationState, ReplayOrder, ReplayReport,
};
use contracts::pricing::v1::PriceDeleted;
use fault::{Common, Fault};
use prost::Message;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Letters of good events, each about a price of its own.
fn letters(count: usize) -> Vec<Put> {
    let letter = |_| {
        let event = price(Uuid::now_v7(), 1);
        Put { key: event.key().to_owned(), payload: event.encode_to_vec(), ..Put::default() }
    };
    (0..count).map(letter).collect()
}

async fn ask(world: &World, filter: DeadLetterFilter, per_second: i32) -> Uuid {
    let last = dead::last(&world.bus, "search").await.unwrap().cast_signed();
    let order = &ReplayOrder { filter: Some(filter), per_second, last, ..ReplayOrder::default() };
    let asked = world.search.write("test.order", async move |tx| dead::order(tx, order).await);
    asked.await.unwrap().id
}

async fn operation(world: &World, id: Uuid) -> Operation {
    world.search.operation(dead::REPLAY, id).await.unwrap().message("search")
}

/// Waits for the end of a replay.
async fn ended(world: &World, id: Uuid) -> (Operation, ReplayReport) {
    eventually("the replay ends", async || {
        let found = world.search.operation(dead::REPLAY, id).await;
        found.is_ok_and(|operation| !operation.is_running())
    })
    .await;
    let done = operation(world, id).await;
    assert_eq!(done.state(), OperationState::Succeeded, "{}", done.message);
    let report = ReplayReport::decode(done.result.as_ref().unwrap().value.as_slice()).unwrap();
    (done, report)
}

async fn left(world: &World) -> u64 {
    dead::count(&world.bus, "search").await.unwrap()
}

/// What 15 seconds do.
async fn leases_end(world: &World) {
    let over = "update operations set leased_until = leased_until - interval '15 seconds'
                returning 1::bigint as count";
    world.count(over).await;
}

async fn twice(world: &World) -> i64 {
    world
        .count("select count(*) from (select from seen group by key having count(*) > 1) as twice")
        .await
}

#[tokio::test]
async fn each_letter_is_reported_and_only_one_that_fails_stays() {
    let world = World::new().await;
    let mut all = letters(6);
    all[1].reason = "UNDECODABLE";
    all[2].subject = PriceDeleted::SUBJECT;
    all[3].payload = vec![0xff];
    let refused = all[4].key.clone();
    let app = App::scripted(move |key, _| match key == refused {
        true => Err(Fault::new(Common::InvalidField, "not this one")),
        false => Ok(Outcome::Done),
    });
    put(&world, &all).await;
    let consumers = world.consumers().on(app, price_updated);
    let done_before = dead::list(&world.bus, "search", 5, 1).await.unwrap();
    let letter = &done_before[0];
    consumers.replay(letter).await.unwrap();
    put(&world, &[Put { id: all[5].id, payload: all[5].payload.clone(), ..Put::default() }]).await;

    let filter = DeadLetterFilter { reason: "INTERNAL".into(), ..DeadLetterFilter::default() };
    let id = ask(&world, filter, 1_000).await;
    // It was not there when the replay was asked for.
    put(&world, &letters(1)).await;
    let running = listen(consumers);
    let (done, report) = ended(&world, id).await;
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
    let stay: Vec<u64> = dead::list(&world.bus, "search", 0, 10)
        .await
        .unwrap()
        .iter()
        .map(|letter| letter.sequence)
        .collect();
    assert_eq!(stay, [2, 4, 5, 8]);
    assert_eq!((world.effects().await, twice(&world).await), (2, 0));
    running.end().await;
}

#[tokio::test]
async fn a_replay_keeps_to_its_pace() {
    let world = World::new().await;
    put(&world, &letters(11)).await;
    let running = listen(world.consumers().on(App::new(), price_updated));
    let begun = Instant::now();
    let id = ask(&world, DeadLetterFilter::default(), 5).await;
    eventually("it gets on", async || world.effects().await > 0).await;
    let (_, report) = ended(&world, id).await;
    assert_eq!((report.applied, left(&world).await), (11, 0));
    // Ten pauses of a fifth of a second.
    assert!(begun.elapsed() >= Duration::from_secs(2), "{:?}", begun.elapsed());
    running.end().await;
}

#[tokio::test]
async fn a_replay_that_is_killed_half_way_loses_nothing_and_repeats_nothing() {
    let world = World::new().await;
    put(&world, &letters(90)).await;
    let process = || listen(world.consumers().on(App::new(), price_updated));
    let id = ask(&world, DeadLetterFilter::default(), 50).await;
    for effects in [20, 50] {
        let running = process();
        eventually("it is half-way", async || world.effects().await >= effects).await;
        running.crash().await;
        let now = operation(&world, id).await;
        assert_eq!((now.state(), now.total), (OperationState::Running, 90));
        leases_end(&world).await;
    }
    // Two may take it up.
    let both = [process(), process()];
    let (done, report) = ended(&world, id).await;
    assert_eq!((world.effects().await, twice(&world).await, left(&world).await), (90, 0, 0));
    // Those of a crashed process that it had no time to note are in nobody's count.
    assert!((45..=90).contains(&done.done), "{done:?}");
    assert_eq!((report.failed, report.applied + report.duplicates), (0, done.done));
    for running in both {
        running.end().await;
    }
}

#[tokio::test]
async fn a_process_that_ends_in_order_leaves_the_rest_to_another_at_once() {
    let world = World::new().await;
    put(&world, &letters(40)).await;
    let process = || listen(world.consumers().on(App::new(), price_updated));
    let id = ask(&world, DeadLetterFilter::default(), 20).await;
    let first = process();
    eventually("it is half-way", async || world.effects().await >= 10).await;
    first.end().await;
    let free = "select count(*) from operations where leased_until is null";
    assert_eq!(world.count(free).await, 1);
    let second = process();
    let (done, report) = ended(&world, id).await;
    assert_eq!((done.done, report.applied + report.duplicates), (40, 40));
    assert_eq!((world.effects().await, twice(&world).await, left(&world).await), (40, 0, 0));
    second.end().await;
}

#[tokio::test]
async fn an_outage_fails_no_letter() {
    let mut world = World::new().await;
    put(&world, &letters(120)).await;
    let running = listen(world.consumers().on(App::new(), price_updated));
    let id = ask(&world, DeadLetterFilter::default(), 40).await;
    eventually("it gets on", async || world.effects().await >= 20).await;
    world.database_of_search(false).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    world.database_of_search(true).await;
    eventually("it gets on again", async || {
        world.search.operation(dead::REPLAY, id).await.is_ok_and(|o| o.done >= 60)
    })
    .await;
    world.nats.stop().await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    world.nats.restart().await.unwrap();
    let (done, report) = ended(&world, id).await;
    assert_eq!((report.failed, report.applied + report.duplicates), (0, 120));
    assert_eq!(done.done, 120);
    assert_eq!((world.effects().await, twice(&world).await, left(&world).await), (120, 0, 0));
    running.end().await;
}

#[tokio::test]
async fn a_letter_that_kills_does_not_do_so_for_ever() {
    let world = World::new().await;
    let all = letters(5);
    let (deadly, tried) = (all[2].key.clone(), Arc::new(AtomicBool::new(false)));
    put(&world, &all).await;
    let process = || -> Running {
        let (deadly, tried) = (deadly.clone(), tried.clone());
        let app = App::scripted(move |key, _| {
            if key != deadly {
                return Ok(Outcome::Done);
            }
            tried.store(true, Ordering::SeqCst);
            // The test kills the process before this is tried again.
            Err(Fault::unavailable("something", "it dies"))
        });
        listen(world.consumers().on(app, price_updated))
    };
    let id = ask(&world, DeadLetterFilter::default(), 1_000).await;
    for _ in 0..4 {
        let running = process();
        eventually("it is tried", async || tried.swap(false, Ordering::SeqCst)).await;
        running.crash().await;
        leases_end(&world).await;
    }
    let running = process();
    let (_, report) = ended(&world, id).await;
    assert!(!tried.load(Ordering::SeqCst), "it is not tried again");
    assert_eq!((report.failed, report.failures[0].reason.as_str()), (1, "PROCESS_DIED"));
    assert_eq!(report.failures[0].event_id, all[2].id.to_string());
    assert_eq!((world.effects().await, left(&world).await), (4, 1));
    running.end().await;
}

#[tokio::test]
async fn where_nobody_ever_listened_there_is_nothing_to_wait_for() {
    let world = World::new().await;
    let id = ask(&world, DeadLetterFilter::default(), 50).await;
    let (done, report) = ended(&world, id).await;
    assert_eq!((done.done, report), (0, ReplayReport::default()));
}
