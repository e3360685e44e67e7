//! Lists the operations of one service.

use super::Operations;
use contracts::operations::v1::{ListOperationsRequest, ListOperationsResponse};
use fault::Fault;
use pg::operations::Operation;

/// A page of operations, latest first.
pub(super) async fn list_operations(
    app: &Operations,
    request: ListOperationsRequest,
) -> Result<ListOperationsResponse, Fault> {
    let db = app.database(&request.service)?;
    let page = app.paging.page(&request)?;
    let before = page.cursor().is_some().then(|| page.after::<()>()).transpose()?;
    let operations = db.operations(before.map(|id| id.uuid()), page.rows()).await?;
    let message = |operation: &Operation| operation.clone().message(db.service());
    let (operations, next_page_token) =
        page.items(operations, message, |operation| operation.id.into_bytes());
    Ok(ListOperationsResponse { operations, next_page_token })
}
