//! Why a relay no longer leads, or could not.

use fault::Fault;

/// Why a relay no longer leads, or could not.
pub(super) enum RelayError {
    /// The session, and with it the lead; another one is tried.
    SessionLost(Fault),
    /// The stream cannot be as it must be.
    StreamRefused(Fault),
}
