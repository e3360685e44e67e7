use super::answer::refuse;
use super::forwarded::CallerKey;
use crate::auth::Identity;
use crate::config::RateLimit;
use axum::Extension;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
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

/// Refuses with RATE_LIMITED what a caller calls more often than the method's policy allows, and says with each answer how much is left.
/// A service is not limited: its calls are part of one that was, or its own work.
pub(super) async fn limit(
    State(limits): State<Option<Arc<Limits>>>,
    Extension(policy): Extension<&'static Policy>,
    Extension(identity): Extension<Identity>,
    Extension(caller): Extension<CallerKey>,
    request: Request,
    next: Next,
) -> Response {
    let limits = limits.filter(|_| !identity.is_service());
    let Some((limits, limit)) =
        limits.as_ref().and_then(|limits| Some((limits, *limits.limits.get(policy.path)?)))
    else {
        return next.run(request).await;
    };
    let decision = limits.limiter.take(policy.name, &caller.key, limit).await;
    let outcome = if decision.allowed { "allowed" } else { "refused" };
    let method = channel::measure::method(policy.path);
    metrics::counter!("rate_limit_decisions_total", "method" => method, "caller" => caller.kind, "outcome" => outcome)
        .increment(1);
    let mut response = if decision.allowed {
        next.run(request).await
    } else {
        refuse(limited(policy, limit, decision))
    };
    describe(response.headers_mut(), limit, decision);
    response
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

/// Says what the limit is, how many calls are left at once, and in how many seconds that is the whole burst again.
fn describe(headers: &mut HeaderMap, limit: Limit, decision: Decision) {
    let seconds = decision.reset.as_millis().div_ceil(1000);
    headers.insert("ratelimit-limit", HeaderValue::from(limit.per_minute));
    headers.insert("ratelimit-remaining", HeaderValue::from(decision.remaining));
    headers
        .insert("ratelimit-reset", HeaderValue::from(u64::try_from(seconds).unwrap_or(u64::MAX)));
}
