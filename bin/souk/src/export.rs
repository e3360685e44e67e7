//! Writes what a shop holds; products and prices in the form that `souk import` reads. The same content gives the same bytes: of those, ids
//! and times that a shop generates are left out, and what has no order of its own is sorted.

pub mod events;
pub mod prices;
pub mod products;
mod writer;

pub use writer::Writer;
