//! Calls in a closed loop.

use super::processes::Processes;
use crate::latency::Latencies;
use anyhow::{Context, Result};
use futures::future::BoxFuture;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// A call: of a client, with its number, which no two calls share.
pub type Call<C> = Arc<dyn Fn(C, usize) -> BoxFuture<'static, Result<()>> + Send + Sync>;

/// What was measured of a workload.
pub struct Run {
    /// Calls a second.
    pub rate: f64,
    /// Median of the latencies in milliseconds.
    pub p50: f64,
    /// The latency in milliseconds that one call in a hundred exceeds.
    pub p99: f64,
    /// Processor time of the mesh for a call in milliseconds.
    pub souk: f64,
    /// Processor time of PostgreSQL for a call in milliseconds.
    pub postgres: f64,
}

/// Has each client call again and again.
pub async fn drive<C: Clone + Send + 'static>(
    clients: Vec<C>,
    time: Duration,
    processes: &Processes,
    call: Call<C>,
) -> Result<Run> {
    // The first calls connect and prepare.
    closed_loop(&clients, time / 5, &call).await?;
    let (cpu, started) = (processes.cpu()?, Instant::now());
    let mut latencies = closed_loop(&clients, time, &call).await?;
    let (elapsed, after) = (started.elapsed().as_secs_f64(), processes.cpu()?);
    let calls = f64::from(u32::try_from(latencies.len())?);
    let millis = |per_mille| latencies.quantile(per_mille).as_secs_f64() * 1000.0;
    let [p50, p99] = [500, 990].map(millis);
    Ok(Run {
        rate: calls / elapsed,
        p50,
        p99,
        souk: (after.souk - cpu.souk) * 1000.0 / calls,
        postgres: (after.postgres - cpu.postgres) * 1000.0 / calls,
    })
}

async fn closed_loop<C: Clone + Send + 'static>(
    clients: &[C],
    time: Duration,
    call: &Call<C>,
) -> Result<Latencies> {
    let until = Instant::now() + time;
    let mut tasks = JoinSet::new();
    for (first, client) in clients.iter().enumerate() {
        let (client, call, step) = (client.clone(), call.clone(), clients.len());
        tasks.spawn(async move {
            let (mut latencies, mut number) = (Latencies::default(), first);
            while Instant::now() < until {
                let started = Instant::now();
                call(client.clone(), number).await.context("a call failed")?;
                latencies.add(started.elapsed());
                number += step;
            }
            anyhow::Ok(latencies)
        });
    }
    let mut all = Latencies::default();
    while let Some(done) = tasks.join_next().await {
        all.merge(done??);
    }
    Ok(all)
}
