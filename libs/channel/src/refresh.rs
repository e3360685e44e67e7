//! Keeps the replicas of a service up to date: which there are, and that no connection grows old.

use crate::options::{ClientTls, Options};
use crate::pool::Pool;
use crate::replica::Replica;
use crate::resolve::Resolve;
use http::Uri;
use rand::Rng;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};
use tonic::transport::{self, Endpoint};

/// The shortest pause between two questions for the addresses.
const SHORTEST: Duration = Duration::from_millis(500);

pub(crate) struct Refresh {
    pool: Arc<Pool>,
    resolve: Arc<dyn Resolve>,
    address: Uri,
    tls: Option<ClientTls>,
    every: Duration,
    max_age: Duration,
}

impl Refresh {
    /// Fails where no connection can be made to any address, e.g. because a certificate is none.
    pub(crate) fn new(
        pool: Arc<Pool>,
        address: Uri,
        options: &Options,
    ) -> Result<Self, transport::Error> {
        let new = Self {
            pool,
            resolve: Arc::clone(&options.resolve),
            address,
            tls: options.tls.clone(),
            every: options.resolve_every,
            max_age: options.max_age,
        };
        new.endpoint(SocketAddr::from(([127, 0, 0, 1], 1)))?;
        Ok(new)
    }

    /// Runs until it is aborted.
    pub(crate) async fn run(self) {
        loop {
            self.resolve().await;
            self.renew().await;
            sleep(SHORTEST).await;
            if !self.pool.replicas.borrow().is_empty() {
                // All is done either way: in time, or as soon as a connection broke.
                let _ = timeout(self.every, self.pool.broken.notified()).await;
            }
        }
    }

    async fn resolve(&self) {
        let host = self.address.host().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let default = if self.address.scheme_str() == Some("https") { 443 } else { 80 };
        let port = self.address.port_u16().unwrap_or(default);
        match self.resolve.resolve(host, port).await {
            // That a name has no addresses is more often a failure than the truth.
            Ok(found) if !found.is_empty() => self.replace(found.into_iter().collect()),
            Ok(_) => {
                tracing::warn!(host, "the name has no addresses; those known before are used");
            }
            Err(error) => tracing::warn!(host, %error, "the name could not be resolved"),
        }
    }

    /// Keeps the replicas whose addresses are found again, adds the others, and forgets what is gone. Calls that are under way end.
    fn replace(&self, found: BTreeSet<SocketAddr>) {
        self.pool.replicas.send_if_modified(|replicas| {
            let known: BTreeSet<_> = replicas.iter().map(|replica| replica.address).collect();
            if known == found {
                return false;
            }
            replicas.retain(|replica| found.contains(&replica.address));
            replicas.extend(found.difference(&known).filter_map(|address| self.open(*address)));
            true
        });
        let count = self.pool.replicas.borrow().len();
        metrics::gauge!("rpc_client_addresses", "target" => self.pool.target).set(count as f64);
    }

    /// A replica that is connected to when it is first called.
    fn open(&self, address: SocketAddr) -> Option<Arc<Replica>> {
        let endpoint = self.endpoint(address).ok()?;
        Some(Arc::new(Replica::new(address, endpoint.connect_lazy(), self.expiry())))
    }

    /// Connects anew where a connection is old, and only then puts the new one in its place. Calls that are under way end on the old one.
    async fn renew(&self) {
        let now = Instant::now();
        let old: Vec<_> = {
            let replicas = self.pool.replicas.borrow();
            replicas.iter().filter(|replica| replica.expires <= now).map(Arc::clone).collect()
        };
        for old in old {
            let Ok(endpoint) = self.endpoint(old.address) else { continue };
            // One that cannot be connected to is for the calls to find out.
            let Ok(connection) = endpoint.connect().await else { continue };
            let new = Arc::new(Replica::new(old.address, connection, self.expiry()));
            self.pool.replicas.send_modify(|replicas| {
                for replica in replicas.iter_mut().filter(|known| Arc::ptr_eq(known, &old)) {
                    *replica = Arc::clone(&new);
                }
            });
        }
    }

    fn expiry(&self) -> Instant {
        Instant::now() + self.max_age.mul_f64(rand::rng().random_range(0.75..=1.0))
    }

    fn endpoint(&self, address: SocketAddr) -> Result<Endpoint, transport::Error> {
        let scheme = self.address.scheme_str().unwrap_or("http");
        let mut endpoint = Endpoint::from_shared(format!("{scheme}://{address}"))?
            .origin(self.address.clone())
            .connect_timeout(Duration::from_secs(1))
            // Without these, calls to a machine that disappeared hang until the kernel closes the connection.
            .http2_keep_alive_interval(Duration::from_secs(10))
            .keep_alive_timeout(Duration::from_secs(5))
            .keep_alive_while_idle(true);
        if let Some(tls) = &self.tls {
            let host = self.address.host().unwrap_or_default();
            endpoint = endpoint.tls_config(tls().domain_name(host))?;
        }
        Ok(endpoint)
    }
}
