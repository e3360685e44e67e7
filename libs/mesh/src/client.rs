//! The only client stack: everything that is done to a call between a generated client and the network.

mod measure;
mod prepare;

use crate::config::Timeouts;
use crate::identity::OwnToken;
use http::{Request, Response, Uri};
use measure::Measure;
use prepare::Prepare;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tonic::body::Body;
use tonic::transport::Channel;
use tower::util::BoxCloneSyncService;
use tower::{BoxError, Service, ServiceBuilder, layer::layer_fn};

/// Calls one other service: `CatalogServiceClient::new(client)`. It connects when it is first used and again whenever the connection is
/// lost; cloning is cheap, and clones share the connection.
#[derive(Debug, Clone)]
pub struct Client {
    stack: BoxCloneSyncService<Request<Body>, Response<Body>, BoxError>,
}

impl Client {
    /// A client of the service at `address`. Without an `own` token the user's token is passed on unchanged.
    pub fn new(address: Uri, own: Option<OwnToken>, timeouts: Arc<Timeouts>) -> Self {
        let channel = Channel::builder(address)
            .connect_timeout(Duration::from_secs(1))
            // Without these, calls to a machine that disappeared hang until the kernel closes the connection.
            .http2_keep_alive_interval(Duration::from_secs(10))
            .keep_alive_timeout(Duration::from_secs(5))
            .keep_alive_while_idle(true)
            .connect_lazy();
        let stack = ServiceBuilder::new()
            // Outermost, so that it counts and times the call as the caller sees it. Nothing in this stack retries.
            .layer(layer_fn(Measure::new))
            // Adds identity, correlation ids and the deadline. Innermost, so that the deadline is computed right before sending.
            .layer(layer_fn(move |inner| Prepare::new(inner, own.clone(), Arc::clone(&timeouts))))
            .service(channel);
        Self { stack: BoxCloneSyncService::new(stack) }
    }
}

impl Service<Request<Body>> for Client {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = <BoxCloneSyncService<Request<Body>, Response<Body>, BoxError> as Service<
        Request<Body>,
    >>::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.stack.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        self.stack.call(request)
    }
}
