//! Logs, traces and metrics. All three are global to the process, so [`init`] may be called any number of times
//! (tests do) and only the first call counts.

mod described;
mod json;
mod process;

pub use described::{Kind, METRICS, Metric, SECONDS, counter, gauge, histogram};

use crate::config::Telemetry;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use std::io::IsTerminal;
use std::sync::OnceLock;
use std::time::Duration;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

/// The exporter calls over the same stack that is traced; without this it would trace its own exports for ever.
const EXPORTER_FILTER: &str =
    "h2=off,hyper=off,hyper_util=off,tonic=off,tower=off,opentelemetry=off";

static RECORDED: OnceLock<PrometheusHandle> = OnceLock::new();
static TRACES: OnceLock<SdkTracerProvider> = OnceLock::new();
static STARTED: OnceLock<()> = OnceLock::new();

/// Starts logs, traces and metrics as configured; `metrics` are those of the services beside the mesh's own. Call it inside the runtime: the exporter of traces connects on it.
pub fn init(config: &Telemetry, metrics: impl IntoIterator<Item = Metric>) {
    STARTED.get_or_init(|| {
        crate::panics::remember();
        install_recorder(METRICS.iter().copied().chain(metrics).collect());
        let traces = traces(config);
        let exported = traces.as_ref().map(|provider| {
            let filter = EnvFilter::new(format!("{},{EXPORTER_FILTER}", config.log));
            tracing_opentelemetry::layer().with_tracer(provider.tracer("souk")).with_filter(filter)
        });
        // Another subscriber may be there already: a test's own. It stays.
        let _ = tracing_subscriber::registry().with(logs(config)).with(exported).try_init();
        if let Some(provider) = traces {
            let _ = TRACES.set(provider);
        }
    });
}

fn logs(config: &Telemetry) -> Box<dyn Layer<Registry> + Send + Sync> {
    let filter = EnvFilter::try_new(&config.log).unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    if config.log_json.unwrap_or_else(|| !std::io::stderr().is_terminal()) {
        let fields = tracing_subscriber::fmt::format::JsonFields::new();
        lines.fmt_fields(fields).event_format(json::Lines).with_filter(filter).boxed()
    } else {
        lines.with_ansi(std::io::stderr().is_terminal()).with_filter(filter).boxed()
    }
}

fn traces(config: &Telemetry) -> Option<SdkTracerProvider> {
    let endpoint = config.otlp_endpoint.as_ref()?;
    let exporter = match SpanExporter::builder().with_tonic().with_endpoint(endpoint).build() {
        Ok(exporter) => exporter,
        Err(error) => {
            // A service without traces is better than none, so it starts anyway.
            tracing::error!("traces are not exported: {error}");
            return None;
        }
    };
    let share = f64::from(config.otlp_sample_percent) / 100.0;
    let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(share)));
    let resource = Resource::builder().with_service_name("souk").build();
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).with_sampler(sampler);
    Some(provider.with_resource(resource).build())
}

/// A histogram without buckets would be a summary, which cannot be added up over processes.
fn install_recorder(described: Vec<Metric>) {
    let mut builder = PrometheusBuilder::new();
    for metric in &described {
        let Kind::Histogram(buckets) = metric.kind else { continue };
        let name = Matcher::Full(metric.name.to_owned());
        builder = match builder.set_buckets_for_metric(name, buckets) {
            Ok(builder) => builder,
            // Only an empty list is refused.
            Err(_) => return,
        };
    }
    let recorder = builder.build_recorder();
    let handle = recorder.handle();
    if metrics::set_global_recorder(recorder).is_ok() {
        let _ = RECORDED.set(handle);
        described::describe(&described);
    }
}

/// All metrics in the format of Prometheus.
pub fn metrics_text() -> String {
    process::measure();
    RECORDED.get().map(PrometheusHandle::render).unwrap_or_default()
}

/// Folds recorded values into the histograms periodically, else they accumulate between scrapes.
pub(crate) fn fold_metrics() {
    if let Some(handle) = RECORDED.get() {
        handle.run_upkeep();
    }
}

/// Sends the buffered traces, for at most `limit`.
pub async fn flush(limit: Duration) {
    let Some(provider) = TRACES.get() else {
        return;
    };
    // It blocks until the collector answered, so it may not run on the runtime's own threads.
    let sent = tokio::task::spawn_blocking(|| provider.force_flush());
    if tokio::time::timeout(limit, sent).await.is_err() {
        tracing::warn!("the last traces were not sent in time");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::to_bytes;
    use axum::extract::Request;
    use fault::trace::TraceParent;
    use tokio::net::TcpListener;
    use tokio::sync::mpsc;

    #[test]
    fn metrics_are_explained_and_histograms_have_buckets() {
        install_recorder(METRICS.to_vec());
        metrics::histogram!("consumer_attempts", "consumer" => "x").record(2.0);
        metrics::histogram!("consumer_dedupe_seconds", "service" => "x").record(0.0004);
        let text = metrics_text();
        for line in [
            "# HELP consumer_attempts Deliveries that an event needed until the consumer was done with it.",
            "# TYPE consumer_attempts histogram",
            "consumer_attempts_bucket{consumer=\"x\",le=\"1\"} 0",
            "consumer_attempts_bucket{consumer=\"x\",le=\"2\"} 1",
            "consumer_dedupe_seconds_bucket{service=\"x\",le=\"0.0005\"} 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in:\n{text}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn spans_join_the_callers_trace_and_reach_the_collector() {
        let port = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", port.local_addr().unwrap());
        let (sent, mut received) = mpsc::unbounded_channel();
        let collector = axum::Router::new().fallback(move |request: Request| {
            let sent = sent.clone();
            async move {
                let path = request.uri().path().to_owned();
                sent.send((path, to_bytes(request.into_body(), 1 << 20).await.unwrap())).unwrap();
                ([("content-type", "application/grpc"), ("grpc-status", "0")], "")
            }
        });
        let collector = tokio::spawn(async move { axum::serve(port, collector).await });

        let config = Telemetry { otlp_endpoint: Some(endpoint), ..Telemetry::default() };
        init(&config, []);
        let remote = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let span = tracing::error_span!("call", otel.name = "GetPrice");
        let own = TraceParent::enter(&span, TraceParent::parse(remote));
        assert!(own.to_string().starts_with("00-0af7651916cd43dd8448eb211c80319c-"));
        assert!(own.to_string().ends_with("-01") && own.to_string() != remote);
        drop(span);
        flush(Duration::from_secs(5)).await;

        let (path, bytes) = received.recv().await.unwrap();
        assert!(path.ends_with("TraceService/Export"), "{path}");
        let trace = 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c_u128.to_be_bytes();
        assert!(bytes.windows(trace.len()).any(|part| part == trace));
        assert!(bytes.windows(8).any(|part| part == b"GetPrice"));
        collector.abort();
    }
}
