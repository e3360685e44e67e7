//! Ships units of a reservation.

use crate::domain::reservation::Reservation;
use crate::open::Open;
use crate::store::reservations::{self, Outcome};
use crate::{App, wire};
use convert::read;
use fault::Fault;
use warehouse_api::v1::{FulfillReservationRequest, FulfillReservationResponse};

/// All that is open, or the lines named; a fulfillment once.
pub async fn fulfill_reservation(
    app: &App,
    request: FulfillReservationRequest,
) -> Result<FulfillReservationResponse, Fault> {
    let (id, fulfillment_id, parts) = read(|fields| {
        let id = fields.id("reservation_id", &request.reservation_id);
        let fulfillment_id = fields.optional_name("fulfillment_id", &request.fulfillment_id);
        let parts = wire::reservation::parts(fields, &request.lines);
        Some((id?, fulfillment_id?, parts?))
    })?;
    let (fulfillment_id, parts) = (&fulfillment_id, &parts);
    app.db
        .write_once(&request, async move |tx| {
            let open = Open::all(tx, &[id]).await?;
            if open.reservations.is_empty() {
                return Err(Reservation::not_found(id));
            }
            let is_new = match fulfillment_id {
                Some(own) => reservations::claim_fulfillment(tx, own, id, Outcome::Shipped).await?,
                None => true,
            };
            let (mut found, _) = open
                .decide(tx, |own, ledger| match is_new {
                    true => own.fulfill(parts.as_deref(), fulfillment_id.as_deref(), ledger),
                    false => Ok(None),
                })
                .await?;
            let own = found.pop().ok_or_else(|| Reservation::not_found(id))?;
            let reservation = Some(wire::reservation::message(&own, tx.now().await?));
            Ok(FulfillReservationResponse { reservation })
        })
        .await
}
