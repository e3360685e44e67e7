//! Writes what a shop holds; products, prices and stock in the form that `souk import` reads. The same content gives the same bytes: of those, ids
//! and times that a shop generates are left out, and what has no order of its own is sorted.

pub mod events;
pub mod prices;
pub mod products;
pub mod stock;
mod writer;

pub use writer::Writer;
