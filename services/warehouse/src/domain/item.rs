//! What the catalogue knows.

use fault::Fault;
use kernel::id::Id;
use kernel::sku::Sku;
use warehouse_api::v1::Reason;

/// Kind of a catalogue product's id.
pub enum Product {}

/// Kind of a catalogue variant's id.
pub enum Variant {}

/// Kind of a catalogue category's id.
pub enum Category {}

/// A SKU as the catalogue knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// SKU.
    pub sku: Sku,
    /// The variant behind it.
    pub variant_id: Id<Variant>,
    /// The product of that.
    pub product_id: Id<Product>,
    /// Whether the catalogue has deleted it.
    pub is_deleted: bool,
}

/// The refusal for a SKU that the catalogue never had.
pub fn unknown(sku: &Sku, path: &str) -> Fault {
    let message = format!("the catalogue has no {sku}; create it first");
    Fault::field(Reason::UnknownItem, path, message).with("sku", sku)
}

/// The refusal for a SKU that the catalogue has deleted.
pub fn deleted(sku: &Sku, path: &str) -> Fault {
    let message = format!("the catalogue has deleted {sku}; it cannot be sold or stocked any more");
    Fault::field(Reason::UnknownItem, path, message).with("sku", sku).with("state", "deleted")
}
