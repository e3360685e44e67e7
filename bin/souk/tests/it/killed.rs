//! A mesh that is killed in the middle of a bulk update: nothing acknowledged is lost, nothing is left undone, and the command goes
//! on when it is given again.

use crate::project::Project;
use contracts::operations::v1::{DriftKind, DriftReport, GetOperationRequest};
use contracts::search::v1::{PriceView, ReconcileRequest, SearchProductsRequest};
use nix::sys::signal::Signal;
use prost::Message;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;
use testkit::eventually;
use tokio_postgres::Client;

const PRICES: i64 = 5_000;
const CHUNK: i64 = 250;

#[tokio::test(flavor = "multi_thread")]
async fn a_bulk_update_survives_three_kills() {
    let project = Project::new("killed");
    project.run(&["dev", "up"]);
    write(&project, "products", |sku, row| {
        format!(r#"{{"key":"{sku}","title":"Brass screw {row}","variants":[{{"sku":"{sku}"}}]}}"#)
    });
    project.run(&["import", "products", "products.jsonl"]);
    for round in 1..=3 {
        kill_amid_update(&project, round).await;
    }

    alter_and_delete(&project.database("search").await).await;
    let report = reconcile(&project, true).await;
    let found: Vec<_> =
        report.drifts.iter().map(|drift| (drift.projection.as_str(), drift.kind())).collect();
    assert_eq!(found, [("product", DriftKind::Missing), ("price", DriftKind::Content)]);
    assert_eq!(report.repaired, 2);
    let report = reconcile(&project, false).await;
    assert_eq!(report.differences, 0, "{:?}", report.drifts);
}

async fn kill_amid_update(project: &Project, round: i64) {
    let lowest = 10_000 * round;
    write(project, "prices", |sku, row| {
        format!(
            r#"{{"item":{{"sku":"{sku}"}},"base":{{"currencyCode":"USD","minorUnits":"{}"}}}}"#,
            lowest + row
        )
    });
    let id = uuid::Uuid::now_v7().to_string();
    let chunk = CHUNK.to_string();
    let update = ["import", "prices", "prices.jsonl", "--chunk", &chunk, "--import-id", &id];
    let mut command = project.start(&update);
    let pricing = project.database("pricing").await;
    let (written, unpublished) = kill_where_it_hurts(project, &pricing, round).await;
    command.kill().unwrap();
    command.wait().unwrap();
    // A chunk is sent when the one before it was acknowledged: of n that are written, n - 1 are acknowledged, or all.
    eprintln!(
        "round {round}: killed with {written} of {PRICES} prices written, at least {} of them acknowledged, {unpublished} events unpublished",
        written - CHUNK
    );

    project.run(&["dev", "up"]);
    settled(&pricing).await;
    let (kept, _) = progress(&pricing, lowest).await;
    assert!(kept >= written, "of {written} prices {kept} are left");
    same_in_search(project, &pricing).await;

    let said = project.run(&update);
    assert!(said.starts_with("prices: "), "{said}");
    settled(&pricing).await;
    assert_eq!(progress(&pricing, lowest).await, (PRICES, 0));
    same_in_search(project, &pricing).await;
    let report = reconcile(project, false).await;
    assert_eq!(report.differences, 0, "{:?}", report.drifts);
}

/// Freezes the mesh again and again and looks; kills it when chunks are acknowledged, more of them each round, others are not, and
/// events wait to be published.
async fn kill_where_it_hurts(project: &Project, pricing: &Client, round: i64) -> (i64, i64) {
    let (lowest, enough) = (10_000 * round, (5 * round - 3) * CHUNK);
    let hurts = |(written, unpublished): (i64, i64)| {
        (enough..PRICES - CHUNK).contains(&written) && unpublished > 0
    };
    eventually("chunks are written and events wait", async || {
        if !hurts(progress(pricing, lowest).await) {
            return None;
        }
        project.signal(Signal::SIGSTOP);
        let frozen = progress(pricing, lowest).await;
        project.signal(if hurts(frozen) { Signal::SIGKILL } else { Signal::SIGCONT });
        hurts(frozen).then_some(frozen)
    })
    .await
}

/// Prices that are written, and events that are not published.
async fn progress(pricing: &Client, lowest: i64) -> (i64, i64) {
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

async fn settled(pricing: &Client) {
    eventually("every event is published", async || {
        (progress(pricing, 0).await.1 == 0).then_some(())
    })
    .await;
}

/// Waits until search shows every price that pricing has.
async fn same_in_search(project: &Project, pricing: &Client) {
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
            answer.products.into_iter().filter_map(|hit| Some((hit.sku, hit.amount?.minor_units))),
        );
        request.page_token = answer.next_page_token;
        if request.page_token.is_empty() {
            return shown;
        }
    }
}

async fn reconcile(project: &Project, repair: bool) -> DriftReport {
    let request = ReconcileRequest { repair, ..Default::default() };
    let asked = project.search().reconcile(request).await.unwrap();
    let name = asked.into_inner().operation.unwrap().name;
    let done = eventually("the comparison ends", async || {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let request = GetOperationRequest { name: name.clone() };
        let operation = project.operations().get_operation(request).await.unwrap().into_inner();
        operation.operation.filter(|operation| operation.result.is_some())
    })
    .await;
    DriftReport::decode(done.result.unwrap().value.as_slice()).unwrap()
}

async fn alter_and_delete(search: &Client) {
    let one = |section: &str| {
        format!("(select source_id from entries where section = '{section}' limit 1)")
    };
    let (price, product) = (one("price"), one("product"));
    let altered =
        format!("update entries set body = body || '\\xf80701'::bytea where source_id = {price}");
    let deleted = format!("delete from entries where source_id = {product}");
    for statement in [altered, deleted] {
        assert_eq!(search.execute(&statement, &[]).await.unwrap(), 1, "{statement}");
    }
}

/// A file of one line for each SKU.
fn write(project: &Project, name: &str, line: impl Fn(&str, i64) -> String) {
    let mut text = String::new();
    for row in 0..PRICES {
        writeln!(text, "{}", line(&format!("SCREW-{row}"), row)).unwrap();
    }
    std::fs::write(project.path().join(format!("{name}.jsonl")), text).unwrap();
}
