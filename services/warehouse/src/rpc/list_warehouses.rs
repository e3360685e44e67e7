//! Lists warehouses by id.

use crate::domain::warehouse::Warehouse;
use crate::{App, wire};
use contracts::Rpc;
use fault::Fault;
use pg::entity;
use warehouse_api::v1::{ListWarehousesRequest, ListWarehousesResponse};

/// A page of the warehouses that exist, or of those that ship to a place.
pub async fn list_warehouses(
    app: &App,
    request: ListWarehousesRequest,
) -> Result<ListWarehousesResponse, Fault> {
    let page = app.paging.page(&request)?;
    let (after, rows) = (page.after()?, page.rows());
    let to = wire::warehouse::destination(&request.country, &request.postcode, "");
    let is_asked = |own: &Warehouse| request.country.is_empty() || own.serves(&to);
    let found = app
        .db
        .read_stale(ListWarehousesRequest::METHOD, async |tx| {
            // Whom a warehouse serves is no column: pages are read until one is full of those asked for.
            let (mut found, mut after) = (Vec::new(), after);
            loop {
                let some: Vec<Warehouse> = entity::list(after, rows).load(tx).await?;
                let is_last = i64::try_from(some.len()).unwrap_or(i64::MAX) < rows;
                after = some.last().map_or(after, |own| own.head.id);
                found.extend(some.into_iter().filter(is_asked));
                if is_last || found.len() > page.size() {
                    return Ok(found);
                }
            }
        })
        .await?;
    let (warehouses, next_page_token) = page.items_by_id(found, |own| own.head.id);
    Ok(ListWarehousesResponse { warehouses, next_page_token })
}
