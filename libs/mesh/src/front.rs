//! The HTTP face of a process: JSON for each method that the contract gives a path, through the same server stack as gRPC.

use crate::config::Server;
use crate::listener::Open;
use crate::readiness::Readiness;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::map_response;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use futures::FutureExt;
use futures::future::BoxFuture;
use rest::{At, Front, Routes};
use std::sync::Arc;
use std::time::Instant;
use tonic::body::Body;
use tower_http::compression::CompressionLayer;
use tower_http::cors::{AllowOrigin, Any, CorsLayer};
use tower_http::sensitive_headers::SetSensitiveRequestHeadersLayer;

/// Shows the OpenAPI document; it loads nothing from elsewhere.
const PAGE: &str = include_str!("front/docs.html");

/// Answers a request, and says what is at its path.
pub type Answer =
    Arc<dyn Fn(Request) -> BoxFuture<'static, (Response<Body>, Option<At>)> + Send + Sync>;

#[derive(Clone)]
struct Face {
    answer: Answer,
    /// The OpenAPI document as a text.
    document: Bytes,
}

/// The methods of these gRPC services of the process, and their OpenAPI document.
pub(crate) fn methods(grpc: Router, services: &[&str], config: &Server) -> Router {
    let routes = Routes::of(services);
    let front = Front::new(routes.clone(), grpc, config.max_message_bytes);
    served(
        &routes,
        Arc::new(move |request| {
            let front = front.clone();
            async move { front.answer(request).await }.boxed()
        }),
    )
}

/// These methods, answered by `answer`, and their OpenAPI document.
pub fn served(routes: &Routes, answer: Answer) -> Router {
    let document = Bytes::from(rest::openapi::document(routes).to_string());
    Router::new()
        .route("/api/openapi.json", get(openapi))
        .route("/api/docs", get(async || Html(PAGE)))
        .fallback(answered)
        .with_state(Face { answer, document })
}

/// All that the port serves: the methods, and whether the process is ready.
pub(crate) fn router(methods: Router, config: &Server, readiness: Readiness) -> Router {
    let health = Router::new()
        .route("/health", get(ready))
        .route("/ready", get(ready))
        .with_state(readiness);
    methods
        .merge(health)
        .layer(CompressionLayer::new())
        .layer(cors(config))
        .layer(SetSensitiveRequestHeadersLayer::new([header::AUTHORIZATION]))
        .layer(map_response(secure))
}

/// Headers that keep browsers from what no answer is meant for.
async fn secure(mut response: Response) -> Response {
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
        ("strict-transport-security", "max-age=31536000"),
    ] {
        response
            .headers_mut()
            .insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    response
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

async fn answered(State(face): State<Face>, request: Request) -> Response<Body> {
    let open = request.extensions().get::<Arc<Open>>().cloned();
    let verb = request.method().to_string();
    let begun = Instant::now();
    if let Some(open) = &open {
        open.begin_call();
    }
    let (response, at) = (face.answer)(request).await;
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
