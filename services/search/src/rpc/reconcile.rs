//! Requests a comparison of copies with their owners.

use crate::App;
use fault::Fault;
use search_api::v1::{ReconcileRequest, ReconcileResponse};

/// Starts an operation that one replica takes up.
pub async fn reconcile(app: &App, request: ReconcileRequest) -> Result<ReconcileResponse, Fault> {
    let repair = request.repair;
    app.db
        .write_once(&request, async move |tx| {
            let operation = mesh::reconcile::request(tx, repair).await?;
            Ok(ReconcileResponse { operation: Some(operation.message("search")) })
        })
        .await
}
