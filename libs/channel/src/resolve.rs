use futures::future::BoxFuture;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::lookup_host;
use tokio::time::timeout;

/// The system's resolver tries for longer than any call lasts.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Knows the addresses behind a name.
pub trait Resolve: Send + Sync + 'static {
    /// All addresses of the name, in any order.
    fn resolve<'n>(
        &'n self,
        host: &'n str,
        port: u16,
    ) -> BoxFuture<'n, io::Result<Vec<SocketAddr>>>;
}

/// Asks the system. In Kubernetes a headless service names all of its pods.
#[derive(Debug, Clone, Copy)]
pub struct Dns;

impl Resolve for Dns {
    fn resolve<'n>(
        &'n self,
        host: &'n str,
        port: u16,
    ) -> BoxFuture<'n, io::Result<Vec<SocketAddr>>> {
        Box::pin(async move {
            let found = timeout(TIMEOUT, lookup_host((host, port))).await;
            Ok(found.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??.collect())
        })
    }
}
