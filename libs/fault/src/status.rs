//! Conversion between faults and `tonic::Status`, with the standard `google.rpc` error details.

use crate::{Common, Fault, context, sample};
use contracts::status::Parts;
use contracts::{Kind, Reason, Violation};
use std::time::Duration;
use tonic::{Code, Status};
use tonic_types::StatusExt;

impl From<Fault> for Status {
    /// The response to a failed call. The conversion also logs the fault with all its causes, at the level of its kind.
    fn from(fault: Fault) -> Self {
        log(&fault);
        let parts = Parts {
            kind: fault.kind(),
            domain: fault.domain(),
            reason: fault.reason(),
            message: fault.message(),
            metadata: fault.metadata(),
            violations: fault.violations(),
            retry_after: fault.pause(),
        };
        parts.status()
    }
}

/// Counts the fault and logs it; what callers can bring about at will is logged as a sample.
fn log(fault: &Fault) {
    let context = context::current();
    let (id, method, reason) = (&context.correlation_id, context.work, fault.reason());
    metrics::counter!("call_faults_total", "method" => method, "reason" => reason.to_owned())
        .increment(1);
    let sampled = || sample::logged(method, reason);
    match fault.kind() {
        Kind::Internal => {
            tracing::error!(correlation_id = %id, reason, "call failed: {}", fault.chain());
        }
        Kind::Exhausted | Kind::Unavailable | Kind::TimedOut => {
            if let Some(suppressed) = sampled() {
                let chain = fault.chain();
                tracing::warn!(correlation_id = %id, method, reason, suppressed, "call failed: {chain}");
            }
        }
        Kind::Unauthenticated | Kind::Forbidden | Kind::Refused => {
            if let Some(suppressed) = sampled() {
                let chain = fault.chain();
                tracing::info!(correlation_id = %id, method, reason, suppressed, "call refused: {chain}");
            }
        }
        Kind::Invalid
        | Kind::NotFound
        | Kind::AlreadyExists
        | Kind::Conflict
        | Kind::Unimplemented => {
            tracing::debug!(correlation_id = %id, reason, "call refused: {}", fault.chain());
        }
    }
}

