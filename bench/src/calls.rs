//! Calls of the running mesh, one workload after the other, each against its floor: what an empty call through the same stack (rate
//! a) and the same statements sent raw (rate b) allow together, 1 / (1/a + 1/b).

mod drive;
mod processes;
mod raw;
mod shop;

use crate::client::Mesh;
use anyhow::Result;
use drive::{Run, drive};
use processes::Processes;
use raw::Raw;
use shop::Shop;
use std::time::Duration;

/// Clients that call without a pause.
const CLIENTS: usize = 16;

/// A measured workload.
struct Row {
    name: &'static str,
    run: Run,
    floor: Option<f64>,
}

/// Measures everything and prints a table, or lines of JSON.
pub async fn run(arguments: &[String]) -> Result<()> {
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    let time = Duration::from_secs(if has("--quick") { 3 } else { 10 });
    let mesh = Mesh::find()?;
    let processes = Processes::find(&mesh)?;
    let shop = Shop::open(&mesh).await?;
    let raw = Raw::connect(&mesh, CLIENTS).await?;
    let rows = measure(&mesh, &processes, &shop, &raw, time).await?;
    match has("--json") {
        true => rows.iter().for_each(|row| println!("{}", json(row))),
        false => print(&rows),
    }
    Ok(())
}

async fn measure(
    mesh: &Mesh,
    processes: &Processes,
    shop: &Shop,
    raw: &Raw,
    time: Duration,
) -> Result<Vec<Row>> {
    let callers = || (0..CLIENTS).map(|_| mesh.caller()).collect::<Result<Vec<_>>>();
    let mut rows = Vec::new();
    let empty = drive(callers()?, time, processes, shop::empty).await?;
    let floor = |raw: f64| Some(1.0 / (1.0 / empty.rate + 1.0 / raw));
    let add = |rows: &mut Vec<Row>, name, run: Run, floor| {
        eprintln!("measured: {name}: {:.0}/s", run.rate);
        rows.push(Row { name, run, floor });
    };

    let bare = raw.drive(time, processes, raw::product(shop)).await?;
    let run = drive(callers()?, time, processes, shop.get_product()).await?;
    add(&mut rows, "GetProduct", run, floor(bare.rate));
    add(&mut rows, "  its statement, raw", bare, None);

    let bare = raw.drive(time, processes, raw::price(shop)).await?;
    let run = drive(callers()?, time, processes, shop.get_price()).await?;
    add(&mut rows, "GetPrice", run, floor(bare.rate));
    add(&mut rows, "  its statements, raw", bare, None);

    let bare = raw.drive(time, processes, raw::set_price(shop)).await?;
    let run = drive(callers()?, time, processes, shop.set_price()).await?;
    add(&mut rows, "SetPrice", run, floor(bare.rate));
    add(&mut rows, "  its statements, raw", bare, None);

    for (name, request) in shop.searches() {
        let run = drive(callers()?, time, processes, shop::search(request)).await?;
        add(&mut rows, name, run, None);
    }
    add(&mut rows, "an empty call", empty, None);
    Ok(rows)
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
