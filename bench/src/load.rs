//! Searches in a closed loop, or at an offered rate independent of the answers.

use crate::client::Mesh;
use crate::latency::Latencies;
use anyhow::Result;
use search_api::v1::search_service_client::SearchServiceClient;
use search_api::v1::{PriceView, SearchProductsRequest};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
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
    answered: Arc<Mutex<Answered>>,
    begun: Instant,
}

/// What became of the searches of a load.
#[derive(Default)]
pub struct Answered {
    /// Latencies of those that were served.
    pub served: Latencies,
    /// How many were refused or failed, by what was answered.
    pub refused: BTreeMap<String, u64>,
}

/// What a load was in all.
pub struct Load {
    /// Searches a second that were sent.
    pub offered: u64,
    /// Searches a second that were served.
    pub served: u64,
    /// All answers.
    pub answered: Answered,
}

impl Offered {
    /// Offers `rate` searches a second of 16 visitors, without waiting for answers before the next is due.
    pub fn start(mesh: &Mesh, queries: &[String], rate: u64) -> Result<Self> {
        let load = Self {
            stop: Arc::default(),
            sent: Arc::default(),
            answered: Arc::default(),
            begun: Instant::now(),
        };
        let connections: Vec<_> =
            mesh.visitors(16)?.into_iter().map(SearchServiceClient::new).collect();
        let (stop, sent, answered) = (load.stop.clone(), load.sent.clone(), load.answered.clone());
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
                    let (mut search, request, answered) =
                        (connection.clone(), request(query), answered.clone());
                    sent.fetch_add(1, Ordering::Relaxed);
                    let due_at = Instant::now();
                    tokio::spawn(async move {
                        let answer = search.search_products(request).await;
                        let mut all = answered.lock().unwrap_or_else(PoisonError::into_inner);
                        match answer {
                            Ok(_) => all.served.add(due_at.elapsed()),
                            Err(status) => {
                                let why = format!("{:?} {}", status.code(), status.message());
                                *all.refused.entry(why).or_default() += 1;
                            }
                        }
                    });
                }
            }
        });
        Ok(load)
    }

    /// Stops, and says what was sent and answered until now.
    pub fn stop(self) -> Load {
        self.stop.store(true, Ordering::Relaxed);
        let seconds = self.begun.elapsed().as_secs().max(1);
        let all = &mut *self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        let answered = std::mem::take(all);
        Load {
            offered: self.sent.load(Ordering::Relaxed) / seconds,
            served: answered.served.len() as u64 / seconds,
            answered,
        }
    }
}
