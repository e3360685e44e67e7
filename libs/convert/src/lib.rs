//! Between the contract's messages and values that can only be valid.
//!
//! - [`read`] and [`Fields`]: all invalid fields of a request are refused together, each with its full path.
//! - [`timestamp`], [`money`], [`text`]: the way back, in one precision.
//!
//! ```
//! use convert::read;
//! use kernel::id::Id;
//!
//! enum Brand {}
//!
//! fn brand(brand_id: &str, name: &str) -> Result<(Id<Brand>, String), fault::Fault> {
//!     read(|fields| {
//!         let id = fields.id("brand_id", brand_id);
//!         let name = fields.required_text("name", name);
//!         Some((id?, name?))
//!     })
//! }
//!
//! let fault = brand("7", "").unwrap_err();
//! let wrong: Vec<&str> = fault.violations().iter().map(|found| found.field.as_str()).collect();
//! assert_eq!(wrong, ["brand_id", "name"]);
//! ```
//!
//! Each field is read before any is used, so that one that is wrong does not hide the next.

mod fields;
mod values;
mod write;

pub use fields::{Fields, read};
pub use write::{money, text, timestamp};
