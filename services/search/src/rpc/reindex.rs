//! Requests that every replica builds a new index.

use crate::App;
use fault::Fault;
use pg::operations;
use search_api::v1::{ReindexRequest, ReindexResponse};

/// Starts an operation that `jobs/fill_new_index` of every replica takes part in.
pub async fn reindex(app: &App, request: ReindexRequest) -> Result<ReindexResponse, Fault> {
    app.db
        .write_once(&request, async |tx| {
            let operation = operations::start(tx, "reindex", None).await?;
            Ok(ReindexResponse { operation: Some(operation.message("search")) })
        })
        .await
}
