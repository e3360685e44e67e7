//! Calls of the running mesh, one workload after the other, each against its floor: what an empty call through the same stack (rate
//! a) and the same statements sent raw, or the engine called in process (rate b), allow together, 1 / (1/a + 1/b).

mod drive;
mod engine;
mod idle;
mod import;
mod processes;
mod raw;
mod shop;
mod stock;

use crate::client::Mesh;
use anyhow::{Result, bail};
use drive::{Run, drive};
use engine::Copy;
pub use import::fill_if_empty;
pub use processes::Processes;
pub use shop::SHOP;

use raw::Raw;
use shop::Shop;
use std::sync::Arc;
use std::time::Duration;
use stock::{CROWD, Stock};

/// Clients that call without a pause.
const CLIENTS: usize = 16;

/// Reservations of a thousand SKUs.
const RESERVE: &str = "Reserve";

/// Reservations of one SKU by [`CROWD`] clients.
const RESERVE_HOT: &str = "Reserve, one SKU, 64 clients";

/// Pages of a hundred products, with prices and stock.
const PAGE: &str = "GetProduct page, hot set";

/// A page of a category's products, sorted by price.
const LIST: &str = "ListProducts by price, 20";

/// What the idle time is called on the command line, beside the workloads of [`Bench::calls`].
const IDLE: &str = "idle";

/// A measured workload.
struct Row {
    name: &'static str,
    run: Run,
    floor: Option<f64>,
}

/// What to measure, and how.
struct Bench {
    mesh: Mesh,
    processes: Processes,
    time: Duration,
    json: bool,
    /// Workloads whose names contain one of these; all where there is none.
    names: Vec<String>,
}

/// Measures and prints a table, or lines of JSON.
pub async fn run(arguments: &[String]) -> Result<()> {
    let (flags, names): (Vec<_>, Vec<_>) =
        arguments.iter().cloned().partition(|argument| argument.starts_with("--"));
    if let Some(unknown) = flags.iter().find(|flag| !["--quick", "--json"].contains(&flag.as_str()))
    {
        bail!("unknown flag {unknown}; there are --quick and --json");
    }
    let has = |flag: &str| flags.iter().any(|own| own == flag);
    let mesh = Mesh::find()?;
    let bench = Bench {
        processes: Processes::find(&mesh)?,
        mesh,
        time: Duration::from_secs(if has("--quick") { 3 } else { 10 }),
        json: has("--json"),
        names,
    };
    bench.all().await
}

impl Bench {
    fn wants(&self, name: &str) -> bool {
        self.names.is_empty() || self.names.iter().any(|own| name.contains(own.as_str()))
    }

    async fn all(&self) -> Result<()> {
        let mut lines = Vec::new();
        lines.extend(fill_if_empty(&self.mesh, &self.processes, SHOP).await?);
        let shop = Shop::open(&self.mesh).await?;
        let rows = self.calls(&shop).await?;
        if self.wants(IDLE) {
            lines.push(idle::measure(&self.mesh, &self.processes, self.time * 6).await?);
        }
        match self.json {
            true => rows.iter().map(json).chain(lines).for_each(|line| println!("{line}")),
            false => {
                print(&rows);
                lines.iter().for_each(|line| println!("{line}"));
            }
        }
        Ok(())
    }

