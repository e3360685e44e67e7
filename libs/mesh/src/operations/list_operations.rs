//! Lists the operations of one service.

use super::Operations;
use contracts::operations::v1::{ListOperationsRequest, ListOperationsResponse, Operation};
use fault::Fault;
use prost::Message;
use uuid::Uuid;

/// A page of operations, latest first.
pub(super) async fn list_operations(
    app: &Operations,
    request: ListOperationsRequest,
) -> Result<ListOperationsResponse, Fault> {
    let db = app.database(&request.service)?;
    let page = app.paging.page(&request)?;
    let before = page.cursor().is_some().then(|| page.after::<()>()).transpose()?;
    let found = db.operations(before.map(|id| id.uuid()), page.rows()).await?;
    let operations = found.into_iter().map(|own| (own.id, own.message(db.service())));
    let mut operations: Vec<(Uuid, Operation)> = operations.collect();
    // Each may have a long report.
    let bytes = |(_, own): &(Uuid, Operation)| own.encoded_len();
    let next_page_token = page.next_within_bytes(&mut operations, bytes, |(id, _)| id.into_bytes());
    let operations = operations.into_iter().map(|(_, own)| own).collect();
    Ok(ListOperationsResponse { operations, next_page_token })
}
