//! Consumption from start to end: the tasks of all publishers, and what they share.

use super::context::Consumers;
use super::{deferred, follow, replay, upkeep, workers};
use crate::streams;
use fault::{Fault, Kind};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

impl Consumers {
    /// Handles events until `stop`, through every failure of broker and database. Fails only where the broker holds a
    /// stream or a consumer that differs from the wanted configuration in a way that matters.
    pub async fn run(self, stop: CancellationToken) -> Result<(), Fault> {
        // A failure here ends these tasks, not others that wait for the same `stop`.
        let stop = stop.child_token();
        self.prepare(&stop).await?;
        let ended = CancellationToken::new();
        let (mut workers, in_progress) = workers::start(&self, &stop);
        let mut tasks: JoinSet<Result<(), Fault>> = JoinSet::new();
        for publisher in self.registry.publishers() {
            let (all, queues, stop) = (self.clone(), workers.queues(), stop.clone());
            let in_progress = in_progress.clone();
            tasks.spawn(async move {
                follow::follow(&all, publisher, &queues, &in_progress, &stop).await
            });
        }
        let parked = Arc::new(AtomicU64::new(0));
        tasks.spawn(upkeep::run(self.clone(), parked.clone(), stop.clone()));
        tasks.spawn(deferred::run(self.clone(), parked, stop.clone()));
        tasks.spawn(replay::run(self.clone(), stop.clone()));
        let mut extending = JoinSet::new();
        extending.spawn(in_progress.clone().extend_deadlines(self.tuning.ack_wait, ended.clone()));
        let mut result = Ok(());
        loop {
            let outcome = tokio::select! {
                joined = tasks.join_next() => match joined {
                    Some(joined) => joined.unwrap_or_else(|died| Err(Fault::internal(died))),
                    None => break,
                },
                died = workers.died() => Err(died),
            };
            if result.is_ok() && outcome.is_err() {
                stop.cancel();
                result = outcome;
            }
        }
        let worked = workers.finish().await;
        ended.cancel();
        extending.join_all().await;
        // The last acknowledgements are still in the client's buffer.
        let _ = tokio::time::timeout(Duration::from_secs(2), self.bus.client().flush()).await;
        result.and(worked)
    }

    /// Dead letters need their stream before the first event is handled, and so do the broker's advisories.
    async fn prepare(&self, stop: &CancellationToken) -> Result<(), Fault> {
        self.registry.check()?;
        let mut logged = false;
        while !stop.is_cancelled() {
            match streams::ensure_dead_and_advisories(&self.bus, self.service()).await {
                Ok(()) => return Ok(()),
                Err(fault) if fault.kind() == Kind::Internal => return Err(fault),
                Err(fault) if !logged => {
                    logged = true;
                    tracing::warn!("consumers wait for the broker: {}", fault.chain());
                }
                Err(_) => {}
            }
            let _ = tokio::time::timeout(Duration::from_millis(500), stop.cancelled()).await;
        }
        Ok(())
    }
}
