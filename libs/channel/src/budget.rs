//! How often calls are repeated in all: a service that is down is not asked many times as often as one that is up.

use std::fmt;
use std::time::Duration;
use tower::retry::budget::{Budget as _, TpsBudget};

/// A tenth of the calls of the last ten seconds, and five each second.
pub(crate) struct Budget(TpsBudget);

impl Budget {
    /// Counts a call.
    pub(crate) fn deposit(&self) {
        self.0.deposit();
    }

    /// Whether a call may be repeated now.
    pub(crate) fn withdraw(&self) -> bool {
        self.0.withdraw()
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self(TpsBudget::new(Duration::from_secs(10), 5, 0.1))
    }
}

impl fmt::Debug for Budget {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("Budget").finish_non_exhaustive()
    }
}
