//! All instances together keep to one limit.

use crate::fixture::{Instance, LIMIT, allowed, caller, folder, refill};
use cache::{Limit, Limiter, Settings};
use redis::AsyncCommands;
use stack::Redis;
use std::time::{Duration, Instant};
use testbed::Servers;

#[tokio::test(flavor = "multi_thread")]
async fn two_instances_share_one_limit() {
    let url = Servers::up().await.redis_url;
    let (one, two) = (Instance::patient(&url).await, Instance::patient(&url).await);
    let caller = caller();
    let begun = Instant::now();
    let given = allowed(&[&one, &two], &caller, 1_000).await;
    let most = LIMIT.burst + refill(begun.elapsed());
    assert!((LIMIT.burst..=most).contains(&given), "{given} of {most}");

    // Another caller has a bucket of its own.
    assert!(two.allows(&caller[1..], LIMIT).await);
}

#[tokio::test]
async fn a_decision_says_what_is_left_and_when_to_come_again() {
    let url = Servers::up().await.redis_url;
    let timeout = Duration::from_secs(10);
    let settings = Settings {
        url: url.as_str().into(),
        prefix: String::new(),
        connect_timeout: timeout,
        command_timeout: timeout,
    };
    let redis = cache::Redis::open(&settings).unwrap();
    redis.probe().await.unwrap();
    let (limiter, caller) = (Limiter::new(Some(redis), 1), caller());
    let limit = Limit { per_minute: 1, burst: 2 };
    let minutes = |reset: Duration| (reset.as_secs_f64() / 60.0).ceil() as u32;

    let first = limiter.take("test", &caller, limit).await;
    assert_eq!((first.allowed, first.remaining, minutes(first.reset)), (true, 1, 1));
    let second = limiter.take("test", &caller, limit).await;
    assert_eq!((second.allowed, second.remaining, minutes(second.reset)), (true, 0, 2));
    let third = limiter.take("test", &caller, limit).await;
    assert_eq!((third.allowed, third.remaining, minutes(third.reset)), (false, 0, 2));
    assert_eq!(minutes(third.retry_after), 1);
}

#[tokio::test]
async fn for_a_hot_caller_redis_is_not_asked_each_time() {
    let redis = Redis::spawn_private(folder("hot")).await.unwrap();
    let instance = Instance::patient(&redis.url()).await;
    let limit = Limit { per_minute: 600_000, burst: 150_000 };
    for _ in 0..3_200 {
        assert!(instance.allows("hot", limit).await);
    }
    let asked = scripts(&redis.url()).await;
    assert!((100..400).contains(&asked), "{asked} scripts");

    // Who calls seldom takes no permits that it may not use.
    for n in 0..100 {
        assert!(instance.allows(&format!("cold {n}"), limit).await);
    }
    assert_eq!(scripts(&redis.url()).await, asked + 100);
}

/// How many scripts ran.
async fn scripts(url: &str) -> u64 {
    let client = redis::Client::open(url).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let info: String =
        redis::cmd("INFO").arg("commandstats").query_async(&mut connection).await.unwrap();
    let calls =
        |line: &str| line.strip_prefix("cmdstat_evalsha:calls=")?.split(',').next()?.parse().ok();
    info.lines().find_map(calls).unwrap_or_default()
}

#[tokio::test]
async fn a_bucket_leaves_nothing_behind_in_redis() {
    let url = Servers::up().await.redis_url;
    let instance = Instance::patient(&url).await;
    let caller = caller();
    let limit = Limit { per_minute: 60_000, burst: 100 };
    assert!(instance.allows(&caller, limit).await);

    let key = format!(
        "rate:test:{}",
        &kernel::digest::hex(&kernel::digest::sha256(caller.as_bytes()))[..32]
    );
    let client = redis::Client::open(url).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let begun = Instant::now();
    while connection.exists::<_, bool>(&key).await.unwrap() {
        assert!(begun.elapsed() < Duration::from_secs(5), "the key stays");
    }
}
