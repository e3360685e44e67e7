//! Price selection as a pure function of the rows, the context and the time. Pricing answers with it,
//! and search filters, counts, sorts and shows by it, so the two agree, and no event is needed when
//! the window of a price begins or ends.
//!
//! The order of [`select`]:
//! 1. A row is *eligible* if it has the currency of the context, its window contains the time, and
//!    every dimension that its scope names equals that of the context.
//! 2. A row of the SKU wins over every row of its product.
//! 3. The most specific scope wins. Its score is the sum of customer 16, group 8, warehouse 4,
//!    channel 2 and country 1.
//! 4. A dated row wins over an undated one.
//! 5. The lowest amount wins, then the lowest id, so the result does not depend on the order of the
//!    rows.
//!
//! Scope values are only compared for equality, so they may have any type: pricing uses `String`,
//! search interned `u32`. If no row is eligible there is no price, which is not a price of zero.

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
