//! Writes what was decided: levels with the movements that explain them, reservations, and the events of both.

use crate::domain::ledger::{Booked, Ledger, Movement};
use crate::domain::reservation::{Happened, Reservation};
use crate::store::{levels, movements, reservations};
use crate::wire;
use fault::Fault;
use pg::{Tx, outbox};

/// Ends a ledger: writes its levels, movements and events. Nothing else writes any of them. Returns what it wrote.
pub async fn ledger(tx: &mut Tx, ledger: Ledger) -> Result<(Vec<Booked>, Vec<Movement>), Fault> {
    let (booked, written) = ledger.close();
    if booked.is_empty() {
        return Ok((booked, written));
    }
    levels::write(tx, &booked).await?;
    movements::insert(tx, &written).await?;
    measure(&booked, &written);
    outbox::append(tx, booked.iter().flat_map(wire::level::events)).await?;
    Ok((booked, written))
}

/// Writes locked reservations and the events of what happened to them.
pub async fn reservations(tx: &mut Tx, changed: &[(&Reservation, Happened)]) -> Result<(), Fault> {
    let rows: Vec<&Reservation> = changed.iter().map(|(own, _)| *own).collect();
    reservations::write(tx, &rows).await?;
    let events =
        changed.iter().filter_map(|(own, happened)| wire::reservation::event(own, *happened));
    outbox::append(tx, events).await
}

/// A transaction that is repeated is counted again.
fn measure(booked: &[Booked], written: &[Movement]) {
    for movement in written {
        metrics::counter!("warehouse_movements_total", "kind" => movement.kind.name()).increment(1);
    }
    let low = booked.iter().filter(|own| own.became_low).count();
    metrics::counter!("warehouse_low_stock_total")
        .increment(u64::try_from(low).unwrap_or_default());
}
