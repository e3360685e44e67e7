use contracts::types::v1::Reason as Common;
use contracts::{Kind, Reason, Violation};
use kernel::head::Stale;
use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::time::Duration;

type Cause = Box<dyn Error + Send + Sync>;

/// A refusal or a failure, complete enough to answer a caller, to decide about an event and to be logged. What the caller
/// sees and what only the log may hold are kept apart: the cause never leaves the process.
pub struct Fault(Box<Inner>);

struct Inner {
    kind: Kind,
    domain: String,
    reason: String,
    message: String,
    violations: Vec<Violation>,
    metadata: BTreeMap<String, String>,
    retry_after: Option<Duration>,
    context: Vec<&'static str>,
    cause: Option<Cause>,
}

impl Fault {
    /// Refuses for a reason of the contract. The message is for the caller: what was wrong, where, what to do.
    pub fn new(reason: impl Reason, message: impl Into<String>) -> Self {
        Self::raw(reason.kind(), reason.domain(), reason.name(), message.into())
    }

    /// Refuses because of one field, which the caller finds by its path.
    pub fn field(reason: impl Reason, path: impl Into<String>, message: impl Into<String>) -> Self {
        let message = message.into();
        let field = path.into();
        let violation = Violation { field: field.clone(), rule: "", message: message.clone() };
        Self::new(reason, format!("{field}: {message}")).violating(vec![violation])
    }

    /// Refuses because fields break the rules of the contract.
    pub fn invalid(violations: Vec<Violation>) -> Self {
        Self::new(Common::InvalidField, contracts::codec::summary(&violations))
            .violating(violations)
    }

    /// Something needed could not be reached and nothing was changed.
    pub fn unavailable(what: &str, cause: impl Into<Cause>) -> Self {
        Self::new(Common::DependencyUnavailable, format!("{what} could not be reached; retry"))
            .because(cause)
    }

    /// A bug: the caller learns only that it happened.
    pub fn internal(cause: impl Into<Cause>) -> Self {
        Self::new(
            Common::Internal,
            "an internal error occurred; report it with the correlation id of this call",
        )
        .because(cause)
    }

    /// The same fault with the cause that the log shows.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Cause>) -> Self {
        self.0.cause = Some(cause.into());
        self
    }

    /// The same fault with what was being done, verb and object: `reserve stock`.
    #[must_use]
    pub fn context(mut self, doing: &'static str) -> Self {
        self.0.context.push(doing);
        self
    }

    /// The same fault with a fact that programs can read.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl fmt::Display) -> Self {
        self.0.metadata.insert(key.to_owned(), value.to_string());
        self
    }

    /// The same fault with advice on how long to wait.
    #[must_use]
    pub fn retry_after(mut self, pause: Duration) -> Self {
        self.0.retry_after = Some(pause);
        self
    }

    /// The same fault with every field path put below `prefix`: a row's fault becomes the request's.
    #[must_use]
    pub fn below(mut self, prefix: &str) -> Self {
        for violation in &mut self.0.violations {
            violation.field = format!("{prefix}.{}", violation.field);
        }
        self.0.message = format!("{prefix}.{}", self.0.message);
        self
    }

    /// The class of the failure.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The reason's name on the wire.
    pub fn reason(&self) -> &str {
        &self.0.reason
    }

    /// Whose reason it is, e.g. `catalog.souk`.
    pub fn domain(&self) -> &str {
        &self.0.domain
    }

    /// What the caller is told.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The fields that are wrong.
    pub fn violations(&self) -> &[Violation] {
        &self.0.violations
    }

    /// Facts that programs can read.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.0.metadata
    }

    /// How long the caller should wait.
    pub fn pause(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Whether this is the given reason.
    pub fn is(&self, reason: impl Reason) -> bool {
        self.0.domain == reason.domain() && self.0.reason == reason.name()
    }

    /// Everything that is known, causes included: for the log and for dead letters, never for a caller.
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

    /// The same fault with the violations it stands for.
    #[must_use]
    pub fn violating(mut self, violations: Vec<Violation>) -> Self {
        self.0.violations = violations;
        self
    }

    /// The same fault for several violations, all of which its message sums up.
    #[must_use]
    pub fn violating_together(mut self, violations: Vec<Violation>) -> Self {
        self.0.message = contracts::codec::summary(&violations);
        self.violating(violations)
    }

    pub(crate) fn raw(kind: Kind, domain: &str, reason: &str, message: String) -> Self {
        Self(Box::new(Inner {
            kind,
            domain: domain.to_owned(),
            reason: reason.to_owned(),
            message,
            violations: Vec::new(),
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
    use contracts::pricing::v1::Reason as Pricing;

    #[test]
    fn a_row_fault_names_the_row_after_it_was_put_below_it() {
        let fault = Fault::field(Pricing::SaleAboveBase, "sale", "120 is above the base of 100")
            .below("prices[3]");
        assert_eq!(fault.violations()[0].field, "prices[3].sale");
        assert_eq!(fault.message(), "prices[3].sale: 120 is above the base of 100");
        assert!(fault.is(Pricing::SaleAboveBase));
        assert_eq!(fault.kind(), Kind::Invalid);
    }

    #[test]
    fn the_cause_is_in_the_chain_and_not_in_the_message() {
        let fault = Fault::internal("relation \"prices\" does not exist").context("save prices");
        assert!(!fault.to_string().contains("prices"));
        assert!(fault.chain().ends_with("(to save prices): relation \"prices\" does not exist"));
    }
}
