//! A shop with one price for each of many screws, and comparisons of it with search.

use crate::project::Project;
use contracts::operations::v1::{DriftReport, GetOperationRequest};
use prost::Message;
use search_api::v1::{PriceView, ReconcileRequest, SearchProductsRequest};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;
use testkit::eventually;
use tokio_postgres::Client;

/// SKUs of a full shop, each with one price.
pub const PRICES: i64 = 5_000;

/// Creates `count` products.
pub fn fill(project: &Project, count: i64) {
    write(project, "products", count, |sku, row| {
        format!(r#"{{"key":"{sku}","title":"Brass screw {row}","variants":[{{"sku":"{sku}"}}]}}"#)
    });
    project.run(&["import", "products", "products.jsonl"]);
}

/// Writes a file with one price for each of `count` SKUs, the lowest one first.
pub fn write_prices(project: &Project, count: i64, lowest: i64) {
    write(project, "prices", count, |sku, row| {
        format!(
            r#"{{"item":{{"sku":"{sku}"}},"base":{{"currencyCode":"USD","minorUnits":"{}"}}}}"#,
            lowest + row
        )
    });
}

/// Writes a file with one line for each of `count` SKUs.
fn write(project: &Project, name: &str, count: i64, line: impl Fn(&str, i64) -> String) {
    let mut text = String::new();
    for row in 0..count {
        writeln!(text, "{}", line(&format!("SCREW-{row}"), row)).unwrap();
    }
    std::fs::write(project.path().join(format!("{name}.jsonl")), text).unwrap();
}

/// Counts of written prices and of unpublished events.
pub async fn progress(pricing: &Client, lowest: i64) -> (i64, i64) {
    let row = pricing
        .query_one(
            "select (select count(*) from prices where base_minor between $1 and $1 + 9999),
                    (select count(*) from outbox where published_at is null)",
            &[&lowest],
        )
        .await
        .unwrap();
    (row.get(0), row.get(1))
}

/// Waits until pricing has published every event.
pub async fn settled(pricing: &Client) {
    eventually("every event is published", async || {
        (progress(pricing, 0).await.1 == 0).then_some(())
    })
    .await;
}

/// Waits until search has handled each event of a publisher, and asserts that it claimed exactly those.
pub async fn handled(publisher: &Client, search: &Client, consumer: &str) {
    let claimed = format!("select count(*) from inbox where consumer = '{consumer}'");
    let published = one(publisher, "select count(*) from outbox").await;
    eventually("search has handled all", async || {
        (one(search, &claimed).await >= published).then_some(())
    })
    .await;
    assert_eq!(one(search, &claimed).await, published, "each event was handled once");
}

/// Waits until search shows every price that pricing has.
pub async fn same_in_search(project: &Project, pricing: &Client) {
    let rows = pricing.query("select sku, base_minor from prices", &[]).await.unwrap();
    let owned: BTreeMap<String, i64> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    eventually("search shows what pricing has", async || {
        (shown(project).await == owned).then_some(())
    })
    .await;
}

/// Every priced SKU with its amount, page by page.
async fn shown(project: &Project) -> BTreeMap<String, i64> {
    let mut shown = BTreeMap::new();
    let mut request = SearchProductsRequest {
        price_view: Some(PriceView { currency_code: "USD".to_owned(), ..PriceView::default() }),
        page_size: 500,
        ..SearchProductsRequest::default()
    };
    loop {
        let answer = project.search().search_products(request.clone()).await.unwrap().into_inner();
        shown.extend(
            answer
                .products
                .into_iter()
                .filter_map(|hit| Some((hit.sku, hit.amount?.minor_units()))),
        );
        request.page_token = answer.next_page_token;
        if request.page_token.is_empty() {
            return shown;
        }
    }
}

/// Compares search with the owners of its data, and repairs it if requested.
pub async fn reconcile(project: &Project, repair: bool) -> DriftReport {
    let request = ReconcileRequest { repair, ..Default::default() };
    let started = project.search().reconcile(request).await.unwrap();
    let name = started.into_inner().operation.unwrap().name;
    let done = eventually("the comparison ends", async || {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let request = GetOperationRequest { name: name.clone() };
        let operation = project.operations().get_operation(request).await.unwrap().into_inner();
        operation.operation.filter(|operation| operation.result.is_some())
    })
    .await;
    DriftReport::decode(done.result.unwrap().value.as_slice()).unwrap()
}

/// The number that a query returns.
pub async fn one(database: &Client, query: &str) -> i64 {
    database.query_one(query, &[]).await.unwrap().get(0)
}
