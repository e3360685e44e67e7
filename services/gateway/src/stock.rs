//! What there is of SKUs, asked for all of a page at once.

use crate::App;
use crate::refusals::passed_on;
use fault::Fault;
use std::collections::HashMap;
use warehouse_api::v1::{Availability, BatchGetAvailabilityRequest};

/// What there is of these SKUs, at most 500; nothing where the mesh has no warehouse.
pub(crate) async fn of_skus(
    app: &App,
    skus: Vec<String>,
) -> Result<HashMap<String, Availability>, Fault> {
    let Some(warehouse) = app.warehouse.as_ref().filter(|_| !skus.is_empty()) else {
        return Ok(HashMap::new());
    };
    let request = BatchGetAvailabilityRequest { skus, ..Default::default() };
    let answer = warehouse.clone().batch_get_availability(request).await.map_err(passed_on)?;
    let found = answer.into_inner().availability.into_iter();
    Ok(found.map(|own| (own.sku.clone(), own)).collect())
}
