//! Loads the mesh that `./dev up` serves and prints what it measured. Run it as `just freshness`.
#![expect(clippy::print_stdout, reason = "its output is what it is run for")]

mod client;
mod freshness;
mod latency;
mod load;
mod shop;

use anyhow::bail;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match std::env::args().nth(1).as_deref() {
        Some("freshness") => freshness::run().await,
        _ => bail!("usage: bench freshness"),
    }
}
