use super::answer::{code, method_unknown, refuse};
use axum::body::Body;
use axum::response::Response;
use fault::{Common, Fault};
use http::HeaderMap;
use http_body::Frame;
use http_body_util::BodyExt;
use tonic::{Code, Status};

/// Adds a reason to an answer by which tonic itself refuses a call: size, compression, bytes that are no message, unknown methods. Our own
/// answers have their reason in their details already and pass unchanged.
pub(super) fn name(mut response: Response) -> Response {
    reason(response.headers_mut());
    if http_body::Body::is_end_stream(response.body()) {
        return response;
    }
    // The final status of a stream that began successfully is in its trailers.
    response.map(|body| Body::new(body.map_frame(named_trailers)))
}

fn named_trailers<D>(frame: Frame<D>) -> Frame<D> {
    match frame.into_trailers() {
        Ok(mut trailers) => {
            reason(&mut trailers);
            Frame::trailers(trailers)
        }
        Err(data) => data,
    }
}

fn reason(headers: &mut HeaderMap) {
    if headers.contains_key(Status::GRPC_STATUS_DETAILS) {
        return;
    }
    let message = headers.get(Status::GRPC_MESSAGE).and_then(|text| text.to_str().ok());
    if let Some(named) = named(code(headers), &plain(message.unwrap_or_default())) {
        for name in [Status::GRPC_STATUS, Status::GRPC_MESSAGE, Status::GRPC_STATUS_DETAILS] {
            headers.remove(&name);
            if let Some(value) = named.headers().get(&name) {
                headers.insert(name, value.clone());
            }
        }
    }
}

/// The answer that tonic would have given if it knew our reasons. Its texts are pinned by the tests in `tests/it/refusals.rs`.
fn named(code: Code, message: &str) -> Option<Response> {
    let too_large = message.contains("decoded message length too large")
        || message.contains("exceeded while decompressing");
    let compressed =
        message.contains("is compressed with") || message.contains("compressed-flag but");
    let fault = match code {
        Code::OutOfRange | Code::ResourceExhausted if too_large => Fault::new(
            Common::MessageTooLarge,
            "the message is larger than this service takes; split it",
        ),
        Code::Unimplemented | Code::Internal if compressed => Fault::new(
            Common::UnsupportedCompression,
            "the message is compressed in a way that this service does not read; send it plain or with gzip or zstd",
        ),
        Code::Unimplemented => method_unknown(),
        Code::Internal if is_broken(message) => Fault::new(
            Common::Undecodable,
            format!("the bytes are not the message that this method takes: {message}"),
        ),
        // The caller disconnected while it was still sending, so this answer is not read.
        Code::Internal | Code::Unknown if is_gone(message) => return None,
        Code::Internal | Code::Unknown => Fault::internal(message.to_owned()),
        _ => return None,
    };
    Some(refuse(fault))
}

fn is_broken(message: &str) -> bool {
    ["invalid compression flag", "Error decompressing", "Missing request message", "Unexpected EOF"]
        .iter()
        .any(|text| message.contains(text))
}

fn is_gone(message: &str) -> bool {
    message.starts_with("h2 protocol error") || message.contains("error reading a body")
}

/// The message without its percent-encoding.
fn plain(message: &str) -> String {
    let mut bytes = Vec::with_capacity(message.len());
    let mut rest = message.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let byte = hex.filter(|_| first == b'%').and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(byte.unwrap_or(first));
        rest = if byte.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
