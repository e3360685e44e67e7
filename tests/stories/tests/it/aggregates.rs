//! Listing the last published version of every aggregate, and republishing aggregates.

use crate::shop::{create, product};
use catalog_api::v1::{Brand, CreateBrandRequest, DeleteBrandRequest, UpdateBrandRequest};
use contracts::operations::v1::{
    AggregateVersion, ListAggregateVersionsRequest, RepublishAggregatesRequest,
};
use testkit::{Mesh, reason};
use tonic::Status;

fn refused<T: std::fmt::Debug>(answer: Result<T, Status>, expected: &str) {
    assert_eq!(reason(&answer.unwrap_err()), expected);
}

fn list(family: &str) -> ListAggregateVersionsRequest {
    ListAggregateVersionsRequest {
        service: "catalog".into(),
        family: family.into(),
        ..Default::default()
    }
}

fn republish(keys: &[&str]) -> RepublishAggregatesRequest {
    RepublishAggregatesRequest {
        service: "catalog".into(),
        family: "catalog.brand".into(),
        keys: keys.iter().map(ToString::to_string).collect(),
        ..Default::default()
    }
}

async fn brands(mesh: &Mesh, names: &[&str]) -> Vec<Brand> {
    let mut brands = Vec::new();
    for name in names {
        let request = CreateBrandRequest { name: (*name).into(), ..Default::default() };
        let created = mesh.catalog().create_brand(request).await.unwrap().into_inner();
        brands.extend(created.brand);
    }
    brands
}

async fn versions(mesh: &Mesh, request: ListAggregateVersionsRequest) -> Vec<AggregateVersion> {
    let answer = mesh.operations().list_aggregate_versions(request).await;
    answer.unwrap().into_inner().versions
}

