use crate::shop::{
    ALL, Bowls, create, drifts, ended, in_usd, reconcile, search, set_price, titled, until, variant,
};
use catalog_api::v1::{
    AttributeDraft, AttributeType, CategoryDraft, CreateBrandRequest, CreateCategoryRequest,
    DefineAttributeRequest, DeleteProductRequest, UpdateProductRequest, Variant,
};
use contracts::operations::v1::DriftKind::{Ahead, Behind, Content, Missing, Orphan};
use contracts::operations::v1::OperationState;
use diesel::sql_query;
use diesel::sql_types::{Binary, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use prost::Message;
use prost_types::FieldMask;
use search_api::v1::{ReconcileRequest, ReindexRequest};
use std::collections::BTreeSet;
use testkit::{Mesh, Options, eventually, reason};
use uuid::Uuid;

/// Changes a title at the owner.
async fn rename(mesh: &Mesh, product_id: &str, title: &str) {
    let request = UpdateProductRequest {
        product_id: product_id.to_owned(),
        product: Some(titled(title)),
        update_mask: Some(FieldMask { paths: vec!["title".into()] }),
        ..Default::default()
    };
    mesh.catalog().update_product(request).await.unwrap();
}

/// Creates one difference of each kind directly in the database.
async fn create_drift(mesh: &Mesh, bowls: &Bowls) {
    let entry = |section: &str, id: &str| format!("section = '{section}' and source_id = '{id}'");
    let price =
        |bowl: usize| format!("section = 'price' and product_id = '{}'", bowls.products[bowl]);
    let behind = entry("product", &bowls.products[1]);
    let ahead = entry("variant", &bowls.variants[2]);
    for statement in [
        format!("delete from entries where {}", price(0)),
        format!("update entries set version = 1 where {behind}"),
        format!("update entries set version = 9 where {ahead}"),
        format!("update entries set body = body || '\\xf80701'::bytea where {}", price(3)),
        format!("insert into entries values ('brand', '{}', 1, null, '')", Uuid::now_v7()),
        format!("update documents set shown = false where product_id = '{}'", bowls.products[5]),
    ] {
        bowls.alter(mesh, &statement).await;
    }
    let (product_id, orphan) = (bowls.products[4].clone(), Uuid::now_v7());
    let body = Variant {
        variant_id: orphan.to_string(),
        product_id: product_id.clone(),
        sku: "ORPHAN".into(),
        version: 1,
        ..Default::default()
    };
    sql_query("insert into entries values ('variant', $1, 1, $2, $3)")
        .bind::<SqlUuid, _>(orphan)
        .bind::<SqlUuid, _>(Uuid::parse_str(&product_id).unwrap())
        .bind::<Binary, _>(body.encode_to_vec())
        .execute(&mut mesh.database("search").await)
        .await
        .unwrap();
    let next = "update documents set revision = nextval('document_revision')";
    bowls.alter(mesh, &format!("{next} where product_id = '{product_id}'")).await;
    until(mesh, "the orphan is found", in_usd("orphan"), |answer| answer.total == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_drift_is_reported_and_repaired() {
    let alone = crate::shop::alone().await;
    let config = |config: &mut mesh::Config| config.reconcile.confirm_seconds = 2;
    let mesh = Mesh::boot_with(&ALL, Options { config, ..Options::default() }).await;
    let bowls = Bowls::fill(&mesh, 6).await;
    rename(&mesh, &bowls.products[1], "Basin").await;
    until(&mesh, "by its new name", in_usd("basin"), |answer| answer.total == 1).await;
    mesh.settle().await;
    let clean = reconcile(&mesh, false).await;
    assert_eq!((clean.compared, clean.differences), (24, 0), "{:?}", clean.drifts);

    create_drift(&mesh, &bowls).await;
    let expected = BTreeSet::from([
        ("product", Behind),
        ("variant", Ahead),
        ("variant", Orphan),
        ("price", Missing),
        ("price", Content),
        ("brand", Orphan),
        ("index", Orphan),
    ]);
    let published = bowls.published(&mesh).await;
    let report = reconcile(&mesh, false).await;
    assert_eq!(drifts(&report), expected, "{:?}", report.drifts);
    assert_eq!((report.differences, report.repaired), (7, 0));
    assert_eq!(bowls.published(&mesh).await, published, "a report repairs nothing");
    let ahead = report.drifts.iter().find(|drift| drift.kind() == Ahead).unwrap();
    assert_eq!((ahead.owner_version, ahead.copy_version), (1, 9));
    shown("projection_drift{service=\"search\",projection=\"price\"}", 2.0).await;
    shown("search_index_drift_documents", 7.0).await;

    let count = |name: &str, labels: &str| {
        metric(&format!("{name}{{service=\"search\",projection=\"price\"{labels}}}"))
    };
    let repaired = count("projection_repaired_total", "");
    let found = count("projection_drift_found_total", ",kind=\"content\"");
    let report = reconcile(&mesh, true).await;
    assert_eq!(drifts(&report), expected, "{:?}", report.drifts);
    assert_eq!((report.differences, report.repaired), (7, 7));
    assert_eq!(count("projection_repaired_total", "") - repaired, 2.0);
    assert_eq!(count("projection_drift_found_total", ",kind=\"content\"") - found, 1.0);
    shown("projection_drift{service=\"search\",projection=\"price\"}", 0.0).await;
    shown("search_index_drift_documents", 0.0).await;
    assert!(count("projection_compared_total", "") >= 18.0);

    let clean = reconcile(&mesh, false).await;
    assert_eq!((clean.compared, clean.differences), (24, 0), "{:?}", clean.drifts);
    until(&mesh, "the orphan is gone", in_usd("orphan"), |answer| answer.total == 0).await;
    until(&mesh, "all are there with their prices", in_usd(""), |answer| {
        answer.total == 6 && answer.products.iter().all(|product| product.amount.is_some())
    })
    .await;
    assert_eq!(search(&mesh, in_usd("basin")).await.total, 1);
    mesh.finish().await;
    drop(alone);
}

/// Waits until a gauge has this value: replicas read the last comparison every few seconds.
async fn shown(name: &str, value: f64) {
    eventually(name, async || (metric(name) == value).then_some(())).await;
}

/// The value of a metric, 0 if it was never set.
fn metric(name: &str) -> f64 {
    let text = mesh::telemetry::metrics_text();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.map_or(0.0, |value| value.trim().parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clean_mesh_is_left_alone() {
    let alone = crate::shop::alone().await;
    let mesh = Mesh::boot(&ALL).await;
    let bowls = Bowls::fill(&mesh, 3).await;
    let mut catalog = mesh.catalog();
    let brand = CreateBrandRequest { name: "Acme".into(), ..Default::default() };
    catalog.create_brand(brand).await.unwrap();
    let draft = CategoryDraft { key: "c".into(), name: "C".into(), ..Default::default() };
    let category = CreateCategoryRequest { category: Some(draft), ..Default::default() };
    catalog.create_category(category).await.unwrap();
    let draft = AttributeDraft {
        code: "x".into(),
        name: "X".into(),
        r#type: AttributeType::Text.into(),
        ..Default::default()
    };
    let define = DefineAttributeRequest { attribute: Some(draft), ..Default::default() };
    catalog.define_attribute(define).await.unwrap();
    let delete =
        DeleteProductRequest { product_id: bowls.products[0].clone(), ..Default::default() };
    catalog.delete_product(delete).await.unwrap();
    mesh.settle().await;
    until(&mesh, "two are left", in_usd("bowl"), |answer| answer.total == 2).await;

    let before = (bowls.published(&mesh).await, bowls.written(&mesh).await);
    let report = reconcile(&mesh, true).await;
    assert_eq!((report.compared, report.differences), (14, 0), "{:?}", report.drifts);
    mesh.settle().await;
    assert_eq!((bowls.published(&mesh).await, bowls.written(&mesh).await), before);
    mesh.finish().await;
    drop(alone);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missed_deletion_is_republished_where_an_early_event_waits_for_it() {
    let alone = crate::shop::alone().await;
    let mesh = Mesh::boot(&ALL).await;
    let bowls = Bowls::fill(&mesh, 1).await;
    let delete =
        DeleteProductRequest { product_id: bowls.products[0].clone(), ..Default::default() };
    mesh.catalog().delete_product(delete).await.unwrap();
    mesh.settle().await;
    // As after a loss: search has nothing of the product, and pricing has not heard of its deletion.
    for alive in [
        "update prices set deleted_at = null, version = 1",
        "update aggregate_heads set version = 1, subject = 'pricing.price.updated', digest = '\\x01'",
    ] {
        mesh.sql("pricing", alive).await;
    }
    for table in ["entries", "documents"] {
        bowls.alter(&mesh, &format!("delete from {table}")).await;
    }
    let report = reconcile(&mesh, true).await;
    assert_eq!(drifts(&report), BTreeSet::from([("product", Missing), ("price", Missing)]));
    assert_eq!((report.differences, report.repaired), (2, 2));
    assert_eq!(mesh.count("search", "select count(*) from early").await, 0);
    assert_eq!(search(&mesh, in_usd("bowl")).await.total, 0);
    mesh.finish().await;
    drop(alone);
}

/// As after an upgrade from a release that kept no heads.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_owner_has_without_a_head_is_published_again_and_not_removed() {
    let alone = crate::shop::alone().await;
    let mesh = Mesh::boot(&ALL).await;
    Bowls::fill(&mesh, 2).await;
    mesh.settle().await;
    mesh.sql("catalog", "delete from aggregate_heads where family = 'catalog.product'").await;
    let report = reconcile(&mesh, true).await;
    assert_eq!(drifts(&report), BTreeSet::from([("product", Orphan)]));
    assert_eq!((report.differences, report.repaired), (2, 2));
    assert_eq!(search(&mesh, in_usd("bowl")).await.total, 2);
    let report = reconcile(&mesh, false).await;
    assert_eq!(report.differences, 0, "{:?}", report.drifts);
    mesh.finish().await;
    drop(alone);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_in_flight_is_no_drift() {
    let alone = crate::shop::alone().await;
    let config = |config: &mut mesh::Config| config.reconcile.confirm_seconds = 5;
    let mesh = Mesh::boot_with(&ALL, Options { config, ..Options::default() }).await;
    Bowls::fill(&mesh, 2).await;
    // A lock on the documents blocks the consumer.
    let mut blocker = mesh.database("search").await;
    for statement in ["begin", "lock table documents in access exclusive mode"] {
        sql_query(statement).execute(&mut blocker).await.unwrap();
    }
    set_price(&mesh, "BOWL-0", 450).await;
    create(&mesh, titled("Jug"), vec![variant("JUG", "", "")]).await;
    let request = ReconcileRequest { repair: true, ..Default::default() };
    let started = mesh.search().reconcile(request).await.unwrap().into_inner();
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    sql_query("commit").execute(&mut blocker).await.unwrap();
    let done = ended(&mesh, started.operation.unwrap()).await;
    assert_eq!(done.state(), OperationState::Succeeded, "{}", done.message);
    let report = crate::shop::report(&done);
    assert_eq!(report.differences, 0, "{:?}", report.drifts);
    let once = "select count(*) from outbox where version = 2";
    assert_eq!(mesh.count("pricing", once).await, 1, "nothing was published again");
    mesh.finish().await;
    drop(alone);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_id_of_another_request_is_refused() {
    let alone = crate::shop::alone().await;
    let mesh = Mesh::boot(&ALL).await;
    let request_id = Uuid::now_v7().to_string();
    let request = ReconcileRequest { request_id: request_id.clone(), repair: false };
    let first = mesh.search().reconcile(request.clone()).await.unwrap().into_inner();
    let again = mesh.search().reconcile(request.clone()).await.unwrap().into_inner();
    assert_eq!(first, again, "the same request is the same operation");
    let other = ReconcileRequest { repair: true, ..request };
    let refused = mesh.search().reconcile(other).await.unwrap_err();
    assert_eq!(reason(&refused), "REQUEST_ID_REUSED");
    let refused = mesh.search().reindex(ReindexRequest { request_id }).await.unwrap_err();
    assert_eq!(reason(&refused), "REQUEST_ID_REUSED");
    ended(&mesh, first.operation.unwrap()).await;
    mesh.finish().await;
    drop(alone);
}
