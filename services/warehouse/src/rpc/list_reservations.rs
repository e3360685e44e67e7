//! Lists reservations by id.

use crate::store::reservations::{self, Filter};
use crate::{App, wire};
use contracts::Rpc;
use convert::read;
use fault::Fault;
use warehouse_api::v1::{ListReservationsRequest, ListReservationsResponse};

/// A page of reservations: of an order, a fulfillment, an owner, or all.
pub async fn list_reservations(
    app: &App,
    request: ListReservationsRequest,
) -> Result<ListReservationsResponse, Fault> {
    let page = app.paging.page(&request)?;
    let filter = read(|fields| {
        let order_id = fields.optional_name("order_id", &request.order_id);
        let fulfillment_id = fields.optional_name("fulfillment_id", &request.fulfillment_id);
        let owner_id = fields.optional_name("owner_id", &request.owner_id);
        Some(Filter { order_id: order_id?, fulfillment_id: fulfillment_id?, owner_id: owner_id? })
    })?;
    let (filter, after, rows) = (&filter, page.after()?, page.rows());
    let (found, now) = app
        .db
        .read(ListReservationsRequest::METHOD, async |tx| {
            let found = reservations::list(tx, filter, after, rows).await?;
            Ok((found, tx.now().await?))
        })
        .await?;
    let (reservations, next_page_token) = page.items(
        found,
        |own| wire::reservation::message(own, now),
        |own| own.id.uuid().into_bytes(),
    );
    Ok(ListReservationsResponse { reservations, next_page_token })
}
