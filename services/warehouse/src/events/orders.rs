//! What orders and fulfillments do to what was promised them. Each decides by the state of the reservation, so a second time finds nothing
//! to do.

use crate::App;
use crate::domain::ledger::Ledger;
use crate::domain::reservation::{Happened, Part, Reservation, State};
use crate::open::Open;
use crate::store::reservations::{self, Outcome as FulfillmentOutcome};
use bus::{Outcome, Received};
use convert::read;
use fault::Fault;
use fulfillment_api::v1::{Fulfillment, FulfillmentStatus, FulfillmentStatusChanged};
use order_api::v1::{OrderStatus, OrderStatusChanged};
use pg::Tx;

/// An order that is cancelled lets go of what has not been shipped.
pub async fn order_status_changed(
    _app: &App,
    tx: &mut Tx,
    event: Received<OrderStatusChanged>,
) -> Result<Outcome, Fault> {
    let Some(order) = event.event.order.as_ref() else { return Ok(Outcome::Done) };
    if order.status() != OrderStatus::Cancelled {
        return Ok(Outcome::Done);
    }
    let ids = reservations::of_order(tx, &order.order_id).await?;
    let open = Open::all(tx, &ids).await?;
    open.decide(tx, |own, ledger| match own.state {
        State::Committed => own.cancel(None, None, ledger),
        _ => Ok(None),
    })
    .await?;
    Ok(Outcome::Done)
}

/// A fulfillment that is completed ships its units, one that is cancelled lets go of them; each once.
pub async fn fulfillment_status_changed(
    _app: &App,
    tx: &mut Tx,
    event: Received<FulfillmentStatusChanged>,
) -> Result<Outcome, Fault> {
    let Some(own) = event.event.fulfillment.as_ref() else { return Ok(Outcome::Done) };
    let outcome = match own.status() {
        FulfillmentStatus::Completed => FulfillmentOutcome::Shipped,
        FulfillmentStatus::Cancelled => FulfillmentOutcome::Cancelled,
        _ => return Ok(Outcome::Done),
    };
    let mut wanted = wanted(own)?;
    let ids = reservations::of_order(tx, &own.order_id).await?;
    if ids.is_empty() {
        let order = &own.order_id;
        return Err(
            Reservation::not_found(format_args!("of order {order}")).with("order_id", order)
        );
    }
    let open = Open::all(tx, &ids).await?;
    let fulfillment_id = own.fulfillment_id.as_str();
    let mut new = Vec::new();
    for id in &ids {
        if reservations::claim_fulfillment(tx, fulfillment_id, *id, outcome).await? {
            new.push(*id);
        }
    }
    open.decide(tx, |own, ledger| {
        if !new.contains(&own.id) || own.state != State::Committed {
            return Ok(None);
        }
        take(own, &mut wanted, outcome, fulfillment_id, ledger)
    })
    .await?;
    Ok(Outcome::Done)
}

/// Units that a fulfillment still has to find, and the warehouse that it packs in.
struct Wanted {
    warehouse_id: Option<kernel::id::Id<crate::domain::warehouse::Warehouse>>,
    /// None: all that is open.
    items: Option<Vec<Part>>,
}

fn wanted(own: &Fulfillment) -> Result<Wanted, Fault> {
    read(|fields| {
        fields.within("fulfillment", |fields| {
            let warehouse_id = fields.optional_id("warehouse_id", &own.warehouse_id)?;
            let items: Vec<Part> = fields.each("items", &own.items, |fields, item| {
                let sku = fields.sku("sku", &item.sku)?;
                Some(Part { sku, warehouse_id, quantity: item.quantity })
            })?;
            let items = Some(items).filter(|items| !items.is_empty());
            Some(Wanted { warehouse_id, items })
        })
    })
}

/// Takes of a reservation what it has open of the wanted units; what it lacks is left for the order's next one.
fn take(
    own: &mut Reservation,
    wanted: &mut Wanted,
    outcome: FulfillmentOutcome,
    fulfillment_id: &str,
    ledger: &mut Ledger,
) -> Result<Option<Happened>, Fault> {
    let of_warehouse = |id| wanted.warehouse_id.is_none_or(|wanted| wanted == id);
    let mut parts = Vec::new();
    for line in own.lines.iter().filter(|line| of_warehouse(line.warehouse_id) && line.open() > 0) {
        let units = match &mut wanted.items {
            None => line.open(),
            Some(items) => {
                let item = items.iter_mut().find(|item| item.sku == line.sku && item.quantity > 0);
                let Some(item) = item else { continue };
                let units = item.quantity.min(line.open());
                item.quantity -= units;
                units
            }
        };
        let warehouse_id = Some(line.warehouse_id);
        parts.push(Part { sku: line.sku.clone(), warehouse_id, quantity: units });
    }
    if parts.is_empty() {
        return Ok(None);
    }
    match outcome {
        FulfillmentOutcome::Shipped => own.fulfill(Some(&parts), Some(fulfillment_id), ledger),
        FulfillmentOutcome::Cancelled => own.cancel(Some(&parts), Some(fulfillment_id), ledger),
    }
}
