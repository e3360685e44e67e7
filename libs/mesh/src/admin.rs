//! The admin port: HTTP for probes, people and Prometheus. Liveness looks at nothing but this process, because a restart does not repair a
//! database; readiness checks the dependencies that the services cannot work without.

use crate::readiness::{Readiness, Report};
use crate::telemetry::metrics_text;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::sleep;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::TimeoutLayer;

/// Pause after a connection could not be accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Connections at a time: probes, Prometheus and a few people. One more takes the place of the oldest.
const MAX_CONNECTIONS: usize = 64;
/// Longest time that a page takes.
const PAGE_TIMEOUT: Duration = Duration::from_secs(10);

/// Serves the pages for as long as it is polled. A client that does not send the head of a request in time is disconnected: else whoever
/// reaches the port could use up the descriptors of the process.
pub(crate) async fn serve(listener: TcpListener, readiness: Readiness, head_timeout: Duration) {
    let pages = TowerToHyperService::new(router(readiness));
    let mut connections = JoinSet::new();
    let mut open: VecDeque<AbortHandle> = VecDeque::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
        };
        let Ok((stream, _)) = accepted else {
            // Of descriptors, as a rule; some are free again later.
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(head_timeout)
            .serve_connection(TokioIo::new(stream), pages.clone());
        open.retain(|connection| !connection.is_finished());
        if open.len() >= MAX_CONNECTIONS
            && let Some(oldest) = open.pop_front()
        {
            oldest.abort();
        }
        open.push_back(connections.spawn(connection));
    }
}

/// Pages: `/health`, `/health/live`, `/health/ready`, `/health/detailed`, `/metrics`.
fn router(readiness: Readiness) -> Router {
    Router::new()
        .route("/health", get(ready))
        .route("/health/live", get(live))
        .route("/health/ready", get(ready))
        .route("/health/detailed", get(detailed))
        .route("/metrics", get(metrics))
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, PAGE_TIMEOUT))
        .layer(CatchPanicLayer::new())
        .with_state(readiness)
}

async fn live() -> impl IntoResponse {
    Json(serde_json::json!({ "status": "live" }))
}

async fn ready(State(readiness): State<Readiness>) -> impl IntoResponse {
    let report = readiness.report();
    (code(&report), Json(serde_json::json!({ "status": report.status })))
}

async fn detailed(State(readiness): State<Readiness>) -> impl IntoResponse {
    let report = readiness.report();
    (code(&report), Json(report))
}

async fn metrics() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metrics_text())
}

fn code(report: &Report) -> StatusCode {
    if report.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}
