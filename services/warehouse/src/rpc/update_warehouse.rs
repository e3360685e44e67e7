//! Changes a warehouse.

use crate::domain::warehouse::Warehouse;
use crate::store::{thresholds, warehouses};
use crate::{App, wire};
use convert::read;
use fault::Fault;
use pg::entity;
use warehouse_api::v1::{UpdateWarehouseRequest, UpdateWarehouseResponse};

/// Changes the fields that the mask names.
pub async fn update_warehouse(
    app: &App,
    request: UpdateWarehouseRequest,
) -> Result<UpdateWarehouseResponse, Fault> {
    let (id, named, values) = read(|fields| {
        let id = fields.id("warehouse_id", &request.warehouse_id);
        let named =
            fields.mask("update_mask", request.update_mask.as_ref(), &wire::warehouse::FIELDS)?;
        let values = fields.message("warehouse", request.warehouse.as_ref(), |fields, draft| {
            wire::warehouse::draft(fields, draft, &named)
        });
        Some((id?, named, values?))
    })?;
    let (named, values, expected) = (&named, &values, request.expected_version);
    app.db
        .write_once(&request, async move |tx| {
            let mut own: Warehouse = entity::lock(tx, id).await?;
            let taken =
                named.contains(&"code") && warehouses::is_taken(tx, &values.code, id).await?;
            let change = own.update(values.clone(), named, taken, expected, tx.now().await?)?;
            entity::save(tx, &own, change.as_ref()).await?;
            if change.is_some_and(|change| change.touches("low_stock_threshold")) {
                thresholds::look_at_warehouse(tx, id).await?;
                tx.notify_after_commit(app.thresholds_due.clone());
            }
            Ok(UpdateWarehouseResponse { warehouse: Some((&own).into()) })
        })
        .await
}
