//! Requests a comparison: a row in `operations` that any replica takes up.

use fault::Fault;
use pg::Tx;
use pg::operations::{self, Operation};

/// Kind of an operation that only reports.
pub(super) const REPORT: &str = "reconcile";
/// Kind of an operation that repairs too.
pub(super) const REPAIR: &str = "reconcile-repair";

/// The kind of an operation.
pub(super) fn kind(repair: bool) -> &'static str {
    if repair { REPAIR } else { REPORT }
}

/// Requests a comparison of every projection of the service, in a transaction on its database; the result is a
/// `souk.operations.v1.DriftReport`.
pub async fn request(tx: &mut Tx, repair: bool) -> Result<Operation, Fault> {
    operations::start(tx, kind(repair), None).await
}
