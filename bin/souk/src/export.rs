//! Writes what a shop holds in the form that `souk import` reads. The same content gives the same bytes: ids and times that a shop
//! generates are left out, and what has no order of its own is sorted.

pub mod prices;
pub mod products;
mod writer;

pub use writer::Writer;
