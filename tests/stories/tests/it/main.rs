//! Customer stories that cross services.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a story fails by a panic")]

mod shop;

mod icecat;
mod price_change;
