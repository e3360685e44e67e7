//! Measures and prints figures: `just freshness` of the mesh that `./dev up` serves, `./dev bench events` of events on
//! servers of its own.
#![expect(clippy::print_stdout, reason = "its output is what it is run for")]

mod client;
mod events;
mod freshness;
mod latency;
mod load;
mod shop;

use anyhow::bail;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.split_first() {
        Some((what, rest)) if what == "events" => events::run(rest).await,
        Some((what, _)) if what == "freshness" => freshness::run().await,
        _ => bail!("usage: bench freshness | bench events [--quick] [--seed N]"),
    }
}
