//! Searches in a closed loop, or at an offered rate independent of the answers.

use crate::client::Mesh;
use crate::latency::Latencies;
use anyhow::Result;
use search_api::v1::{PriceView, SearchProductsRequest};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

/// A search like that of a shop page.
pub fn request(query: &str) -> SearchProductsRequest {
    SearchProductsRequest {
        query: query.to_owned(),
        price_view: Some(PriceView { currency_code: "USD".to_owned(), ..PriceView::default() }),
        ..SearchProductsRequest::default()
    }
}

/// Runs `clients` in a closed loop; returns served searches a second, and latencies.
pub async fn peak(
    mesh: &Mesh,
    queries: &[String],
    clients: usize,
    time: Duration,
) -> Result<(u64, Latencies)> {
    let until = Instant::now() + time;
    let mut tasks = JoinSet::new();
    for client in 0..clients {
        let mut search = mesh.search()?;
        let queries = queries.to_vec();
        tasks.spawn(async move {
            let mut latencies = Latencies::default();
            for query in queries.iter().cycle().skip(client) {
                if Instant::now() >= until {
                    break;
                }
                let begun = Instant::now();
                search.search_products(request(query)).await?;
                latencies.add(begun.elapsed());
            }
            Ok::<_, tonic::Status>(latencies)
        });
    }
    let mut all = Latencies::default();
    while let Some(done) = tasks.join_next().await {
        all.merge(done??);
    }
    let served = u64::try_from(all.len())? / time.as_secs().max(1);
    Ok((served, all))
}

/// A steady load that goes on until it is stopped.
pub struct Offered {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    served: Arc<AtomicU64>,
    begun: Instant,
}

impl Offered {
    /// Offers `rate` searches a second over 16 connections, without waiting for answers before the next is due.
    pub fn start(mesh: &Mesh, queries: &[String], rate: u64) -> Result<Self> {
        let load = Self {
            stop: Arc::default(),
            sent: Arc::default(),
            served: Arc::default(),
            begun: Instant::now(),
        };
        let connections = (0..16).map(|_| mesh.search()).collect::<Result<Vec<_>>>()?;
        let (stop, sent, served) = (load.stop.clone(), load.sent.clone(), load.served.clone());
        let queries = queries.to_vec();
        tokio::spawn(async move {
            // In bursts, since timers are not finer than a millisecond.
            let mut tick = tokio::time::interval(Duration::from_millis(10));
            tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
            let (mut due, mut number) = (0, 0usize);
            while !stop.load(Ordering::Relaxed) {
                tick.tick().await;
                due += rate;
                while due >= 100 {
                    due -= 100;
                    number += 1;
                    let Some(connection) = connections.get(number % 16) else { return };
                    let Some(query) = queries.get(number % queries.len().max(1)) else { return };
                    let (mut search, request, served) =
                        (connection.clone(), request(query), served.clone());
                    sent.fetch_add(1, Ordering::Relaxed);
                    tokio::spawn(async move {
                        if search.search_products(request).await.is_ok() {
                            served.fetch_add(1, Ordering::Relaxed);
                        }
                    });
                }
            }
        });
        Ok(load)
    }

    /// Stops; searches a second that were offered and that were served.
    pub fn stop(self) -> (u64, u64) {
        self.stop.store(true, Ordering::Relaxed);
        let seconds = self.begun.elapsed().as_secs().max(1);
        (self.sent.load(Ordering::Relaxed) / seconds, self.served.load(Ordering::Relaxed) / seconds)
    }
}
