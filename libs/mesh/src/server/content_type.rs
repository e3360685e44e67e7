use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};

/// The answer to what is not gRPC: HTTP 415, as gRPC over HTTP/2 asks for, since its sender would not understand a gRPC status.
pub(super) fn refused(headers: &HeaderMap) -> Option<Response> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    if kind.is_some_and(is_grpc) {
        return None;
    }
    metrics::counter!("rpc_not_grpc_total").increment(1);
    let message = "only gRPC is served here: send `content-type: application/grpc`\n";
    Some((StatusCode::UNSUPPORTED_MEDIA_TYPE, message).into_response())
}

fn is_grpc(kind: &str) -> bool {
    let media_type = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    ["application/grpc", "application/grpc+proto"].contains(&media_type.as_str())
}

#[cfg(test)]
mod tests {
    use super::is_grpc;

    #[test]
    fn grpc_with_protobuf_is_told_from_what_only_begins_like_it() {
        for kind in ["application/grpc", "application/grpc+proto", "Application/gRPC; charset=x"] {
            assert!(is_grpc(kind), "{kind}");
        }
        for kind in ["", "application/json", "application/grpc-web", "application/grpc+json"] {
            assert!(!is_grpc(kind), "{kind}");
        }
    }
}
