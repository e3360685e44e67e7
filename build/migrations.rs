//! The build script of every service: a new migration folder alone does not make cargo build its crate again; watching it does.
#![allow(clippy::print_stdout, reason = "this is how a build script talks to cargo")]

fn main() {
    let service = std::env::var("CARGO_PKG_NAME").unwrap_or_default();
    println!("cargo::rerun-if-changed=../../migrations/{service}");
}
