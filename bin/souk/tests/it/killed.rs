//! A mesh that is killed in the middle of a bulk update: nothing acknowledged is lost, nothing is left undone, and the command goes
//! on when it is given again.

use crate::project::Project;
use crate::shop::{self, PRICES, progress, reconcile, same_in_search, settled};
use contracts::operations::v1::DriftKind;
use nix::sys::signal::Signal;
use testkit::eventually;
use tokio_postgres::Client;

const CHUNK: i64 = 250;

#[tokio::test(flavor = "multi_thread")]
async fn a_bulk_update_survives_three_kills() {
    let project = Project::new("killed");
    project.run(&["dev", "up"]);
    shop::fill(&project, PRICES);
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
    shop::write_prices(project, PRICES, lowest);
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
