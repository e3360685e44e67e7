//! A name whose addresses the test chooses, and channels to it.

use channel::{Channel, Options, Prepare, Resolve};
use futures::future::BoxFuture;
use http::HeaderMap;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use pricing_api::v1::pricing_service_client::PricingServiceClient;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, Instant};
use tonic::Status;

pub type Pricing = PricingServiceClient<Channel>;

#[derive(Clone, Default)]
pub struct Names(Arc<Mutex<Vec<SocketAddr>>>);

impl Names {
    pub fn new(addresses: impl IntoIterator<Item = SocketAddr>) -> Self {
        let new = Self::default();
        new.0.lock().unwrap().extend(addresses);
        new
    }

    pub fn add(&self, address: SocketAddr) {
        self.0.lock().unwrap().push(address);
    }

    pub fn clear(&self) {
        self.0.lock().unwrap().clear();
    }

    /// A client; `target` names the test in metrics.
    pub fn client(&self, target: &'static str) -> Pricing {
        self.client_with(target, |_| {})
    }

    pub fn client_with(&self, target: &'static str, change: impl FnOnce(&mut Options)) -> Pricing {
        let mut options = Options::new(target, Nothing);
        options.resolve = Arc::new(self.clone());
        change(&mut options);
        let channel = Channel::new("http://pricing.test:50051".parse().unwrap(), options);
        PricingServiceClient::new(channel.unwrap())
    }
}

impl Resolve for Names {
    fn resolve<'n>(
        &'n self,
        host: &'n str,
        port: u16,
    ) -> BoxFuture<'n, io::Result<Vec<SocketAddr>>> {
        assert_eq!((host, port), ("pricing.test", 50051));
        let found = self.0.lock().unwrap().clone();
        Box::pin(async move { Ok(found) })
    }
}

/// Adds nothing to calls.
struct Nothing;

impl Prepare for Nothing {
    fn prepare<'c>(
        &'c self,
        _: &'c str,
        _: &'c mut HeaderMap,
    ) -> BoxFuture<'c, Result<(), Status>> {
        Box::pin(async { Ok(()) })
    }
}

/// What was counted for a target.
pub fn counted(name: &str, labels: &str) -> f64 {
    let series = format!("{name}{{{labels}}} ");
    let text = metrics().render();
    let value = text.lines().find_map(|line| line.strip_prefix(&series));
    value.map_or(0.0, |value| value.parse().unwrap())
}

/// Has metrics counted from now on.
pub fn metrics() -> &'static PrometheusHandle {
    static METRICS: LazyLock<PrometheusHandle> =
        LazyLock::new(|| PrometheusBuilder::new().install_recorder().unwrap());
    &METRICS
}

pub async fn eventually(what: &str, mut is: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !is().await {
        assert!(begun.elapsed() < Duration::from_secs(120), "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
