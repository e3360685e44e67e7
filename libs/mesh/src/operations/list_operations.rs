//! Lists the operations of one service.

use super::Operations;
use crate::Paging;
use contracts::operations::v1::{ListOperationsRequest, ListOperationsResponse};
use fault::Fault;

const METHOD: &str = "/souk.operations.v1.OperationsService/ListOperations";

/// A page of operations, latest first.
pub(super) async fn list_operations(
    app: &Operations,
    mut request: ListOperationsRequest,
) -> Result<ListOperationsResponse, Fault> {
    let token = std::mem::take(&mut request.page_token);
    let size = Paging::size(std::mem::take(&mut request.page_size))?;
    let db = app.database(&request.service)?;
    let before = app.paging.after(METHOD, &request, &token)?;
    let mut page = db.operations(before, size.rows()).await?;
    let last = size.cut(&mut page).map(|operation| operation.id);
    let next_page_token = app.paging.next(METHOD, &request, last);
    let operations = page.into_iter().map(|operation| operation.message(db.service())).collect();
    Ok(ListOperationsResponse { operations, next_page_token })
}
