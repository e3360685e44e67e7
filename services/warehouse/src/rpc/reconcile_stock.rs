//! Has levels compared with their ledger.

use crate::App;
use crate::domain::warehouse::Warehouse;
use crate::jobs::reconcile_stock::KIND;
use convert::read;
use fault::Fault;
use pg::{entity, operations};
use prost::Message;
use warehouse_api::v1::{ReconcileStockRequest, ReconcileStockResponse};

/// Starts an operation that one replica takes up.
pub async fn reconcile_stock(
    app: &App,
    request: ReconcileStockRequest,
) -> Result<ReconcileStockResponse, Fault> {
    let id = read(|fields| {
        if !request.sku.is_empty() {
            fields.sku("sku", &request.sku)?;
        }
        fields.optional_id::<Warehouse>("warehouse_id", &request.warehouse_id)
    })?;
    let asked = request.encode_to_vec();
    app.db
        .write_once(&request, async move |tx| {
            if let Some(id) = id {
                entity::get(tx, id).await?;
            }
            let operation = operations::start(tx, KIND, Some(asked.clone())).await?;
            Ok(ReconcileStockResponse { operation: Some(operation.message("warehouse")) })
        })
        .await
}
