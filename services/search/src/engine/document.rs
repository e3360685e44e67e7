//! What is indexed: one document per product, its variants inside.

use chrono::{DateTime, NaiveDate, Utc};
use kernel::currency::Currency;
use kernel::price::PriceRow;
use uuid::Uuid;

/// A product as the engine indexes it. Putting it replaces whatever was indexed under the same
/// `product_id`.
#[derive(Clone, Debug)]
pub struct Document {
    /// The key.
    pub product_id: Uuid,
    /// The revision of the row this was read from; `inventory` gives it back, so that drift can be
    /// seen.
    pub revision: i64,
    /// Its words are searched, with those of brand, attributes and description; see `text`.
    pub title: String,
    /// May hold HTML; only what a reader would see is searched.
    pub description: String,
    /// The texts of attributes that are searched, each once.
    pub attribute_texts: Vec<String>,
    /// What brand filters and the brand facet go by; `None` = counted under no brand.
    pub brand_id: Option<Uuid>,
    /// The brand's name: searched, and the label of the brand facet.
    pub brand: String,
    /// The direct categories and all their ancestors, so that a filter by a category finds its
    /// subtree.
    pub category_ids: Vec<Uuid>,
    /// Sorts `Newest`.
    pub created_at: DateTime<Utc>,
    /// The instant whose amounts are stored ready-made. Every answer is right at every `at`;
    /// answers near this one are faster.
    pub priced_at: DateTime<Utc>,
    /// Whether anything is known of its stock. If not, it is neither in stock nor out of stock.
    pub is_tracked: bool,
    /// A product without variants is still found by its text, brand and categories.
    pub variants: Vec<VariantDocument>,
}

/// One sellable variant of a product.
#[derive(Clone, Debug)]
pub struct VariantDocument {
    /// Names the variant in a hit.
    pub variant_id: Uuid,
    /// Unique among all variants; a query that is exactly this SKU ranks its product first.
    pub sku: String,
    /// The variant's attributes and its product's, already merged.
    pub attributes: Vec<Attribute>,
    /// The rows of the variant and of its product; rows that name a customer or a group never get
    /// here.
    pub prices: Vec<PriceRow<String>>,
    /// The warehouses from which it can be bought; counted only where the product is tracked.
    pub in_stock: Vec<String>,
}

/// One value of one attribute. Two attributes of one code but different kinds have nothing to do
/// with each other.
#[derive(Clone, Debug, PartialEq)]
pub struct Attribute {
    /// The attribute's code, compared byte by byte.
    pub code: String,
    /// An attribute with several values is several of these.
    pub value: AttributeValue,
}

/// A value by which products are filtered and counted.
#[derive(Clone, Debug, PartialEq)]
pub enum AttributeValue {
    /// Compared byte by byte.
    Text(String),
    /// `-0` is `0`; what is not a number is left out of the index.
    Number(f64),
    /// Yes or no.
    Bool(bool),
    /// A calendar day.
    Date(NaiveDate),
    /// An amount; those of two currencies are never compared.
    Money {
        /// Of the amount.
        currency: Currency,
        /// The amount.
        minor_units: i64,
    },
}

/// The type half of an attribute's identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AttributeKind {
    /// Of `AttributeValue::Text`.
    Text,
    /// Of `AttributeValue::Number`.
    Number,
    /// Of `AttributeValue::Bool`.
    Bool,
    /// Of `AttributeValue::Date`.
    Date,
    /// Of `AttributeValue::Money`.
    Money,
}

impl AttributeKind {
    /// All of them.
    pub const ALL: [AttributeKind; 5] = [
        AttributeKind::Text,
        AttributeKind::Number,
        AttributeKind::Bool,
        AttributeKind::Date,
        AttributeKind::Money,
    ];
}

impl AttributeValue {
    /// The kind this value belongs to.
    pub fn kind(&self) -> AttributeKind {
        match self {
            AttributeValue::Text(_) => AttributeKind::Text,
            AttributeValue::Number(_) => AttributeKind::Number,
            AttributeValue::Bool(_) => AttributeKind::Bool,
            AttributeValue::Date(_) => AttributeKind::Date,
            AttributeValue::Money { .. } => AttributeKind::Money,
        }
    }
}
