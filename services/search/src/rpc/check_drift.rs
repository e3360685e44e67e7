//! Asks for a comparison of copies with their owners.

use crate::App;
use contracts::search::v1::{CheckDriftRequest, CheckDriftResponse};
use fault::Fault;
use pg::operations;

/// What happens when a comparison is asked for: a row that `every/compare_with_owners` takes up.
pub async fn check_drift(
    app: &App,
    request: CheckDriftRequest,
) -> Result<CheckDriftResponse, Fault> {
    app.db
        .write_once("search.check_drift", &request, async |tx| {
            let operation = operations::start(tx, "drift", None).await?;
            Ok(CheckDriftResponse { operation: Some(operation.message("search")) })
        })
        .await
}
