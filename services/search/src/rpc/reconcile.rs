//! Asks for a comparison of copies with their owners.

use crate::App;
use contracts::search::v1::{ReconcileRequest, ReconcileResponse};
use fault::Fault;

/// What happens when a comparison is asked for: a row that some replica's `every/reconcile` takes up.
pub async fn reconcile(app: &App, request: ReconcileRequest) -> Result<ReconcileResponse, Fault> {
    let repair = request.repair;
    app.db
        .write_once("search.reconcile", &request, async move |tx| {
            let operation = mesh::reconcile::ask(tx, repair).await?;
            Ok(ReconcileResponse { operation: Some(operation.message("search")) })
        })
        .await
}
