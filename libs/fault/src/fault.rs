use contracts::types::v1::Reason as Common;
use contracts::{Kind, Reason, Violation, Violations};
use kernel::head::Stale;
use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::time::Duration;

type Cause = Box<dyn Error + Send + Sync>;

/// An error, with all that is needed to answer a caller, to decide what to do with an event, and to log it. The cause is only for logs
/// and dead letters and never sent to a caller.
pub struct Fault(Box<Inner>);

struct Inner {
    kind: Kind,
    domain: String,
    reason: String,
    message: String,
    violations: Violations,
    metadata: BTreeMap<String, String>,
    retry_after: Option<Duration>,
    context: Vec<&'static str>,
    cause: Option<Cause>,
}

impl Fault {
    /// An error with a reason of the contract. The message is for the caller: what is wrong, where, and what to do.
    pub fn new(reason: impl Reason, message: impl Into<String>) -> Self {
        Self::raw(reason.kind(), reason.domain(), reason.name(), message.into())
    }

    /// An error in one field, given by its path.
    pub fn field(reason: impl Reason, path: impl Into<String>, message: impl Into<String>) -> Self {
        let message = message.into();
        let field = path.into();
        let violation = Violation { field: field.clone(), rule: "", message: message.clone() };
        Self::new(reason, format!("{field}: {message}")).violating(violation.into())
    }

    /// An error for fields that violate validation rules.
    pub fn invalid(violations: Violations) -> Self {
        Self::new(Common::InvalidField, violations.summary()).violating(violations)
    }

    /// A dependency could not be reached and nothing was changed.
    pub fn unavailable(what: &str, cause: impl Into<Cause>) -> Self {
        Self::new(Common::DependencyUnavailable, format!("{what} could not be reached; retry"))
            .because(cause)
    }

    /// A bug; the caller gets no details.
    pub fn internal(cause: impl Into<Cause>) -> Self {
        Self::new(
            Common::Internal,
            "an internal error occurred; report it with the correlation id of this call",
        )
        .because(cause)
    }

    /// Adds the cause, for logs.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Cause>) -> Self {
        self.0.cause = Some(cause.into());
        self
    }

    /// Adds what was being done, verb and object, e.g. `save prices`.
    #[must_use]
    pub fn context(mut self, doing: &'static str) -> Self {
        self.0.context.push(doing);
        self
    }

    /// Adds machine-readable metadata.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl fmt::Display) -> Self {
        self.0.metadata.insert(key.to_owned(), value.to_string());
        self
    }

    /// Adds the time after which the caller should retry.
    #[must_use]
    pub fn retry_after(mut self, pause: Duration) -> Self {
        self.0.retry_after = Some(pause);
        self
    }

    /// Puts `prefix` in front of all field paths, to turn the error of a row into one of the request.
    #[must_use]
    pub fn below(mut self, prefix: &str) -> Self {
        // An empty path is the row itself, and `Fault::field` begins its message with the path.
        let join = |path: &str, of_row: bool| {
            let dot = if of_row { "" } else { "." };
            format!("{prefix}{dot}{path}")
        };
        self.0.message = join(&self.0.message, self.0.message.starts_with(": "));
        for violation in self.0.violations.iter_mut() {
            violation.field = join(&violation.field, violation.field.is_empty());
        }
        self
    }

    /// Kind of failure.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The reason's name on the wire.
    pub fn reason(&self) -> &str {
        &self.0.reason
    }

    /// Domain of the reason, e.g. `catalog.souk`.
    pub fn domain(&self) -> &str {
        &self.0.domain
    }

    /// Message for the caller.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The invalid fields.
    pub fn violations(&self) -> &Violations {
        &self.0.violations
    }

    /// Machine-readable metadata.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.0.metadata
    }

    /// How long the caller should wait before a retry.
    pub fn pause(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Whether it has the given reason.
    pub fn is(&self, reason: impl Reason) -> bool {
        self.0.domain == reason.domain() && self.0.reason == reason.name()
    }

    /// The message with context and all causes, for logs and dead letters; never for a caller.
    pub fn chain(&self) -> String {
        let mut chain = format!("{}: {}", self.0.reason, self.0.message);
        for doing in &self.0.context {
            chain.push_str(" (to ");
            chain.push_str(doing);
            chain.push(')');
        }
        let mut cause: Option<&dyn Error> = self.0.cause.as_deref().map(|cause| cause as _);
        while let Some(error) = cause {
            chain.push_str(": ");
            chain.push_str(&error.to_string());
            cause = error.source();
        }
        chain
    }

    /// Sets the violations.
    #[must_use]
    pub fn violating(mut self, violations: Violations) -> Self {
        self.0.violations = violations;
        self
    }

    /// Sets several violations and a message that sums them up.
    #[must_use]
    pub fn violating_together(mut self, violations: Violations) -> Self {
        self.0.message = violations.summary();
        self.violating(violations)
    }

    pub(crate) fn raw(kind: Kind, domain: &str, reason: &str, message: String) -> Self {
        Self(Box::new(Inner {
            kind,
            domain: domain.to_owned(),
            reason: reason.to_owned(),
            message,
            violations: Violations::default(),
            metadata: BTreeMap::new(),
            retry_after: None,
            context: Vec::new(),
            cause: None,
        }))
    }
}

impl From<Stale> for Fault {
    fn from(stale: Stale) -> Self {
        Self::new(Common::ConcurrentModification, stale.to_string())
            .with("current_version", stale.current)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.reason, self.0.message)
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}", self.0.kind, self.chain())
    }
}

impl Error for Fault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.cause.as_deref().map(|cause| cause as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pricing_api::v1::Reason as Pricing;

    #[test]
    fn below_adds_the_row_to_paths_and_message() {
        let fault = Fault::field(Pricing::SaleAboveBase, "sale", "120 is above the base of 100")
            .below("prices[3]");
        assert_eq!(fault.violations()[0].field, "prices[3].sale");
        assert_eq!(fault.message(), "prices[3].sale: 120 is above the base of 100");
        assert!(fault.is(Pricing::SaleAboveBase));
        assert_eq!(fault.kind(), Kind::Invalid);
        let row = Fault::field(Pricing::DuplicateRow, "", "comes twice").below("prices[3]");
        assert_eq!(row.violations()[0].field, "prices[3]");
        assert_eq!(row.message(), "prices[3]: comes twice");
    }

    #[test]
    fn the_cause_is_in_the_chain_and_not_in_the_message() {
        let fault = Fault::internal("relation \"prices\" does not exist").context("save prices");
        assert!(!fault.to_string().contains("prices"));
        assert!(fault.chain().ends_with("(to save prices): relation \"prices\" does not exist"));
    }
}
