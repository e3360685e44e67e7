//! The way of one call: all checks before its handler runs, in their order, and what happens to its answer. What is done within a scope
//! is pinned where it is made, since it is large and would be copied into each.

use super::admission::{Admission, until_sent};
use super::answer::{code, refuse};
use super::deadline::Deadline;
use super::limit::Limits;
use super::messages::checked;
use super::stream::Moving;
use super::{authenticate, content_type, contract, correlate, forwarded, guard, name, trace};
use crate::auth::{Auth, Identity};
use crate::config::Timeouts;
use crate::listener::Open;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use channel::measure::Timed;
use contracts::Policy;
use fault::Fault;
use fault::context::{Context, current, scope};
use std::pin::pin;
use std::sync::Arc;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

/// Every call, those of health and reflection too: ids, log and metrics, and an answer that names its reason whatever happens.
pub(super) async fn any(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let mut context = correlate::context(path, request.headers());
    let id = context.correlation_id.clone();
    let mut response = match content_type::refused(request.headers()) {
        Some(refused) => refused,
        None => {
            // Every log line of the call carries both ids.
            let span = trace::open(path, &mut context);
            let work = pin!(named(request, next));
            scope(context, work).instrument(span).await
        }
    };
    correlate::answer(response.headers_mut(), &id);
    response
}

/// Counts the answer as the caller sees it, with a reason for what panics and for what tonic refuses before any of our code runs.
async fn named(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let timed = Timed::begin("rpc_server_call_duration_seconds", path);
    let is_open = path.starts_with("/grpc.health.") || path.starts_with("/grpc.reflection.");
    let method = channel::measure::method(path);
    let mut response = guard::guard(method, next.run(request)).await;
    if !is_open {
        response = name::name(response);
    }
    timed.end(code(response.headers()));
    response
}

/// The checks that all calls of one service pass.
pub(super) struct Checks {
    pub(super) auth: Auth,
    pub(super) timeouts: Arc<Timeouts>,
    pub(super) trusted_proxies: usize,
    /// None: callers are not limited.
    pub(super) limits: Option<Arc<Limits>>,
    pub(super) admission: Admission,
    pub(super) moving: Moving,
    pub(super) max_message_bytes: usize,
    /// What is in flight.
    pub(super) calls: TaskTracker,
}

/// A call of a service.
pub(super) async fn of_service(
    State(checks): State<Arc<Checks>>,
    request: Request,
    next: Next,
) -> Response {
    checks.admitted(request, next).await.unwrap_or_else(refuse)
}

impl Checks {
    async fn admitted(&self, request: Request, next: Next) -> Result<Response, Fault> {
        let policy = contract::policy(request.uri().path())?;
        // Before any work is spent on it: to check a signature is work that must be bounded too.
        let admitted = self.admission.admit(policy)?;
        let in_flight = self.calls.token();
        let deadline = Deadline::of(&self.timeouts, policy, &request)?;
        let work = pin!(self.known(policy, deadline, request, next));
        let response = deadline.enforce(policy, work).await.unwrap_or_else(refuse);
        drop(admitted);
        Ok(until_sent(response, in_flight))
    }

    /// Finds out who calls, and whether again so soon.
    async fn known(
        &self,
        policy: &'static Policy,
        deadline: Deadline,
        request: Request,
        next: Next,
    ) -> Result<Response, Fault> {
        let (headers, open) = (request.headers(), request.extensions().get::<Arc<Open>>());
        let open = open.map(Arc::as_ref);
        let identity = authenticate::authenticate(&self.auth, policy, headers, open).await?;
        let caller = forwarded::caller(self.trusted_proxies, &identity, &request);
        let quota = match &self.limits {
            Some(limits) => limits.take(policy, &identity, &caller).await,
            None => None,
        };
        let allowed = async {
            quota.as_ref().map_or(Ok(()), |quota| quota.check())?;
            identity.require(policy.scopes)?;
            // Nobody has all slots, and nobody's unread answers fill the memory.
            let share = self.admission.begin(policy, &identity, &caller)?;
            let work = pin!(self.handled(policy, deadline, identity, request, next));
            share.answer(policy, deadline.at, work).await
        };
        let answer = allowed.await;
        let Some(quota) = &quota else { return answer };
        let mut response = answer.unwrap_or_else(refuse);
        quota.describe(response.headers_mut());
        Ok(response)
    }

    /// Runs the handler in the context that its database, its outbox and its outgoing calls read.
    async fn handled(
        &self,
        policy: &Policy,
        deadline: Deadline,
        identity: Identity,
        request: Request,
        next: Next,
    ) -> Response {
        let (deadline, caller) = (Some(deadline.at), identity.caller);
        let context = Context { deadline, caller, ..Context::clone(&current()) };
        if policy.unary() {
            // After the caller is known: to look into a compressed message is work.
            let request = checked(policy, self.max_message_bytes, request);
            return scope(context, next.run(request)).await;
        }
        // Nothing lasts for as long as its caller is silent.
        let request = checked(policy, self.max_message_bytes, self.moving.request(request));
        self.moving.response(scope(context, next.run(request)).await)
    }
}
