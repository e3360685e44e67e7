//! Returns a warehouse.

use crate::App;
use crate::domain::warehouse::Warehouse;
use contracts::Rpc;
use convert::read;
use fault::Fault;
use pg::entity;
use warehouse_api::v1::{GetWarehouseRequest, GetWarehouseResponse};

/// A warehouse that exists.
pub async fn get_warehouse(
    app: &App,
    request: GetWarehouseRequest,
) -> Result<GetWarehouseResponse, Fault> {
    let id = read(|fields| fields.id("warehouse_id", &request.warehouse_id))?;
    let own: Warehouse =
        app.db.look_up(GetWarehouseRequest::METHOD, async |tx| entity::get(tx, id).await).await?;
    Ok(GetWarehouseResponse { warehouse: Some((&own).into()) })
}
