//! Replicas that are killed while they are called.

use crate::names::Names;
use crate::replica::{Replica, Shop, get_price, set_price};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval};

const CALLS_PER_SECOND: u64 = 300;

/// How long calls are made; every sixth of it a replica is killed. `./dev channel` runs it for 30 s.
fn duration() -> Duration {
    let seconds = std::env::var("SOUK_CHANNEL_SECONDS").map(|seconds| seconds.parse().unwrap());
    Duration::from_secs(seconds.unwrap_or(9))
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_replicas_fail_no_call_and_nothing_is_done_twice() {
    let shop = Arc::new(Shop::default());
    let mut replicas: Vec<_> = (0..3).map(|_| Replica::start(&shop)).collect();
    for replica in &replicas {
        // So that some calls are always under way.
        replica.manner.answer_after(Duration::from_millis(20));
    }
    let pricing = Names::new(replicas.iter().map(|replica| replica.address)).client("kill");
    let (begun, all) = (Instant::now(), duration());
    let kills = tokio::spawn(async move {
        // Each is back before the next one is killed.
        let mut halves = interval(all / 12);
        halves.tick().await;
        for turn in 0..5 {
            let replica = &mut replicas[turn % 3];
            halves.tick().await;
            replica.kill();
            halves.tick().await;
            let mut tries = interval(Duration::from_millis(10));
            while !replica.restart() {
                tries.tick().await;
            }
        }
        replicas
    });

    let mut pace = interval(Duration::from_secs(1) / CALLS_PER_SECOND as u32);
    let (mut calls, mut sets) = (JoinSet::new(), 0);
    while begun.elapsed() < all {
        pace.tick().await;
        let mut pricing = pricing.clone();
        if calls.len() % 2 == 0 {
            calls.spawn(async move { pricing.get_price(get_price("LAMP")).await.map(drop) });
        } else {
            sets += 1;
            let request = set_price(&format!("LAMP-{sets}"));
            calls.spawn(async move { pricing.set_price(request).await.map(drop) });
        }
    }
    let outcomes = calls.join_all().await;
    let failed: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).collect();
    assert!(failed.is_empty(), "{} of {} failed: {:?}", failed.len(), outcomes.len(), failed[0]);

    {
        let effects = shop.effects.lock().unwrap();
        assert_eq!(effects.len(), sets);
        assert!(effects.values().all(|times| *times == 1), "{effects:?}");
    }
    let replayed = shop.replayed.load(Ordering::SeqCst);
    assert!(replayed > 0, "no call was cut off after it had an effect: the test shows nothing");
    drop(kills.await.unwrap());
}
