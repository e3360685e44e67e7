//! Durations and their quantiles.

use std::time::Duration;

/// Durations that were measured.
#[derive(Default)]
pub struct Latencies(Vec<Duration>);

impl Latencies {
    /// Adds one.
    pub fn add(&mut self, latency: Duration) {
        self.0.push(latency);
    }

    /// Adds those of another.
    pub fn merge(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The quantile in per mille: 950 is P95.
    pub fn quantile(&mut self, per_mille: usize) -> Duration {
        self.0.sort_unstable();
        let at = (self.0.len() * per_mille / 1000).min(self.0.len().saturating_sub(1));
        self.0.get(at).copied().unwrap_or_default()
    }

    /// The usual quantiles in one line.
    pub fn line(&mut self) -> String {
        let [p50, p95, p99] = [500, 950, 990].map(|q| self.quantile(q));
        format!("P50 {p50:.1?}, P95 {p95:.1?}, P99 {p99:.1?}, worst {:.1?}", self.quantile(1000))
    }
}
