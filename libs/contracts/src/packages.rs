//! The packages that every service uses.

pub use messages::souk::operations;
pub use messages::souk::r#type as types;

include_generated!();
