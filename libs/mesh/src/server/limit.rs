use super::forwarded::CallerKey;
use crate::auth::Identity;
use crate::config::RateLimit;
use cache::{Decision, Limit, Limiter};
use contracts::Policy;
use fault::{Common, Fault};
use http::{HeaderMap, HeaderValue};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// The limits of all methods, and what their callers have left.
pub(crate) struct Limits {
    limiter: Limiter,
    /// By the path of the method.
    limits: HashMap<&'static str, Limit>,
}

impl Limits {
    /// None where callers are not limited.
    pub(crate) fn open(config: &RateLimit, redis: Option<cache::Redis>) -> Option<Arc<Self>> {
        let limits = contracts::methods().iter().map(|policy| (policy.path, config.of(policy)));
        config.enabled.then(|| {
            Arc::new(Self {
                limiter: Limiter::new(redis, config.instances),
                limits: limits.collect(),
            })
        })
    }
}

/// What a caller has left of a method's limit.
pub(super) struct Quota {
    policy: &'static Policy,
    limit: Limit,
    decision: Decision,
}

impl Limits {
    /// Counts a call. A service is not limited: its calls are part of one that was, or its own work.
    pub(super) async fn take(
        &self,
        policy: &'static Policy,
        identity: &Identity,
        caller: &CallerKey,
    ) -> Option<Quota> {
        let limit = *self.limits.get(policy.path).filter(|_| !identity.is_service())?;
        let decision = self.limiter.take(policy.name, &caller.key, limit).await;
        let outcome = if decision.allowed { "allowed" } else { "refused" };
        let method = channel::measure::method(policy.path);
        metrics::counter!("rate_limit_decisions_total", "method" => method, "caller" => caller.kind, "outcome" => outcome)
            .increment(1);
        Some(Quota { policy, limit, decision })
    }
}

impl Quota {
    /// RATE_LIMITED for what a caller calls more often than the method's policy allows.
    pub(super) fn check(&self) -> Result<(), Fault> {
        match self.decision.allowed {
            true => Ok(()),
            false => Err(limited(self.policy, self.limit, self.decision)),
        }
    }

    /// Says what the limit is, how many calls are left at once, and in how many seconds that is the whole burst again.
    pub(super) fn describe(&self, headers: &mut HeaderMap) {
        let seconds = self.decision.reset.as_millis().div_ceil(1000);
        let seconds = u64::try_from(seconds).unwrap_or(u64::MAX);
        headers.insert("ratelimit-limit", HeaderValue::from(self.limit.per_minute));
        headers.insert("ratelimit-remaining", HeaderValue::from(self.decision.remaining));
        headers.insert("ratelimit-reset", HeaderValue::from(seconds));
    }
}

fn limited(policy: &Policy, limit: Limit, decision: Decision) -> Fault {
    let message = format!(
        "{} takes {} calls a minute of one caller, {} at once; wait for {} ms, then retry",
        policy.name,
        limit.per_minute,
        limit.burst,
        decision.retry_after.as_millis() + 1
    );
    // Rounded up, so that who waits for so long is not refused again.
    let pause = decision.retry_after + Duration::from_millis(1);
    Fault::new(Common::RateLimited, message).retry_after(pause)
}
