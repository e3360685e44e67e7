//! A mesh that is killed during a bulk update: nothing acknowledged is lost, all events are published, and the command resumes
//! when it is repeated.

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
        kill_during_update(&project, round).await;
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

async fn kill_during_update(project: &Project, round: i64) {
    let lowest = 10_000 * round;
    shop::write_prices(project, PRICES, lowest);
    let id = uuid::Uuid::now_v7().to_string();
    let chunk = CHUNK.to_string();
    let update = ["import", "prices", "prices.jsonl", "--chunk", &chunk, "--import-id", &id];
    let mut command = project.start(&update);
    let pricing = project.database("pricing").await;
    let (written, unpublished) = kill_with_unpublished_events(project, &pricing, round).await;
    command.kill().unwrap();
    command.wait().unwrap();
    // A chunk is sent after the previous one was acknowledged: of n written chunks, n - 1 or all are acknowledged.
    eprintln!(
        "round {round}: killed with {written} of {PRICES} prices written, at least {} of them acknowledged, {unpublished} events unpublished",
        written - CHUNK
    );

    project.run(&["dev", "up"]);
    settled(&pricing).await;
    let (kept, _) = progress(&pricing, lowest).await;
    assert!(kept >= written, "of {written} prices {kept} are left");
    same_in_search(project, &pricing).await;

    let output = project.run(&update);
    assert!(output.starts_with("prices: "), "{output}");
    settled(&pricing).await;
    assert_eq!(progress(&pricing, lowest).await, (PRICES, 0));
    same_in_search(project, &pricing).await;
    let report = reconcile(project, false).await;
    assert_eq!(report.differences, 0, "{:?}", report.drifts);
}

/// Freezes the mesh repeatedly and checks its progress; kills it while some chunks are acknowledged, more of them each round,
/// others are not, and events are unpublished.
async fn kill_with_unpublished_events(
    project: &Project,
    pricing: &Client,
    round: i64,
) -> (i64, i64) {
    let (lowest, least) = (10_000 * round, (5 * round - 3) * CHUNK);
    let is_critical = |(written, unpublished): (i64, i64)| {
        (least..PRICES - CHUNK).contains(&written) && unpublished > 0
    };
    eventually("chunks are written and events wait", async || {
        if !is_critical(progress(pricing, lowest).await) {
            return None;
        }
        project.signal(Signal::SIGSTOP);
        let frozen = progress(pricing, lowest).await;
        project.signal(if is_critical(frozen) { Signal::SIGKILL } else { Signal::SIGCONT });
        is_critical(frozen).then_some(frozen)
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
