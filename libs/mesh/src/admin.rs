//! The admin port: HTTP for probes, people and Prometheus. Liveness looks at nothing but this process, because a restart does not repair a
//! database; readiness checks the dependencies that the services cannot work without.

use crate::readiness::{Readiness, Report};
use crate::telemetry::metrics_text;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};

/// Pages: `/health`, `/health/live`, `/health/ready`, `/health/detailed`, `/metrics`.
pub(crate) fn router(readiness: Readiness) -> Router {
    Router::new()
        .route("/health", get(ready))
        .route("/health/live", get(live))
        .route("/health/ready", get(ready))
        .route("/health/detailed", get(detailed))
        .route("/metrics", get(metrics))
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
