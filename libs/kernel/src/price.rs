//! Which price applies (PC-02), as one pure function: pricing answers with it, catalog shows with
//! it and search filters, facets and sorts with it, so the three never disagree, and the edge of a
//! price's window needs no event to be right.
//!
//! The order of [`select`]:
//! 1. Another currency, or a window that does not hold the instant, rules a row out, as does any
//!    scope it names that the context is not in. What remains is *eligible*.
//! 2. A row of the SKU beats every row of its product.
//! 3. The most specific scope wins: customer 16, group 8, warehouse 4, channel 2, country 1, added
//!    up.
//! 4. A dated row beats an undated one.
//! 5. The lowest amount wins, then the lowest id, which makes the order total: the order of the
//!    rows never matters.
//!
//! Scopes are compared for equality only, so they may be of any type: pricing holds `String`s,
//! search interned `u32`s. No eligible row means that there is no price, which is never the same as
//! a price of zero.

mod edge;
mod row;
mod scope;
mod select;
mod trace;
mod verdict;

pub use edge::next_edge;
pub use row::{AmountError, Level, PriceRow, check_amounts};
pub use scope::{Dimension, PriceContext, Scope};
pub use select::select;
pub use trace::explain;
pub use verdict::Verdict;

#[cfg(test)]
mod golden;
#[cfg(test)]
mod samples;
