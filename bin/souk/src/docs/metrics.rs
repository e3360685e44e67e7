use super::markdown::{code, head, table};
use mesh::telemetry::{Kind, METRICS, Metric};

/// The metrics that roles describe.
pub fn own() -> impl Iterator<Item = Metric> {
    crate::ROLES.iter().flat_map(|role| role.metrics).copied()
}

/// The mesh's metrics, then those of the roles.
pub fn all() -> impl Iterator<Item = Metric> {
    METRICS.iter().copied().chain(own())
}

/// One table of all metrics.
pub fn render() -> String {
    let mut text = head("Metrics", "`libs/mesh/src/telemetry/described.rs` and the roles");
    text.push_str(
        "\nEach process serves its own at `/metrics` of the admin port. Several processes of a service report the same of \
         its consumers, dead letters and projections: take the largest. Of the outbox only the leader's report counts. The \
         alerts on them are in `helm/souk/alerts/`, what to do about each in `docs/runbooks/`.\n\n",
    );
    let all: Vec<Metric> = all().collect();
    text.push_str(&table(&["Metric", "Kind", "Labels", "Meaning"], all.iter().map(row)));
    text
}

fn row(metric: &Metric) -> Vec<String> {
    let kind = match metric.kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram(_) => "histogram",
    };
    let labels: Vec<String> = metric.labels.iter().map(|label| code(label)).collect();
    vec![code(metric.name), kind.to_owned(), labels.join(", "), metric.meaning.to_owned()]
}
