use super::answer::refuse;
use super::forwarded;
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
use tonic::transport::server::TcpConnectInfo;

/// The limits of all methods, and what their callers have left.
pub(crate) struct Limits {
    limiter: Limiter,
    /// By the path of the method.
    limits: HashMap<&'static str, Limit>,
    trusted_proxies: usize,
}

impl Limits {
    /// None where callers are not limited.
    pub(crate) fn open(config: &RateLimit, redis: Option<cache::Redis>) -> Option<Arc<Self>> {
        let limits = contracts::methods().iter().map(|policy| (policy.path, config.of(policy)));
        config.enabled.then(|| {
            Arc::new(Self {
                limiter: Limiter::new(redis, config.instances),
                limits: limits.collect(),
                trusted_proxies: config.trusted_proxies,
            })
        })
    }

    /// Who called: the subject of the token, else an address.
    fn caller(&self, identity: &Identity, request: &Request) -> (&'static str, String) {
        if identity.token.is_some() {
            return ("subject", identity.caller.subject.clone());
        }
        let peer = request.extensions().get::<TcpConnectInfo>().and_then(|peer| peer.remote_addr());
        let address =
            forwarded::address(peer.map(|peer| peer.ip()), request.headers(), self.trusted_proxies);
        ("address", address)
    }
}

/// Refuses with RATE_LIMITED what a caller calls more often than the method's policy allows, and says with each answer how much is left.
/// A service is not limited: its calls are part of one that was, or its own work.
pub(super) async fn limit(
    State(limits): State<Option<Arc<Limits>>>,
    Extension(policy): Extension<&'static Policy>,
    Extension(identity): Extension<Identity>,
    request: Request,
    next: Next,
) -> Response {
    let limits = limits.filter(|_| !identity.is_service());
    let Some((limits, limit)) =
        limits.as_ref().and_then(|limits| Some((limits, *limits.limits.get(policy.path)?)))
    else {
        return next.run(request).await;
    };
    let (kind, caller) = limits.caller(&identity, &request);
    // Kinds are kept apart: a subject may look like an address.
    let decision = limits.limiter.take(policy.name, &format!("{kind} {caller}"), limit).await;
    let outcome = if decision.allowed { "allowed" } else { "refused" };
    let method = crate::measure::method(policy.path);
    metrics::counter!("rate_limit_decisions_total", "method" => method, "caller" => kind, "outcome" => outcome)
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
