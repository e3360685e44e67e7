//! The library half of the binary `souk`: which roles there are, and every command.

mod roles;

pub mod commands;
pub mod docs;
pub mod environment;
pub mod golden;
pub mod load;
pub mod say;
pub mod seed;

pub use roles::{ROLES, role, role_names};
