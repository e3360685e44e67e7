//! One page of one projection in turn, without end. Each goes on where it stopped and begins again at its end, so in time every
//! row is looked at; where a replica begins is left to chance, so that several do not all look at the same.

use super::{Projection, Reconciler, look};
use fault::Fault;
use std::time::{Duration, Instant};

/// Where the sampling of a projection is.
#[derive(Debug, Clone)]
enum Place {
    /// It has not begun.
    Nowhere,
    /// After this key; none: at the lowest.
    After(Option<String>),
}

impl<P: Projection> Reconciler<P> {
    /// Samples for ever.
    pub(super) async fn sample(&self) {
        let every = self.settings.sample_seconds;
        if every == 0 || self.projections.is_empty() {
            return std::future::pending().await;
        }
        let mut places = vec![Place::Nowhere; self.projections.len()];
        loop {
            for (projection, place) in self.projections.iter().zip(&mut places) {
                tokio::time::sleep(Duration::from_secs(every)).await;
                self.round("sampling", self.sample_page(projection, place)).await;
            }
        }
    }

    async fn sample_page(&self, projection: &P, place: &mut Place) -> Result<(), Fault> {
        let begun = Instant::now();
        let after = match place {
            Place::Nowhere => projection.some_key().await?,
            Place::After(after) => after.take(),
        };
        let (page, next) = look::page(projection, &after.unwrap_or_default()).await?;
        *place = Place::After(next);
        self.count(projection, page.keys);
        self.settle(projection, page.drifts, self.settings.repair).await?;
        metrics::histogram!("projection_reconcile_seconds", "service" => self.db.service(), "run" => "sample")
            .record(begun.elapsed());
        Ok(())
    }
}
