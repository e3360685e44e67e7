use crate::{Common, Fault};
use contracts::{Reason, Violation};

/// Collects what is wrong with several fields, so that a caller learns of all of it at once.
#[derive(Debug, Default)]
pub struct Fields {
    violations: Vec<Violation>,
}

impl Fields {
    /// Notes that a field is wrong.
    pub fn push(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.violations.push(Violation { field: path.into(), rule: "", message: message.into() });
    }

    /// Refuses for `reason` when anything was noted.
    pub fn refuse(self, reason: impl Reason) -> Result<(), Fault> {
        if self.violations.is_empty() {
            return Ok(());
        }
        let summary = contracts::codec::summary(&self.violations);
        Err(Fault::new(reason, summary).violating(self.violations))
    }

    /// Refuses with INVALID_FIELD when anything was noted.
    pub fn finish(self) -> Result<(), Fault> {
        self.refuse(Common::InvalidField)
    }
}
