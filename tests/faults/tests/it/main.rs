//! The short tier: real processes, real servers, real faults.

mod b01;
mod b02;
mod b08;
mod b09;
mod b11;
mod b33;
mod lost;
mod mutants;
mod network;

use std::path::Path;

/// The program under test.
fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_faulted"))
}
