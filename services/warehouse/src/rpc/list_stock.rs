//! Lists levels by id.

use crate::store::levels::{self, Filter};
use crate::{App, wire};
use contracts::Rpc;
use convert::read;
use fault::Fault;
use warehouse_api::v1::{ListStockRequest, ListStockResponse};

/// A page of levels: of a warehouse, a SKU, statuses, or all.
pub async fn list_stock(app: &App, request: ListStockRequest) -> Result<ListStockResponse, Fault> {
    let page = app.paging.page(&request)?;
    let filter = read(|fields| {
        let warehouse_id = fields.optional_id("warehouse_id", &request.warehouse_id);
        let sku = match request.sku.as_str() {
            "" => Some(None),
            sku => fields.sku("sku", sku).map(Some),
        };
        let statuses = request.statuses().filter_map(wire::level::status).collect();
        Some(Filter { warehouse_id: warehouse_id?, sku: sku?, statuses })
    })?;
    let (filter, after, rows) = (&filter, page.after()?, page.rows());
    let found = app
        .db
        .read(ListStockRequest::METHOD, async |tx| levels::list(tx, filter, after, rows).await)
        .await?;
    let (stock, next_page_token) = page.items_by_id(found, |level| level.head.id);
    Ok(ListStockResponse { stock, next_page_token })
}
