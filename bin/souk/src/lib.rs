//! The library half of the binary `souk`: which roles there are and how they are served. The commands of the binary, the
//! test harness and the benches all serve the mesh through [`serve()`].

pub mod docs;
mod serve;

pub use serve::{ROLES, migrations, serve};
