use crate::alone::Alone;
use crate::bucket::Bucket;
use crate::connection::Redis;
use crate::decision::{Decision, Limit};
use crate::shared;
use kernel::digest::{hex, sha256};
use moka::future::Cache;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// Callers and methods that an instance remembers.
const MAX_BUCKETS: u64 = 100_000;
/// How long it does: until every bucket is full again.
const IDLE: Duration = Duration::from_secs(60);

/// Limits the calls of each caller to each method, over all instances together by a bucket in Redis. While Redis is away each instance
/// gives its share.
pub struct Limiter {
    redis: Option<Redis>,
    alone: Alone,
    buckets: Cache<String, Arc<Mutex<Bucket>>>,
}

impl Limiter {
    /// One of so many instances. Without a Redis each always gives its share.
    pub fn new(redis: Option<Redis>, instances: u32) -> Self {
        if redis.is_none() {
            metrics::gauge!("rate_limit_local").set(1.0);
        }
        let buckets = Cache::builder().max_capacity(MAX_BUCKETS).time_to_idle(IDLE).build();
        Self { redis, alone: Alone::new(instances), buckets }
    }

    /// Decides about one call.
    pub async fn take(&self, method: &str, caller: &str, limit: Limit) -> Decision {
        // Who calls is nobody's business who looks into Redis.
        let digest = sha256(caller.as_bytes());
        let key = format!("rate:{method}:{}", hex(&digest[..16]));
        let bucket = self.buckets.get_with_by_ref(&key, async { Arc::new(Bucket::full().into()) });
        let bucket = bucket.await;
        // Held while Redis is asked, so that calls of the same moment share a run of permits.
        let mut bucket = bucket.lock().await;
        let now = Instant::now();
        if let Some(known) = bucket.known(now) {
            return known;
        }
        if let Some(redis) = &self.redis {
            let ask = bucket.ask(now, limit);
            if let Some(answer) = shared::take(redis, &key, limit, ask).await {
                return bucket.answered(now, &answer);
            }
        }
        bucket.alone(Instant::now(), self.alone.take(&key, limit))
    }
}
