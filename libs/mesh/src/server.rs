//! The only server stack: everything that happens to a call before its handler runs and after it has answered. `call.rs` has its steps in
//! their order, each of which is a file below.

mod admission;
pub(crate) mod answer;
mod authenticate;
mod call;
mod content_type;
mod contract;
mod correlate;
mod deadline;
mod forwarded;
mod guard;
mod limit;
mod messages;
mod name;
mod open;
mod stream;
mod trace;

pub(crate) use deadline::arrived;
pub(crate) use forwarded::address;
pub(crate) use limit::Limits;

use crate::Service;
use crate::auth::{Auth, USER_TOKEN};
use crate::config::{Config, Reflection, Server, Timeouts};
use admission::{Admission, Fairness};
use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use call::Checks;
use http::HeaderName;
use http::header::AUTHORIZATION;
use open::OpenStreams;
use std::sync::Arc;
use std::time::Duration;
use stream::Moving;
use tokio_util::task::TaskTracker;
use tonic::service::Routes;
use tower_http::sensitive_headers::SetSensitiveRequestHeadersLayer;

/// What the checks share. Each listener has its own, so that calls from outside cannot use up what calls from inside need.
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

    /// All services behind all checks. Those in `open`, health and reflection, answer without a token and however busy the process is.
    pub(crate) fn routes(&self, open: Routes, services: &[Service]) -> Routes {
        let asks = self.server.reflection == Reflection::Scope;
        let asked = asks.then(|| self.auth.clone());
        let streams = OpenStreams::new(self.server.max_open_streams, asked);
        let mut router = open.into_axum_router().layer(from_fn_with_state(streams, open::bound));
        for service in services {
            router = router.merge(self.checked(service));
        }
        // Tokens are shown nowhere, whatever prints a request.
        let secrets = [AUTHORIZATION, HeaderName::from_static(USER_TOKEN)];
        let hidden = SetSensitiveRequestHeadersLayer::new(secrets);
        router.layer(from_fn(call::any)).layer(hidden).into()
    }

    fn checked(&self, service: &Service) -> Router {
        let checks = Checks {
            auth: self.auth.clone(),
            timeouts: Arc::clone(&self.timeouts),
            trusted_proxies: self.trusted_proxies,
            limits: self.limits.clone(),
            admission: Admission::new(&self.server, self.fairness.clone()),
            moving: Moving(Duration::from_millis(self.server.stream_idle_ms)),
            max_message_bytes: self.server.max_message_bytes,
            calls: self.calls.clone(),
        };
        // The router that this one is merged into answers for unknown paths.
        let router = service.routes.clone().into_axum_router().reset_fallback();
        router.layer(from_fn_with_state(Arc::new(checks), call::of_service))
    }
}
