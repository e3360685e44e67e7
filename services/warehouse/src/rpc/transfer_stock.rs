//! Moves units from one warehouse to another.

use crate::domain::ledger::{Cause, Delta, Kind};
use crate::domain::level::Level;
use crate::save;
use crate::stock::Room;
use crate::{App, catalog};
use convert::read;
use fault::{Common, Fault};
use kernel::id::Id;
use warehouse_api::v1::{Reason, TransferStockRequest, TransferStockResponse};

/// Both movements in one transaction, so that no unit is in both places or in none. What is promised or held stays.
pub async fn transfer_stock(
    app: &App,
    request: TransferStockRequest,
) -> Result<TransferStockResponse, Fault> {
    if let Some(answer) = app.db.replayed(&request).await? {
        return Ok(answer);
    }
    let (sku, from, to, note) = read(|fields| {
        let sku = fields.sku("sku", &request.sku);
        let from = fields.id("from_warehouse_id", &request.from_warehouse_id);
        let to = fields.id("to_warehouse_id", &request.to_warehouse_id);
        let note = fields.text("note", &request.note);
        if from.is_some() && from == to {
            fields.note(
                Common::InvalidField,
                "to_warehouse_id",
                "is the warehouse that they leave",
            );
        }
        Some((sku?, from?, to?, note?))
    })?;
    let item = &catalog::require(app, &sku, "sku").await?;
    let (sku, note, units) = (&sku, &note, request.quantity);
    app.db
        .write_once(&request, async move |tx| {
            let mut room = Room::open(app, tx, &[(item, from), (item, to)]).await?;
            let left = room.level(sku, from, "from_warehouse_id")?.clone();
            let came = room.level(sku, to, "to_warehouse_id")?.head.id;
            require(&left, units)?;
            let transfer_id = Id::new();
            let cause =
                Cause { transfer_id: Some(transfer_id), note: note.clone(), ..Cause::default() };
            let out = Delta::on_hand(-units);
            room.ledger.book(left.head.id, Kind::TransferOut, out, cause.clone())?;
            room.ledger.book(came, Kind::TransferIn, Delta::on_hand(units), cause)?;
            let (booked, _) = save::ledger(tx, room.ledger).await?;
            let of = |id| {
                booked.iter().find(|own| own.level.head.id == id).map(|own| (&own.level).into())
            };
            Ok(TransferStockResponse {
                from: of(left.head.id),
                to: of(came),
                transfer_id: transfer_id.to_string(),
            })
        })
        .await
}

fn require(left: &Level, units: i64) -> Result<(), Fault> {
    if left.head.version == 0 {
        return Err(Level::not_found(&left.sku));
    }
    // Safety stock is kept from buyers, not from another warehouse.
    let free = left.on_hand - left.allocated - left.reserved;
    if free >= units {
        return Ok(());
    }
    let (sku, free) = (&left.sku, free.max(0));
    let message = format!("{free} of {sku} are neither promised nor held, not {units}");
    Err(Fault::field(Reason::InsufficientStock, "quantity", message)
        .with("sku", sku)
        .with("available", free)
        .with("requested", units))
}
