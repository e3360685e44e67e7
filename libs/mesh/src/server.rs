//! The only server stack: everything that happens to a call before its handler runs and after it has answered. Each layer is one
//! function of a file below; [`Stack::routes`] is the list of them.

mod admission;
pub(crate) mod answer;
mod authenticate;
mod content_type;
mod contract;
mod correlate;
mod deadline;
mod enter;
mod forwarded;
mod guard;
mod limit;
mod measure;
mod messages;
mod name;
mod open;
mod stream;
mod trace;

pub(crate) use deadline::arrived;
pub(crate) use limit::Limits;

use crate::Service;
use crate::auth::{Auth, USER_TOKEN};
use crate::config::{Config, Reflection, Server, Timeouts};
use admission::{Admission, Fairness};
use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use http::HeaderName;
use http::header::AUTHORIZATION;
use open::OpenStreams;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::task::TaskTracker;
use tonic::service::Routes;
use tower::ServiceBuilder;
use tower_http::sensitive_headers::SetSensitiveRequestHeadersLayer;

/// What the layers share. Each listener has its own, so that calls from outside cannot use up what calls from inside need.
pub(crate) struct Stack {
    auth: Auth,
    timeouts: Arc<Timeouts>,
    /// None: callers are not limited.
    limits: Option<Arc<Limits>>,
    trusted_proxies: usize,
    server: Server,
    fairness: Fairness,
    /// Calls in flight, answers still being sent included.
    pub(crate) calls: TaskTracker,
}

impl Stack {
    pub(crate) fn new(config: &Config, auth: Auth, limits: Option<Arc<Limits>>) -> Self {
        Self {
            auth,
            timeouts: Arc::new(config.timeouts.clone()),
            limits,
            trusted_proxies: config.rate_limit.trusted_proxies,
            server: config.server.clone(),
            fairness: Fairness::new(&config.server),
            calls: TaskTracker::new(),
        }
    }

    /// All services behind all layers. Those in `open`, health and reflection, take part in the outer layers only: they answer without a
    /// token and however busy the process is.
    pub(crate) fn routes(&self, open: Routes, services: &[Service]) -> Routes {
        let asks = self.server.reflection == Reflection::Scope;
        let asked = asks.then(|| self.auth.clone());
        let streams = OpenStreams::new(self.server.max_open_streams, asked);
        let mut router = open.into_axum_router().layer(from_fn_with_state(streams, open::bound));
        for service in services {
            router = router.merge(self.guarded(service));
        }
        let secrets = [AUTHORIZATION, HeaderName::from_static(USER_TOKEN)];
        let layers = ServiceBuilder::new()
            // Tokens are shown nowhere, whatever prints a request.
            .layer(SetSensitiveRequestHeadersLayer::new(secrets))
            // First, so that everything below is logged with the caller's id.
            .layer(from_fn(correlate::correlate))
            // Nothing below can answer what is not gRPC.
            .layer(from_fn(content_type::content_type))
            // Around the rest, so that every log line of the call carries both ids.
            .layer(from_fn(trace::trace))
            // Counts the answer as the caller sees it, so nothing below may be left out.
            .layer(from_fn(measure::measure))
            // tonic refuses some calls before any of our code runs; gives these a reason.
            .layer(from_fn(name::name))
            // A panic becomes an answer, which the layers above then treat like any other.
            .layer(from_fn(guard::guard));
        router.layer(layers).into()
    }

    fn guarded(&self, service: &Service) -> Router {
        let admission = Admission::new(&self.server, self.calls.clone());
        let idle = Duration::from_millis(self.server.stream_idle_ms);
        let layers = ServiceBuilder::new()
            // Looks up the method's policy in the contract for the layers below; a method that is not in the contract is not served.
            .layer(from_fn(contract::contract))
            // Before any work is spent on the call: refuses it while the service is at its limit of calls.
            .layer(from_fn_with_state(admission, admission::admit))
            // Before the signature is checked, which is work that must be bounded too.
            .layer(from_fn_with_state(Arc::clone(&self.timeouts), deadline::enforce))
            // Who calls. Needed by all that follows.
            .layer(from_fn_with_state(self.auth.clone(), authenticate::authenticate))
            // Whose limits the call counts towards, for the next two layers.
            .layer(from_fn_with_state(self.trusted_proxies, forwarded::caller))
            // Before all that is work for this caller.
            .layer(from_fn_with_state(self.limits.clone(), limit::limit))
            // Whether this caller may call this method.
            .layer(from_fn(authenticate::check_scopes))
            // Nobody has all slots, and nobody's unread answers fill the memory.
            .layer(from_fn_with_state(self.fairness.clone(), admission::share))
            // Nothing lasts for as long as its caller is silent.
            .layer(from_fn_with_state(idle, stream::stream))
            // After the caller is known: to look into a compressed message is work.
            .layer(from_fn_with_state(self.server.max_message_bytes, messages::messages))
            // Last: sets the caller and the deadline for the handler and its outgoing calls.
            .layer(from_fn(enter::enter));
        // The router that this one is merged into answers for unknown paths.
        service.routes.clone().into_axum_router().reset_fallback().layer(layers)
    }
}
