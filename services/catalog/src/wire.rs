//! Between the contract's messages and the domain. What goes out is the same message in answers, events and digests, so rows are
//! read and written without loss: microseconds, no negative zeros, values in their order.

mod free;

pub mod attribute;
pub mod brand;
pub mod category;
pub mod detail;
pub mod import;
pub mod product;
pub mod value;
pub mod variant;
