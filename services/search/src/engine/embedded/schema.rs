//! The fields of the index. Nothing is stored: every answer comes out of columns.

use tantivy::schema::{
    BytesOptions, FAST, Field, INDEXED, IndexRecordOption, Schema, TextFieldIndexing, TextOptions,
};
use tantivy::tokenizer::TokenizerManager;

use super::repeated::{self, Repeated};

/// Raised whenever the same document would be packed or analyzed in another way than before, so
/// that indexes of an older binary are made anew.
const FORMAT: &str = "8";

/// Tantivy's own: the whole text is one word.
const SKU_TOKENIZER: &str = "raw";

/// Names of the columns that are read without going through the schema.
pub mod column {
    /// The product's id, as two halves.
    pub const PRODUCT: [&str; 2] = ["product_high", "product_low"];
    /// The document's revision.
    pub const REVISION: &str = "revision";
    /// Microseconds since 1970.
    pub const CREATED_AT: &str = "created_at";
    /// 1 where the product is tracked and no variant is in stock anywhere.
    pub const SOLD_OUT: &str = "sold_out";
    /// The variants' ids in the document's order, as two halves.
    pub const VARIANT: [&str; 2] = ["variant_high", "variant_low"];
    /// The product's distinct terms (see `terms`), sorted.
    pub const VALUES: &str = "values";
    /// Beside each term the set of variants that have it (see `pack`).
    pub const MASKS: &str = "masks";
    /// The product's distinct terms of stock (see `stock`), sorted.
    pub const STOCK: &str = "stock";
    /// Beside each of them the set of variants that have it.
    pub const STOCK_MASKS: &str = "stock_masks";
    /// The unscoped amounts (see `prices`).
    pub const AMOUNTS: &str = "amounts";
    /// From when on the amounts are those in force.
    pub const PRICED_SINCE: &str = "priced_since";
    /// Until when they are.
    pub const PRICED_UNTIL: &str = "priced_until";
    /// The price rows (see `prices`).
    pub const PRICE_ROWS: &str = "price_rows";
    /// The warehouses, channels and countries that the rows name.
    pub const PRICE_SCOPES: &str = "price_scopes";
}

/// The fields, by the names of their columns.
#[derive(Clone)]
pub struct Fields {
    /// The schema they belong to.
    pub schema: Schema,
    /// The product's id as a key, for updates.
    pub product_key: Field,
    /// The words that are searched, each as often as it is strong.
    pub text: Field,
    /// Every variant's SKU, whole: as it is, and without signs.
    pub sku: Field,
    /// See `column`, as all below.
    pub product: [Field; 2],
    pub revision: Field,
    pub created_at: Field,
    pub sold_out: Field,
    pub variant: [Field; 2],
    pub values: Field,
    pub masks: Field,
    pub stock: Field,
    pub stock_masks: Field,
    pub amounts: Field,
    pub priced_since: Field,
    pub priced_until: Field,
    pub price_rows: Field,
    pub price_scopes: Field,
}

impl Fields {
    /// The one schema there is.
    pub fn new() -> Fields {
        let mut schema = Schema::builder();
        let text = TextOptions::default().set_indexing_options(
            TextFieldIndexing::default()
                .set_tokenizer(repeated::NAME)
                .set_index_option(IndexRecordOption::WithFreqs),
        );
        let sku = TextOptions::default().set_indexing_options(
            TextFieldIndexing::default()
                .set_tokenizer(SKU_TOKENIZER)
                .set_fieldnorms(false)
                .set_index_option(IndexRecordOption::Basic),
        );
        // Values are indexed too, so that a filter that no facet has to look behind leads straight
        // to its documents.
        let values = BytesOptions::default().set_indexed().set_fast();
        Fields {
            product_key: schema.add_bytes_field("product_key", INDEXED),
            text: schema.add_text_field("text", text),
            sku: schema.add_text_field("sku", sku),
            product: column::PRODUCT.map(|name| schema.add_u64_field(name, FAST)),
            revision: schema.add_i64_field(column::REVISION, FAST),
            created_at: schema.add_i64_field(column::CREATED_AT, FAST),
            sold_out: schema.add_u64_field(column::SOLD_OUT, FAST),
            variant: column::VARIANT.map(|name| schema.add_u64_field(name, FAST)),
            values: schema.add_bytes_field(column::VALUES, values.clone()),
            masks: schema.add_u64_field(column::MASKS, FAST),
            stock: schema.add_bytes_field(column::STOCK, values),
            stock_masks: schema.add_u64_field(column::STOCK_MASKS, FAST),
            amounts: schema.add_u64_field(column::AMOUNTS, FAST),
            priced_since: schema.add_i64_field(column::PRICED_SINCE, FAST),
            priced_until: schema.add_i64_field(column::PRICED_UNTIL, FAST),
            price_rows: schema.add_u64_field(column::PRICE_ROWS, FAST),
            price_scopes: schema.add_bytes_field(column::PRICE_SCOPES, FAST),
            schema: schema.build(),
        }
    }

    /// What distinguishes indexes that this binary can read from all others.
    pub fn hash(&self) -> Result<u64, serde_json::Error> {
        let schema = serde_json::to_string(&self.schema)?;
        Ok([FORMAT, &schema]
            .concat()
            .bytes()
            .fold(FNV_OFFSET, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME)))
    }
}

// FNV-1a, since the standard library's hasher may differ between releases.
const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0100_0000_01b3;

/// The tokenizers that the schema names, beside tantivy's own.
pub fn tokenizers() -> TokenizerManager {
    let tokenizers = TokenizerManager::default();
    tokenizers.register(repeated::NAME, Repeated::default());
    tokenizers
}
