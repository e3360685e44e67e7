use cache::{Limit, Limiter, Redis, Settings};
use futures::future::join_all;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// Twenty calls a second.
pub const LIMIT: Limit = Limit { per_minute: 1_200, burst: 300 };

/// An instance: its own connection, and what it remembers.
pub struct Instance {
    pub redis: Redis,
    limiter: Limiter,
    probing: JoinHandle<()>,
}

impl Instance {
    /// One of two that waits for Redis for as long as the tests' machine needs.
    pub async fn patient(url: &str) -> Self {
        Self::start(url, Duration::from_secs(10)).await
    }

    /// One of two with the timeout that services have by default.
    pub async fn usual(url: &str) -> Self {
        Self::start(url, Duration::from_millis(40)).await
    }

    async fn start(url: &str, command_timeout: Duration) -> Self {
        let connect_timeout = Duration::from_secs(1);
        let settings =
            Settings { url: url.into(), prefix: String::new(), connect_timeout, command_timeout };
        let redis = Redis::open(&settings).unwrap();
        let probing = tokio::spawn(redis.clone().keep_probing());
        let instance = Self { limiter: Limiter::new(Some(redis.clone()), 2), redis, probing };
        instance.until(true).await;
        instance
    }

    pub async fn allows(&self, caller: &str, limit: Limit) -> bool {
        self.limiter.take("test", caller, limit).await.allowed
    }

    /// Waits until Redis is used, or is not; returns how long that took.
    pub async fn until(&self, up: bool) -> Duration {
        let begun = Instant::now();
        while self.redis.is_up() != up {
            assert!(begun.elapsed() < Duration::from_secs(30), "is_up() stays {}", !up);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        begun.elapsed()
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.probing.abort();
    }
}

/// How many of so many calls at once are allowed, each instance being called in turn.
pub async fn allowed(instances: &[&Instance], caller: &str, calls: usize) -> u32 {
    let calls = (0..calls).map(|n| instances[n % instances.len()].allows(caller, LIMIT));
    let answers = join_all(calls).await;
    u32::try_from(answers.iter().filter(|allowed| **allowed).count()).unwrap()
}

/// What comes back within this time, rounded up.
pub fn refill(time: Duration) -> u32 {
    (time.as_secs_f64() * f64::from(LIMIT.per_minute) / 60.0).ceil() as u32
}

/// A caller that no other test knows, since all share a Redis.
pub fn caller() -> String {
    uuid::Uuid::now_v7().to_string()
}

/// A folder of one test's own Redis.
pub fn folder(test: &str) -> PathBuf {
    testbed::folder().join("cache").join(test)
}