    async fn calls(&self, shop: &Shop) -> Result<Vec<Row>> {
        let mut rows = Vec::new();
        let callers = || (0..CLIENTS).map(|_| self.mesh.caller()).collect::<Result<Vec<_>>>();
        let statements = [
            ("GetProduct", "  its statement, raw", raw::product(shop), shop.get_product()),
            ("GetPrice", "  its statement, raw", raw::price(shop), shop.get_price()),
            ("SetPrice", "  its statements, raw", raw::set_price(shop), shop.set_price()),
        ];
        let searches = shop.searches()?;
        let names = statements.iter().map(|row| row.0).chain(searches.iter().map(|row| row.0));
        let names = names.chain([RESERVE, RESERVE_HOT, PAGE, LIST]);
        if !names.into_iter().any(|name| self.wants(name)) {
            return Ok(rows);
        }
        let empty = drive(callers()?, self.time, &self.processes, shop::empty()).await?;
        let floor = |below: &Run| Some(1.0 / (1.0 / empty.rate + 1.0 / below.rate));
        let mut add = |name, run: Run, floor| {
            eprintln!("measured: {name}: {:.0}/s", run.rate);
            rows.push(Row { name, run, floor });
        };
        for (name, below, statement, call) in statements {
            if self.wants(name) {
                let raw = Raw::connect(&self.mesh, CLIENTS).await?;
                let bare = raw.drive(self.time, &self.processes, statement).await?;
                let run = drive(callers()?, self.time, &self.processes, call).await?;
                add(name, run, floor(&bare));
                add(below, bare, None);
            }
        }
        for (name, request, query) in searches {
            if self.wants(name) {
                let copy = Copy::open(&self.mesh)?;
                let bare = copy.drive(CLIENTS, self.time, &self.processes, query).await?;
                let call = shop::search(request);
                let run = drive(callers()?, self.time, &self.processes, call).await?;
                add(name, run, floor(&bare));
                add("  the engine in process", bare, None);
            }
        }
        for (name, call) in [(PAGE, shop.product_page()), (LIST, shop.list_products())] {
            if self.wants(name) {
                let run = drive(callers()?, self.time, &self.processes, call).await?;
                // They are kept answers, so their floor is an empty call.
                add(name, run, Some(empty.rate));
            }
        }
        if self.wants(RESERVE) || self.wants(RESERVE_HOT) {
            let stock = Stock::open(&self.mesh, &shop.skus()).await?;
            if self.wants(RESERVE) {
                let levels = stock::prepare(&self.mesh).await?;
                let mut raw = Vec::new();
                for _ in 0..CLIENTS {
                    raw.push(Arc::new(stock::Connection::open(&self.mesh).await?));
                }
                let bare = drive(raw, self.time, &self.processes, stock::raw(levels)).await?;
                let run = drive(callers()?, self.time, &self.processes, stock.spread()).await?;
                add(RESERVE, run, floor(&bare));
                add("  its statements, raw", bare, None);
            }
            if self.wants(RESERVE_HOT) {
                let crowd = (0..CROWD).map(|_| self.mesh.caller()).collect::<Result<Vec<_>>>()?;
                let run = drive(crowd, self.time, &self.processes, stock.hot()).await?;
                add(RESERVE_HOT, run, None);
            }
        }
        add("an empty call", empty, None);
        Ok(rows)
    }
}

fn print(rows: &[Row]) {
    println!(
        "{:<34} {:>9} {:>9} {:>9} {:>10} {:>10} {:>9} {:>6}",
        "workload", "calls/s", "p50 ms", "p99 ms", "souk ms", "PG ms", "floor/s", "ratio"
    );
    for Row { name, run, floor } in rows {
        let ratio = floor.map(|floor| format!("{:.2}", run.rate / floor)).unwrap_or_default();
        let floor = floor.map(|floor| format!("{floor:.0}")).unwrap_or_default();
        println!(
            "{name:<34} {:>9.0} {:>9.2} {:>9.2} {:>10.3} {:>10.3} {floor:>9} {ratio:>6}",
            run.rate, run.p50, run.p99, run.souk, run.postgres
        );
    }
    println!("{CLIENTS} clients; souk and PG: processor time of each for one call");
}

fn json(Row { name, run, floor }: &Row) -> serde_json::Value {
    serde_json::json!({
        "workload": name.trim(), "calls_per_second": run.rate, "p50_ms": run.p50, "p99_ms": run.p99,
        "souk_cpu_ms": run.souk, "postgres_cpu_ms": run.postgres, "floor_per_second": floor,
        "ratio": floor.map(|floor| run.rate / floor),
    })
}
