//! The bucket that all instances share: one atomic script in Redis.

use crate::connection::Redis;
use crate::decision::Limit;
use redis::Script;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

static GCRA: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("gcra.lua")));

/// What an instance asks the shared bucket.
pub(crate) struct Ask {
    /// Permits that it wants.
    pub(crate) wanted: u32,
    /// Time until the bucket is full, as the instance knows it.
    pub(crate) known: Duration,
    /// Whether the instance gave permits that the shared bucket does not know of.
    pub(crate) alone: bool,
}

/// What the shared bucket answered.
pub(crate) struct Answer {
    /// Permits that the instance was given.
    pub(crate) taken: u32,
    /// Permits that are left.
    pub(crate) free: u32,
    /// Time until there is one.
    pub(crate) pause: Duration,
    /// Time until the bucket is full.
    pub(crate) reset: Duration,
}

/// Takes permits; none while Redis does not answer.
pub(crate) async fn take(redis: &Redis, key: &str, limit: Limit, ask: Ask) -> Option<Answer> {
    let begun = Instant::now();
    let mut script = GCRA.key(redis.key(key));
    script.arg(limit.interval().as_secs_f64() * 1e6).arg(limit.burst).arg(ask.wanted);
    script.arg(micros(ask.known)).arg(u8::from(ask.alone));
    let (taken, free, pause, reset) = redis.run::<(u32, u32, u64, u64)>(&script).await?;
    metrics::histogram!("rate_limit_script_seconds").record(begun.elapsed());
    let [pause, reset] = [pause, reset].map(Duration::from_micros);
    Some(Answer { taken, free, pause, reset })
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
