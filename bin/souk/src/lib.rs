//! The library of the binary `souk`: the roles and the commands.

mod roles;

pub mod commands;
pub mod docs;
pub mod environment;
mod export;
pub mod golden;
pub mod load;
pub mod output;
pub mod schema;
pub mod seed;
mod usage;

pub use roles::{ROLES, role, role_names, with_database};
