//! Promises what is held to an order.

use crate::open::decide_one;
use crate::store::movements;
use crate::{App, wire};
use convert::read;
use fault::Fault;
use warehouse_api::v1::{CommitReservationRequest, CommitReservationResponse};

/// A hold that has expired is taken anew, all of it or nothing.
pub async fn commit_reservation(
    app: &App,
    request: CommitReservationRequest,
) -> Result<CommitReservationResponse, Fault> {
    let (id, order_id) = read(|fields| {
        let id = fields.id("reservation_id", &request.reservation_id);
        id.zip(fields.name("order_id", &request.order_id))
    })?;
    let order_id = &order_id;
    app.db
        .write_once(&request, async move |tx| {
            let own = decide_one(tx, id, |own, ledger| own.commit(order_id, ledger)).await?;
            let movement_ids = movements::of_commit(tx, id).await?;
            let reservation = Some(wire::reservation::message(&own, tx.now().await?));
            let movement_ids = movement_ids.iter().map(ToString::to_string).collect();
            Ok(CommitReservationResponse { reservation, movement_ids })
        })
        .await
}
