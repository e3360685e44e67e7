//! A service that is ready to be served.

use crate::check::Check;
use axum::response::IntoResponse;
use bus::Consumers;
use contracts::Serve;
use http::Request;
use pg::Db;
use pg::heads::Aggregates;
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
    /// Its database; none for what the mesh itself serves.
    pub(crate) db: Option<Db>,
    pub(crate) aggregates: &'static [Aggregates],
    /// Its consumers of other services' events.
    pub(crate) consumers: Vec<Consumers>,
}

impl Service {
    /// A service by its name that serves nothing yet.
    pub fn new(name: &'static str) -> Self {
        let (grpc, checks) = (Vec::new(), Vec::new());
        let (routes, consumers) = (Routes::default(), Vec::new());
        Self { name, grpc, routes, checks, db: None, aggregates: &[], consumers }
    }

    /// Also serves handlers, which take messages of up to so many bytes.
    #[must_use]
    pub fn mount<A>(mut self, app: A, max_message_bytes: usize) -> Self
    where
        A: Serve,
        A::Server: tower::Service<Request<Body>, Error = Infallible> + NamedService,
        A::Server: Clone + Send + Sync + 'static,
        <A::Server as tower::Service<Request<Body>>>::Response: IntoResponse,
        <A::Server as tower::Service<Request<Body>>>::Future: Send + 'static,
    {
        let server = app.into_server(max_message_bytes);
        self.grpc.push(<A::Server as NamedService>::NAME);
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
