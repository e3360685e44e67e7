//! What prices are for.

use fault::Fault;
use kernel::id::Id;
use kernel::price::Level;
use kernel::sku::Sku;
use pricing_api::v1::Reason;
use std::fmt;

/// Kind of a catalogue product's id.
pub enum Product {}

/// Kind of a catalogue variant's id.
pub enum Variant {}

/// What a price is for, as callers name it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Item {
    /// One variant.
    Sku(Sku),
    /// A product with all its variants.
    Product(Id<Product>),
}

/// An item with the ids that the catalogue knows it by. They never change.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    /// The item.
    pub item: Item,
    /// The product, or the product of the SKU.
    pub product_id: Id<Product>,
    /// The variant behind the SKU; none for a product.
    pub variant_id: Option<Id<Variant>>,
}

impl Item {
    /// Whether it is a SKU or a product.
    pub fn level(&self) -> Level {
        match self {
            Self::Sku(_) => Level::Sku,
            Self::Product(_) => Level::Product,
        }
    }

    /// The refusal for an item that the catalogue does not know, or no longer has.
    pub fn unknown(&self) -> Fault {
        Fault::field(
            Reason::UnknownItem,
            self.field(),
            format!("the catalogue has no {self}; create it first"),
        )
        .with("item", self)
    }

    /// Field of the contract's `Item` that names it.
    pub fn field(&self) -> &'static str {
        match self {
            Self::Sku(_) => "item.sku",
            Self::Product(_) => "item.product_id",
        }
    }
}

impl Target {
    /// The items whose prices count for this one: a SKU's own come first, its product's stand in
    /// for them.
    pub fn items(&self) -> Vec<Item> {
        let product = Item::Product(self.product_id);
        match &self.item {
            Item::Sku(_) => vec![self.item.clone(), product],
            Item::Product(_) => vec![product],
        }
    }
}

/// The SKU, or the product's id: together with the level it names the item.
impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sku(sku) => sku.fmt(f),
            Self::Product(id) => id.fmt(f),
        }
    }
}
