//! Lets go of a hold.

use crate::open::decide_one;
use crate::{App, wire};
use convert::read;
use fault::Fault;
use warehouse_api::v1::{ReleaseReservationRequest, ReleaseReservationResponse};

/// Again changes nothing.
pub async fn release_reservation(
    app: &App,
    request: ReleaseReservationRequest,
) -> Result<ReleaseReservationResponse, Fault> {
    let id = read(|fields| fields.id("reservation_id", &request.reservation_id))?;
    app.db
        .write_once(&request, async move |tx| {
            let own = decide_one(tx, id, |own, ledger| own.release(ledger)).await?;
            let reservation = Some(wire::reservation::message(&own, tx.now().await?));
            Ok(ReleaseReservationResponse { reservation })
        })
        .await
}
