//! Compares one page of one projection after the other, continuously. Each projection continues where it stopped and starts over at its
//! end, so in time every row is compared; a replica starts at a random key, so that replicas do not all compare the same rows.

use super::{Projection, Reconciler, pages};
use fault::Fault;
use std::time::{Duration, Instant};

/// The position of the sampling of a projection.
#[derive(Debug, Clone)]
enum Position {
    /// Not started yet.
    NotStarted,
    /// After this key; none: at the first key.
    After(Option<String>),
}

impl<P: Projection> Reconciler<P> {
    /// Samples periodically; never returns.
    pub(super) async fn sample(&self) {
        let every = self.settings.sample_seconds;
        if every == 0 || self.projections.is_empty() {
            return std::future::pending().await;
        }
        let mut positions = vec![Position::NotStarted; self.projections.len()];
        loop {
            for (projection, position) in self.projections.iter().zip(&mut positions) {
                tokio::time::sleep(Duration::from_secs(every)).await;
                self.round("sampling", self.sample_page(projection, position)).await;
            }
        }
    }

    async fn sample_page(&self, projection: &P, position: &mut Position) -> Result<(), Fault> {
        let started = Instant::now();
        let after = match position {
            Position::NotStarted => projection.random_key().await?,
            Position::After(after) => after.take(),
        };
        let (page, next) = pages::page(projection, &after.unwrap_or_default()).await?;
        *position = Position::After(next);
        self.count(projection, page.keys);
        self.confirm(projection, page.drifts, self.settings.repair).await?;
        metrics::histogram!("projection_reconcile_seconds", "service" => self.db.service(), "run" => "sample")
            .record(started.elapsed());
        Ok(())
    }
}