impl Fault {
    /// The error of a call, for the code that made the call. Keeps the reason in the response; without one the gRPC code determines it.
    pub fn answered(status: Status) -> Self {
        let details = status.get_error_details();
        let kind = match details.error_info() {
            _ if timed_out(&status) => Kind::TimedOut,
            // What the connection says and not the service: it died, or was reset.
            None if std::error::Error::source(&status).is_some() => Kind::Unavailable,
            _ => Kind::of(status.code()),
        };
        let mut fault = match details.error_info() {
            Some(info) => {
                let mut fault =
                    Self::raw(kind, &info.domain, &info.reason, status.message().to_owned());
                for (key, value) in &info.metadata {
                    fault = fault.with(key, value);
                }
                fault
            }
            None => without_reason(kind, &status),
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

impl From<Status> for Fault {
    /// Converts the error of a call to another service into one for this service's own caller. Only errors that are also true for that
    /// caller are passed on: not found and timeout. If the other service rejected this service's token or request, that is a bug for
    /// the caller and only logged. A handler that knows that an error concerns its caller's input uses [`Fault::answered`].
    fn from(status: Status) -> Self {
        let answered = Self::answered(status);
        match answered.kind() {
            Kind::NotFound | Kind::TimedOut => answered,
            Kind::Unavailable | Kind::Exhausted | Kind::Conflict => {
                let pause = answered.pause();
                let fault = Self::unavailable("another service", answered);
                pause.into_iter().fold(fault, Fault::retry_after)
            }
            Kind::Invalid
            | Kind::Unauthenticated
            | Kind::Forbidden
            | Kind::AlreadyExists
            | Kind::Refused
            | Kind::Internal
            | Kind::Unimplemented => Self::internal(answered),
        }
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

fn without_reason(kind: Kind, status: &Status) -> Fault {
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
    use catalog_api::v1::Reason as Catalog;

    #[test]
    fn a_fault_survives_the_hop_to_another_service() {
        let sent = Fault::field(Catalog::SkuTaken, "variants[0].sku", "belongs to another variant")
            .with("sku", "A-1")
            .retry_after(Duration::from_secs(2));
        let got = Fault::answered(Status::from(sent));
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
    fn refusals_without_a_token_cost_one_line_of_the_log() {
        #[derive(Default, Clone)]
        struct Lines(std::sync::Arc<std::sync::atomic::AtomicU32>);
        impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Lines {
            fn on_event(
                &self,
                event: &tracing::Event<'_>,
                _: tracing_subscriber::layer::Context<'_, S>,
            ) {
                if *event.metadata().level() <= tracing::Level::INFO {
                    self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                }
            }
        }
        use tracing_subscriber::layer::SubscriberExt;
        let lines = Lines::default();
        tracing::subscriber::with_default(
            tracing_subscriber::registry().with(lines.clone()),
            || {
                for _ in 0..100 {
                    drop(Status::from(Fault::new(Common::TokenMissing, "send a token")));
                }
                drop(Status::from(Fault::new(Common::ScopeMissing, "needs catalog:read")));
            },
        );
        assert_eq!(lines.0.load(std::sync::atomic::Ordering::Relaxed), 2);
    }

    #[test]
    fn an_answer_without_a_reason_is_named_by_its_code() {
        let fault = Fault::answered(Status::unavailable("tcp connect error"));
        assert!(fault.is(Common::DependencyUnavailable));
        assert_eq!(Fault::answered(Status::cancelled("Timeout expired")).kind(), Kind::TimedOut);
    }

    #[test]
    fn a_connection_that_breaks_is_a_dependency_that_is_away() {
        let broken = || Status::from_error("h2 protocol error: connection reset".into());
        assert_ne!(broken().code(), Code::Unavailable);
        let fault = Fault::answered(broken());
        assert!(fault.is(Common::DependencyUnavailable), "{fault}");
        let passed = Fault::from(broken());
        assert!(passed.is(Common::DependencyUnavailable), "{passed}");
        assert!(!passed.message().contains("h2"), "{passed}");
        assert!(Fault::from(Status::internal("a bug")).is(Common::Internal));
    }

    #[test]
    fn only_what_is_true_for_the_caller_too_is_passed_on() {
        let passed = |sent: Fault| Fault::from(Status::from(sent));
        let missing = passed(Fault::new(Catalog::ProductNotFound, "no such product").with("id", 7));
        assert!(missing.is(Catalog::ProductNotFound));
        assert_eq!(missing.metadata()["id"], "7");
        assert_eq!(Fault::from(Status::cancelled("Timeout expired")).kind(), Kind::TimedOut);

        let pause = Duration::from_secs(2);
        let busy = passed(Fault::new(Common::Overloaded, "too much").retry_after(pause));
        assert!(busy.is(Common::DependencyUnavailable));
        assert_eq!(busy.pause(), Some(pause));
        assert!(passed(Fault::new(Common::Contended, "x")).is(Common::DependencyUnavailable));

        for refusal in [
            Fault::new(Common::TokenInvalid, "expired"),
            Fault::new(Common::ScopeMissing, "needs catalog:read"),
            Fault::field(Common::InvalidField, "skus[0]", "is empty"),
            Fault::field(Catalog::SkuTaken, "sku", "belongs to another variant"),
            Fault::new(Catalog::ImportStopped, "a row was refused"),
            Fault::internal("a bug"),
        ] {
            let refused = refusal.to_string();
            let fault = passed(refusal);
            assert!(fault.is(Common::Internal), "{fault}");
            assert!(fault.violations().is_empty() && fault.metadata().is_empty(), "{fault:?}");
            assert!(fault.chain().contains(&refused), "{} lacks {refused}", fault.chain());
        }
    }
}
