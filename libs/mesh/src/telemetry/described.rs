//! Every metric of the mesh, what it means and how it is divided; a service describes its own in its role. A metric that is
//! emitted and not described fails a test of `tests/tidy`, and so does one that is described and emitted nowhere.

use metrics::{describe_counter, describe_gauge, describe_histogram};

/// A metric as data: for its HELP line, its buckets and docs/metrics.md.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// Its name, without the suffixes that Prometheus adds to a histogram's series.
    pub name: &'static str,
    /// How its values are to be read.
    pub kind: Kind,
    /// What its series are divided by; each label has few values.
    pub labels: &'static [&'static str],
    /// One sentence.
    pub meaning: &'static str,
}

/// How the values of a metric are to be read.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// Only ever rises, from zero at the start of the process.
    Counter,
    /// The last value counts.
    Gauge,
    /// Counted by size, with these upper bounds.
    Histogram(&'static [f64]),
}

/// Fine where the targets of calls are (10 to 200 ms), coarse up to the longest timeout.
pub const SECONDS: &[f64] =
    &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 60.0];

/// For what takes a fraction of a millisecond as a rule.
const SHORT_SECONDS: &[f64] =
    &[0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0];

/// For events that are published together.
const BATCH_SIZES: &[f64] = &[1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0];

/// For deliveries of one event: one is the rule, above three it goes through the isolation lane.
const DELIVERIES: &[f64] = &[1.0, 2.0, 3.0, 4.0, 5.0, 8.0, 12.0, 20.0, 50.0, 200.0, 1000.0];

type Labels = &'static [&'static str];

/// Describes a counter.
pub const fn counter(name: &'static str, labels: Labels, meaning: &'static str) -> Metric {
    Metric { name, kind: Kind::Counter, labels, meaning }
}

/// Describes a gauge.
pub const fn gauge(name: &'static str, labels: Labels, meaning: &'static str) -> Metric {
    Metric { name, kind: Kind::Gauge, labels, meaning }
}

/// Describes a histogram with these buckets.
pub const fn histogram(
    name: &'static str,
    buckets: &'static [f64],
    labels: Labels,
    meaning: &'static str,
) -> Metric {
    Metric { name, kind: Kind::Histogram(buckets), labels, meaning }
}

