//! Returns a reservation.

use crate::domain::reservation::Reservation;
use crate::store::reservations;
use crate::{App, wire};
use contracts::Rpc;
use convert::read;
use fault::Fault;
use warehouse_api::v1::{GetReservationRequest, GetReservationResponse};

/// In the state that it is in now, whether or not anything noticed that its time is up.
pub async fn get_reservation(
    app: &App,
    request: GetReservationRequest,
) -> Result<GetReservationResponse, Fault> {
    let id = read(|fields| fields.id("reservation_id", &request.reservation_id))?;
    let (found, now) = app
        .db
        .read(GetReservationRequest::METHOD, async |tx| {
            Ok((reservations::find(tx, &[id]).await?, tx.now().await?))
        })
        .await?;
    let own = found.first().ok_or_else(|| Reservation::not_found(id))?;
    Ok(GetReservationResponse { reservation: Some(wire::reservation::message(own, now)) })
}
