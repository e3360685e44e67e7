//! What came of an attempt.

use contracts::Reason;
use contracts::status::Parts;
use contracts::types::v1::Reason as Common;
use http::{HeaderMap, Response};
use http_body_util::BodyExt;
use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;
use tonic::body::Body;
use tonic::{Code, ConnectError, Status, TimeoutExpired};
use tonic_types::StatusExt;
use tower::BoxError;

/// An answer of the service, and what it says.
pub(crate) struct Answer {
    pub(crate) response: Response<Body>,
    pub(crate) code: Code,
    /// For how long the service asks not to be called again.
    pub(crate) pause: Option<Duration>,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The call certainly was not sent.
    Unsent(BoxError),
    /// The connection broke: whether the service did something is not known.
    Lost(BoxError),
    /// The time for the call was up.
    Late,
    /// It was refused on this side.
    Refused(Status),
}

impl Failure {
    /// The failure that an error of the connection is.
    pub(crate) fn of(error: impl Into<BoxError>) -> Self {
        let error = error.into();
        let first: &(dyn Error + 'static) = error.as_ref();
        let is = |test: fn(&(dyn Error + 'static)) -> bool| {
            std::iter::successors(Some(first), |&error| error.source()).any(test)
        };
        if is(|error| error.is::<TimeoutExpired>()) {
            Self::Late
        } else if is(|error| error.is::<ConnectError>()) {
            Self::Unsent(error)
        } else {
            Self::Lost(error)
        }
    }

    /// The code that the caller sees.
    pub(crate) fn code(&self) -> Code {
        match self {
            Self::Unsent(_) | Self::Lost(_) => Code::Unavailable,
            Self::Late => Code::DeadlineExceeded,
            Self::Refused(status) => status.code(),
        }
    }

    /// The error for the generated client.
    pub(crate) fn into_error(self) -> BoxError {
        match self {
            Self::Unsent(error) | Self::Lost(error) => error,
            Self::Late => {
                let message = "the time for this call was up before the service answered";
                refusal(Common::DeadlineExceeded, message).into()
            }
            Self::Refused(status) => status.into(),
        }
    }
}

impl Answer {
    /// An answer of which only the beginning is looked at.
    pub(crate) fn begun(response: Response<Body>) -> Self {
        Self { code: code(response.headers()), pause: None, response }
    }

    /// Waits for all of an answer of one message: only its end tells whether the call succeeded.
    pub(crate) async fn whole(response: Response<Body>) -> Result<Self, Failure> {
        if response.headers().contains_key(Status::GRPC_STATUS) {
            let pause = pause(response.headers());
            return Ok(Self { pause, ..Self::begun(response) });
        }
        let (parts, body) = response.into_parts();
        let body = body.collect().await.map_err(Failure::of)?;
        let Some(trailers) = body.trailers() else {
            return Err(Failure::Lost("the answer has no end".into()));
        };
        let (code, pause) = (code(trailers), pause(trailers));
        Ok(Self { response: Response::from_parts(parts, Body::new(body)), code, pause })
    }
}

/// The status code of an answer. An answer without one in its headers began successfully; its final status is in its trailers.
fn code(headers: &HeaderMap) -> Code {
    headers.get(Status::GRPC_STATUS).map_or(Code::Ok, |code| Code::from_bytes(code.as_bytes()))
}

fn pause(headers: &HeaderMap) -> Option<Duration> {
    headers.get(Status::GRPC_STATUS_DETAILS)?;
    Status::from_header_map(headers)?.get_details_retry_info()?.retry_delay
}

/// A refusal by this side, in the words of the contract.
pub fn refusal(reason: Common, message: &str) -> Status {
    Parts {
        kind: reason.kind(),
        domain: reason.domain(),
        reason: reason.name(),
        message,
        metadata: &BTreeMap::new(),
        violations: &contracts::Violations::default(),
        retry_after: None,
    }
    .status()
}
