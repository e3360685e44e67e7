//! Ranges of time in requests.

use contracts::operations::v1::{DeadLetterFilter, Reason};
use convert::read;
use fault::Fault;
use kernel::window::Window;
use prost_types::Timestamp;

/// Reads a range, either end of which may be open. Refused with TIME_RANGE_INVALID.
pub(super) fn range(from: Option<&Timestamp>, to: Option<&Timestamp>) -> Result<Window, Fault> {
    let reason = Reason::TimeRangeInvalid;
    let range = read(|fields| fields.window(("from", from), ("to", to), reason));
    range.map_err(|fault| Fault::new(reason, fault.message()).violating(fault.violations().clone()))
}

/// Checks the range of a filter. Refused with TIME_RANGE_INVALID.
pub(super) fn check(filter: &DeadLetterFilter) -> Result<(), Fault> {
    let range = range(filter.from.as_ref(), filter.to.as_ref());
    range.map(|_| ()).map_err(|fault| fault.below("filter"))
}
