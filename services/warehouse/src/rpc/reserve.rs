//! Holds units for a cart.

use crate::reserve::{self, explain};
use crate::waiting::Wish;
use crate::{App, wire};
use convert::read;
use fault::{Fault, context};
use pg::replay;
use warehouse_api::v1::{Reason, ReserveRequest, ReserveResponse};

/// All lines or none, in a transaction of its own or together with others that wait for the same SKU.
pub async fn reserve(app: &App, request: ReserveRequest) -> Result<ReserveResponse, Fault> {
    let (owner_id, needs, to) = read(|fields| {
        let owner_id = fields.name("owner_id", &request.owner_id);
        let needs = wire::allocation::needs(fields, &request.lines);
        let to = wire::allocation::context(fields, request.context.as_ref());
        Some((owner_id?, needs?, to?))
    })?;
    let wish = Wish {
        owner_id,
        needs: needs.clone(),
        context: to,
        hold_seconds: Some(i64::from(request.hold_seconds)).filter(|seconds| *seconds > 0),
        key: replay::Key::of(&request)?,
        actor: context::current().caller.subject.clone(),
    };
    match reserve::reserve(app, &wish).await {
        Ok(answer) => {
            count("held");
            Ok(answer)
        }
        Err(fault) => {
            let fault = explain(app, &needs, fault).await;
            count(if fault.is(Reason::InsufficientStock) { "short" } else { "refused" });
            Err(fault)
        }
    }
}

fn count(outcome: &'static str) {
    metrics::counter!("warehouse_reservations_total", "outcome" => outcome).increment(1);
}
