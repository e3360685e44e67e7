//! Measures and prints figures: `./dev bench calls`, `import`, `gateway`, `freshness` and `stock` of the mesh that `./dev up` serves, `./dev bench events`
//! of events and `./dev bench analytics` of counting and `./dev bench databases` of idle databases on servers of their own, `./dev bench stack` of an empty call.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "its output is what it is run for")]

mod analytics;
mod calls;
mod client;
mod databases;
mod events;
mod freshness;
mod gateway;
mod import;
mod latency;
mod load;
mod overhead;
mod shop;
mod stock;

use anyhow::bail;

/// As of the binary that is measured.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.split_first() {
        Some((what, rest)) if what == "analytics" => analytics::run(rest).await,
        Some((what, rest)) if what == "calls" => calls::run(rest).await,
        Some((what, rest)) if what == "databases" => databases::run(rest).await,
        Some((what, rest)) if what == "gateway" => gateway::run(rest).await,
        Some((what, rest)) if what == "events" => events::run(rest).await,
        Some((what, _)) if what == "freshness" => freshness::run().await,
        Some((what, rest)) if what == "stack" => overhead::run(rest).await,
        Some((what, rest)) if what == "stock" => stock::run(rest).await,
        Some((what, rest)) if what == "import" => import::run(rest).await,
        _ => bail!(
            "usage: bench calls [--quick] [--json] | bench import [--quick] | bench freshness | bench stock [--quick] | bench events [--quick] [--seed N] | bench analytics [--quick] | bench gateway [--quick] | bench databases [--quick] | bench stack [--quick]"
        ),
    }
}
