//! What keeping answers gives: pages of the shop through the gateway of the running mesh, made anew for each request and kept.

use crate::client::Mesh;
use crate::latency::Latencies;
use crate::shop;
use anyhow::{Context, Result, bail, ensure};
use catalog_api::v1::ListProductsRequest;
use reqwest::Client;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

const CLIENTS: usize = 16;
const ROUNDS: usize = 3;

/// A page, asked for by all clients without a pause.
struct Page {
    url: String,
    token: String,
}

/// Measures and prints.
pub async fn run(arguments: &[String]) -> Result<()> {
    let time = match arguments {
        [] => Duration::from_secs(5),
        [flag] if flag == "--quick" => Duration::from_secs(2),
        _ => bail!("usage: bench gateway [--quick]"),
    };
    let mesh = Mesh::find()?;
    shop::open(&mesh).await?;
    let address = mesh.variable("SOUK_HTTP").context("no HTTP port: ./dev up")?;
    let token = mesh.variable("SOUK_TOKEN").context("no token: ./dev up")?;
    let first = ListProductsRequest { page_size: 1, ..ListProductsRequest::default() };
    let first = mesh.catalog()?.list_products(first).await?.into_inner().products;
    let id = &first.first().context("the shop is empty")?.product_id;
    let address = address.trim_start_matches("http://");
    for (name, path) in [
        ("detail", format!("catalog/products/{id}?currencyCode=USD")),
        ("list of 20", "catalog/products?currencyCode=USD&pageSize=20".to_owned()),
    ] {
        let page = Page { url: format!("http://{address}/api/v1/{path}"), token: token.clone() };
        // Connections and caches are warm before anything counts.
        page.rate(true, time / 4).await?;
        page.rate(false, time / 4).await?;
        let mut ratios = Vec::new();
        for _ in 0..ROUNDS {
            let (made, mut slow) = page.rate(true, time).await?;
            let (kept, mut fast) = page.rate(false, time).await?;
            println!(
                "{name}: made {made:.0}/s, {}; kept {kept:.0}/s, {}",
                slow.line(),
                fast.line()
            );
            ratios.push(kept / made);
        }
        ratios.sort_by(f64::total_cmp);
        let median = ratios.get(ROUNDS / 2).copied().unwrap_or_default();
        println!("{name}: kept answers come {median:.1} times as often");
    }
    Ok(())
}

impl Page {
    /// Answers a second. `anew`: each request is another one, as of a channel that nobody else has, so that none was kept.
    async fn rate(&self, anew: bool, time: Duration) -> Result<(f64, Latencies)> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let (begun, client) = (Instant::now(), Client::new());
        let mut clients = JoinSet::new();
        for _ in 0..CLIENTS {
            let (client, url, token) = (client.clone(), self.url.clone(), self.token.clone());
            clients.spawn(async move {
                let mut all = Latencies::default();
                while begun.elapsed() < time {
                    let url = match anew {
                        true => {
                            format!("{url}&channel=c{}", NUMBER.fetch_add(1, Ordering::Relaxed))
                        }
                        false => url.clone(),
                    };
                    let sent = Instant::now();
                    let answer = client.get(url).bearer_auth(&token).send().await?;
                    let status = answer.status();
                    answer.bytes().await?;
                    ensure!(
                        status.is_success(),
                        "answered {status}; is SOUK_RATE_LIMIT_ENABLED=false?"
                    );
                    all.add(sent.elapsed());
                }
                Ok(all)
            });
        }
        let mut all = Latencies::default();
        while let Some(done) = clients.join_next().await {
            all.merge(done??);
        }
        Ok((all.len() as f64 / begun.elapsed().as_secs_f64(), all))
    }
}
