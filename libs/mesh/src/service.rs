//! A service that is ready to be served.

use crate::check::Check;
use axum::Router;
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

/// Makes what is served over HTTP from the gRPC routes of the process.
pub(crate) type HttpFace = Box<dyn FnOnce(Router) -> Router + Send>;

/// One service of the mesh: what it serves and what it needs to be ready.
pub struct Service {
    pub(crate) name: &'static str,
    pub(crate) grpc: Vec<&'static str>,
    pub(crate) routes: Routes,
    /// What it serves on the port for HTTP in place of the process's own face.
    pub(crate) http: Option<HttpFace>,
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
        Self { name, grpc, routes, http: None, checks, db: None, aggregates: &[], consumers }
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

    /// Also serves the port for HTTP, in place of the faces of all services of its process: `face` makes the router from the gRPC routes
    /// of the process.
    #[must_use]
    pub fn http(mut self, face: impl FnOnce(Router) -> Router + Send + 'static) -> Self {
        self.http = Some(Box::new(face));
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
