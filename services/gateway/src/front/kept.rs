//! An answer as it is kept: its tag on the first line, then its JSON.

use bytes::Bytes;
use cache::answers::Source;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use std::sync::Arc;
use tonic::body::Body;

/// RFC 9211: whether the answer was kept.
const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// A kept answer.
pub(super) struct Kept {
    tag: Option<HeaderValue>,
    json: Bytes,
}

/// An answer that is not kept, as a refusal. Whoever asked at the same moment gets it too.
pub(super) struct Passed {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Kept {
    /// The bytes of an answer that may be kept.
    pub(super) async fn of(response: Response<Body>) -> Result<Bytes, Arc<Passed>> {
        let (head, body) = response.into_parts();
        let body = match body.collect().await {
            Ok(body) => body.to_bytes(),
            Err(_) => Bytes::new(),
        };
        if head.status != StatusCode::OK || body.is_empty() {
            let passed = Passed { status: head.status, headers: head.headers, body };
            return Err(Arc::new(passed));
        }
        let tag = head.headers.get(header::ETAG).map(HeaderValue::as_bytes).unwrap_or_default();
        Ok([tag, b"\n", &body].concat().into())
    }

    pub(super) fn read(bytes: &Bytes) -> Self {
        let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or_default();
        let tag = HeaderValue::from_bytes(&bytes.slice(..end)).ok().filter(|tag| !tag.is_empty());
        Self { tag, json: bytes.slice((end + 1).min(bytes.len())..) }
    }

    /// The answer to who asks with these headers, perhaps for what has changed only.
    pub(super) fn response(self, asked: &HeaderMap, source: Source) -> Response<Body> {
        let tag = self.tag.as_ref().and_then(|tag| tag.to_str().ok());
        let unchanged = tag.is_some_and(|tag| rest::has(asked, tag));
        let mut response = match unchanged {
            true => Response::new(Body::empty()),
            false => Response::new(Body::new(Full::from(self.json))),
        };
        if unchanged {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        }
        let headers = response.headers_mut();
        if !unchanged {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        if let Some(tag) = self.tag {
            headers.insert(header::ETAG, tag);
        }
        let status = match source {
            Source::Made => "souk; fwd=miss",
            Source::Process | Source::Shared => "souk; hit",
        };
        headers.insert(CACHE_STATUS, HeaderValue::from_static(status));
        response
    }
}

impl Passed {
    pub(super) fn response(&self) -> Response<Body> {
        let mut response = Response::new(Body::new(Full::from(self.body.clone())));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers.clone();
        response
    }
}
