//! Prolongs a hold.

use crate::open::decide_one;
use crate::{App, wire};
use chrono::TimeDelta;
use convert::read;
use fault::Fault;
use warehouse_api::v1::{ExtendReservationRequest, ExtendReservationResponse};

/// From now on, and never beyond what a hold may last in all.
pub async fn extend_reservation(
    app: &App,
    request: ExtendReservationRequest,
) -> Result<ExtendReservationResponse, Fault> {
    let id = read(|fields| fields.id("reservation_id", &request.reservation_id))?;
    let asked = u32::try_from(request.hold_seconds).ok().filter(|seconds| *seconds > 0);
    let hold = TimeDelta::seconds(asked.unwrap_or(app.settings.hold_seconds).into());
    let most = TimeDelta::seconds(app.settings.max_hold_seconds.into());
    app.db
        .write_once(&request, async move |tx| {
            let own = decide_one(tx, id, |own, ledger| {
                let until = (ledger.at() + hold).min(own.created_at + most);
                own.extend(until, ledger.at())
            })
            .await?;
            let reservation = Some(wire::reservation::message(&own, tx.now().await?));
            Ok(ExtendReservationResponse { reservation })
        })
        .await
}
