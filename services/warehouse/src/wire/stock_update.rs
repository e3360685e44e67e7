//! Changes of the units on hand. A warehouse may be named by its code, so the ids of the codes are read before.

use crate::domain::stock_update::{Change, StockUpdate};
use crate::domain::warehouse::Warehouse;
use contracts::Validate;
use convert::{Fields, read};
use fault::{Common, Fault};
use kernel::id::Id;
use kernel::name::{clean, fold};
use proto::stock_update::Change as Sent;
use std::collections::HashMap;
use warehouse_api::v1 as proto;

/// Warehouses by their codes, as they are compared.
pub type Codes = HashMap<String, Id<Warehouse>>;

/// A row of a batch. Its own rules are checked here and not in the codec, so that each row is answered.
pub fn row(sent: &proto::StockUpdate, codes: &Codes) -> Result<StockUpdate, Fault> {
    let violations = sent.violations();
    if !violations.is_empty() {
        return Err(Fault::invalid(violations));
    }
    read(|fields| update(fields, sent, codes))
}

/// The codes that updates name warehouses by, as they are compared.
pub fn codes<'u>(sent: impl IntoIterator<Item = &'u proto::StockUpdate>) -> Vec<String> {
    // What no name can be is looked for nowhere.
    let named = sent.into_iter().filter(|own| clean(&own.warehouse_code).is_ok());
    let mut codes: Vec<String> = named.map(|own| fold(own.warehouse_code.trim())).collect();
    codes.sort();
    codes.dedup();
    codes
}

/// A change of stock.
pub fn update(
    fields: &mut Fields,
    sent: &proto::StockUpdate,
    codes: &Codes,
) -> Option<StockUpdate> {
    let sku = fields.sku("sku", &sent.sku);
    let warehouse_id = warehouse(fields, sent, codes);
    let key = fields.optional_name("movement_key", &sent.movement_key);
    let note = fields.text("note", &sent.note);
    let incoming = fields.optional_name("incoming_reference", &sent.incoming_reference);
    let order_id = fields.optional_name("order_id", &sent.order_id);
    let change = match sent.change {
        Some(Sent::Set(units)) => Some(Change::Set(units)),
        Some(Sent::Adjust(units)) if sent.note.trim().is_empty() => {
            let message = format!("is required where {units} units are adjusted");
            fields.refuse(Common::InvalidField, "note", message)
        }
        Some(Sent::Adjust(units)) => Some(Change::Adjust(units)),
        Some(Sent::Receive(units)) => Some(Change::Receive(units)),
        Some(Sent::Count(units)) => Some(Change::Count(units)),
        Some(Sent::Return(units)) => Some(Change::Return(units)),
        None => fields.refuse(Common::InvalidField, "change", "is required"),
    };
    Some(StockUpdate {
        sku: sku?,
        warehouse_id: warehouse_id?,
        change: change?,
        expected: sent.expected_version,
        key: key?,
        note: note?,
        incoming: incoming?,
        order_id: order_id?,
        safety_stock: sent.safety_stock,
        backorder_limit: sent.backorder_limit,
    })
}

fn warehouse(
    fields: &mut Fields,
    sent: &proto::StockUpdate,
    codes: &Codes,
) -> Option<Id<Warehouse>> {
    match (sent.warehouse_id.as_str(), sent.warehouse_code.as_str()) {
        ("", "") => {
            fields.refuse(Common::InvalidField, "warehouse_id", "is required, or warehouse_code")
        }
        (id, "") => fields.id("warehouse_id", id),
        ("", code) => match codes.get(&fold(code.trim())) {
            Some(id) => Some(*id),
            None => {
                let message = format!("no warehouse has the code {code:?}");
                fields.refuse(proto::Reason::WarehouseNotFound, "warehouse_code", message)
            }
        },
        _ => {
            let message = "names the warehouse a second time; leave out one of the two";
            fields.refuse(Common::InvalidField, "warehouse_code", message)
        }
    }
}
