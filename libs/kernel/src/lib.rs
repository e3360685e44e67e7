//! Pure domain logic that the services share: money, rounding, price selection, aggregate heads,
//! ids and page tokens.
//!
//! Rules that several services must apply in the same way belong here. Pricing and search both
//! select prices with [`price::select`]; no service uses [`allocate`], [`permyriad`] and
//! [`rounding`] yet.
//!
//! Nothing here does IO, awaits, or calculates with floats. Only [`Id::new`](id::Id::new) reads a
//! clock; everywhere else time is a parameter. So the same input gives the same result in every
//! replica, and tests need no servers.
//!
//! Amounts are whole minor units (`i64`), intermediate results are `i128`, and an overflow is an
//! error, never a wrapped number. External values (`Currency`, `Id`, `Sku`) are parsed into types
//! that can only hold valid values; they are text in the API and in JSON, and columns in diesel.

// Money and calculations with it.
pub mod allocate;
pub mod currency;
pub mod money;
pub mod permyriad;
pub mod rounding;

// Price selection.
pub mod price;
pub mod window;

// Ids and aggregate heads.
pub mod head;
pub mod id;
pub mod name;
pub mod sku;
pub mod stock;

// Pagination and digests.
pub mod digest;
pub mod page;

#[cfg(test)]
mod columns;
