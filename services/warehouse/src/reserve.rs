//! How reservations are made: one or many in one transaction, with the same guarantees.

mod combine;
mod place;

pub use combine::reserve;
pub use place::{Plan, plan_now};

use crate::App;
use crate::catalog;
use crate::domain::allocation::Need;
use crate::domain::item::unknown;
use crate::domain::warehouse::Warehouse;
use fault::Fault;
use kernel::sku::Sku;
use pg::entity;
use warehouse_api::v1::Reason;

/// Says more of a refusal for want of stock: that the catalogue has no such SKU, or that the warehouse a line names does not exist or does
/// not ship.
pub async fn explain(app: &App, needs: &[Need], fault: Fault) -> Fault {
    if !fault.is(Reason::InsufficientStock) {
        return fault;
    }
    match better(app, needs).await {
        Ok(None) => fault,
        Ok(Some(better)) | Err(better) => better,
    }
}

async fn better(app: &App, needs: &[Need]) -> Result<Option<Fault>, Fault> {
    let skus: Vec<Sku> = needs.iter().map(|need| need.sku.clone()).collect();
    let known = catalog::known(app, &skus).await?;
    if let Some(need) = needs.iter().find(|need| !known.contains_key(&need.sku)) {
        return Ok(Some(unknown(&need.sku, &format!("{}.sku", need.path))));
    }
    let named: Vec<_> = needs.iter().filter_map(|need| need.warehouse_id).collect();
    let named = &named;
    let found: Vec<Warehouse> =
        app.db.read("warehouse.find_named", async |tx| entity::find(tx, named).await).await?;
    for need in needs {
        let Some(id) = need.warehouse_id else { continue };
        let path = format!("{}.warehouse_id", need.path);
        match found.iter().find(|own| own.head.id == id && !own.head.is_deleted()) {
            None => return Ok(Some(Warehouse::not_found(id, &path))),
            Some(own) if !own.values.ships => return Ok(Some(Warehouse::inactive(id, &path))),
            Some(_) => {}
        }
    }
    Ok(None)
}
