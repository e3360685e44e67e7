use crate::shop::{ALL, Bowls, in_usd, reconcile, search, set_price, titled, until};
use catalog_api::v1::UpdateProductRequest;
use contracts::operations::v1::{
    ListAggregateVersionsRequest, ListOperationsRequest, OperationState,
};
use diesel::sql_types::{BigInt, Binary, Nullable, Text};
use diesel::{QueryableByName, sql_query};
use diesel_async::RunQueryDsl;
use pricing_api::v1::ListPricesRequest;
use prost_types::FieldMask;
use std::collections::BTreeMap;
use testkit::{Mesh, Options, eventually};
use tokio_util::sync::CancellationToken;

#[tokio::test(flavor = "multi_thread")]
async fn the_sampler_finds_what_was_altered_and_repairs_it() {
    let alone = crate::shop::alone().await;
    let mesh = Mesh::boot_with(&ALL, Options::reconciling()).await;
    let bowls = Bowls::fill(&mesh, 3).await;
    let sum = "select sum(version + length(body))::bigint as count from entries";
    let right = mesh.count("search", sum).await;
    for statement in [
        "update entries set body = body || '\\xf80701'::bytea
         where section = 'variant' and source_id = (select max(source_id::text)::uuid from entries where section = 'variant')",
        "delete from entries where section = 'price'
         and source_id = (select min(source_id::text)::uuid from entries where section = 'price')",
    ] {
        bowls.alter(&mesh, statement).await;
    }
    assert_ne!(mesh.count("search", sum).await, right);
    mesh.until("search", sum, right).await;
    mesh.finish().await;
    drop(alone);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_full_comparison_runs_once_per_period() {
    let alone = crate::shop::alone().await;
    let config = |config: &mut mesh::Config| config.reconcile.full_hours = 1;
    let mesh = Mesh::boot_with(&ALL, Options { config, ..Options::default() }).await;
    let bowls = Bowls::fill(&mesh, 2).await;
    bowls.alter(&mesh, "delete from entries where section = 'price'").await;
    let request = ListOperationsRequest { service: "search".into(), ..Default::default() };
    let done = eventually("a comparison is done", async || {
        let answer = mesh.operations().list_operations(request.clone()).await.unwrap();
        let operations = answer.into_inner().operations;
        assert!(operations.len() < 2, "{operations:?}");
        operations.into_iter().find(|operation| operation.state() != OperationState::Running)
    })
    .await;
    assert_eq!(done.state(), OperationState::Succeeded, "{}", done.message);
    let report = crate::shop::report(&done);
    assert_eq!((report.differences, report.repaired), (2, 2), "{:?}", report.drifts);
    mesh.finish().await;
    drop(alone);
}

/// Corruption, repairs and changes of the owners run concurrently. When all have stopped, one more reconciliation makes the copy
/// equal.
#[tokio::test(flavor = "multi_thread")]
async fn concurrent_changes_and_repairs_converge_to_the_owners_state() {
    let alone = crate::shop::alone().await;
    let mesh = Mesh::boot(&ALL).await;
    let bowls = Bowls::fill(&mesh, 8).await;
    let stop = CancellationToken::new();
    let running = || !stop.is_cancelled();
    let changes = async {
        let mut number = 1_000;
        while running() {
            number += 1;
            let bowl = number % bowls.products.len();
            set_price(&mesh, &format!("BOWL-{bowl}"), i64::try_from(number).unwrap()).await;
            rename(&mesh, &bowls.products[bowl], &format!("Bowl {number}")).await;
        }
    };
    let corruption = async {
        while running() {
            for statement in CORRUPTIONS {
                let statement = format!(
                    "{statement} where ctid = any (array(select ctid from entries order by random() limit 2))"
                );
                let done = sql_query(statement).execute(&mut mesh.database("search").await).await;
                // It ignores the lock order, so it may be the victim of a deadlock.
                drop(done);
                tokio::task::yield_now().await;
            }
        }
    };
    let repairs = async {
        for _ in 0..3 {
            reconcile(&mesh, true).await;
        }
        stop.cancel();
    };
    tokio::join!(changes, corruption, repairs);

    mesh.settle().await;
    reconcile(&mesh, true).await;
    mesh.settle().await;
    let report = reconcile(&mesh, false).await;
    assert_eq!(report.differences, 0, "{:?}", report.drifts);
    for (section, family) in [("product", "catalog.product"), ("variant", "catalog.variant")] {
        let request = ListAggregateVersionsRequest {
            service: "catalog".into(),
            family: family.into(),
            page_size: 500,
            ..Default::default()
        };
        let owned = mesh.operations().list_aggregate_versions(request).await.unwrap();
        let owned = owned.into_inner().versions.into_iter();
        let owned = owned.map(|own| (own.key, (own.version, Some(own.digest))));
        assert_eq!(kept(&mesh, section).await, owned.collect());
    }
    shows_every_price(&mesh).await;
    mesh.finish().await;
    drop(alone);
}

const CORRUPTIONS: [&str; 5] = [
    "update entries set body = body || '\\xf80701'::bytea",
    "update entries set version = version + 3",
    "update entries set version = 1",
    "delete from entries",
    "update entries set version = version - 1, body = body || '\\xf80702'::bytea",
];

async fn rename(mesh: &Mesh, product_id: &str, title: &str) {
    let request = UpdateProductRequest {
        product_id: product_id.to_owned(),
        product: Some(titled(title)),
        update_mask: Some(FieldMask { paths: vec!["title".into()] }),
        ..Default::default()
    };
    mesh.catalog().update_product(request).await.unwrap();
}

/// Version and digest of every entry of a section.
async fn kept(mesh: &Mesh, section: &str) -> BTreeMap<String, (i64, Option<Vec<u8>>)> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        id: String,
        #[diesel(sql_type = BigInt)]
        version: i64,
        #[diesel(sql_type = Nullable<Binary>)]
        digest: Option<Vec<u8>>,
    }
    let rows: Vec<Row> = sql_query(
        "select source_id::text as id, version, sha256(body) as digest from entries where section = $1",
    )
    .bind::<Text, _>(section)
    .get_results(&mut mesh.database("search").await)
    .await
    .unwrap();
    rows.into_iter().map(|row| (row.id, (row.version, row.digest))).collect()
}

async fn shows_every_price(mesh: &Mesh) {
    let listed = mesh.pricing().list_prices(ListPricesRequest::default()).await.unwrap();
    let owned: BTreeMap<String, i64> = listed
        .into_inner()
        .prices
        .into_iter()
        .map(|price| (price.product_id, price.base.unwrap().minor_units()))
        .collect();
    until(mesh, "search shows what pricing has", in_usd("bowl"), |answer| {
        let shown = answer
            .products
            .iter()
            .filter_map(|hit| Some((hit.product_id.clone(), hit.amount.as_ref()?.minor_units())));
        shown.collect::<BTreeMap<_, _>>() == owned
    })
    .await;
    assert_eq!(search(mesh, in_usd("bowl")).await.total, 8);
}
