//! What a service crate hands to the binary.

use crate::readiness::Check;
use axum::response::IntoResponse;
use http::Request;
use std::convert::Infallible;
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::service::Routes;

/// One service of the mesh: what it serves and what it needs to be ready.
pub struct Service {
    pub(crate) name: &'static str,
    pub(crate) grpc: Vec<&'static str>,
    pub(crate) routes: Routes,
    pub(crate) checks: Vec<Check>,
}

impl Service {
    /// A service by its name, e.g. `pricing`, that serves nothing yet.
    pub fn new(name: &'static str) -> Self {
        Self { name, grpc: Vec::new(), routes: Routes::default(), checks: Vec::new() }
    }

    /// Also serves a generated server: `service.mount(PricingServiceServer::new(app))`. Give the server `max_decoding_message_size` of the
    /// configuration and let it accept gzip and zstd; the type is gone afterwards.
    #[must_use]
    pub fn mount<S>(mut self, server: S) -> Self
    where
        S: tower::Service<Request<Body>, Error = Infallible> + NamedService,
        S: Clone + Send + Sync + 'static,
        S::Response: IntoResponse,
        S::Future: Send + 'static,
    {
        self.grpc.push(S::NAME);
        self.routes = self.routes.add_service(server);
        self
    }

    /// Also needs this.
    #[must_use]
    pub fn check(mut self, check: Check) -> Self {
        self.checks.push(check);
        self
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        self.name
    }
}
