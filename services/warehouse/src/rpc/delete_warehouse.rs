//! Deletes an empty warehouse.

use crate::App;
use crate::domain::warehouse::Warehouse;
use crate::store::warehouses;
use convert::read;
use fault::Fault;
use pg::entity;
use warehouse_api::v1::{DeleteWarehouseRequest, DeleteWarehouseResponse};

/// Deletes a warehouse that holds nothing. Its lock waits for stock that is just coming, so that it is counted.
pub async fn delete_warehouse(
    app: &App,
    request: DeleteWarehouseRequest,
) -> Result<DeleteWarehouseResponse, Fault> {
    let id = read(|fields| fields.id("warehouse_id", &request.warehouse_id))?;
    let expected = request.expected_version;
    app.db
        .write_once(&request, async move |tx| {
            let mut own: Warehouse = entity::lock_to_delete(tx, id).await?;
            let stocked = warehouses::stocked(tx, id).await?;
            let deleted = own.delete(stocked, expected, tx.now().await?)?;
            entity::save(tx, &own, Some(&deleted)).await?;
            Ok(DeleteWarehouseResponse { version: own.head.version })
        })
        .await
}
