//! Lists the units of a SKU that are expected.

use crate::store::incoming;
use crate::{App, catalog, wire};
use contracts::Rpc;
use convert::read;
use fault::Fault;
use warehouse_api::v1::{ListIncomingRequest, ListIncomingResponse};

/// All of them, by time.
pub async fn list_incoming(
    app: &App,
    request: ListIncomingRequest,
) -> Result<ListIncomingResponse, Fault> {
    let (sku, id) = read(|fields| {
        let sku = fields.sku("sku", &request.sku);
        sku.zip(fields.optional_id("warehouse_id", &request.warehouse_id))
    })?;
    let own = &sku;
    let found = app
        .db
        .read(ListIncomingRequest::METHOD, async |tx| incoming::of_sku(tx, own, id).await)
        .await?;
    if found.is_empty() {
        catalog::require_ever(app, &sku, "sku").await?;
    }
    Ok(ListIncomingResponse {
        incoming: found.iter().map(|own| wire::incoming::message(&sku, own)).collect(),
    })
}
