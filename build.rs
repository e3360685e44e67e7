//! The build script of every crate with generated contract code: `libs/contracts` and `services/<service>/api`.

fn main() {
    contracts_build::generate();
}
