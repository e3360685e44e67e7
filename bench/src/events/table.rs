//! What was measured, beside its floor.

use crate::latency::Latencies;
use std::fmt;
use std::time::Duration;

/// Workloads in the order in which they ran.
#[derive(Default)]
pub struct Table(Vec<[String; 4]>);

impl Table {
    /// Events a second; the ratio says which share of the floor was reached.
    pub fn rate(&mut self, workload: &str, rate: f64, floor: Option<f64>) {
        let show = |rate: f64| format!("{rate:.0}/s");
        let ratio = floor.map(|floor| format!("{:.2}", rate / floor));
        self.row(workload.to_owned(), show(rate), floor.map(show), ratio);
    }

    /// Quantiles; the ratio says how many times the floor each is.
    pub fn latency(
        &mut self,
        workload: &str,
        latencies: &mut Latencies,
        mut floor: Option<&mut Latencies>,
    ) {
        let show = |time: Duration| format!("{:.2} ms", time.as_secs_f64() * 1000.0);
        for (name, per_mille) in [("P50", 500), ("P95", 950), ("P99", 990)] {
            let time = latencies.quantile(per_mille);
            let floor = floor.as_mut().map(|floor| floor.quantile(per_mille));
            let ratio =
                floor.map(|floor| format!("{:.1}", time.as_secs_f64() / floor.as_secs_f64()));
            self.row(format!("{workload}, {name}"), show(time), floor.map(show), ratio);
        }
    }

    fn row(
        &mut self,
        workload: String,
        figure: String,
        floor: Option<String>,
        ratio: Option<String>,
    ) {
        self.0.push([workload, figure, floor.unwrap_or_default(), ratio.unwrap_or_default()]);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = ["workload", "figure", "floor", "ratio"].map(str::to_owned);
        for [workload, figure, floor, ratio] in std::iter::once(&head).chain(&self.0) {
            writeln!(f, "{workload:<54} {figure:>12} {floor:>12} {ratio:>6}")?;
        }
        Ok(())
    }
}
