use crate::shop::{ALL, create, ended, in_usd, set_price, titled, until, variant};
use contracts::search::v1::{CheckDriftRequest, DriftKind, DriftReport};
use diesel::sql_query;
use diesel_async::RunQueryDsl;
use prost::Message;
use testkit::{Mesh, reason};

async fn check(mesh: &Mesh) -> DriftReport {
    let asked = mesh.search().check_drift(CheckDriftRequest::default()).await.unwrap();
    let done = ended(mesh, asked.into_inner().operation.unwrap()).await;
    DriftReport::decode(done.result.unwrap_or_else(|| panic!("{}", done.message)).value.as_slice())
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_altered_or_deleted_behind_the_back_is_reported() {
    let mesh = Mesh::boot(&ALL).await;
    for number in 0..4 {
        let sku = format!("BOWL-{number}");
        create(&mesh, titled(&format!("Bowl {number}")), vec![variant(&sku, "", "")]).await;
        set_price(&mesh, &sku, 500).await;
    }
    mesh.settle().await;
    until(&mesh, "all bowls have prices", in_usd("bowl"), |answer| {
        answer.total == 4 && answer.products.iter().all(|product| product.amount.is_some())
    })
    .await;
    let clean = check(&mesh).await;
    assert_eq!((clean.compared, clean.differences), (12, 0), "{:?}", clean.drifts);

    let mut database = mesh.database("search").await;
    sql_query(
        "update entries set body = body || '\\x00'::bytea
         where source_id = (select source_id from entries where section = 'price' limit 1)",
    )
    .execute(&mut database)
    .await
    .unwrap();
    sql_query(
        "delete from entries
         where source_id = (select source_id from entries where section = 'product' limit 1)",
    )
    .execute(&mut database)
    .await
    .unwrap();
    let report = check(&mesh).await;
    let found: Vec<(&str, DriftKind)> =
        report.drifts.iter().map(|drift| (drift.r#type.as_str(), drift.kind())).collect();
    assert_eq!(found, [("product", DriftKind::Missing), ("price", DriftKind::Content)]);
    mesh.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_that_stands_for_another_request_is_refused() {
    let mesh = Mesh::boot(&ALL).await;
    let request_id = uuid::Uuid::now_v7().to_string();
    let reindex = contracts::search::v1::ReindexRequest { request_id: request_id.clone() };
    mesh.search().reindex(reindex).await.unwrap();
    let refused = mesh.search().check_drift(CheckDriftRequest { request_id }).await.unwrap_err();
    assert_eq!(reason(&refused), "REQUEST_ID_REUSED");
    mesh.finish().await;
}
