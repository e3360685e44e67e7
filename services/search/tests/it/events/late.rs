//! Copies that are late are not taken for wrong ones.

use crate::shop::{
    ALL, Bowls, create, drifts, in_usd, reconcile, set_price, titled, until, variant,
};
use contracts::operations::v1::DriftKind::Missing;
use contracts::operations::v1::RepublishAggregatesRequest;
use diesel::sql_types::Text;
use diesel::{QueryableByName, sql_query};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use std::collections::BTreeSet;
use testkit::{Mesh, Options, eventually};

/// Keeps search from handling events until [`release`]; reading goes on.
async fn hold(mesh: &Mesh) -> AsyncPgConnection {
    let mut holder = mesh.database("search").await;
    for statement in ["begin", "lock table inbox in exclusive mode"] {
        sql_query(statement).execute(&mut holder).await.unwrap();
    }
    holder
}

async fn release(mut holder: AsyncPgConnection) {
    sql_query("commit").execute(&mut holder).await.unwrap();
}

/// The id of the newest event of pricing.
async fn newest_event(mesh: &Mesh) -> String {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        id: String,
    }
    let row: Row = sql_query("select id::text as id from outbox order by seq desc limit 1")
        .get_result(&mut mesh.database("pricing").await)
        .await
        .unwrap();
    row.id
}

/// Has search lose its copy of a bowl's price.
async fn lose_price(mesh: &Mesh, bowls: &Bowls, bowl: usize) {
    let of = &bowls.products[bowl];
    bowls
        .alter(
            mesh,
            &format!("delete from entries where section = 'price' and product_id = '{of}'"),
        )
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_wait_are_no_drift_and_what_is_lost_is_found_behind_them() {
    let alone = crate::shop::alone().await;
    let mesh = Mesh::boot(&ALL).await;
    let bowls = Bowls::fill(&mesh, 2).await;
    lose_price(&mesh, &bowls, 0).await;
    let holder = hold(&mesh).await;
    for number in 0..5 {
        let sku = format!("JUG-{number}");
        create(&mesh, titled("Jug"), vec![variant(&sku, "", "")]).await;
        set_price(&mesh, &sku, 700).await;
    }
    set_price(&mesh, "BOWL-1", 450).await;
    mesh.until("pricing", "select count(*) from outbox where published_at is null", 0).await;
    mesh.until("catalog", "select count(*) from outbox where published_at is null", 0).await;

    let found = reconcile(&mesh, false).await;
    assert_eq!(drifts(&found), BTreeSet::from([("price", Missing)]));
    // Five products, their variants and prices, and the newer price.
    assert_eq!((found.differences, found.late), (1, 16), "{:?}", found.drifts);

    // Of what waits nothing is published again. What was lost is, and then waits too: that is no failed repair.
    let before = bowls.published(&mesh).await;
    let found = reconcile(&mesh, true).await;
    assert_eq!((found.differences, found.repaired, found.late), (1, 1, 16), "{:?}", found.drifts);
    assert_eq!(bowls.published(&mesh).await, (before.0, before.1 + 1));

    release(holder).await;
    mesh.settle().await;
    until(&mesh, "all have prices", in_usd(""), |answer| {
        answer.total == 7 && answer.products.iter().all(|product| product.amount.is_some())
    })
    .await;
    let clean = reconcile(&mesh, false).await;
    assert_eq!((clean.differences, clean.late), (0, 0), "{:?}", clean.drifts);
    mesh.finish().await;
    drop(alone);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_in_the_outbox_of_its_owner_is_no_drift() {
    let alone = crate::shop::alone().await;
    let mesh = Mesh::boot(&ALL).await;
    let bowls = Bowls::fill(&mesh, 2).await;
    lose_price(&mesh, &bowls, 0).await;
    lose_price(&mesh, &bowls, 1).await;
    // As if the broker had refused it.
    let price = &bowls.prices(&mesh).await[0];
    let refused = "published_at = null, attempts = 1, retry_at = now() + interval '1 day'";
    mesh.sql("pricing", &format!("update outbox set {refused} where key = '{price}'")).await;

    let found = reconcile(&mesh, true).await;
    assert_eq!(drifts(&found), BTreeSet::from([("price", Missing)]));
    assert_eq!((found.differences, found.repaired, found.late), (1, 1, 1), "{:?}", found.drifts);

    let sent = "published_at = now(), retry_at = null";
    mesh.sql("pricing", &format!("update outbox set {sent} where key = '{price}'")).await;
    let found = reconcile(&mesh, true).await;
    assert_eq!((found.differences, found.repaired, found.late), (1, 1, 0), "{:?}", found.drifts);
    mesh.finish().await;
    drop(alone);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_kept_for_later_is_no_drift_but_what_it_waits_for_is() {
    let alone = crate::shop::alone().await;
    let mesh = Mesh::boot(&ALL).await;
    let bowls = Bowls::fill(&mesh, 1).await;
    for table in ["entries", "documents"] {
        bowls.alter(&mesh, &format!("delete from {table}")).await;
    }
    for (service, family, keys) in [
        ("catalog", "catalog.variant", bowls.variants.clone()),
        ("pricing", "pricing.price", bowls.prices(&mesh).await),
    ] {
        let (service, family) = (service.to_owned(), family.to_owned());
        let request = RepublishAggregatesRequest { service, family, keys, ..Default::default() };
        mesh.operations().republish_aggregates(request).await.unwrap();
    }
    mesh.until("search", "select count(*) from early", 2).await;
    mesh.settle().await;
    let found = reconcile(&mesh, true).await;
    assert_eq!(drifts(&found), BTreeSet::from([("product", Missing)]));
    assert_eq!((found.differences, found.repaired, found.late), (1, 1, 0), "{:?}", found.drifts);
    until(&mesh, "it is there again", in_usd("bowl"), |answer| answer.total == 1).await;
    mesh.finish().await;
    drop(alone);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_is_drift_although_events_before_it_wait() {
    let alone = crate::shop::alone().await;
    let options = Options { dead_letters: true, twice: false, ..Options::default() };
    let mesh = Mesh::boot_with(&ALL, options).await;
    Bowls::fill(&mesh, 2).await;
    let holder = hold(&mesh).await;
    set_price(&mesh, "BOWL-0", 450).await;
    set_price(&mesh, "BOWL-1", 450).await;
    mesh.until("pricing", "select count(*) from outbox where published_at is null", 0).await;
    assert_eq!(reconcile(&mesh, false).await.late, 2);

    let event = newest_event(&mesh).await;
    let subject = format!("dead.search.search-from-pricing.{event}");
    eventually("the broker takes it", async || {
        let sent = mesh.jetstream().publish(subject.clone(), "".into()).await;
        sent.unwrap().await.ok()
    })
    .await;
    let found = reconcile(&mesh, false).await;
    assert_eq!((found.differences, found.late), (1, 1), "{:?}", found.drifts);
    release(holder).await;
    mesh.finish().await;
    drop(alone);
}
