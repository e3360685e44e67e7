//! Lists the operations of one service.

use super::Operations;
use contracts::operations::v1::{ListOperationsRequest, ListOperationsResponse};
use fault::Fault;

/// A page of operations, latest first.
pub(super) async fn list_operations(
    app: &Operations,
    request: ListOperationsRequest,
) -> Result<ListOperationsResponse, Fault> {
    let db = app.database(&request.service)?;
    let page = app.paging.page(&request)?;
    let before = page.cursor().is_some().then(|| page.after::<()>()).transpose()?;
    let mut operations = db.operations(before.map(|id| id.uuid()), page.rows()).await?;
    let next_page_token = page.next(&mut operations, |operation| operation.id.into_bytes());
    let operations = operations.into_iter().map(|own| own.message(db.service())).collect();
    Ok(ListOperationsResponse { operations, next_page_token })
}
