//! How long a commit takes to the stream, and to its effect. The limits only catch what is broken: machines differ.

use crate::app::{App, price_updated};
use crate::fixture::{Fixture, commit_events, consume, eventually, price, prices};
use futures::StreamExt;
use std::time::{Duration, Instant};
use uuid::Uuid;

const ROUNDS: usize = 200;

fn percentiles(what: &str, mut times: Vec<Duration>) -> Duration {
    times.sort();
    let at = |percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)];
    println!("{what}: p50 {:?} p95 {:?} p99 {:?}", at(50), at(95), at(99));
    at(95)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_reaches_stream_and_effect_in_milliseconds() {
    let fixture = Fixture::new().await;
    let relay = fixture.relay();
    let consumers = consume(fixture.consumers().on(App::new(), price_updated));
    fixture.commit_events(&prices(1)).await;
    eventually("all runs", async || fixture.effects().await == 1).await;

    let mut published = fixture.bus.client().subscribe("pricing.>").await.unwrap();
    fixture.bus.client().flush().await.unwrap();
    let mut streamed = Vec::new();
    for _ in 0..ROUNDS {
        fixture.commit_events(&[price(Uuid::now_v7(), 1)]).await;
        let begun = Instant::now();
        published.next().await.unwrap();
        streamed.push(begun.elapsed());
    }
    let streamed = percentiles("commit to broker", streamed);

    let mut effects = Vec::new();
    for round in 0..ROUNDS {
        eventually("quiet", async || {
            fixture.effects().await == i64::try_from(ROUNDS + 1 + round).unwrap()
        })
        .await;
        commit_events(&fixture.pricing, &[price(Uuid::now_v7(), 1)]).await;
        let begun = Instant::now();
        while fixture.effects().await < i64::try_from(ROUNDS + 2 + round).unwrap() {
            assert!(begun.elapsed() < Duration::from_secs(60), "an effect is missing");
        }
        effects.push(begun.elapsed());
    }
    let effects = percentiles("commit to effect", effects);
    assert!(streamed < Duration::from_millis(250) && effects < Duration::from_millis(500));
    relay.end().await;
    consumers.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backlog_is_worked_off_quickly() {
    let fixture = Fixture::new().await;
    for _ in 0..10 {
        fixture.commit_events(&prices(1000)).await;
    }
    let begun = Instant::now();
    let relay = fixture.relay();
    eventually("all is published", async || fixture.all_published().await).await;
    println!("10,000 events published in {:?}", begun.elapsed());
    let begun = Instant::now();
    let consumers = consume(fixture.consumers().on(App::new(), price_updated));
    eventually("all have effects", async || fixture.effects().await == 10_000).await;
    println!("10,000 events handled in {:?}", begun.elapsed());
    relay.end().await;
    consumers.end().await;
}
