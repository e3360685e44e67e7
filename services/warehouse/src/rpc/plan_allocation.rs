//! Says which warehouse would ship what.

use crate::reserve::{explain, plan_now};
use crate::{App, wire};
use contracts::Rpc;
use convert::read;
use fault::Fault;
use warehouse_api::v1::{PlanAllocationRequest, PlanAllocationResponse};

/// By the function that `Reserve` decides by, on what is there at this moment.
pub async fn plan_allocation(
    app: &App,
    request: PlanAllocationRequest,
) -> Result<PlanAllocationResponse, Fault> {
    let (needs, context) = read(|fields| {
        let needs = wire::allocation::needs(fields, &request.lines);
        let context = wire::allocation::context(fields, request.context.as_ref());
        needs.zip(context)
    })?;
    let (own, to) = (&needs, &context);
    let picks = app
        .db
        .read(PlanAllocationRequest::METHOD, async |tx| Ok(plan_now(app, tx, own, to).await))
        .await?;
    match picks {
        Ok(picks) => {
            Ok(PlanAllocationResponse { shipments: wire::allocation::shipments(&needs, &picks) })
        }
        Err(fault) => Err(explain(app, &needs, fault).await),
    }
}
