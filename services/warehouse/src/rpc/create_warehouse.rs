//! Creates a warehouse.

use crate::domain::warehouse::Warehouse;
use crate::store::warehouses;
use crate::{App, wire};
use convert::read;
use fault::Fault;
use kernel::id::Id;
use pg::entity;
use warehouse_api::v1::{CreateWarehouseRequest, CreateWarehouseResponse};

/// Creates a warehouse whose code no other has.
pub async fn create_warehouse(
    app: &App,
    request: CreateWarehouseRequest,
) -> Result<CreateWarehouseResponse, Fault> {
    let values = &read(|fields| {
        fields.message("warehouse", request.warehouse.as_ref(), |fields, draft| {
            wire::warehouse::draft(fields, draft, &wire::warehouse::FIELDS)
        })
    })?;
    app.db
        .write_once(&request, async move |tx| {
            let id = Id::new();
            let taken = warehouses::is_taken(tx, &values.code, id).await?;
            let now = tx.now().await?;
            let (own, created) = Warehouse::create(id, values.clone(), taken, now)?;
            entity::save(tx, &own, Some(&created)).await?;
            Ok(CreateWarehouseResponse { warehouse: Some((&own).into()) })
        })
        .await
}
