//! What a service refuses of what was passed on to it is the matter of the gateway's own caller.

use contracts::Kind;
use fault::Fault;
use tonic::Status;

/// Where other services have what is a field of the gateway's own requests.
const ABOVE: [&str; 2] = ["context.", "filters."];

/// The refusal of a call that passed on what the caller sent.
pub(crate) fn passed_on(status: Status) -> Fault {
    let fault = Fault::answered(status.clone());
    if !matches!(fault.kind(), Kind::Invalid | Kind::Refused) {
        return status.into();
    }
    let mut violations = fault.violations().clone();
    for violation in violations.iter_mut() {
        let own = ABOVE.iter().find_map(|prefix| violation.field.strip_prefix(prefix));
        if let Some(own) = own.map(str::to_owned) {
            violation.field = own;
        }
    }
    fault.violating(violations)
}