#[tokio::test(flavor = "multi_thread")]
async fn aggregate_versions_are_listed_page_by_page() {
    let mesh = Mesh::boot(&[catalog::ROLE]).await;
    let mut operations = mesh.operations();
    let brands = brands(&mesh, &["Acme", "Bolt", "Coil", "Duct"]).await;
    let id = |at: usize| brands[at].brand_id.clone();
    let rename = UpdateBrandRequest { brand_id: id(1), name: "BOLT".into(), ..Default::default() };
    mesh.catalog().update_brand(rename).await.unwrap();
    let delete = DeleteBrandRequest { brand_id: id(2), ..Default::default() };
    mesh.catalog().delete_brand(delete).await.unwrap();

    let first = ListAggregateVersionsRequest { page_size: 3, ..list("catalog.brand") };
    let page = operations.list_aggregate_versions(first.clone()).await.unwrap().into_inner();
    let shown: Vec<_> = page
        .versions
        .iter()
        .map(|own| (own.key.clone(), own.subject.as_str(), own.version, own.deleted))
        .collect();
    let expected = [
        (id(0), "catalog.brand.created", 1, false),
        (id(1), "catalog.brand.updated", 2, false),
        (id(2), "catalog.brand.deleted", 2, true),
    ];
    assert_eq!(shown, expected);
    assert!(page.versions.iter().all(|own| own.deleted == own.digest.is_empty()));
    let next = ListAggregateVersionsRequest { page_token: page.next_page_token, ..first.clone() };
    let rest = operations.list_aggregate_versions(next.clone()).await.unwrap().into_inner();
    assert_eq!((rest.versions[0].key.clone(), rest.versions.len()), (id(3), 1));
    assert_eq!(rest.next_page_token, "");

    let after = ListAggregateVersionsRequest { start_after: id(2), ..list("catalog.brand") };
    assert_eq!(versions(&mesh, after.clone()).await, rest.versions);
    let keys = vec![id(3), id(0), "unknown".into()];
    let some = ListAggregateVersionsRequest { keys, ..list("catalog.brand") };
    let found: Vec<_> =
        versions(&mesh, some.clone()).await.into_iter().map(|own| own.key).collect();
    assert_eq!(found, [id(0), id(3)]);

    let both = ListAggregateVersionsRequest { start_after: id(2), ..some };
    refused(operations.list_aggregate_versions(both).await, "INVALID_FIELD");
    let other = ListAggregateVersionsRequest { start_after: id(2), ..next };
    refused(operations.list_aggregate_versions(other).await, "PAGE_TOKEN_INVALID");
    refused(operations.list_aggregate_versions(list("catalog.boat")).await, "FAMILY_UNKNOWN");
    let unknown = ListAggregateVersionsRequest { service: "unknown".into(), ..after };
    refused(operations.list_aggregate_versions(unknown).await, "SERVICE_UNKNOWN");
    mesh.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn named_aggregates_are_republished_and_nothing_changes() {
    let mesh = Mesh::boot(&[catalog::ROLE]).await;
    let mut operations = mesh.operations();
    let brands = brands(&mesh, &["Acme", "Bolt"]).await;
    let (acme, bolt) = (&*brands[0].brand_id, &*brands[1].brand_id);
    let before = versions(&mesh, list("catalog.brand")).await;
    let events = async || mesh.count("catalog", "select count(*) as count from outbox").await;
    let begun = events().await;

    let counted = RepublishAggregatesRequest { dry_run: true, ..republish(&[acme, "x", "x"]) };
    let counted = operations.republish_aggregates(counted).await.unwrap().into_inner();
    assert_eq!((counted.published, counted.unknown_keys.len()), (1, 1));
    assert_eq!(events().await, begun);
    // An aggregate without a head is published too, so a dry run counts it, and makes no head.
    mesh.sql("catalog", "delete from aggregate_heads where family = 'catalog.brand'").await;
    let counted = RepublishAggregatesRequest { dry_run: true, ..republish(&[acme, bolt]) };
    let counted = operations.republish_aggregates(counted).await.unwrap().into_inner();
    assert_eq!((counted.published, counted.unknown_keys.len()), (2, 0));
    assert_eq!(versions(&mesh, list("catalog.brand")).await, []);

    let request_id = uuid::Uuid::now_v7().to_string();
    let once = RepublishAggregatesRequest { request_id, ..republish(&[acme, bolt, bolt, "x"]) };
    let done = operations.republish_aggregates(once.clone()).await.unwrap().into_inner();
    assert_eq!((done.published, &done.unknown_keys), (2, &vec!["x".to_owned()]));
    let again = operations.republish_aggregates(once).await.unwrap().into_inner();
    assert_eq!((again, events().await), (done, begun + 2));
    let after = versions(&mesh, list("catalog.brand")).await;
    let same = |all: &[AggregateVersion]| -> Vec<_> {
        all.iter().map(|own| (own.key.clone(), own.version, own.digest.clone())).collect()
    };
    assert_eq!(same(&after), same(&before));

    refused(operations.republish_aggregates(republish(&[])).await, "FILTER_EMPTY");
    let both = RepublishAggregatesRequest { all: true, ..republish(&[acme]) };
    refused(operations.republish_aggregates(both).await, "INVALID_FIELD");
    let boats = RepublishAggregatesRequest { family: "catalog.boat".into(), ..republish(&[acme]) };
    refused(operations.republish_aggregates(boats).await, "FAMILY_UNKNOWN");
    mesh.finish().await;
}

/// Republishing also writes missing heads, e.g. of events from before heads were stored.
#[tokio::test(flavor = "multi_thread")]
async fn all_of_a_family_are_republished_call_by_call() {
    let mesh = Mesh::boot(&[catalog::ROLE]).await;
    let mut operations = mesh.operations();
    let skus: Vec<String> = (0..601).map(|number| format!("S-{number}")).collect();
    for skus in skus.chunks(100) {
        let skus: Vec<&str> = skus.iter().map(String::as_str).collect();
        create(&mesh, product("Screw", &skus)).await;
    }
    mesh.sql("catalog", "delete from aggregate_heads").await;
    let mut request = RepublishAggregatesRequest {
        family: "catalog.variant".into(),
        all: true,
        ..republish(&[])
    };
    let mut published = Vec::new();
    loop {
        let done = operations.republish_aggregates(request.clone()).await.unwrap().into_inner();
        published.push(done.published);
        if done.next_page_token.is_empty() {
            break;
        }
        request.page_token = done.next_page_token;
    }
    assert_eq!(published, [500, 101]);
    let all = ListAggregateVersionsRequest { page_size: 5_000, ..list("catalog.variant") };
    assert_eq!(versions(&mesh, all).await.len(), 601);
    mesh.finish().await;
}
