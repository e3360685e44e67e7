//! What prices are for.

use fault::Fault;
use kernel::id::Id;
use kernel::price::Level;
use kernel::sku::Sku;
use pricing_api::v1::Reason;
use std::collections::BTreeMap;
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

/// What the catalogue says of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    /// It exists.
    Live(Target),
    /// It has been deleted, for good: neither SKUs nor ids are used again.
    Deleted,
}

/// Items with what the catalogue says of them; one that it never had is absent.
#[derive(Debug, Clone, Default)]
pub struct Items(BTreeMap<Item, Known>);

impl Items {
    /// What is known of an item; none: the catalogue never had it.
    pub fn get(&self, item: &Item) -> Option<&Known> {
        self.0.get(item)
    }

    /// The item, if it exists.
    pub fn live(&self, item: &Item) -> Option<&Target> {
        self.require(item).ok()
    }

    /// All that exist.
    pub fn all_live(&self) -> impl Iterator<Item = &Target> {
        self.0.values().filter_map(|known| match known {
            Known::Live(target) => Some(target),
            Known::Deleted => None,
        })
    }

    /// The item, or the refusal for one that does not exist.
    pub fn require(&self, item: &Item) -> Result<&Target, Fault> {
        match self.0.get(item) {
            Some(Known::Live(target)) => Ok(target),
            Some(Known::Deleted) => Err(item.deleted()),
            None => Err(item.unknown()),
        }
    }
}

impl FromIterator<(Item, Known)> for Items {
    fn from_iter<I: IntoIterator<Item = (Item, Known)>>(items: I) -> Self {
        Self(items.into_iter().collect())
    }
}

impl IntoIterator for Items {
    type Item = (Item, Known);
    type IntoIter = std::collections::btree_map::IntoIter<Item, Known>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl Extend<(Item, Known)> for Items {
    fn extend<I: IntoIterator<Item = (Item, Known)>>(&mut self, items: I) {
        self.0.extend(items);
    }
}

impl Item {
    /// Whether it is a SKU or a product.
    pub fn level(&self) -> Level {
        match self {
            Self::Sku(_) => Level::Sku,
            Self::Product(_) => Level::Product,
        }
    }

    /// The refusal for an item that the catalogue never had.
    pub fn unknown(&self) -> Fault {
        Fault::field(
            Reason::UnknownItem,
            self.field(),
            format!("the catalogue has no {self}; create it first"),
        )
        .with("item", self)
    }

    /// The refusal for an item that the catalogue has deleted.
    pub fn deleted(&self) -> Fault {
        let message = match self {
            Self::Sku(sku) => format!(
                "the catalogue has deleted {sku}, and its prices with it; a SKU is never used again, \
                 so sell the item under a new one"
            ),
            Self::Product(id) => format!(
                "the catalogue has deleted product {id}, and its prices with it; create it anew to \
                 sell it"
            ),
        };
        Fault::field(Reason::UnknownItem, self.field(), message)
            .with("item", self)
            .with("state", "deleted")
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
