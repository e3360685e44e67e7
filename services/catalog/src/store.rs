//! The tables, one module for each aggregate. `save` and `save_all` are the only writers: they write rows and their events in one
//! transaction.
//!
//! Rows are locked in one order: the tree of categories, then attributes, brands, categories, products, variants, and within each
//! by id. A transaction that only refers to a row locks it with `for key share`, which a deletion (`for update`) waits for and a rename does not.

pub mod attributes;
pub mod brands;
pub mod categories;
pub mod display;
pub mod imports;
pub mod list;
pub mod product_stock;
pub mod products;
pub mod values;
pub mod variants;

use diesel::result::Error;
use fault::{Common, Fault};

/// Unique constraints that are checked by a query before the write; only a race violates them.
const RACE_CONSTRAINTS: [&str; 6] = [
    "attributes_code_kind_key",
    "brands_name_key",
    "categories_key_key",
    "product_keys_pkey",
    "variants_options_key",
    "variants_sku_key",
];

/// Maps a failed write to a fault. Every name is looked up before it is written, so that a refusal can name the wrong field; if
/// another transaction was faster, the write is repeated and then finds the other's row.
fn race(error: Error) -> Fault {
    match Fault::constraint(&error) {
        Some(name) if RACE_CONSTRAINTS.contains(&name) => {
            Fault::new(Common::Contended, "another call took the same name; repeat the call")
                .because(error)
        }
        _ => Fault::from(error),
    }
}

/// A row with a value that this version does not know.
fn unreadable(what: &str, id: impl std::fmt::Display) -> Fault {
    Fault::internal(format!("{what} {id} cannot be read"))
}
