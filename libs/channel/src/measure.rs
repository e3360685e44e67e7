//! Times and counts calls, made and served.

use std::time::Instant;
use tonic::Code;

/// A call that is being timed. One that is dropped before it ended was cancelled by its caller.
#[derive(Debug)]
pub struct Timed {
    histogram: &'static str,
    method: &'static str,
    started: Instant,
    code: &'static str,
}

impl Timed {
    /// Begins to time a call of the method at `path`.
    pub fn begin(histogram: &'static str, path: &str) -> Self {
        Self {
            histogram,
            method: method(path),
            started: Instant::now(),
            code: name(Code::Cancelled),
        }
    }

    /// The call ended with this code.
    pub fn end(mut self, code: Code) {
        self.code = name(code);
    }
}

impl Drop for Timed {
    fn drop(&mut self) {
        let seconds = self.started.elapsed();
        metrics::histogram!(self.histogram, "method" => self.method, "code" => self.code)
            .record(seconds);
        tracing::debug!(method = self.method, code = self.code, ?seconds, "call ended");
    }
}

/// The method as a label. Paths come from callers, so what the contract does not name shares one.
pub fn method(path: &str) -> &'static str {
    contracts::policy(path).map_or("_OTHER", |policy| policy.path.trim_start_matches('/'))
}

fn name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
