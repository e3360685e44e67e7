//! A call that can be sent more than once.

use crate::answer::Failure;
use crate::request_id;
use contracts::{Idempotency, Policy};
use http::{HeaderMap, HeaderValue, Request, request};
use http_body_util::{BodyExt, Full};
use prost::bytes::Bytes;
use std::time::Duration;
use tokio::time::Instant;
use tonic::body::Body;

const TIMEOUT: &str = "grpc-timeout";

/// A call of one message.
pub(crate) struct Call {
    head: request::Parts,
    message: Bytes,
    pub(crate) deadline: Instant,
    /// Whether the call has no second effect when it is sent again.
    pub(crate) repeatable: bool,
}

impl Call {
    pub(crate) async fn read(request: Request<Body>, policy: &Policy) -> Result<Self, Failure> {
        let (head, body) = request.into_parts();
        let timeout = grpc_timeout(&head.headers).unwrap_or(policy.timeout);
        let deadline = Instant::now() + timeout;
        let message = body.collect().await.map_err(Failure::of)?.to_bytes();
        let (message, repeatable) = match (policy.idempotency, policy.request_id) {
            (Idempotency::Unknown, _) => (message, false),
            (Idempotency::Idempotent, Some(field)) => {
                match request_id::ensure(message.clone(), field) {
                    Some(message) => (message, true),
                    None => (message, false),
                }
            }
            (Idempotency::NoSideEffects | Idempotency::Idempotent, _) => (message, true),
        };
        Ok(Self { head, message, deadline, repeatable })
    }

    /// The request of an attempt, with the time that is left.
    pub(crate) fn attempt(&self, before: usize) -> Request<Body> {
        let mut head = self.head.clone();
        // Milliseconds have room for a day in the header's eight digits.
        let left = self.left().as_millis().clamp(1, 99_999_999);
        if let Ok(left) = HeaderValue::from_str(&format!("{left}m")) {
            head.headers.insert(TIMEOUT, left);
        }
        if before > 0 {
            head.headers.insert("grpc-previous-rpc-attempts", HeaderValue::from(before));
        }
        Request::from_parts(head, Body::new(Full::new(self.message.clone())))
    }

    pub(crate) fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }
}

/// The caller's timeout: up to 8 digits and a unit. A malformed one is ignored, as gRPC libraries do.
pub fn grpc_timeout(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(TIMEOUT)?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.len() > 8 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let count: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(count * 3600)),
        "M" => Some(Duration::from_secs(count * 60)),
        "S" => Some(Duration::from_secs(count)),
        "m" => Some(Duration::from_millis(count)),
        "u" => Some(Duration::from_micros(count)),
        "n" => Some(Duration::from_nanos(count)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_of_the_header_is_read() {
        let read = |text: &'static str| {
            grpc_timeout(&HeaderMap::from_iter([(
                http::HeaderName::from_static(TIMEOUT),
                HeaderValue::from_static(text),
            )]))
        };
        assert_eq!(read("2H"), Some(Duration::from_secs(7200)));
        assert_eq!(read("3M"), Some(Duration::from_secs(180)));
        assert_eq!(read("99999999S"), Some(Duration::from_secs(99_999_999)));
        assert_eq!(read("250m"), Some(Duration::from_millis(250)));
        assert_eq!(read("7u"), Some(Duration::from_micros(7)));
        assert_eq!(read("7n"), Some(Duration::from_nanos(7)));
        for malformed in ["", "S", "5", "5s", "-5S", "999999999S", "1.5S"] {
            assert_eq!(read(malformed), None, "{malformed}");
        }
    }
}
