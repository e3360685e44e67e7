use crate::resolve::{Dns, Resolve};
use futures::future::BoxFuture;
use http::HeaderMap;
use std::sync::Arc;
use std::time::Duration;
use tonic::Status;
use tonic::transport::ClientTlsConfig;

/// Adds to each call what only the caller knows, e.g. its token. It runs once for a call, however often that is repeated.
pub trait Prepare: Send + Sync + 'static {
    /// Adds headers to a call of the method at `path`, or refuses it.
    fn prepare<'c>(
        &'c self,
        path: &'c str,
        headers: &'c mut HeaderMap,
    ) -> BoxFuture<'c, Result<(), Status>>;
}

/// Whom to trust and what to show, asked for each new connection, so that certificates can be replaced.
pub type ClientTls = Arc<dyn Fn() -> ClientTlsConfig + Send + Sync>;

/// How a service is called.
#[derive(Clone)]
pub struct Options {
    /// The service, as metrics name it.
    pub target: &'static str,
    /// What is added to each call.
    pub prepare: Arc<dyn Prepare>,
    /// Who knows the addresses behind a name.
    pub resolve: Arc<dyn Resolve>,
    /// Whom to trust where the address begins with `https://`.
    pub tls: Option<ClientTls>,
    /// Most calls at a time; further ones are refused at once.
    pub max_in_flight: usize,
    /// How often the name is resolved. A failed connection makes it be resolved at once.
    pub resolve_every: Duration,
    /// A connection that is older is replaced. Some are replaced earlier, so that not all are at the same time.
    pub max_age: Duration,
}

impl Options {
    /// The defaults, for a service of this name.
    pub fn new(target: &'static str, prepare: impl Prepare) -> Self {
        Self {
            target,
            prepare: Arc::new(prepare),
            resolve: Arc::new(Dns),
            tls: None,
            max_in_flight: 1_024,
            resolve_every: Duration::from_secs(5),
            max_age: Duration::from_secs(300),
        }
    }
}
