//! Asks every replica for a new index.

use crate::App;
use contracts::search::v1::{ReindexRequest, ReindexResponse};
use fault::Fault;
use pg::operations;

/// What happens when a new index is asked for: a row that `every/fill_new_index` takes up.
pub async fn reindex(app: &App, request: ReindexRequest) -> Result<ReindexResponse, Fault> {
    app.db
        .write_once("search.reindex", &request, async |tx| {
            let operation = operations::start(tx, "reindex", None).await?;
            Ok(ReindexResponse { operation: Some(operation.message("search")) })
        })
        .await
}