/// All of them, in the order in which a call and then an event meets them.
#[rustfmt::skip]
pub const METRICS: &[Metric] = &[
    histogram("rpc_server_call_duration_seconds", SECONDS, &["method", "code"], "Time of a served call until its answer began."),
    histogram("rpc_client_call_duration_seconds", SECONDS, &["method", "code"], "Time of a call to another service until it was answered, with its retries; of a stream until its answer began."),
    counter("rpc_client_retries_total", &["target", "outcome"], "Calls that failed and could be sent again; outcome is repeated, unsent (it was sent elsewhere) or over_budget (it was not)."),
    counter("rpc_client_refused_total", &["target", "by"], "Calls that were not made, by the bulkhead or the breaker."),
    counter("rpc_client_breaker_changes_total", &["target", "state"], "Times that the breaker of a service became open, half_open or closed."),
    gauge("rpc_client_breaker_open", &["target"], "1 while most calls to a service failed and none or few are made, else 0."),
    counter("rpc_client_ejections_total", &["target", "cause"], "Times that a replica was left out for a time because it was broken, unavailable or slow."),
    gauge("rpc_client_addresses", &["target"], "Addresses that the name of a service has."),
    counter("call_faults_total", &["method", "reason"], "Faults that callers were answered with, those that are not logged included."),
    counter("http_requests_total", &["service", "method", "path", "status"], "Requests over HTTP by the path of the contract and the status that they were answered with."),
    histogram("http_request_duration_seconds", SECONDS, &["service", "method", "path"], "Time of a request over HTTP until its answer began."),
    counter("http_unserved_total", &[], "Requests over HTTP for which nothing is served."),
    counter("rpc_not_grpc_total", &[], "Requests that were refused with HTTP 415 because they are not gRPC."),
    counter("rpc_near_timeouts_total", &["method"], "Served calls that took more than four fifths of the time that they had."),
    counter("rate_limit_decisions_total", &["method", "caller", "outcome"], "Calls from outside by whether their caller was within its limit: allowed or refused; caller is subject or address."),
    histogram("rate_limit_script_seconds", SHORT_SECONDS, &[], "Time that Redis took to give permits for calls."),
    counter("cached_answers_total", &["method", "source"], "Answers that may be kept: source is process, shared (Redis), made or refused."),
    gauge("rate_limit_local", &[], "1 while Redis does not answer, so that the process limits callers by itself, to its share; else 0."),
    counter("rpc_shed_total", &["method", "by"], "Calls that were refused with OVERLOADED: by slots (the service is busy), caller (it has its share) or unread (answers wait to be read)."),
    counter("rpc_unread_answers_total", &[], "Calls that were ended in the middle of an answer that nobody read, or a stream on which nothing moved."),
    gauge("connections", &["port"], "Open connections to a gRPC port."),
    counter("connections_cut_total", &["cause"], "Connections that were ended because they sent nothing at all (silent), made room for another one (room), or only asked for streams that they were refused (refused)."),
    counter("connections_refused_total", &["cause"], "Connections that were not taken: all others were at work (full), or the process lacked descriptors (accept)."),
    counter("jwks_reads_total", &["outcome"], "Times that the keys of tokens were read again: ok or failed."),
    counter("tls_reload_failures_total", &[], "Times that the certificate could not be read again; the old one stays."),
    counter("rpc_panics_total", &["method"], "Served calls whose handler panicked."),
    counter("tasks_died_total", &["task"], "Background tasks that ended though they never should; the process ends with them."),
    gauge("dependency_up", &["service", "check"], "1 while something that a service needs is there, else 0."),

    gauge("process_resident_memory_bytes", &[], "Memory of the process that is in RAM."),
    gauge("process_open_fds", &[], "Descriptors that the process has open: connections and files."),
    gauge("process_threads", &[], "Threads of the process."),
    gauge("tokio_alive_tasks", &[], "Tasks of the runtime that have not ended."),

    histogram("db_client_operation_duration_seconds", SECONDS, &["operation", "outcome"], "Time of a read or transaction with its retries; outcome is ok, refused or error."),
    counter("db_retries_total", &["operation"], "Transactions done again because others got in the way."),
    counter("db_pool_failures_total", &["service"], "Times that no connection to the database was to be had."),
    gauge("db_pool_connections", &["service", "pool", "state"], "Connections of a pool: the most that it may have (max), those that are open, those of them that are idle. Every 15 seconds."),
    gauge("db_pool_waiting", &["service", "pool"], "Callers that wait for a connection. Every 15 seconds."),
    counter("db_swept_rows_total", &["table"], "Rows removed because they had served their time."),

    gauge("outbox_relay_leads", &["service"], "1 in the process that publishes the service's events, 0 in those that stand by."),
    gauge("outbox_pending", &["service"], "Events that are committed and not yet published, at most 100,000; set by the leader."),
    gauge("outbox_oldest_age_seconds", &["service"], "Age of the oldest event that is not yet published; 0: there is none. Set by the leader."),
    gauge("outbox_refused", &["service"], "Events that the broker refuses, each with all later ones of its key behind it. Set by the leader."),
    gauge("outbox_broker_lost", &["service"], "1 after the broker lost events that it had acknowledged, until they are published again; else 0. Set by the leader."),
    gauge("outbox_stalled", &["service"], "1 while the broker takes no events, as when it is full; else 0. Set by the leader."),
    histogram("outbox_batch_size", BATCH_SIZES, &["service"], "Events that were published together."),
    histogram("outbox_publish_seconds", SECONDS, &["service"], "Time until the broker had acknowledged what was published together."),
    counter("outbox_publish_failures_total", &["service"], "Times that the broker refused an event."),
    counter("outbox_split_batches_total", &["service"], "Batches that were published one by one because the broker refused them as a whole."),
    counter("outbox_broker_loss_total", &["service"], "Times that the broker was found to have lost events that it had acknowledged."),
    counter("bus_disconnects_total", &[], "Times that the connection to the broker was lost."),

    gauge("consumer_pending", &["consumer"], "Events that the consumer has not handled, those in progress included."),
    gauge("consumer_oldest_age_seconds", &["consumer"], "Age of the oldest event that the consumer has not handled; 0: there is none."),
    counter("consumer_events_total", &["consumer", "subject", "outcome"], "Events by their outcome: applied, kept, duplicate, stale, ignored, exists, retried or dead."),
    histogram("consumer_attempts", DELIVERIES, &["consumer"], "Deliveries that an event needed until the consumer was done with it."),
    histogram("consumer_dedupe_seconds", SHORT_SECONDS, &["service"], "Time that it took to claim the ids of the events of one transaction."),
    histogram("consumer_handler_seconds", SHORT_SECONDS, &["consumer", "subject", "outcome"], "Time that the handler of an event took, done or failed; of several that it took together each counts its share."),
    histogram("event_e2e_lag_seconds", SECONDS, &["consumer"], "Time from the commit at the publisher to the commit of the event's effect."),
    counter("consumer_split_batches_total", &["service"], "Times that a shared transaction failed and its events were handled apart."),
    counter("consumer_isolated_total", &["consumer", "outcome"], "Events that ran in isolation because they may be poison events: committed, failed, poison or not run."),
    counter("consumer_interruptions_total", &["consumer"], "Times that a subscription ended and was created anew."),

    gauge("dead_letters", &["service"], "Events that the service could not take, without the parked ones."),
    gauge("dead_letters_parked", &["service"], "Events of types that are newer than the service; a newer binary replays them by itself."),
    counter("dead_letters_posted_total", &["consumer", "reason"], "Events that became dead letters."),
    counter("dead_letters_replayed_total", &["consumer"], "Dead letters that were replayed and are removed."),
    counter("dead_letters_replay_failures_total", &["consumer", "reason"], "Dead letters whose replay failed, and which stay."),
    counter("dead_letters_discarded_total", &["consumer"], "Dead letters that an operator removed for good."),

    gauge("projection_drift", &["service", "projection"], "Entries that differ from their owner's by the last comparison of all, whichever replica did it."),
    counter("projection_compared_total", &["service", "projection"], "Entries that were compared with their owner's."),
    counter("projection_drift_found_total", &["service", "projection", "kind"], "Entries that were found to differ from their owner's, by how."),
    counter("projection_repaired_total", &["service", "projection"], "Entries that were made as their owner says."),
    histogram("projection_reconcile_seconds", SECONDS, &["service", "run"], "Time of a comparison with the owners: of one page, or of all."),
];

/// Registers the description of each metric with the installed recorder.
pub(super) fn describe(metrics: &[Metric]) {
    for metric in metrics {
        match metric.kind {
            Kind::Counter => describe_counter!(metric.name, metric.meaning),
            Kind::Gauge => describe_gauge!(metric.name, metric.meaning),
            Kind::Histogram(_) => describe_histogram!(metric.name, metric.meaning),
        }
    }
}
