//! What counting costs: events a second through RecordEvents until the counters say so, against the same events inserted in batches and
//! nothing else, on servers of its own; and how long reports take over a million events.

mod served;
mod visitors;

use crate::latency::Latencies;
use analytics::domain::event::{Source, TrackedEvent};
use analytics::store::events;
use analytics_api::v1::list_trending_request::{Order, Subject};
use analytics_api::v1::{
    GetFunnelRequest, GetOverviewRequest, GetProductReportRequest, GetSalesRequest,
    ListTrendingRequest, Period, RecordEventsRequest,
};
use anyhow::{Context, Result, bail, ensure};
use chrono::{Days, Utc};
use convert::timestamp;
use served::Served;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use visitors::{BATCH, Visitors};

/// Callers at once.
const CLIENTS: usize = 4;

/// What is compared is measured in turn, so many times.
const ROUNDS: usize = 3;

/// How much of the rate of plain inserts counting has to reach.
const LEAST: f64 = 0.4;

/// How long a report may take, P95.
const REPORT: Duration = Duration::from_millis(200);

/// Measures and prints; fails where a figure is out of its bound.
pub async fn run(arguments: &[String]) -> Result<()> {
    let (time, total) = match arguments {
        [] => (Duration::from_secs(8), 1_000_000),
        [flag] if flag == "--quick" => (Duration::from_secs(2), 100_000),
        _ => bail!("usage: bench analytics [--quick]"),
    };
    let served = Served::start().await?;
    let result = measure(&served, time, total).await;
    served.end().await?;
    result
}

async fn measure(served: &Served, time: Duration, total: i64) -> Result<()> {
    intake(served, time / 4).await?;
    inserts(served, time / 4).await?;
    let (mut counted, mut inserted) = (Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        counted.push(intake(served, time).await?);
        inserted.push(inserts(served, time).await?);
        if let (Some(counted), Some(inserted)) = (counted.last(), inserted.last()) {
            println!(
                "round {round}: {counted:.0} events/s counted, {inserted:.0} events/s inserted"
            );
        }
    }
    let (counted, inserted) = (median(counted), median(inserted));
    let ratio = counted / inserted;
    println!("intake: {counted:.0} events/s, {ratio:.2} of plain inserts ({inserted:.0} events/s)");

    let begun = Instant::now();
    fill(served, total).await?;
    println!("{total} events over 30 days are there after {:.1?} more", begun.elapsed());
    let worst = reports(served).await?;
    ensure!(ratio >= LEAST, "intake reaches {ratio:.2} of plain inserts, which is below {LEAST}");
    ensure!(worst <= REPORT, "a report takes {worst:.1?}, which is above {REPORT:.0?}");
    Ok(())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// Events a second that so many callers have counted, of today.
async fn intake(served: &Served, time: Duration) -> Result<f64> {
    let mut callers = JoinSet::new();
    let begun = Instant::now();
    for number in 0..CLIENTS {
        let mut client = served.client()?;
        callers.spawn(async move {
            let (mut visitors, mut counted) = (Visitors::new(number), 0);
            while begun.elapsed() < time {
                let request = RecordEventsRequest { events: visitors.messages(0) };
                counted += client.record_events(request).await?.into_inner().accepted;
            }
            anyhow::Ok(counted)
        });
    }
    let all = sum(callers).await?;
    added(served).await?;
    Ok(f64::from(all) / begun.elapsed().as_secs_f64())
}

/// Waits until the counters have everything that was counted.
async fn added(served: &Served) -> Result<()> {
    while served.count("select count(*) from new_counts").await? > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

/// The same events as they are inserted by one statement for each batch, and their lines by another one.
async fn inserts(served: &Served, time: Duration) -> Result<f64> {
    let mut writers = JoinSet::new();
    let begun = Instant::now();
    for number in 0..CLIENTS {
        let app = served.plain.clone();
        writers.spawn(async move {
            let (mut visitors, mut inserted) = (Visitors::new(number), 0);
            while begun.elapsed() < time {
                let batch: &Vec<TrackedEvent> = &visitors.events(0)?;
                let insert = async |tx: &mut pg::Tx| {
                    let batch: Vec<&TrackedEvent> = batch.iter().collect();
                    events::insert(tx, &batch, Source::Service, Utc::now()).await
                };
                app.db.write("bench.insert", insert).await?;
                inserted += i32::try_from(batch.len())?;
            }
            anyhow::Ok(inserted)
        });
    }
    Ok(f64::from(sum(writers).await?) / begun.elapsed().as_secs_f64())
}

async fn sum(mut workers: JoinSet<Result<i32>>) -> Result<i32> {
    let mut all = 0;
    while let Some(done) = workers.join_next().await {
        all += done??;
    }
    Ok(all)
}

/// Has events counted for the 30 days before today until there are so many.
async fn fill(served: &Served, total: i64) -> Result<()> {
    let there = served.count("select count(*) from events").await?;
    let batches = usize::try_from((total - there).max(0))?.div_ceil(BATCH);
    let mut callers = JoinSet::new();
    for number in 0..CLIENTS {
        let mut client = served.client()?;
        callers.spawn(async move {
            let mut visitors = Visitors::new(CLIENTS + number);
            for batch in (number..batches).step_by(CLIENTS) {
                let days = 1 + u64::try_from(batch % 30)?;
                let request = RecordEventsRequest { events: visitors.messages(days) };
                client.record_events(request).await?;
            }
            anyhow::Ok(0)
        });
    }
    while let Some(done) = callers.join_next().await {
        done??;
    }
    let there = served.count("select count(*) from events").await?;
    ensure!(there >= total, "only {there} events are there");
    added(served).await?;
    Ok(())
}

/// Times each report over the last 15 days beside the 15 before, and returns the largest P95.
async fn reports(served: &Served) -> Result<Duration> {
    const TIMES: usize = 200;
    let today = Utc::now().date_naive();
    let midnight = |ago| {
        let day = today.checked_sub_days(Days::new(ago)).context("no such day")?;
        anyhow::Ok(Some(timestamp(analytics::domain::counting::start(day))))
    };
    let period = Some(Period { from: midnight(15)?, until: midnight(0)? });
    let mut client = served.client()?;
    let mut worst = Duration::ZERO;
    for report in ["overview", "sales", "product", "funnel", "products", "terms"] {
        let mut latencies = Latencies::default();
        for number in 0..TIMES {
            let begun = Instant::now();
            match report {
                "overview" => _ = client.get_overview(GetOverviewRequest { period }).await?,
                "sales" => {
                    let request = GetSalesRequest { period, ..Default::default() };
                    client.get_sales(request).await?;
                }
                "product" => {
                    let product_id = visitors::product(number);
                    let request = GetProductReportRequest { period, product_id };
                    client.get_product_report(request).await?;
                }
                "funnel" => _ = client.get_funnel(GetFunnelRequest { period }).await?,
                list => {
                    let subject = match list {
                        "products" => Subject::Product,
                        _ => Subject::SearchTerm,
                    };
                    let request = ListTrendingRequest {
                        period,
                        subject: subject.into(),
                        order: Order::Growth.into(),
                        ..Default::default()
                    };
                    client.list_trending(request).await?;
                }
            }
            latencies.add(begun.elapsed());
        }
        println!("{report}: {}", latencies.line());
        worst = worst.max(latencies.quantile(950));
    }
    println!("reports: P95 of the slowest is {worst:.1?}");
    Ok(worst)
}
