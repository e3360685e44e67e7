//! Calls of services behind the gateway, as if they were one.

use axum::Router;
use fault::{Common, Fault};
use futures::FutureExt;
use futures::future::BoxFuture;
use http::{Request, Response};
use mesh::{Backing, BootError, Client};
use rest::Routes;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::task::{Context, Poll};
use tonic::Status;
use tonic::body::Body;
use tower::{BoxError, Service, ServiceExt};

/// Clients of all services by their names, and the methods of this process.
#[derive(Clone)]
pub(super) struct Calls {
    services: Arc<BTreeMap<String, Client>>,
    own: Option<Router>,
}

impl Calls {
    /// Of the services of these routes.
    pub(super) fn open(backing: &Backing<'_>, routes: &Routes) -> Result<Self, BootError> {
        let names: BTreeSet<String> = routes.iter().map(|route| route.service()).collect();
        let others = names.into_iter().filter(|name| name != "gateway");
        let clients = others.map(|name| {
            let client = backing.client(&name)?;
            Ok::<_, BootError>((name, client))
        });
        Ok(Self { services: Arc::new(clients.collect::<Result<_, _>>()?), own: None })
    }

    /// With the methods of this process.
    pub(super) fn with(self, own: Router) -> Self {
        Self { own: Some(own), ..self }
    }
}

impl Service<Request<Body>> for Calls {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Response<Body>, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        // `/souk.catalog.v1.CatalogService/GetProduct`
        let name = request.uri().path().split('.').nth(1).unwrap_or_default();
        match (self.services.get(name).cloned(), self.own.clone()) {
            (Some(service), _) => async move { service.oneshot(request).await }.boxed(),
            (None, Some(own)) => {
                async move { Ok(own.oneshot(request).await?.map(Body::new)) }.boxed()
            }
            (None, None) => {
                let unknown = Fault::new(Common::MethodUnknown, "no service has this method");
                std::future::ready(Ok(Status::from(unknown).into_http())).boxed()
            }
        }
    }
}
