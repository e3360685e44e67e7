//! Between faults and `tonic::Status`, with the standard `google.rpc` details.

use crate::{Common, Fault, context};
use contracts::{Kind, Reason, Violation};
use std::time::Duration;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

impl From<Fault> for Status {
    /// Answers a caller. This is the one place where a fault is logged: with its whole chain, as loud as its kind demands.
    fn from(fault: Fault) -> Self {
        log(&fault);
        let mut details = ErrorDetails::new();
        let metadata: std::collections::HashMap<String, String> =
            fault.metadata().iter().map(|(k, v)| (k.clone(), v.clone())).collect();
        details.set_error_info(fault.reason(), fault.domain(), metadata);
        if !fault.violations().is_empty() {
            let fields = fault.violations().iter();
            let fields = fields.map(|v| FieldViolation::new(&v.field, &v.message));
            details.set_bad_request(fields.collect::<Vec<_>>());
        }
        if let Some(pause) = fault.pause() {
            details.set_retry_info(Some(pause));
        }
        Status::with_error_details(fault.kind().code(), fault.message(), details)
    }
}

fn log(fault: &Fault) {
    let context = context::current();
    let (id, chain) = (&context.correlation_id, fault.chain());
    let reason = fault.reason();
    match fault.kind() {
        Kind::Internal => tracing::error!(correlation_id = %id, reason, "call failed: {chain}"),
        Kind::Exhausted | Kind::Unavailable | Kind::TimedOut => {
            tracing::warn!(correlation_id = %id, reason, "call failed: {chain}");
        }
        Kind::Unauthenticated | Kind::Forbidden | Kind::Refused => {
            tracing::info!(correlation_id = %id, reason, "call refused: {chain}");
        }
        Kind::Invalid | Kind::NotFound | Kind::AlreadyExists | Kind::Conflict => {
            tracing::debug!(correlation_id = %id, reason, "call refused: {chain}");
        }
    }
}

impl From<Status> for Fault {
    /// What another service answered, or what became of the call to it. A reason survives the hop; an answer without one is
    /// named by its code.
    fn from(status: Status) -> Self {
        let details = status.get_error_details();
        let kind = if timed_out(&status) { Kind::TimedOut } else { Kind::of(status.code()) };
        let mut fault = match details.error_info() {
            Some(info) => {
                let mut fault =
                    Self::raw(kind, &info.domain, &info.reason, status.message().to_owned());
                for (key, value) in &info.metadata {
                    fault = fault.with(key, value);
                }
                fault
            }
            None => unnamed(kind, &status),
        };
        if let Some(request) = details.bad_request() {
            let violations = request.field_violations.iter().map(|violation| Violation {
                field: violation.field.clone(),
                rule: "",
                message: violation.description.clone(),
            });
            fault = fault.violating(violations.collect());
        }
        if let Some(pause) = details.retry_info().and_then(|info| info.retry_delay) {
            fault = fault.retry_after(pause.min(Duration::from_secs(60)));
        }
        fault
    }
}

/// tonic's own timer reports an expired deadline as CANCELLED.
fn timed_out(status: &Status) -> bool {
    let mut cause = std::error::Error::source(status);
    while let Some(error) = cause {
        if error.is::<tonic::TimeoutExpired>() {
            return true;
        }
        cause = error.source();
    }
    status.code() == Code::Cancelled && status.message() == "Timeout expired"
}

fn unnamed(kind: Kind, status: &Status) -> Fault {
    let reason = match kind {
        Kind::TimedOut => Common::DeadlineExceeded,
        Kind::Unavailable => Common::DependencyUnavailable,
        Kind::Exhausted => Common::Overloaded,
        _ => Common::Internal,
    };
    Fault::raw(kind, reason.domain(), reason.name(), status.message().to_owned())
        .because(status.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::catalog::v1::Reason as Catalog;

    #[test]
    fn a_fault_survives_the_hop_to_another_service() {
        let sent = Fault::field(Catalog::SkuTaken, "variants[0].sku", "belongs to another variant")
            .with("sku", "A-1")
            .retry_after(Duration::from_secs(2));
        let got = Fault::from(Status::from(sent));
        assert!(got.is(Catalog::SkuTaken));
        assert_eq!(got.kind(), Kind::AlreadyExists);
        assert_eq!(got.metadata()["sku"], "A-1");
        assert_eq!(got.violations()[0].field, "variants[0].sku");
        assert_eq!(got.pause(), Some(Duration::from_secs(2)));
    }

    #[test]
    fn causes_never_reach_the_caller() {
        let status = Status::from(Fault::internal("password authentication failed"));
        assert!(!format!("{status:?}").contains("password"));
        assert_eq!(status.code(), Code::Internal);
    }

    #[test]
    fn an_answer_without_a_reason_is_named_by_its_code() {
        let fault = Fault::from(Status::unavailable("tcp connect error"));
        assert!(fault.is(Common::DependencyUnavailable));
        assert_eq!(Fault::from(Status::cancelled("Timeout expired")).kind(), Kind::TimedOut);
    }
}
