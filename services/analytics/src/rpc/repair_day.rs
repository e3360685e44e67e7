//! Has the counters of a day compared with its events.

use crate::jobs::repair_days::KIND;
use crate::{App, wire};
use analytics_api::v1::{RepairDayRequest, RepairDayResponse};
use convert::read;
use fault::Fault;
use pg::operations;
use prost::Message;

/// Starts an operation that one replica takes up.
pub async fn repair_day(app: &App, request: RepairDayRequest) -> Result<RepairDayResponse, Fault> {
    if let Some(answer) = app.db.replayed(&request).await? {
        return Ok(answer);
    }
    let day = read(|fields| wire::day(fields, &request.day))?;
    app.horizon().await?.require(day)?;
    let asked = request.encode_to_vec();
    app.db
        .write_once(&request, async move |tx| {
            let operation = operations::start(tx, KIND, Some(asked.clone())).await?;
            Ok(RepairDayResponse { operation: Some(operation.message("analytics")) })
        })
        .await
}
