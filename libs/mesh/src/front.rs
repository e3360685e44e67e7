//! The HTTP face of a process: JSON for each method that the contract gives a path, through the same server stack as gRPC.

use crate::config::Server;
use crate::listener::Open;
use crate::readiness::Readiness;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use rest::{Front, Routes};
use std::sync::Arc;
use std::time::Instant;
use tonic::body::Body;
use tower_http::compression::CompressionLayer;
use tower_http::cors::{AllowOrigin, Any, CorsLayer};
use tower_http::sensitive_headers::SetSensitiveRequestHeadersLayer;

/// Shows the OpenAPI document; it loads nothing from elsewhere.
const PAGE: &str = include_str!("front/docs.html");

#[derive(Clone)]
struct Face {
    front: Front<Router>,
    /// The OpenAPI document as a text.
    document: Bytes,
}

/// All that the port serves: the methods of these gRPC services, their OpenAPI document, and whether the process is ready.
pub(crate) fn router(
    grpc: Router,
    services: &[&str],
    config: &Server,
    readiness: Readiness,
) -> Router {
    let routes = Routes::of(services);
    let document = Bytes::from(rest::openapi::document(&routes).to_string());
    let face = Face { front: Front::new(routes, grpc, config.max_message_bytes), document };
    let health = Router::new()
        .route("/health", get(ready))
        .route("/ready", get(ready))
        .with_state(readiness);
    Router::new()
        .route("/api/openapi.json", get(openapi))
        .route("/api/docs", get(async || Html(PAGE)))
        .fallback(answer)
        .with_state(face)
        .merge(health)
        .layer(CompressionLayer::new())
        .layer(cors(config))
        .layer(SetSensitiveRequestHeadersLayer::new([header::AUTHORIZATION]))
}

/// Pages of the configured origins, and no others, may read answers.
fn cors(config: &Server) -> CorsLayer {
    let names = config.http_origins.iter().flat_map(|origins| origins.split(','));
    let origins: Vec<HeaderValue> = names.filter_map(|origin| origin.trim().parse().ok()).collect();
    let shown = ["etag", "retry-after", "x-correlation-id", "ratelimit-remaining"];
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_methods(Any)
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            header::IF_MATCH,
            header::IF_NONE_MATCH,
            HeaderName::from_static("idempotency-key"),
            HeaderName::from_static("x-correlation-id"),
        ])
        .expose_headers(shown.map(HeaderName::from_static))
}

async fn ready(State(readiness): State<Readiness>) -> impl IntoResponse {
    let report = readiness.report();
    let code = if report.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, Json(serde_json::json!({ "status": report.status })))
}

async fn openapi(State(face): State<Face>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], face.document)
}

async fn answer(State(face): State<Face>, request: Request) -> Response<Body> {
    let open = request.extensions().get::<Arc<Open>>().cloned();
    let verb = request.method().to_string();
    let begun = Instant::now();
    if let Some(open) = &open {
        open.begin_call();
    }
    let (response, at) = face.front.answer(request).await;
    if let Some(open) = &open {
        open.end_call();
    }
    let Some(at) = at else {
        metrics::counter!("http_unserved_total").increment(1);
        return response;
    };
    let (service, path) = (at.service, at.path);
    let status = response.status().as_u16().to_string();
    metrics::counter!("http_requests_total", "service" => service.clone(), "method" => verb.clone(), "path" => path.clone(), "status" => status)
        .increment(1);
    metrics::histogram!("http_request_duration_seconds", "service" => service, "method" => verb, "path" => path)
        .record(begun.elapsed());
    response
}
