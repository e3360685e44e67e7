//! Redis may be killed, frozen or flushed: calls go on, and nobody gets much more than the limit.

use crate::fixture::{Instance, LIMIT, allowed, folder, refill};
use stack::{Private, Redis};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// How soon instances share a limit again after Redis answers.
const BACK: Duration = Duration::from_secs(5);

/// Calls both instances, far more often than the limit allows, until the end; returns how many calls were allowed, and for how long
/// one instance gave its share beside the shared limit that the other one kept.
async fn load(instances: [&Instance; 2], ended: &AtomicBool) -> (u32, Duration) {
    let (mut given, mut apart) = (0, Duration::ZERO);
    while !ended.load(Ordering::Relaxed) {
        let begun = Instant::now();
        given += allowed(&instances, "caller", 10).await;
        sleep(Duration::from_millis(1)).await;
        if instances[0].redis.is_up() != instances[1].redis.is_up() {
            apart += begun.elapsed();
        }
    }
    (given, apart)
}

/// Takes Redis away under load and gives it back; nobody gets more than a quarter of a minute's calls too many.
async fn survive(
    mut redis: Private<Redis>,
    away: impl AsyncFn(&mut Private<Redis>),
    back: impl AsyncFn(&mut Private<Redis>),
) {
    let url = redis.url();
    let (one, two) = (Instance::usual(&url).await, Instance::usual(&url).await);
    let ended = AtomicBool::new(false);
    let begun = Instant::now();
    let events = async {
        // The burst is used up by then.
        sleep(Duration::from_secs(1)).await;
        away(&mut redis).await;
        one.until(false).await;
        two.until(false).await;
        sleep(Duration::from_secs(3)).await;
        back(&mut redis).await;
        let (first, second) = tokio::join!(one.until(true), two.until(true));
        assert!(first.max(second) < BACK, "{first:?}, {second:?}");
        sleep(Duration::from_secs(1)).await;
        ended.store(true, Ordering::Relaxed);
    };
    let ((given, apart), ()) = tokio::join!(load([&one, &two], &ended), events);
    let due = LIMIT.burst + refill(begun.elapsed());
    assert!(given <= due + LIMIT.per_minute / 4 + refill(apart), "{given} instead of {due}");
    // Who may call is not locked out either.
    assert!(given >= due / 2, "{given} instead of {due}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_redis_costs_no_call_and_gives_little_away() {
    let redis = Redis::spawn_private(folder("killed")).await.unwrap();
    let away = async |redis: &mut Private<Redis>| redis.kill().await.unwrap();
    let back = async |redis: &mut Private<Redis>| redis.restart().await.unwrap();
    survive(redis, away, back).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_redis_costs_no_call_and_gives_little_away() {
    let redis = Redis::spawn_private(folder("frozen")).await.unwrap();
    let away = async |redis: &mut Private<Redis>| redis.freeze().unwrap();
    let back = async |redis: &mut Private<Redis>| redis.thaw().unwrap();
    survive(redis, away, back).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_redis_is_waited_for_once() {
    let redis = Redis::spawn_private(folder("waited")).await.unwrap();
    let instance = Instance::usual(&redis.url()).await;
    redis.freeze().unwrap();
    let begun = Instant::now();
    // Calls of different callers wait together.
    let callers: Vec<String> = (0..100).map(|n| n.to_string()).collect();
    let calls = callers.iter().map(|caller| instance.allows(caller, LIMIT));
    assert!(futures::future::join_all(calls).await.iter().all(|allowed| *allowed));
    assert!(!instance.redis.is_up());
    for caller in &callers {
        instance.allows(caller, LIMIT).await;
    }
    assert!(begun.elapsed() < Duration::from_millis(400), "{:?}", begun.elapsed());
    redis.thaw().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flushed_redis_gives_one_more_burst_at_most() {
    let redis = Redis::spawn_private(folder("flushed")).await.unwrap();
    let url = redis.url();
    let (one, two) = (Instance::patient(&url).await, Instance::patient(&url).await);
    let begun = Instant::now();
    let first = allowed(&[&one, &two], "caller", 1_000).await;
    assert!(first >= LIMIT.burst);

    flush(&url).await;
    // Within the time in which a permit comes back, they refuse without asking Redis.
    sleep(Duration::from_millis(200)).await;
    // Those who remember the caller give it nothing anew, also where Redis remembers nothing.
    let again = allowed(&[&one, &two], "caller", 1_000).await;
    let most = LIMIT.burst + refill(begun.elapsed());
    assert!(first + again <= most, "{first} and {again} of {most}");

    flush(&url).await;
    let new = Instance::patient(&url).await;
    let anew = allowed(&[&new, &one, &two], "caller", 1_500).await;
    let most = 2 * LIMIT.burst + refill(begun.elapsed());
    assert!(first + again + anew <= most, "{first}, {again}, {anew} of {most}");
}

async fn flush(url: &str) {
    let client = redis::Client::open(url).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    redis::cmd("FLUSHALL").exec_async(&mut connection).await.unwrap();
}
