//! Takes back what was promised to an order.

use crate::open::decide_one;
use crate::{App, wire};
use convert::read;
use fault::Fault;
use warehouse_api::v1::{CancelReservationRequest, CancelReservationResponse};

/// All that has not been shipped, or the lines named.
pub async fn cancel_reservation(
    app: &App,
    request: CancelReservationRequest,
) -> Result<CancelReservationResponse, Fault> {
    let (id, parts) = read(|fields| {
        let id = fields.id("reservation_id", &request.reservation_id);
        id.zip(wire::reservation::parts(fields, &request.lines))
    })?;
    let parts = &parts;
    app.db
        .write_once(&request, async move |tx| {
            let own = decide_one(tx, id, |own, ledger| own.cancel(parts.as_deref(), None, ledger))
                .await?;
            let reservation = Some(wire::reservation::message(&own, tx.now().await?));
            Ok(CancelReservationResponse { reservation })
        })
        .await
}
