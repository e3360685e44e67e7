//! Measurements beside their baselines.

use crate::latency::Latencies;
use std::fmt;
use std::time::Duration;

/// Workloads in the order in which they ran.
#[derive(Default)]
pub struct Table(Vec<[String; 4]>);

impl Table {
    /// Events a second; the ratio is the share of the baseline.
    pub fn rate(&mut self, workload: &str, rate: f64, baseline: Option<f64>) {
        let show = |rate: f64| format!("{rate:.0}/s");
        let ratio = baseline.map(|baseline| format!("{:.2}", rate / baseline));
        self.row(workload.to_owned(), show(rate), baseline.map(show), ratio);
    }

    /// Quantiles; the ratio is a multiple of the baseline.
    pub fn latency(
        &mut self,
        workload: &str,
        latencies: &mut Latencies,
        mut baseline: Option<&mut Latencies>,
    ) {
        let show = |time: Duration| format!("{:.2} ms", time.as_secs_f64() * 1000.0);
        for (name, per_mille) in [("P50", 500), ("P95", 950), ("P99", 990)] {
            let time = latencies.quantile(per_mille);
            let baseline = baseline.as_mut().map(|baseline| baseline.quantile(per_mille));
            let ratio = baseline
                .map(|baseline| format!("{:.1}", time.as_secs_f64() / baseline.as_secs_f64()));
            self.row(format!("{workload}, {name}"), show(time), baseline.map(show), ratio);
        }
    }

    fn row(
        &mut self,
        workload: String,
        figure: String,
        baseline: Option<String>,
        ratio: Option<String>,
    ) {
        self.0.push([workload, figure, baseline.unwrap_or_default(), ratio.unwrap_or_default()]);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = ["workload", "figure", "baseline", "ratio"].map(str::to_owned);
        for [workload, figure, baseline, ratio] in std::iter::once(&head).chain(&self.0) {
            writeln!(f, "{workload:<54} {figure:>12} {baseline:>12} {ratio:>6}")?;
        }
        Ok(())
    }
}
