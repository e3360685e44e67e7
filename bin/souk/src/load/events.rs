//! Sends what happened in the sample shop to analytics.

use crate::load::caller::{Caller, call};
use crate::load::pages::{PAGE_SIZE, all_pages, with_retries};
use crate::load::progress::Progress;
use crate::output;
use crate::seed::Shop;
use crate::seed::events::{Ware, of_day};
use analytics_api::v1::RecordEventsRequest;
use anyhow::{Result, bail};
use catalog_api::v1::ListProductsRequest;
use chrono::{Days, Utc};
use pricing_api::v1::item::Name;
use std::collections::HashMap;

/// Events of a call.
const CHUNK: usize = 500;

/// Wares that visitors look at.
const WARES: usize = 300;

/// Sends the events of so many days before today. Those that were sent before count nothing.
pub async fn fill(caller: &Caller, shop: Shop, days: u64) -> Result<()> {
    if days == 0 || shop.products == 0 {
        return Ok(());
    }
    let wares = wares(caller, shop).await?;
    let today = Utc::now().date_naive();
    let days = (1..=days).rev().filter_map(|days| today.checked_sub_days(Days::new(days)));
    let (mut counted, mut known) = (0, 0);
    let mut progress = Progress::new("events", None);
    for day in days {
        for events in of_day(shop.seed, day, &wares).chunks(CHUNK) {
            let request = RecordEventsRequest { events: events.to_vec() };
            let send = async || caller.analytics.clone().record_events(call(request.clone())).await;
            let answer = with_retries("send events; --event-days 0 leaves them out", send).await?;
            if let Some(refused) = answer.results.iter().find(|own| !own.reason.is_empty()) {
                bail!("{} events were refused, the first: {}", answer.refused, refused.message);
            }
            (counted, known) = (counted + answer.accepted, known + answer.duplicates);
            progress.add(u64::try_from(events.len()).unwrap_or_default());
        }
    }
    progress.finish();
    output::line(format_args!("events: {counted} counted, {known} known already"));
    Ok(())
}

/// The first products of the shop, with their ids there.
async fn wares(caller: &Caller, shop: Shop) -> Result<Vec<Ware>> {
    let ids = all_pages(async |page_token| {
        let request =
            ListProductsRequest { page_size: PAGE_SIZE, page_token, ..Default::default() };
        let list = async || caller.catalog.clone().list_products(call(request.clone())).await;
        let page = with_retries("list products", list).await?;
        let ids = page.products.into_iter().map(|own| (own.key, own.product_id)).collect();
        Ok((ids, page.next_page_token))
    });
    let ids: HashMap<String, String> = ids.await?.into_iter().collect();
    let prices = shop.prices().filter_map(|price| {
        let base = price.base.filter(|base| base.currency_code == "USD")?;
        let is_for_all = price.scope.is_none_or(|scope| scope.warehouse_id.is_empty());
        match price.item?.name? {
            Name::Sku(sku) if is_for_all => Some((sku, base.minor_units())),
            _ => None,
        }
    });
    let prices: HashMap<String, i64> = prices.collect();
    let ware = |row: catalog_api::v1::ImportRow| {
        let sku = row.variants.into_iter().next()?.sku;
        let (product_id, cents) = (ids.get(&row.key)?.clone(), *prices.get(&sku)?);
        Some(Ware { product_id, sku, title: row.title, cents })
    };
    Ok(shop.rows().filter_map(ware).take(WARES).collect())
}
