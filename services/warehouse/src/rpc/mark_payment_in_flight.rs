//! Keeps a hold while a payment is under way.

use crate::open::decide_one;
use crate::{App, wire};
use chrono::TimeDelta;
use convert::read;
use fault::Fault;
use warehouse_api::v1::{MarkPaymentInFlightRequest, MarkPaymentInFlightResponse};

/// To a hard deadline.
pub async fn mark_payment_in_flight(
    app: &App,
    request: MarkPaymentInFlightRequest,
) -> Result<MarkPaymentInFlightResponse, Fault> {
    let id = read(|fields| fields.id("reservation_id", &request.reservation_id))?;
    let hold = TimeDelta::seconds(app.settings.payment_hold_seconds.into());
    app.db
        .write_once(&request, async move |tx| {
            let own = decide_one(tx, id, |own, ledger| {
                // A payment that begins late has time too.
                let until = (own.created_at + hold).max(ledger.at() + hold / 2);
                own.mark_payment(until, ledger.at())
            })
            .await?;
            let reservation = Some(wire::reservation::message(&own, tx.now().await?));
            Ok(MarkPaymentInFlightResponse { reservation })
        })
        .await
}
