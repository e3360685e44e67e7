//! The rules of Souk that need no server: money, rounding, which price applies, ids and page
//! tokens.
//!
//! **Owns** every decision that two services must make alike. Pricing answers with
//! [`price::select`] and search filters with it; promotion and checkout split discounts with
//! [`allocate::allocate`]; all round with [`rounding::div`].
//!
//! **Never** does IO, awaits, or uses a float. Nothing reads a clock either, but for
//! [`Id::new`](id::Id::new), the one maker of ids: time is a parameter everywhere else. So the same
//! input gives the same answer in every replica, and each rule is tested in microseconds.
//!
//! Amounts are whole minor units (`i64`), intermediates are `i128`, and what cannot be represented
//! is a refusal, never a wrapped number. Values that cross a border (`Currency`, `Id`, `Sku`) are
//! parsed once into types that can only hold valid values; they are text on the wire and in JSON,
//! and columns in diesel.

// Amounts.
pub mod allocate;
pub mod currency;
pub mod money;
pub mod permyriad;
pub mod rounding;

// Which price applies, and when.
pub mod price;
pub mod window;

// Names of things, and what every aggregate begins with.
pub mod head;
pub mod id;
pub mod sku;

// Pages of lists, and the digest that binds a token to its query.
pub mod digest;
pub mod page;

#[cfg(test)]
mod columns;
