//! Lists movements, newest first.

use crate::store::movements::{self, Filter};
use crate::{App, wire};
use contracts::Rpc;
use convert::read;
use fault::Fault;
use kernel::id::Id;
use uuid::Uuid;
use warehouse_api::v1::{ListMovementsRequest, ListMovementsResponse};

/// A page of movements: of a SKU, a warehouse, an order, a reservation, a time, or all.
pub async fn list_movements(
    app: &App,
    request: ListMovementsRequest,
) -> Result<ListMovementsResponse, Fault> {
    let page = app.paging.page(&request)?;
    let filter = read(|fields| {
        let sku = match request.sku.as_str() {
            "" => Some(None),
            sku => fields.sku("sku", sku).map(Some),
        };
        let warehouse_id = fields.optional_id("warehouse_id", &request.warehouse_id);
        let reservation_id = fields.optional_id("reservation_id", &request.reservation_id);
        let order_id = fields.optional_name("order_id", &request.order_id);
        let from = fields.optional_instant("from", request.from.as_ref());
        let until = fields.optional_instant("until", request.until.as_ref());
        Some(Filter {
            sku: sku?,
            warehouse_id: warehouse_id?,
            order_id: order_id?,
            reservation_id: reservation_id?,
            from: from?,
            until: until?,
        })
    })?;
    let before = match page.cursor() {
        Some(_) => page.after()?,
        None => Id::from_uuid(Uuid::max()),
    };
    let (filter, rows) = (&filter, page.rows());
    let found = app
        .db
        .read(ListMovementsRequest::METHOD, async |tx| {
            movements::list(tx, filter, before, rows).await
        })
        .await?;
    let (movements, next_page_token) = page.items(
        found,
        |own| wire::level::named_movement(&own.movement, &own.sku, own.warehouse_id),
        |own| own.movement.id.uuid().into_bytes(),
    );
    Ok(ListMovementsResponse { movements, next_page_token })
}
