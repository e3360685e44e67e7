//! The library half of the binary `souk`: which roles there are, how they are served, and every command. The test harness
//! and the benches serve the mesh through [`serve()`] as the binary does.

mod serve;

pub mod commands;
pub mod docs;
pub mod environment;
pub mod golden;
pub mod load;
pub mod say;
pub mod seed;

pub use serve::{ROLES, migrations, serve};
