//! A new migration folder alone does not make cargo build this crate again; watching the folder does.

fn main() {
    println!("cargo::rerun-if-changed=../../migrations/catalog");
}
